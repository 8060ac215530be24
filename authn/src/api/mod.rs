//! What others may say to sign-in: its acts and the types on the wire.

use platform::caller::Act;

/// To register relying parties and to read why they were refused.
pub const CLIENTS: Act = Act("authn:clients");
