//! The register: people, organisations, roles, positions, and the rules of the registration authority.
//!
//! It says who may do what where. Every rule of the registration authority is asked in one place, [`authority::may`]; every
//! act writes its event in the same transaction, and what other modules must follow writes a row of the change feed there
//! too ([`api::CHANGES`]). The register calls nobody.
//!
//! [`Register`] is what requests share, [`router`] its routes, [`api`] what others may say to it.

#![forbid(unsafe_code)]

#[macro_use]
mod words;

mod acting;
pub mod api;
pub mod authority;
mod changes;
mod config;
mod counter;
mod day;
mod error;
mod http;
mod ids;
mod ods;
mod once;
pub mod organisation;
pub mod rbac;
mod register;
mod store;
mod version;
mod xml;

pub use config::Config;
pub use day::Day;
pub use error::Error;
pub use http::{openapi, router};
pub use ids::{
    AssignmentId, CampaignId, OrganisationPersonId, PositionId, RequestId, RoleProfileId, WorkgroupId,
};
pub use register::{Parts, Register};
pub use version::Version;
