//! Proving that a person is there, for something that is named by its hash.
//!
//! The challenge is made of that hash and of random octets, so that what the authenticator signs stands for that one thing. The
//! library makes a challenge of its own and gives it out in its options and its state; ours is put in the place of both. Should a
//! newer library keep it elsewhere, its own challenge stays, and the answer is labelled as bound by our record alone.

use audit::Actor;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SecureRandom as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use platform::id::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{Passkey, PasskeyAuthentication, PublicKeyCredential, WebauthnError};

use super::{LASTS, counted, word};
use crate::api::{Bound, Presence};
use crate::authenticator::{Authenticator, AuthenticatorEvent, suspect_in};
use crate::error::Error;
use crate::interaction::Level;
use crate::provider::Provider;
use crate::store::authenticators::{self, Kept};
use crate::store::ceremonies;

/// What is asked of whom.
pub(crate) struct Asked {
    /// What it is for.
    pub reference: String,
    /// Who is asked.
    pub person: UserId,
    /// SHA-256 of what the answer stands for.
    pub binding: [u8; 32],
    /// What the authenticator has to be worth.
    pub least: Level,
}

/// What came of an answer.
pub(crate) enum Answered {
    /// The person is there.
    There(Box<Presence>),
    /// The answer proves nothing, with what to tell.
    Refused(Told),
}

/// Why an answer proves nothing, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// A stable word.
    pub word: &'static str,
    /// A sentence for people.
    pub sentence: &'static str,
}

/// The one row of a question.
#[derive(Serialize, Deserialize)]
struct State {
    person: UserId,
    binding: String,
    nonce: String,
    challenge: String,
    bound: Bound,
    webauthn: Value,
}

fn ceremony(reference: &str) -> String {
    format!("presence/{reference}")
}

/// Puts a question to a person: what the browser is to ask their authenticators. It takes the place of an earlier one.
pub(crate) async fn ask(provider: &Provider, asked: &Asked, now: Millis) -> Result<Value, Error> {
    let site = &provider.login.site;
    let kept = authenticators::keys_of_person(provider.db.read(), &asked.person).await?;
    let able = kept.iter().filter(|kept| {
        let authenticator = &kept.authenticator;
        authenticator.method.level() >= asked.least
            && !site.models.policy().is_withdrawn(authenticator.aaguid.as_deref())
    });
    let passkeys = able.map(|kept| serde_json::from_str::<Passkey>(&kept.credential).map_err(Error::json));
    let passkeys = passkeys.collect::<Result<Vec<_>, _>>()?;
    if passkeys.is_empty() {
        let sentence = "You have no security key, and no device, with which you could confirm this. Add one to your ways to sign in.";
        return Err(Error::conflict("no-key", sentence));
    }
    let (options, state) = site.webauthn.start_passkey_authentication(&passkeys).map_err(Error::webauthn)?;
    let mut options = serde_json::to_value(&options).map_err(Error::json)?;
    let mut webauthn = serde_json::to_value(&state).map_err(Error::json)?;
    let mut nonce = [0; 32];
    provider.random.fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
    let (bound, challenge) = choose(&mut options, &mut webauthn, &challenge_of(&nonce, &asked.binding))?;
    let state = State {
        person: asked.person.clone(),
        binding: hex::encode(asked.binding),
        nonce: URL_SAFE_NO_PAD.encode(nonce),
        challenge,
        bound,
        webauthn,
    };
    let (key, state) = (ceremony(&asked.reference), serde_json::to_string(&state).map_err(Error::json)?);
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { ceremonies::put(tx, &key, None, &state, now.plus(LASTS)).await })
        })
        .await?;
    Ok(options)
}

fn challenge_of(nonce: &[u8; 32], binding: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &[&nonce[..], binding].concat()))
}

/// Puts our challenge in the place of the library's, where that stands in both where it is known to.
fn choose(options: &mut Value, state: &mut Value, ours: &str) -> Result<(Bound, String), Error> {
    let theirs = options["publicKey"]["challenge"].as_str().unwrap_or_default().to_owned();
    if theirs.is_empty() || state["ast"]["challenge"] != theirs.as_str() {
        return Ok((Bound::ByRecord, theirs));
    }
    let mut changed = state.clone();
    changed["ast"]["challenge"] = ours.into();
    // One that may be copied since is another authenticator than the one that was enrolled.
    changed["ast"]["allow_backup_eligible_upgrade"] = false.into();
    let read: PasskeyAuthentication = serde_json::from_value(changed.clone()).map_err(Error::json)?;
    if serde_json::to_value(&read).map_err(Error::json)? != changed {
        return Ok((Bound::ByRecord, theirs));
    }
    *state = changed;
    options["publicKey"]["challenge"] = ours.into();
    Ok((Bound::Cryptographically, ours.to_owned()))
}

