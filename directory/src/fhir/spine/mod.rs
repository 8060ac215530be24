//! The Spine Directory Service's FHIR API (R4): accredited systems as `Device`, message handling systems as `Endpoint`.

mod api;
mod asked;
mod config;
mod find;
mod ids;
mod intermediary;
mod outcome;
mod resource;

pub(crate) use api::API;
pub(crate) use asked::{Asked, Kind, Rules, asked};
pub use config::SpineConfig;
pub(crate) use find::{MOST, Through, made, system, systems, tells_address_of, unforwarded};
pub(crate) use ids::{Named, is_of, system_of};
pub(crate) use intermediary::intermediary_of;
pub(crate) use outcome::{Outcome, correlation};
pub(crate) use resource::bundle;

/// Below what the API lies.
pub(crate) const BASE: &str = "/spine-directory/FHIR/R4";
