//! What others may say to sign-in: its acts and the types on the wire.

mod clients;

use platform::caller::Act;

pub use clients::{
    AssertionAlg, AuthMethod, ClientConfig, Configs, DefaultPrompt, Deliveries, Delivery, Failure, Failures,
    FetchedKeys, GrantType, HashQuery, Introspection, ListQuery, NewConfig, Pkce, Registered, ReplaceConfig,
    TokenAlg,
};

/// To register relying parties and to read why they were refused.
pub const CLIENTS: Act = Act("authn:clients");
