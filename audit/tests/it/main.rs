//! The audit record with a real token and both databases.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::similar_names,
    reason = "in a test a panic is the message, and the child process answers on its output"
)]

mod copies;
mod crash;
mod epochs;
mod export;
mod http;
mod order;
mod retention;
mod support;
mod witness;
