//! Invented registers: a small world that somebody can look around in, and rows of any number for measuring.
//!
//! [`World`] is an integrated trust with its departments, a surgery and a chain of pharmacies. [`plant`] brings it into a
//! register by the register's own acts, each with its event; what is there already is left as it is. [`bulk`] writes any
//! number of people straight into an empty database, which only tests and measuring want.
//!
//! Everything follows from one number: the same number gives the same names, dates and codes, on every machine. Nobody in
//! it exists.

pub mod bulk;
mod chance;
mod names;
mod planting;
mod release;
mod roles;
mod speaking;
mod world;

pub use chance::Chance;
pub use planting::{Planted, Somebody, plant};
pub use release::release;
pub use roles::national_roles;
pub use speaking::{Answer, Body, Refused, Saying, Speaker, Voice};
pub use world::{CHECKS_SMARTCARDS, Place, Seat, World};
