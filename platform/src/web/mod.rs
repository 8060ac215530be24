//! HTTP: extractors that answer with problems, the layers around every router, and the listeners.

mod activity;
mod body;
mod connection;
mod crowd;
mod csv;
mod extract;
mod identity;
mod listener;
mod once;
pub mod page;
mod proxied;
mod rate;
mod rest;
mod stack;
pub mod table;
mod watched;

pub use extract::{Json, JsonText, Path, Query, Raw};
pub use identity::{ClientCertificates, Identity, Protocols, Resumption, TlsConfig};
pub use listener::{Error, Listener, ListenerConfig, PeerAddress, TlsPeer, serve};
pub use once::{LONGEST_KEY, idempotency_key};
pub use rate::{Limiter, PerAddress, Rate, limit_callers};
pub use stack::{Limits, Lines, Streams, Told, stack};
