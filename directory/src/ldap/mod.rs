//! The register over LDAP, as the national directory has it: its schema, its tree, its habits.
//!
//! Mapping alone: entries are made of what the register has when they are asked for ([`tree`]), and every rule of the protocol is
//! asked of entries. A search is planned ([`plan`]) so that an index is asked where one knows; what it gives is held against
//! the whole filter all the same.

mod age;
mod answer;
mod asking;
mod attributes;
mod bind;
mod bundle;
mod compare;
mod config;
mod controls;
mod crowd;
mod delta;
mod dn;
mod entry;
mod event;
mod filter;
mod following;
mod framing;
pub mod fuzz;
mod ldif;
mod listener;
mod numbers;
mod ordered;
mod out;
mod plain;
mod plan;
mod root;
mod running;
#[cfg(test)]
mod sample;
mod schema;
mod search;
mod select;
mod session;
mod sync;
mod tail;
mod tree;
mod tries;
mod walk;
mod who;
mod writes;
mod written;

pub use config::{AccountConfig, HiddenConfig, LdapConfig};
pub use crowd::Rates;
pub use event::LdapEvent;
pub use listener::{LdapListener, LdapParts};
pub use session::Identify;
pub use who::Account;

pub(crate) use attributes::Attributes as Entry;
pub(crate) use tree::system_entry;
