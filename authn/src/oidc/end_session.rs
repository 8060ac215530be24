//! Signing out by way of a relying party: OpenID Connect RP-Initiated Logout 1.0.

use http::HeaderMap;
use platform::clock::Millis;
use platform::id::ClientId;
use serde_json::Value;
use url::Url;

use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use crate::error::Error;
use crate::provider::Provider;
use crate::session::{self, EndCause, Session};
use crate::store::{clients, sessions};

/// What the browser sees next.
pub(crate) enum Outcome {
    /// The person is asked whether they want to sign out: nothing in the request shows that they do.
    Ask,
    /// They are signed out.
    Done,
    /// They are signed out, and go back to the relying party.
    Back(String),
}

/// Whether the person said so on our own page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Yes.
    Yes,
    /// Nothing yet.
    Nothing,
    /// Nothing yet, in the form of another site, with which no cookie of ours comes: who is signed in is not seen.
    Elsewhere,
}

/// Signs the browser out, if the request shows that its person wants to: an ID token of the very session, or their word.
pub(crate) async fn end_session(
    provider: &Provider,
    parameters: &Parameters,
    headers: &HeaderMap,
    said: Said,
    now: Millis,
) -> Result<Outcome, Refusal> {
    let hint = parameters.get("id_token_hint");
    let claims = hint.and_then(|text| provider.keys.read(text));
    // However long it was idle: what relying parties hold of it goes on, and is to end now.
    let held = session::held(provider, headers).await?;
    // What is not read shows nothing, of which whoever is signed in here is asked as if it had not come.
    if hint.is_some() && claims.is_none() && held.is_none() && said == Said::Nothing {
        return Err(Refusal::new(Code::InvalidRequest, "id_token_hint is no ID token of this provider."));
    }
    let claim = |name: &str| claims.as_ref().and_then(|claims| claims.get(name)).and_then(Value::as_str);
    let back = back(provider, parameters, claim("aud")).await?;
    let session = match held {
        Some(session) if said == Said::Yes || claim("sid") == Some(session.sid.as_str()) => Some(session),
        Some(_) => return Ok(Outcome::Ask),
        None => match hinted(provider, claim("sid")).await? {
            // RP-Initiated Logout 1.0 2: whoever is not known to want it is asked, by a page with whose form the cookie comes.
            None if said == Said::Elsewhere => return Ok(Outcome::Ask),
            found => found,
        },
    };
    if let Some(session) = session {
        let cause = if said == Said::Yes { EndCause::SignedOut } else { EndCause::ByClient };
        session::end(provider, session.id, cause, now).await?;
    }
    Ok(back.map_or(Outcome::Done, Outcome::Back))
}

/// The session of an ID token, where the browser's own cookie is gone.
async fn hinted(provider: &Provider, sid: Option<&str>) -> Result<Option<Session>, Error> {
    match sid {
        Some(sid) => sessions::by_sid(provider.db.read(), sid).await,
        None => Ok(None),
    }
}

/// Where to go afterwards: an address that is registered for the client, letter by letter, or nowhere.
async fn back(
    provider: &Provider,
    parameters: &Parameters,
    audience: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let Some(wanted) = parameters.get("post_logout_redirect_uri") else { return Ok(None) };
    let bad = |sentence: &str| Refusal::new(Code::InvalidRequest, sentence);
    let named = parameters.get("client_id").or(audience);
    if audience.is_some_and(|audience| named != Some(audience)) {
        return Err(bad("client_id is not the client of id_token_hint."));
    }
    let id: Option<ClientId> = named.and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| bad("post_logout_redirect_uri needs client_id or id_token_hint."))?;
    let client = clients::find_open(provider.db.read(), &id).await?;
    let registered = client
        .is_some_and(|client| client.config().post_logout_redirect_uris.iter().any(|uri| uri == wanted));
    if !registered {
        return Err(bad(
            "The post_logout_redirect_uri is none that is registered for this client, letter by letter.",
        ));
    }
    let mut url = Url::parse(wanted).map_err(|_| bad("The post_logout_redirect_uri is no address."))?;
    if let Some(state) = parameters.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(Some(url.into()))
}
