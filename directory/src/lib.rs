//! The register: people, organisations, roles, positions, and the rules of the registration authority.
//!
//! It says who may do what where. Every rule of the registration authority is asked in one place, [`authority::may`]; every
//! act writes its event in the same transaction, and what other modules must follow writes a row of the change feed there
//! too ([`api::CHANGES`]). The register calls nobody: whom it has something to say to it posts a message, which others carry.
//!
//! [`Register`] is what requests share, [`router`] its routes, [`api`] what others may say to it.

#![forbid(unsafe_code)]

#[macro_use]
mod words;

mod acting;
pub mod api;
mod assignment;
pub mod authority;
mod campaign;
mod changes;
mod config;
mod counter;
mod day;
mod error;
mod feed;
mod fhir;
mod grounds;
mod http;
mod ids;
mod journal;
pub mod ldap;
mod model;
mod ods;
mod once;
pub mod organisation;
mod person;
mod position;
pub mod rbac;
mod register;
mod report;
mod request;
mod scim;
pub mod seed;
mod showing;
mod span;
mod store;
mod system;
mod touched;
mod version;
mod workgroup;
mod xml;

pub use assignment::{AssignmentEvent, Cause, Swept};
pub use campaign::CampaignEvent;
pub use config::Config;
pub use day::Day;
pub use error::Error;
pub use feed::FeedAct;
pub use fhir::FhirEvent;
pub use fhir::fuzz as fhir_fuzz;
pub use fhir::grants::Grants;
pub use fhir::spine::SpineConfig;
pub use fhir::workers::{Dialect, WorkersConfig};
pub use http::{FhirWords, ScimWords, openapi, router, takes_api_keys};
pub use ids::{
    AccessProfileId, AssignmentId, CampaignId, FeedEventId, FeedLinkId, LeavingId, MemberId,
    OrganisationPersonId, PositionId, RequestId, RoleProfileId, WorkgroupId,
};
pub use journal::ReadsEvent;
pub use model::ModelConfig;
pub use person::{DocumentKey, Erasure, Event as PersonEvent, KeyStanding, Retention};
pub use position::PositionEvent;
pub use register::{Parts, Register};
pub use report::ReportEvent;
pub use request::RequestEvent;
pub use showing::ReadsRecorded;
pub use system::SystemEvent;
pub use version::Version;
pub use workgroup::WorkgroupEvent;
