//! What `platform` promises, against real databases, real sockets and real TLS.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod configuration;
mod crashes;
mod database;
mod full;
mod http;
mod keys;
mod leases;
mod listeners;
mod messages;
mod peers;
mod rest_hooks;
mod rows;
mod sealed_messages;
mod snapshot;
mod telemetry;
mod unread;
