//! Sign-in: an OpenID provider that works as CIS2 does, with real authenticators.
//!
//! A relying party sends a browser to the provider with an authorisation request, which waits as an interaction until somebody
//! has signed in; the session says who and how. The provider then answers with a code, which the relying party changes into
//! tokens. Access tokens are opaque: rows, found by the hash of what was given.
//!
//! [`Provider`] is what requests share, [`router`] its routes, [`api`] what others may say to it.

#![forbid(unsafe_code)]

pub mod api;
mod authenticator;
mod caller;
mod cis1;
mod client;
mod config;
mod enrolment;
mod error;
mod events;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod interaction;
mod login;
mod oidc;
mod outward;
mod pages;
mod policy;
mod provider;
mod recovery;
mod reports;
mod role;
mod sandbox;
mod secret;
mod session;
mod sign_in;
mod store;
mod sweep;
mod throttle;
mod token;

pub use authenticator::AuthenticatorEvent;
pub use authenticator::app::{rewrap, sealed_seeds};
pub use authenticator::password::Passwords;
pub use authenticator::webauthn::{Keys, Unproven};
pub use cis1::{Cis1, Cis1Event, KeepAlive, Sha1};
pub use config::{Config, KeyConfig};
pub use error::Error;
pub use events::Event;
pub use http::{TokenCallers, cards_router, in_pages, needs_the_time, openapi, page_of, router};
pub use oidc::Limits;
pub use provider::{Holders, Parts, Provider, Shared};
pub use recovery::{Enrolled, Recovered, recover};
pub use reports::ReportEvent;
pub use sandbox::{Persona, Sandbox, SandboxEvent};
pub use session::{CONSUMER, CardRemoved, Concurrent, IdleEnds, SessionEvent, Sessions};
pub use throttle::Throttle;
