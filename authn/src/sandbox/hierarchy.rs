//! Whether the authorities that are loaded are a demonstration's.

use crate::error::Error;

/// Demands that every authority that is loaded says of itself that it is a demonstration's. Where there is none, or where it cannot
/// be asked, nobody knows, and that is refused too.
pub(crate) async fn demand_demonstration(ca: &ca::api::Client) -> Result<(), Error> {
    let issuers = ca.issuers().await.map_err(Error::Module)?;
    if issuers.is_empty() {
        return Err(Error::SandboxRefused { authority: "(none is loaded)".to_owned() });
    }
    match issuers.into_iter().find(|issuer| !ca::api::is_demonstration(issuer)) {
        None => Ok(()),
        Some(issuer) => Err(Error::SandboxRefused { authority: issuer.subject }),
    }
}
