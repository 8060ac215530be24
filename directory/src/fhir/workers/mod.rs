//! The Healthcare Worker FHIR API (R4): people as `Practitioner`, what they are where as `PractitionerRole`.

mod api;
mod asked;
mod concerned;
mod config;
mod find;
mod known;
mod past;
mod resource;
mod systems;

pub(crate) use api::API;
pub(crate) use asked::{Kind, Rules, Wanted, by_id, wanted};
pub(crate) use concerned::concerns;
pub use config::{Dialect, WorkersConfig};
pub(crate) use find::{Found, Page, find, find_id, somebody};
pub(crate) use known::known;
pub(crate) use past::{past, stamp};
pub(crate) use resource::{organisation, practitioner, practitioner_role};

/// Below what the API lies.
pub(crate) const BASE: &str = "/healthcare-worker/FHIR/R4";
