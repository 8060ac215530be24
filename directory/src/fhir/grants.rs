//! What programs may do now: a subscription lasts no longer than the right to what it tells of.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use platform::caller::Act;
use platform::id::ClientId;
use platform::problem::Problem;

use crate::register::Register;

/// Says which acts a program is granted now; none where it is no program any more.
pub type Grants = Arc<dyn Fn(ClientId) -> BoxFuture<'static, Result<Vec<String>, Problem>> + Send + Sync>;

impl Register {
    /// Has what is granted asked of these before a program is told something. Where nobody is asked, what was granted holds. The first count.
    pub fn ask_grants(&self, grants: Grants) {
        let _set_once = self.grants.set(grants);
    }

    /// Whether a program may still do all of this.
    pub(crate) async fn may_still(&self, program: &str, acts: &[Act]) -> Result<bool, Problem> {
        let Some(grants) = self.grants.get() else { return Ok(true) };
        let Ok(id) = program.parse::<ClientId>() else { return Ok(false) };
        let granted = grants(id).await?;
        Ok(acts.iter().all(|act| granted.iter().any(|one| one == act.0)))
    }
}
