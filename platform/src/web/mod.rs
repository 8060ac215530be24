//! HTTP: extractors that answer with problems, the layers around every router, and the listeners.

mod activity;
mod around;
mod body;
mod chain;
mod connection;
mod crowd;
mod csv;
mod extract;
mod identity;
mod listener;
mod numbers;
mod once;
pub mod page;
mod proxied;
mod rate;
mod rest;
mod stack;
pub mod table;
mod watched;

pub use around::{Answer, Onward, Step, Steps, around, refused};
pub use chain::Chain;
pub use extract::{Head, Json, JsonText, Path, Query, Raw};
pub use identity::{ClientCertificates, Identity, Protocols, Resumption, TlsConfig};
pub use listener::{Error, Listener, ListenerConfig, PeerAddress, TlsPeer, serve};
pub use once::{LONGEST_KEY, idempotency_key};
pub use rate::{CallerLimit, Limiter, PerAddress, Rate};
pub use stack::{Limits, Lines, Streams, Told, stack, stack_within};
