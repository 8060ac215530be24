//! Questions about permission on the wire.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Who would do something to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PermissionQuery {
    /// The user id of who would do it.
    pub by: String,
    /// The user id of the person it would be done to.
    pub person: String,
    /// How sure their sign-in was: `aal2` or `aal3`; worth nothing if it is left out.
    pub assurance: Option<String>,
    /// The role profile in which they act; every live role counts if it is left out.
    pub role_profile: Option<String>,
}
