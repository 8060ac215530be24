//! The `[directory.spine]` section of the configuration file.

use serde::Deserialize;

/// Which messages go through the intermediaries of the Spine. Without an organisation none does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpineConfig {
    /// The ODS code of the organisation that runs the intermediaries.
    pub core_organisation: Option<String>,
    /// Names of interactions that are sent reliably, as in `PORX_IN020101UK04`; those of the services of the Spine alone count.
    pub forward_reliable: Vec<String>,
    /// Names of interactions that are sent on at once.
    pub forward_express: Vec<String>,
}
