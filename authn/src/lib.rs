//! Sign-in: an OpenID provider that works as CIS2 does, with real authenticators.
//!
//! A relying party sends a browser to the provider with an authorisation request, which waits as an
//! [`interaction::Interaction`] until somebody has signed in; the session says who and how. The provider then answers with a
//! code, which the relying party changes into tokens. Access tokens are opaque: rows, found by the hash of what was given.
//!
//! [`Provider`] is what requests share, [`router`] its routes, [`api`] what others may say to it.

#![forbid(unsafe_code)]

pub mod api;
mod config;
mod error;
mod http;
mod interaction;
mod provider;
mod store;

pub use config::Config;
pub use error::Error;
pub use http::router;
pub use provider::{Parts, Provider};
