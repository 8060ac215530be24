//! Enrolling a key.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{
    AttestationFormat, Credential, PasskeyRegistration, RegisterPublicKeyCredential, WebauthnError,
};

use super::policy::Seen;
use super::{Judged, LASTS, tpm, word};
use crate::authenticator::{Authenticator, AuthenticatorEvent, AuthenticatorId, MOST, name_of};
use crate::enrolment::{Enrolment, EnrolmentId, Purpose, enrolled_in};
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::session::holder;
use crate::store::authenticators::New;
use crate::store::{authenticators, ceremonies, persons};

/// What somebody says they are about to enrol; what it is, its answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A key that is carried.
    SecurityKey,
    /// The workstation or the telephone itself.
    Device,
}

/// What is under way.
#[derive(Serialize, Deserialize)]
struct Waiting {
    kind: Kind,
    state: PasskeyRegistration,
}

fn ceremony(enrolment: &EnrolmentId) -> String {
    format!("key/{enrolment}")
}

/// What the browser is to ask a new key. It replaces what was asked before for this enrolment.
pub(crate) async fn begin(
    provider: &Provider,
    enrolment: &Enrolment,
    kind: Kind,
    now: Millis,
) -> Result<Value, Error> {
    let person = enrolment.person.clone();
    let known = authenticators::credential_ids(provider.db.read(), &person).await?;
    let known = known.iter().filter_map(|id| URL_SAFE_NO_PAD.decode(id).ok()).collect();
    let fresh = random_handle();
    let handle = {
        let person = person.clone();
        provider.db.write(move |tx| Box::pin(async move { persons::handle(tx, &person, &fresh).await }))
    };
    let handle =
        Uuid::parse_str(&handle.await?).map_err(|_| Error::Stored { what: "authn_person.handle" })?;
    let name = person.as_str();
    let (options, state) = provider
        .login
        .site
        .webauthn
        .start_passkey_registration(handle, name, name, Some(known))
        .map_err(Error::webauthn)?;
    let options = asked(serde_json::to_value(&options).map_err(Error::json)?, kind);
    let waiting = serde_json::to_string(&Waiting { kind, state }).map_err(Error::json)?;
    let key = ceremony(&enrolment.id);
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { ceremonies::put(tx, &key, None, &waiting, now.plus(LASTS)).await })
        })
        .await?;
    Ok(options)
}

/// The library asks for what suits any site. Here the key must know whose it is, and is to prove what it is.
fn asked(mut options: Value, kind: Kind) -> Value {
    options["publicKey"]["attestation"] = json!("direct");
    let selection = &mut options["publicKey"]["authenticatorSelection"];
    selection["residentKey"] = json!("required");
    selection["requireResidentKey"] = json!(true);
    selection["userVerification"] = json!("required");
    selection["authenticatorAttachment"] = match kind {
        Kind::SecurityKey => json!("cross-platform"),
        Kind::Device => json!("platform"),
    };
    options
}

/// Takes what a new key answered, if it may be enrolled.
pub(crate) async fn finish(
    provider: &Provider,
    enrolment: &Enrolment,
    (name, answer): (&str, &Value),
    now: Millis,
) -> Result<Authenticator, Error> {
    let name = name_of(name)?;
    let key = ceremony(&enrolment.id);
    let over =
        || Error::conflict("enrolment-over", "That took too long, or was answered before. Start again.");
    let text = ceremonies::look(provider.db.read(), &key, now).await?.ok_or_else(over)?;
    let waiting: Waiting = serde_json::from_str(&text).map_err(Error::json)?;
    let (method, credential, model) = match judged(provider, enrolment.purpose, &waiting, answer) {
        Ok(taken) => taken,
        Err((reason, model)) => {
            return Err(refuse(provider, enrolment, (key, text), (reason, model), now).await?);
        }
    };
    if method.level() > enrolment.most_level {
        return Err(
            refuse(provider, enrolment, (key, text), ("stronger-than-sign-in", Some(model)), now).await?
        );
    }
    let made = Authenticator {
        id: AuthenticatorId::new(now),
        person: enrolment.person.clone(),
        method,
        name,
        version: 1,
        aaguid: (!model.is_nil()).then(|| model.to_string()),
        created_at: now,
        created_by: enrolment.made_by.clone(),
        last_used_at: None,
        suspended_at: None,
    };
    let id = URL_SAFE_NO_PAD.encode(&credential.cred_id);
    let kept =
        serde_json::to_string(&webauthn_rs::prelude::Passkey::from(credential)).map_err(Error::json)?;
    let (enrolment, stored, sessions) = (enrolment.clone(), made.clone(), provider.config.sessions.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !ceremonies::take(tx, &key, &text, now).await? {
                    return Err(over());
                }
                enrolled_in(tx, &sessions, &enrolment, &stored, now).await?;
                if authenticators::count(tx, &enrolment.person).await? >= MOST {
                    return Err(Error::conflict(
                        "authenticators-enough",
                        "You have as many ways to sign in as one may have. Remove one of them first.",
                    ));
                }
                let new = New { authenticator: &stored, credential: Some((&id, &kept)), seed: None };
                if !authenticators::insert(tx, &new).await? {
                    return Err(Error::conflict(
                        "key-known",
                        "This key is registered already. Use another key, or another place on this one.",
                    ));
                }
                Ok(stored)
            })
        })
        .await?;
    Ok(made)
}

