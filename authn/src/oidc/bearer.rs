//! Who stands behind an access token that was shown to another part of this server.

use platform::clock::Millis;

use super::possession::{Held, Scheme};
use super::refusal::{Code, Refusal};
use super::scope::Scope;
use super::userinfo::live;
use crate::api::Bearer;
use crate::provider::Provider;
use crate::session::{self, Worth};
use crate::store::tokens::Shown;
use crate::token::{Grant, Token};

/// The signer's name for what may be signed with a token. One that was exchanged is another's, to whom nobody agreed.
pub(crate) fn authorisation(token: &Token, grant: &Grant) -> Option<String> {
    let own = token.actors.is_empty() && token.scope.has(Scope::Credential);
    grant.content.signing.as_ref().filter(|_| own).map(|granted| granted.authorisation.clone())
}

/// Who stands behind an access token of a person, while their session stands.
pub(crate) async fn bearer(
    provider: &Provider,
    presented: &str,
    scheme: Scheme,
    held: &Held,
    now: Millis,
) -> Result<Bearer, Refusal> {
    let Shown { token, grant, client, .. } = live(provider, presented, scheme, held, now).await?;
    if grant.person.is_none() {
        let sentence = "The access token is a system's for itself; show one of the person.";
        return Err(Refusal::new(Code::InsufficientScope, sentence));
    }
    let over =
        || Refusal::new(Code::InvalidToken, "The sign-in behind the access token has ended. Sign in again.");
    let sid = grant.sid.as_deref().ok_or_else(over)?;
    let session = match session::by_sid(provider, sid, now).await? {
        Worth::Live(session) => session.when_granted(&grant.content),
        Worth::Locked => return Err(Refusal::locked()),
        Worth::Over => return Err(over()),
    };
    Ok(Bearer {
        client_id: client.id.to_string(),
        client_name: client.config().client_name.clone(),
        user_id: session.person.to_string(),
        sid: session.sid.clone(),
        authenticated_at: session.authenticated_at.0,
        method: session.method.to_string(),
        level: session.level.digit().to_owned(),
        signing: client.config().signing.clone(),
        authorisation: authorisation(&token, &grant),
    })
}
