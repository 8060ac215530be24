//! The register over FHIR: mapping alone. Resources are made of what the register has when it is asked, as the national services make
//! them.

mod event;
pub(crate) mod exports;
pub mod fuzz;
pub(crate) mod grants;
pub(crate) mod kit;
pub(crate) mod organisations;
pub(crate) mod spine;
pub(crate) mod subscriptions;
pub(crate) mod workers;

pub use event::FhirEvent;
