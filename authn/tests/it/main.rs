//! Sign-in through its router, with a real database on both engines, the real register, and a real token.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod attacks;
mod authenticating;
mod backchannel;
mod contract;
mod dpop;
mod fapi;
mod flows;
mod form_post_plan;
mod large_tokens;
mod mutations;
mod opaque_tokens;
mod outward;
mod plans;
mod policies;
mod registry;
mod rig;
mod roles;
mod security_events;
mod signed_tokens;
mod silent;
mod token_callers;
mod token_exchange;