type Taken = (Method, Credential, Uuid);
type NotTaken = (&'static str, Option<Uuid>);

/// What the new key is, by what it answered.
fn judged(
    provider: &Provider,
    purpose: Purpose,
    waiting: &Waiting,
    answer: &Value,
) -> Result<Taken, NotTaken> {
    let site = &provider.login.site;
    let reached = words_of(answer.pointer("/response/transports"));
    let mut answer: RegisterPublicKeyCredential =
        serde_json::from_value(answer.clone()).map_err(|_| ("unreadable", None))?;
    let model = aaguid(&answer.response.attestation_object).ok_or(("unreadable", None))?;
    let stated = without_statement(&answer.response.attestation_object)
        .map(|bare| std::mem::replace(&mut answer.response.attestation_object, bare));
    let credential = site.webauthn.finish_passkey_registration(&answer, &waiting.state);
    let mut credential: Credential = credential
        .map_err(|error| {
            let known = matches!(error, WebauthnError::CredentialAlteredAlgFromRequest);
            (if known { "key-known" } else { word(&error) }, Some(model))
        })?
        .into();
    if !credential.user_verified {
        return Err(("not-verified", Some(model)));
    }
    if let Some(object) = stated {
        let client_data = answer.response.client_data_json.as_slice();
        take_statement(&mut credential, (object.as_slice(), client_data), model)
            .map_err(|reason| (reason, Some(model)))?;
    }
    let policy = site.models.policy();
    let seen = match purpose {
        Purpose::Issue | Purpose::Recovery => Seen::ByAuthority,
        Purpose::Own => Seen::ByNobody,
    };
    let kind = policy.attached(model).unwrap_or_else(|| kind(&reached, waiting.kind));
    let method = match (policy.judge(&credential, model, kind, seen), kind) {
        (Judged::Refused(reason), _) => return Err((reason, Some(model))),
        (Judged::Passkey, _) => Method::Passkey,
        (Judged::Hardware, Kind::SecurityKey) => Method::SecurityKey,
        (Judged::Hardware, Kind::Device) => Method::PlatformKey,
    };
    Ok((method, credential, model))
}

/// Gives a credential back what its TPM states of it, once all else of its registration was verified. A statement that does not hold is
/// refused as the library refuses those that it reads; one that proves nothing is left out.
fn take_statement(
    credential: &mut Credential,
    (object, client_data): (&[u8], &[u8]),
    model: Uuid,
) -> Result<(), &'static str> {
    let wrong = |wrong: tpm::Wrong| {
        tracing::info!(%model, %wrong, "what a TPM states of a key of the model {model} does not hold: {wrong}");
        "not-verifiable"
    };
    let Some(attested) = tpm::attested(object, client_data, (&credential.cred, model)).map_err(wrong)? else {
        return Ok(());
    };
    if attested.is_fixed {
        credential.attestation = attested.parsed(model).map_err(wrong)?;
        credential.attestation_format = AttestationFormat::Tpm;
    }
    Ok(())
}

