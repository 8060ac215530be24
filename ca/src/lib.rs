//! The certificate authority: profiles, lint, issue, revoke, revocation lists, the key ceremony.
//!
//! [`Authority::open`] opens what [`ceremony::hold`] made; [`router`] is its API, [`public_router`] serves
//! revocation lists and issuer certificates, and [`Authority::keep_schedule`] keeps lists fresh. Other
//! modules use [`api::Client`]. [`Enrolment`] is the same for strangers, by EST and CMP.
//!
//! What is promised is in `docs/cps.md`; each lint in `lint/` and `crl/lint.rs` names the clause it holds.

#![forbid(unsafe_code)]

pub mod acme;
pub mod api;
mod asn1;
mod authority;
mod book;
mod cards;
pub mod ceremony;
mod config;
mod crl;
mod desk;
mod digest;
mod draft;
mod enrol;
mod error;
mod events;
mod expiries;
mod failing;
pub mod failpoint;
mod grants;
mod http;
mod intent;
mod issuance;
mod issuer;
mod joining;
mod key_history;
pub mod leavers;
mod lint;
mod names;
mod ocsp;
mod offline;
mod order;
mod permitted;
mod possession;
mod profile;
mod publishing;
mod recovery;
mod refused_keys;
mod rehearsal;
mod renewals;
mod reports;
mod requested;
mod restore;
mod revocation;
mod rewrap;
mod rfc3339;
mod rollover;
mod rows;
mod schedule;
mod search;
mod serial;
mod store;
mod subject;
mod subject_key;
mod tbs;
mod watch;
mod weak;

pub use self::http::{
    acme_router, cards_router, enrolment_router, openapi, public_router, reports_router, router,
    tells_of_the_time,
};
pub use authority::Authority;
pub use cards::{
    CancelReason, CardEvent, CardMove, CardRefused, CardState, Cards, CardsConfig, KeyKind, ManagementKind,
    SecureMessaging, UnknownCancelReason, UnknownCardState,
};
pub use config::{Config, Delta, ListSettings, OcspConfig, PracticeStatementUrl, PublicUrl};
pub use enrol::{
    CallerSource, DeviceName, EnrolConfig, Enrolment, Identify, Protocol, RoadAct, RoadConfig, RoadName,
    VendorConfig, end_enrolment_secrets, read_est_body,
};
pub use error::Error;
pub use events::Event;
pub use lint::Finding;
pub use names::{IssuerId, NotAnId, ProfileId};
pub use offline::{Asked, Held, OfflineRoot, Withdrawn, verify_transcript};
pub use profile::{
    Content, Difference, FileError, KeyOrigin, Profile, Profiles, differences, differences_of,
};
pub use renewals::{NoticeDays, RenewalConfig};
pub use reports::ReportEvent;
pub use restore::TakenIn;
pub use rewrap::{rewrap, sealed_secrets};
pub use serial::Instance;
