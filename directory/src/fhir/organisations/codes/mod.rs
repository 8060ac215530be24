//! Organisations, and what is said of them, as the concepts of code systems; sets of them, told or put together by whoever asks.

mod concept;
mod expansion;
mod find;
mod given;
mod lookup;
mod set;
mod system;

pub(crate) use expansion::expansion;
pub(crate) use find::{concept, members};
pub(crate) use given::{Given, given};
pub(crate) use lookup::{Validity, lookup_answer, subsumption, validity};
pub(crate) use set::set_of;
pub(super) use system::relationship_name;
pub(crate) use system::{RECORD_CLASS, RECORD_USE, RELATIONSHIP, RELATIONSHIP_INSTANCE, ROLE, System};
