//! Tokens: the keys that sign them, the form they travel in, to what they are bound, and what was given out under one grant.

pub(crate) mod alg;
pub(crate) mod binding;
pub(crate) mod dpop;
pub(crate) mod grant;
pub(crate) mod jws;
pub(crate) mod keys;
pub(crate) mod pace;

pub use alg::TokenAlg;
pub(crate) use binding::Binding;
pub(crate) use grant::{Content, Grant, GrantId, GrantedSigning, Kind, Token, stored};
pub(crate) use keys::Keys;
