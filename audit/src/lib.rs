//! The audit record: one record of every act, and a Merkle log over it that proves nobody changed the past.
//!
//! A module defines its events as an enum, implements [`Event`] for it, and calls [`record`] in the transaction of the
//! act. When that transaction is committed, the event is in the record; if it cannot be written, the act must not happen.
//! The sequencer ([`Log::start`]) then gives events their order, builds the tree in the form of C2SP tlog-tiles, and
//! signs a checkpoint about once a second. [`verify::directory`] proves a copy with the verifier key alone.
//!
//! A leaf is a commitment: SHA-256 of a random salt and the event in the canonical JSON of RFC 8785. Checkpoints and
//! hash tiles are public and tell nothing; entries and salts need [`api::READ`] and can be erased under retention.

#![forbid(unsafe_code)]

mod acts;
pub mod api;
mod bundle;
mod canonical;
pub mod catalogue;
mod checkpoint;
mod config;
pub mod copy;
mod error;
mod event;
pub mod export;
mod http;
mod leaf;
mod log;
mod proof;
mod record;
mod retention;
mod sequencer;
mod sink;
mod store;
mod tile;
mod tree;
pub mod verify;
pub mod witness;

pub use acts::{Event as OwnEvent, Reason};
pub use checkpoint::{CheckpointError, TreeHead, VerifierKey};
pub use config::{Config, OtlpConfig, RetentionConfig, WitnessConfig};
pub use error::Error;
pub use event::{Actor, Event, EventId};
pub use http::{openapi, router};
pub use log::{Gap, Log};
pub use record::{record, record_each, record_each_of, record_many};
pub use retention::STEP as ERASE_STEP;
pub use sequencer::{GROUP, Running, Sequencer};
pub use store::events::nothing_recorded;
pub use tree::{EdgeBroken, TileId};