/// Why an answer proves nothing, and the key that counted backwards, if it is that.
struct Fault {
    told: Told,
    suspected: Option<Authenticator>,
}

impl From<Told> for Fault {
    fn from(told: Told) -> Self {
        Self { told, suspected: None }
    }
}

/// An authenticator that answered rightly, and what it has become.
struct Shown {
    kept: Kept,
    is: String,
}

/// Looks at what an authenticator answered. The question is used up, whatever comes of it.
pub(crate) async fn look_at(
    provider: &Provider,
    reference: &str,
    answer: &Value,
    now: Millis,
) -> Result<Answered, Error> {
    let key = ceremony(reference);
    let Some(text) = ceremonies::look(provider.db.read(), &key, now).await? else {
        return Ok(Answered::Refused(OVER));
    };
    let state: State = serde_json::from_str(&text).map_err(Error::json)?;
    let named = (reference.to_owned(), key, text);
    match verify(provider, &state, answer).await? {
        Ok(shown) => take(provider, named, state, shown, answer, now).await,
        Err(fault) => refuse(provider, named, state, fault, now).await,
    }
}

async fn verify(provider: &Provider, state: &State, answer: &Value) -> Result<Result<Shown, Fault>, Error> {
    let site = &provider.login.site;
    let Ok(read) = serde_json::from_value::<PublicKeyCredential>(answer.clone()) else {
        return Ok(Err(refusal("unreadable").into()));
    };
    let asked: PasskeyAuthentication = serde_json::from_value(state.webauthn.clone()).map_err(Error::json)?;
    let result = match site.webauthn.finish_passkey_authentication(&read, &asked) {
        Ok(result) => result,
        Err(error @ (WebauthnError::UserNotVerified | WebauthnError::UserNotPresent)) => {
            return Ok(Err(Told { word: word(&error), sentence: UNVERIFIED }.into()));
        }
        Err(error @ WebauthnError::CredentialPossibleCompromise) => {
            let credential = URL_SAFE_NO_PAD.encode(read.get_credential_id());
            let kept = authenticators::by_credential(provider.db.read(), &credential).await?;
            let suspected = kept.map(|kept| kept.authenticator).filter(|kept| kept.person == state.person);
            return Ok(Err(Fault { told: refusal(word(&error)), suspected }));
        }
        Err(error) => return Ok(Err(refusal(word(&error)).into())),
    };
    // Asked for, and looked at in what was signed.
    if !result.user_verified() {
        return Ok(Err(Told { word: "not-verified", sentence: UNVERIFIED }.into()));
    }
    let credential = URL_SAFE_NO_PAD.encode(result.cred_id());
    let kept = authenticators::by_credential(provider.db.read(), &credential).await?;
    let Some(kept) = kept.filter(|kept| kept.authenticator.person == state.person) else {
        return Ok(Err(refusal("unknown-key").into()));
    };
    if site.models.policy().is_withdrawn(kept.authenticator.aaguid.as_deref()) {
        return Ok(Err(refusal("model-withdrawn").into()));
    }
    // Its counter was held against what it was when it was asked.
    let now: Value = serde_json::from_str(&kept.credential).map_err(Error::json)?;
    let then = state.webauthn["ast"]["credentials"].as_array();
    if !then.is_some_and(|then| then.contains(&now["cred"])) {
        return Ok(Err(OVER.into()));
    }
    let mut passkey: Passkey = serde_json::from_value(now).map_err(Error::json)?;
    passkey.update_credential(&result);
    let is = serde_json::to_string(&passkey).map_err(Error::json)?;
    Ok(Ok(Shown { kept, is }))
}

