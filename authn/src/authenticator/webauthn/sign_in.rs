//! Signing in with a key. The key knows whose it is, so nobody types a name, and nobody learns whether one is known.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use platform::id::UserId;
use serde_json::Value;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PublicKeyCredential, WebauthnError,
};

use super::{LASTS, counted, word};
use crate::authenticator::{Bound, suspect_in};
use crate::error::Error;
use crate::interaction::{InteractionId, Method};
use crate::provider::Provider;
use crate::session::open_in;
use crate::sign_in::{Outcome, Visit, Why};
use crate::store::authenticators::{self, Kept};
use crate::store::{ceremonies, persons};

/// The member of a ceremony's state that says when it began.
const BEGAN: &str = "began_at";

fn ceremony(interaction: &InteractionId) -> String {
    format!("sign-in/{interaction}")
}

/// What the browser is to ask its keys. It replaces what was asked before for this request.
pub(crate) async fn begin(
    provider: &Provider,
    interaction: &InteractionId,
    now: Millis,
) -> Result<Value, Error> {
    let (options, state) =
        provider.login.site.webauthn.start_discoverable_authentication().map_err(Error::webauthn)?;
    let mut options = serde_json::to_value(&options).map_err(Error::json)?;
    // The page asks when somebody presses its button, and not while they type.
    if let Some(options) = options.as_object_mut() {
        options.remove("mediation");
    }
    let mut state = serde_json::to_value(&state).map_err(Error::json)?;
    // The library reads its own members and passes this one by.
    state[BEGAN] = now.0.into();
    let state = state.to_string();
    let key = ceremony(interaction);
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { ceremonies::put(tx, &key, None, &state, now.plus(LASTS)).await })
        })
        .await?;
    Ok(options)
}

/// Why an answer was not taken.
struct Fault {
    person: Option<UserId>,
    method: Method,
    word: &'static str,
    why: Why,
    /// The key that counted backwards.
    suspected: Option<Kept>,
}

/// A key that answered rightly, and what it has become.
struct Shown {
    kept: Kept,
    is: String,
}

/// Looks at what a key answered, and signs its holder in, or not. Whatever comes of it, the request is used.
pub(crate) async fn finish(
    provider: &Provider,
    visit: &Visit,
    answer: &Value,
    now: Millis,
) -> Result<Outcome, Error> {
    let key = ceremony(&visit.interaction);
    let Some(state) = ceremonies::look(provider.db.read(), &key, now).await? else {
        return Ok(Outcome::Refused(Why::CeremonyOver));
    };
    match verify(provider, visit, &state, answer).await? {
        Ok(shown) => open(provider, visit, (key, state), shown, now).await,
        Err(fault) => refuse(provider, visit, (key, state), fault, now).await,
    }
}

