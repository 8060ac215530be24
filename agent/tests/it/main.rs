//! The agent with cards in readers of the system's own service: pcscd takes the virtual cards for real ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod desktop;
mod diagnosis;
mod dialogs;
mod issued;
mod judges;
mod loopback;
mod packaged;
mod relaying;
mod rig;
mod signing_in;
mod unlocking;
mod watching;
