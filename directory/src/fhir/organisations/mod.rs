//! The Organisation Data Terminology FHIR API (R4): organisations and their relationships as resources, and as the concepts of code
//! systems.

mod api;
mod asked;
mod codes;
mod date;
mod deleted;
mod errors;
mod former;
mod past;
mod resource;

pub(crate) use api::{API, terminology};
pub(crate) use asked::{Kind, affiliations_wanted, wanted};
pub(crate) use codes::{
    Given, System, Validity, concept, expansion, given, lookup_answer, members, set_of, subsumption, validity,
};
pub(crate) use deleted::deleted;
pub(crate) use errors::{bad, no_method, not_known, too_costly, unknown_parameter};
pub(crate) use former::were_meant;
pub(crate) use past::{affiliation_past, past, stamped};
pub(crate) use resource::{affiliation, organisation, shown};

/// Below what the API lies.
pub(crate) const BASE: &str = "/organisation-data-terminology-api/fhir";
