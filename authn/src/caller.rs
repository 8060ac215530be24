//! From an access token to a [`Caller`]: what a registered client may do at the other routes of this server.

use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;

use crate::api::SigningGrant;
use crate::oidc::bearer;
use crate::oidc::possession::{Held, Scheme};
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::scope::Scope;
use crate::oidc::userinfo::live;
use crate::provider::Provider;
use crate::session::{self, Worth};
use crate::store::tokens::Shown;
use crate::token::{Grant, Token};

/// Where a person's application may act for them, with a token for that: the API of the Cloud Signature Consortium.
const SIGNING: &str = "/csc/";
/// What it may do there: the signer's own word for it.
const SIGN: &str = "signer:sign";

/// Who calls with an access token.
pub(crate) struct Known {
    /// The caller.
    pub(crate) caller: Caller,
    /// What the token of a person is for.
    pub(crate) signing: Option<SigningGrant>,
}

/// The caller behind an access token that a client has for itself. Its registration is read each time, so that an act that is taken
/// away, and a client that is closed, count at once. The token of a person is for userinfo: it says who signed in, and that a relying
/// party was told so; nobody acts in their name with it, but at the signing API with a scope for that.
pub(crate) async fn caller(
    provider: &Provider,
    presented: &str,
    scheme: Scheme,
    held: &Held,
    now: Millis,
) -> Result<Known, Refusal> {
    let Shown { token, grant, client, .. } = live(provider, presented, scheme, held, now).await?;
    if held.path.starts_with(SIGNING) && grant.person.is_some() && token.scope.are_of_signing() {
        return signer(provider, &token, &grant, now).await;
    }
    if grant.person.is_some() || !token.actors.is_empty() {
        let sentence = "The access token is somebody's who signed in, or was exchanged; a client calls with one of its own.";
        return Err(Refusal::new(Code::InsufficientScope, sentence));
    }
    let config = client.config();
    let acts = config.acts.iter().filter(|act| token.scope.contains(act)).cloned();
    let mut caller = Caller::new(CallerKind::System, client.id.to_string(), client.id.clone(), acts);
    caller.organisation = config.organisation.as_deref().and_then(|code| code.parse().ok());
    Ok(Known { caller, signing: None })
}

/// A person, through the application to which they gave a token for signing, while the session stands in which they did. A token that was
/// exchanged is for somebody else's application and signs nothing.
async fn signer(provider: &Provider, token: &Token, grant: &Grant, now: Millis) -> Result<Known, Refusal> {
    let over =
        || Refusal::new(Code::InvalidToken, "The sign-in behind the access token has ended. Sign in again.");
    if !token.actors.is_empty() {
        let sentence = "The access token was exchanged; its person authorised another application to sign.";
        return Err(Refusal::new(Code::InsufficientScope, sentence));
    }
    let sid = grant.sid.as_deref().ok_or_else(over)?;
    let session = match session::by_sid(provider, sid, now).await? {
        Worth::Live(session) => session,
        Worth::Locked => return Err(Refusal::locked()),
        Worth::Over => return Err(over()),
    };
    let mut caller =
        Caller::new(CallerKind::Person, session.person.to_string(), token.client.clone(), [SIGN]);
    caller.session = Some(session.sid);
    let signing = SigningGrant {
        authorisation: bearer::authorisation(token, grant),
        service: token.scope.has(Scope::Service),
    };
    Ok(Known { caller, signing: Some(signing) })
}
