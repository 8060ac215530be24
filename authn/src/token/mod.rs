//! Tokens: the keys that sign them, the form they travel in, and what was given out under one grant.

pub(crate) mod alg;
pub(crate) mod grant;
pub(crate) mod jws;
pub(crate) mod keys;

pub use alg::TokenAlg;
pub(crate) use grant::{Content, Grant, GrantId, Kind, Token};
pub(crate) use keys::Keys;