/// Takes the question, moves the authenticator on and writes it down, in one transaction: of two answers one counts.
async fn take(
    provider: &Provider,
    (reference, key, text): (String, String, String),
    state: State,
    shown: Shown,
    answer: &Value,
    now: Millis,
) -> Result<Answered, Error> {
    let Shown { kept, is } = shown;
    let authenticator = &kept.authenticator;
    let presence = Presence {
        user_id: state.person.to_string(),
        authenticator: authenticator.id.to_string(),
        method: authenticator.method.to_string(),
        level: authenticator.method.level().digit().to_owned(),
        at: now.0,
        binding: state.binding.clone(),
        bound: state.bound,
        nonce: state.nonce,
        challenge: state.challenge,
        public_key: public_key(&kept.credential)?,
        assertion: answer.clone(),
        rp_id: Some(provider.login.site.id.clone()),
        origin: Some(provider.login.site.origin.clone()),
    };
    let event = AuthenticatorEvent::PresenceShown {
        user: state.person.to_string(),
        authenticator: authenticator.id.to_string(),
        method: authenticator.method.to_string(),
        reference,
        binding: state.binding,
    };
    let (person, id, counted) = (state.person, authenticator.id.clone(), counted(&kept.credential)?);
    let taken = provider.db.write(move |tx| {
        Box::pin(async move {
            let taken = ceremonies::take(tx, &key, &text, now).await?
                && directory::api::closed(tx, &[person.as_str()]).await?.is_empty()
                && authenticators::mark_used(tx, &id, now).await?
                && (is == kept.credential
                    || authenticators::advance(tx, &id, (&kept.credential, &is), (counted, LASTS), now)
                        .await?);
            if taken {
                audit::record(tx, now, &crate::session::holder(&person, None), &event).await?;
            }
            Ok::<_, Error>(taken)
        })
    });
    if !taken.await? {
        return Ok(Answered::Refused(OVER));
    }
    metrics::counter!("authn_presences_total", "outcome" => "shown").increment(1);
    Ok(Answered::There(Box::new(presence)))
}

async fn refuse(
    provider: &Provider,
    (reference, key, text): (String, String, String),
    state: State,
    Fault { told, suspected }: Fault,
    now: Millis,
) -> Result<Answered, Error> {
    let event = AuthenticatorEvent::PresenceRefused {
        user: state.person.to_string(),
        reference,
        reason: told.word.to_owned(),
    };
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            ceremonies::take(tx, &key, &text, now).await?;
            audit::record(tx, now, &Actor::system("authn"), &event).await?;
            if let Some(kept) = suspected {
                suspect_in(tx, &kept, now).await?;
            }
            Ok::<_, Error>(())
        })
    });
    done.await?;
    metrics::counter!("authn_presences_total", "outcome" => "refused").increment(1);
    Ok(Answered::Refused(told))
}

const OVER: Told = Told {
    word: "over",
    sentence: "This was open too long, was answered before, or your key was used elsewhere meanwhile. Press the button again.",
};
const UNVERIFIED: &str =
    "Your key did not make sure who used it. Set a PIN or a fingerprint on it, or use another key.";

fn refusal(word: &'static str) -> Told {
    Told {
        word,
        sentence: "What the key answered does not show that you are there. Use a key that you sign in with.",
    }
}

/// The public key of a credential as JWK (RFC 7517), or as the library has it where that is none of the usual kinds.
fn public_key(credential: &str) -> Result<Value, Error> {
    let read: Value = serde_json::from_str(credential).map_err(Error::json)?;
    let key = &read["cred"]["cred"]["key"];
    let (point, octets, rsa) = (&key["EC_EC2"], &key["EC_OKP"], &key["RSA"]);
    if point["curve"] == "SECP256R1" {
        return Ok(json!({"kty": "EC", "crv": "P-256", "x": point["x"], "y": point["y"]}));
    }
    if octets["curve"] == "ED25519" {
        return Ok(json!({"kty": "OKP", "crv": "Ed25519", "x": octets["x"]}));
    }
    if let Some(exponent) = rsa["e"].as_array() {
        let exponent: Vec<u8> =
            exponent.iter().filter_map(Value::as_u64).filter_map(|octet| u8::try_from(octet).ok()).collect();
        return Ok(json!({"kty": "RSA", "n": rsa["n"], "e": URL_SAFE_NO_PAD.encode(exponent)}));
    }
    Ok(json!({"kty": "other", "key": key}))
}
