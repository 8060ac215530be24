//! The `[authn.webauthn]` section of the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// What keys and passkeys are worth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The domain that keys are bound to; the host of `authn.issuer` if it is left out. Changing it makes every key unknown.
    pub rp_id: Option<String>,
    /// A file of the FIDO Metadata Service: the signed form as it is published, or its payload. Its signature is not looked at:
    /// who may write the file decides. Without it no key proves what it is.
    pub metadata: Option<PathBuf>,
    /// Which models may be enrolled, by their AAGUID; every model if it is empty.
    pub models: Vec<String>,
    /// What a key is worth that cannot be copied and does not prove its model: `passkey`, which is level two, `hardware`, which
    /// takes its word for it and is level three where it is enrolled with a link of the registration authority, or `refuse`.
    pub unproven: Unproven,
    /// What is said otherwise: of models, by the AAGUID that a key gives, and of kinds, `security-key` and `device`. What is said of a model
    /// counts first, then of its kind, then of all.
    pub unproven_of: BTreeMap<String, Unproven>,
}

/// What a key is worth that does not prove its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unproven {
    /// As much as a passkey.
    #[default]
    Passkey,
    /// As much as one that proves it, if a registration authority sees to it that it is one.
    Hardware,
    /// Nothing.
    Refuse,
}
