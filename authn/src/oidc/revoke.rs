//! Giving tokens back: RFC 7009.

use platform::clock::Millis;

use super::authorise::actor;
use super::exchange::end_grant;
use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use crate::client::Authenticated;
use crate::error::Error;
use crate::events::Event;
use crate::provider::Provider;
use crate::store::tokens;
use crate::token::{Kind, stored};

/// Ends a token of the client; a refresh token with everything that came of it. What is not known is done already.
pub(crate) async fn revoke(
    provider: &Provider,
    proof: &Authenticated,
    parameters: &Parameters,
    now: Millis,
) -> Result<(), Refusal> {
    let missing = || Refusal::new(Code::InvalidRequest, "The request has no token.");
    let presented = parameters.get("token").ok_or_else(missing)?;
    let Some(hash) = stored(presented) else { return Ok(()) };
    let Some((token, grant)) = tokens::find(provider.db.read(), &hash).await? else { return Ok(()) };
    if token.client != proof.client().id {
        return Err(Refusal::new(Code::UnauthorizedClient, "The token is not this client's."));
    }
    match token.kind {
        Kind::Refresh => end_grant(provider, &grant.id, proof.client(), "given-back", now).await?,
        Kind::Access => {
            let event =
                Event::TokenGivenBack { grant: grant.id.to_string(), client: token.client.to_string() };
            let ended: Result<(), Error> = provider
                .db
                .write(move |tx| {
                    Box::pin(async move {
                        if tokens::end(tx, &hash, now).await? {
                            audit::record(tx, now, &actor(&grant), &event).await?;
                        }
                        Ok(())
                    })
                })
                .await;
            ended?;
        }
    }
    Ok(())
}