async fn verify(
    provider: &Provider,
    visit: &Visit,
    state: &str,
    answer: &Value,
) -> Result<Result<Shown, Fault>, Error> {
    let fault = |word, why| Fault { person: None, method: Method::Passkey, word, why, suspected: None };
    let site = &provider.login.site;
    let Ok(answer) = serde_json::from_value::<PublicKeyCredential>(answer.clone()) else {
        return Ok(Err(fault("unreadable", Why::KeyRefused)));
    };
    let Ok((handle, credential)) = site.webauthn.identify_discoverable_authentication(&answer) else {
        return Ok(Err(fault("nameless", Why::KeyRefused)));
    };
    let person = persons::by_handle(provider.db.read(), &handle.to_string()).await?;
    let credential = URL_SAFE_NO_PAD.encode(credential);
    let kept = authenticators::by_credential(provider.db.read(), &credential).await?;
    // Both must name one person: 7.2 step 6 of WebAuthn.
    let kept = kept.filter(|kept| Some(&kept.authenticator.person) == person.as_ref());
    let Some(kept) = kept else { return Ok(Err(fault("unknown-key", Why::KeyUnknown))) };
    let (person, method) = (Some(kept.authenticator.person.clone()), kept.authenticator.method);
    let fault = |word, why| Fault { person: person.clone(), method, word, why, suspected: None };
    let state: Value = serde_json::from_str(state).map_err(Error::json)?;
    let began = state[BEGAN].as_i64().map(Millis);
    let state: DiscoverableAuthentication = serde_json::from_value(state).map_err(Error::json)?;
    let mut passkey: Passkey = serde_json::from_str(&kept.credential).map_err(Error::json)?;
    let result = site.webauthn.finish_discoverable_authentication_v2(&answer, state, &passkey);
    let result: AuthenticationResult = match result {
        Ok(result) => result,
        Err(WebauthnError::CredentialPossibleCompromise) if is_late(&kept, began, &answer) => {
            return Ok(Err(fault("overtaken", Why::CeremonyOver)));
        }
        Err(error @ WebauthnError::CredentialPossibleCompromise) => {
            let fault = fault(word(&error), Why::KeySuspected);
            return Ok(Err(Fault { suspected: Some(kept), ..fault }));
        }
        Err(error @ (WebauthnError::UserNotVerified | WebauthnError::UserNotPresent)) => {
            return Ok(Err(fault(word(&error), Why::KeyUnverified)));
        }
        Err(error) => return Ok(Err(fault(word(&error), Why::KeyRefused))),
    };
    // Asked for, and looked at in what was signed.
    if !result.user_verified() {
        return Ok(Err(fault("not-verified", Why::KeyUnverified)));
    }
    // Said only to whoever has the key.
    if kept.authenticator.suspended_at.is_some() {
        return Ok(Err(fault("suspended", Why::KeySuspended)));
    }
    if site.models.policy().is_withdrawn(kept.authenticator.aaguid.as_deref()) {
        return Ok(Err(fault("model-withdrawn", Why::KeyWithdrawn)));
    }
    if !visit.acceptable.allows(method) {
        return Ok(Err(fault("not-enough", Why::NotEnough(method))));
    }
    passkey.update_credential(&result);
    let is = serde_json::to_string(&passkey).map_err(Error::json)?;
    Ok(Ok(Shown { kept, is }))
}

/// Whether an answer that counts too little was overtaken by another of the same key: the key moved on after this one was asked for, and
/// this one counts more than the key had then. One that counted too little from the beginning is a copy's, whatever came between.
fn is_late(kept: &Kept, began: Option<Millis>, answer: &PublicKeyCredential) -> bool {
    // WebAuthn 6.1: the hash of the site's name, the flags, and the counter.
    let counter: Option<[u8; 4]> =
        answer.response.authenticator_data.get(33..37).and_then(|octets| octets.try_into().ok());
    let (Some(moved), Some(began), Some(counter)) = (kept.moved, began, counter) else { return false };
    moved.at > began && i64::from(u32::from_be_bytes(counter)) > moved.from
}

/// Takes the request, moves the key on and opens the session, in one transaction: of two answers one signs in.
async fn open(
    provider: &Provider,
    visit: &Visit,
    (key, state): (String, String),
    shown: Shown,
    now: Millis,
) -> Result<Outcome, Error> {
    let Shown { kept, is } = shown;
    let counted = counted(&kept.credential)?;
    let bound = Bound::Kept(kept.authenticator.id.clone());
    let opening = visit.opening(kept.authenticator.person.clone(), kept.authenticator.method, bound);
    let (visit, sessions, random) =
        (visit.clone(), provider.config.sessions.clone(), provider.random.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let taken = ceremonies::take(tx, &key, &state, now).await?
                    && (is == kept.credential
                        || authenticators::advance(
                            tx,
                            &kept.authenticator.id,
                            (&kept.credential, &is),
                            (counted, LASTS),
                            now,
                        )
                        .await?);
                if !taken {
                    visit
                        .refused(
                            tx,
                            (Some(&opening.person), Some(&opening.bound)),
                            opening.method,
                            "replayed",
                            now,
                        )
                        .await?;
                    return Ok(Outcome::Refused(Why::CeremonyOver));
                }
                Ok(open_in(tx, (&sessions, &random), &opening, now).await?.into())
            })
        })
        .await
}

async fn refuse(
    provider: &Provider,
    visit: &Visit,
    (key, state): (String, String),
    fault: Fault,
    now: Millis,
) -> Result<Outcome, Error> {
    let visit = visit.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                ceremonies::take(tx, &key, &state, now).await?;
                visit.refused(tx, (fault.person.as_ref(), None), fault.method, fault.word, now).await?;
                if let Some(kept) = fault.suspected {
                    suspect_in(tx, &kept.authenticator, now).await?;
                }
                Ok(Outcome::Refused(fault.why))
            })
        })
        .await
}
