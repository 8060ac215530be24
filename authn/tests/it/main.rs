//! Sign-in through its router, with a real database on both engines, the real register, and a real token.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod attacks;
mod authenticating;
mod backchannel;
mod contract;
mod flows;
mod registry;
mod rig;
mod roles;
