//! Signing in through the real router, with real databases, a real token, the real authority and the real register.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod agent_cards;
mod apps;
mod brokers;
mod card_removals;
mod cards;
mod enrolments;
mod going_on;
mod keys;
mod own_cards;
mod pages;
mod registering;
mod reports;
mod restored;
mod rig;
mod sandbox;
mod sessions;
mod strangers_key;
mod tickets;
mod tpms;
mod waiting;
