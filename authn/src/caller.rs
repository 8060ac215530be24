//! From an access token to a [`Caller`]: what a registered client may do at the other routes of this server.

use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;

use crate::oidc::possession::{Held, Scheme};
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::userinfo::{Live, live};
use crate::provider::Provider;

/// The caller behind an access token that a client has for itself. Its registration is read each time, so that an act that is taken
/// away, and a client that is closed, count at once. The token of a person is for userinfo: it says who signed in, and that a relying
/// party was told so; nobody acts in their name with it.
pub(crate) async fn caller(
    provider: &Provider,
    presented: &str,
    scheme: Scheme,
    held: &Held,
    now: Millis,
) -> Result<Caller, Refusal> {
    let Live { token, grant, client } = live(provider, presented, scheme, held, now).await?;
    if grant.person.is_some() || !token.actors.is_empty() {
        let sentence = "The access token is somebody's who signed in, or was exchanged; a client calls with one of its own.";
        return Err(Refusal::new(Code::InsufficientScope, sentence));
    }
    let config = client.config();
    let acts = config.acts.iter().filter(|act| token.scope.contains(act)).cloned();
    let mut caller = Caller::new(CallerKind::System, client.id.to_string(), client.id.clone(), acts);
    caller.organisation = config.organisation.as_deref().and_then(|code| code.parse().ok());
    Ok(caller)
}
