//! Whole stories, told to the real binary as a process of its own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the message")]

// So that the targets of `fuzz/` compile in `fuzzing.rs` without the crate that they are written for.
extern crate self as libfuzzer_sys;

mod acme;
mod alone;
mod answered_addresses;
mod authorisation;
mod authority;
mod callers;
mod cards_killed;
mod clock_back;
mod commands;
mod configuration;
mod counted_callers;
mod demonstration;
mod directory_killed;
mod document_keys;
mod enrolling;
mod first_certificates;
mod flooding;
mod fuzzing;
mod importing;
mod keeping;
mod killing;
mod leaving;
mod leaving_elsewhere;
mod offline_root;
mod operating;
mod post_quantum;
mod postgres;
mod reads_killed;
mod register_routes;
mod restoring;
mod revoked_elsewhere;
mod revoked_signer;
mod rewrapping;
mod rig;
mod seeding;
mod sign_in_killed;
mod stopping;
mod systems_certified;
mod token_callers;
mod token_lost;
mod token_lost_behind;
mod unlocking;
mod updating;
mod visitor;

#[path = "../../directory/benches/release/mod.rs"]
mod national;
#[path = "../workstation/mod.rs"]
mod workstation;
