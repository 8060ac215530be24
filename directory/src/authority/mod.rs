//! The rules of the registration authority: who may do what to whom, decided here and nowhere else.
//!
//! [`may`] reads an [`Actor`] with the live roles of a person, an [`Act`] and a [`Target`], and answers a [`Verdict`]. It is
//! synchronous and asks nothing: whoever calls it reads the register first, and asks again inside the transaction where
//! what was read can have changed.

mod act;
mod actor;
mod matrix;
mod rank;
mod rule;
mod target;

pub use act::{Act, Report};
pub use actor::{Actor, Assurance, Role};
pub use matrix::{Cell, MATRIX, cell};
pub use rank::Rank;
pub use rule::{Refusal, Verdict, may};
pub use target::{Belongs, Lineage, Target};