fn words_of(list: Option<&Value>) -> Vec<String> {
    let words = list.and_then(Value::as_array).into_iter().flatten();
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Whether a key is carried or part of the machine, by how the browser reached it; where that says neither or both, by what its holder
/// said. WebAuthn 5.8.4.
fn kind(reached: &[String], said: Kind) -> Kind {
    let by = |words: &[&str]| reached.iter().any(|one| words.contains(&one.as_str()));
    match (by(&["usb", "nfc", "ble", "smart-card"]), by(&["internal"])) {
        (true, false) => Kind::SecurityKey,
        (false, true) => Kind::Device,
        _ => said,
    }
}

/// The model that authenticator data name. WebAuthn 6.1: 37 octets come before it, and a flag says that it is there.
fn aaguid(attestation: &[u8]) -> Option<Uuid> {
    const ATTESTED: u8 = 0x40;
    let Cbor::Map(members) = ciborium::from_reader(attestation).ok()? else { return None };
    let data =
        members.into_iter().find(|(name, _)| name.as_text() == Some("authData"))?.1.into_bytes().ok()?;
    if data.get(32)? & ATTESTED == 0 {
        return None;
    }
    Uuid::from_slice(data.get(37..53)?).ok()
}

/// The forms of attestation that the library refuses whatever they say: of the TPM's it takes no algorithm at all.
const UNREAD: [&str; 2] = ["tpm", "android-safetynet"];

/// An attestation without its statement, where that is of a form that the library does not read; none for every other. To the library it is
/// one whose browser has taken the statement out (WebAuthn 8.7). What a TPM states is looked at afterwards (`take_statement`).
fn without_statement(attestation: &[u8]) -> Option<Vec<u8>> {
    let Cbor::Map(mut members) = ciborium::from_reader(attestation).ok()? else { return None };
    let format = members.iter().find(|(name, _)| name.as_text() == Some("fmt"))?.1.as_text()?;
    if !UNREAD.contains(&format) {
        return None;
    }
    for (name, value) in &mut members {
        match name.as_text() {
            Some("fmt") => *value = Cbor::Text("none".to_owned()),
            Some("attStmt") => *value = Cbor::Map(Vec::new()),
            _ => {}
        }
    }
    let mut bare = Vec::new();
    ciborium::into_writer(&Cbor::Map(members), &mut bare).ok()?;
    Some(bare)
}

/// Uses up the request, records why nothing came of it, and says so to the person.
async fn refuse(
    provider: &Provider,
    enrolment: &Enrolment,
    (key, state): (String, String),
    (reason, model): NotTaken,
    now: Millis,
) -> Result<Error, Error> {
    let event = AuthenticatorEvent::EnrolmentRefused {
        enrolment: enrolment.id.to_string(),
        user: enrolment.person.to_string(),
        reason: reason.to_owned(),
        model: model.map(|model| model.to_string()),
    };
    let person = enrolment.person.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                ceremonies::take(tx, &key, &state, now).await?;
                audit::record(tx, now, &holder(&person, None), &event).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(Error::conflict(
        reason,
        match reason {
            "model-withdrawn" => {
                "Those who certify keys have withdrawn this model because it is not safe. Use another key."
            }
            "model-not-allowed" => {
                "Your organisation has not approved this kind of key, or it did not prove what it is. Use another key."
            }
            "model-not-proven" => {
                "This key did not prove what it is. When your browser asks whether we may see its make and model, allow it."
            }
            "model-not-seen" => {
                "This kind of key does not prove what it is. Take it to your registration authority, and ask for a link there."
            }
            "not-verified" => {
                "Your key did not check that it was you. Set a PIN or a fingerprint on it, and try again."
            }
            "stronger-than-sign-in" => {
                "This key is worth more than what you signed in with. Sign in with a smartcard or a security key first, or \
                 ask your registration authority for a link."
            }
            "key-known" => "This key is registered already.",
            _ => "What your key answered could not be confirmed. Try again.",
        },
    ))
}

/// Octets that say nothing about whom they name.
pub(crate) fn random_handle() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the process's random generator never fails once it has started");
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a key is, is told by how it was reached, and by its holder only where that says nothing.
    #[test]
    fn keys_are_what_they_are_reached_by() {
        for (reached, said, expected) in [
            ("usb", Kind::Device, Kind::SecurityKey),
            ("nfc usb", Kind::Device, Kind::SecurityKey),
            ("internal", Kind::SecurityKey, Kind::Device),
            ("internal hybrid", Kind::SecurityKey, Kind::Device),
            ("internal usb", Kind::Device, Kind::Device),
            ("hybrid", Kind::SecurityKey, Kind::SecurityKey),
            ("", Kind::Device, Kind::Device),
        ] {
            let reached: Vec<String> = reached.split_whitespace().map(str::to_owned).collect();
            assert_eq!(kind(&reached, said), expected, "{reached:?}");
        }
    }
}
