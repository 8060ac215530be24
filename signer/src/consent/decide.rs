//! A person decides: they prove to be there, or go back.

use authn::api::{NewPresence, Presence, PresenceAnswer, SigningDecided, SigningDecision};
use platform::clock::Millis;
use platform::problem::Problem;
use serde_json::Value;

use super::{actor, binding, is_current};
use crate::dss::{Authors, Document, SignIn, anchor, check_authors, shown_anchor};
use crate::error::Error;
use crate::events::Event;
use crate::ids::{AuthorisationId, ConsentId};
use crate::signer::Signer;
use crate::store::authorisations::{self, AuthorisationRow};
use crate::store::consents::{self, ConsentRow, Road};
use crate::store::requests::{self, Decision, Given};

/// What somebody who is signed in is asked, decided or not; another's is not there.
pub(crate) async fn of_person(signer: &Signer, user: &str, id: &ConsentId) -> Result<ConsentRow, Error> {
    let found = consents::by_id(signer.db.read(), id).await?;
    found.filter(|row| row.user_id == user).ok_or_else(over)
}

fn over() -> Error {
    let sentence =
        "This request to sign is over, or was answered. Go back to your application, and begin again there.";
    Error::Dss(Problem::gone("request-over", sentence))
}

/// Refuses what is decided, or over.
fn waiting(signer: &Signer, row: &ConsentRow) -> Result<(), Error> {
    if row.decision.is_some() || signer.clock.now() >= row.expires_at {
        return Err(over());
    }
    is_current(row)
}

/// What the browser is to ask the person's authenticators.
pub(crate) async fn ask(signer: &Signer, sign_in: &SignIn, row: &ConsentRow) -> Result<Value, Error> {
    waiting(signer, row)?;
    let presence = NewPresence {
        reference: row.consent_id.to_string(),
        user_id: row.user_id.clone(),
        binding: row.binding.clone(),
        level: signer.config.dss.level.to_string(),
    };
    sign_in.client.ask(&presence).await.map_err(Error::Dss)
}

/// Looks at what an authenticator answered. When this returns, the consent is durable.
pub(crate) async fn answer(
    signer: &Signer,
    sign_in: &SignIn,
    row: &ConsentRow,
    answer: Value,
) -> Result<(), Error> {
    waiting(signer, row)?;
    let reference = row.consent_id.to_string();
    let answer = PresenceAnswer { credential: answer };
    let presence = sign_in.client.presence(&reference, &answer).await.map_err(Error::Dss)?;
    let holds = presence.user_id == row.user_id
        && presence.binding == row.binding
        && row.binding == binding(row)?
        && presence.level >= signer.config.dss.level.to_string();
    if !holds {
        return Err(Error::StoredRow { what: "request to sign" });
    }
    consent(signer, row, &presence).await
}

async fn consent(signer: &Signer, row: &ConsentRow, presence: &Presence) -> Result<(), Error> {
    let now = signer.clock.now();
    let rests = signer.ready_for(&row.user_id, &row.credential_id).await?;
    let seen = shown(row)?;
    let authors = Authors::of(&seen);
    rests.check_times(&authors)?;
    let authorisation = AuthorisationRow {
        authorisation_id: AuthorisationId::new(now),
        credential_id: row.credential_id.clone(),
        client: row.client.clone(),
        digests: row.digests.clone(),
        named: None,
        authors: Some(authors),
        expires_at: Millis(now.0 + i64::from(signer.config.sad_lifetime_s) * 1000),
        consent: Some(row.consent_id.clone()),
    };
    let kept = serde_json::to_value(presence).map_err(|_| Error::StoredRow { what: "presence" })?;
    let Ok(Value::Array(documents)) = serde_json::from_str::<Value>(&row.shown) else {
        return Err(Error::StoredRow { what: "list of documents" });
    };
    let event = Event::SigningConsented {
        request: row.consent_id.to_string(),
        authorisation: authorisation.authorisation_id.to_string(),
        credential: row.credential_id.to_string(),
        user: row.user_id.clone(),
        client: row.client.clone(),
        documents: u32::try_from(row.digests.len()).unwrap_or(u32::MAX),
        authenticator: presence.authenticator.clone(),
        method: presence.method.clone(),
        binding: row.binding.clone(),
        request_sha256: None,
        statement_key_sha256: None,
        presence_sha256: anchor(&kept),
        shown_sha256: documents.iter().map(|document| shown_anchor(&presence.nonce, document)).collect(),
    };
    let kept = kept.to_string();
    // They may have lost the role since they were asked.
    check_authors(signer, &seen, &row.user_id).await?;
    let about: Vec<_> = seen.into_iter().map(Document::about).collect();
    let (actor, shown, id) = (actor(row), presence.clone(), row.consent_id.clone());
    let credential = row.credential_id.clone();
    let done = signer.db.write(move |tx| {
        Box::pin(async move {
            rests.still(tx).await?;
            let agreed = Given {
                presence: &kept,
                authenticator: &shown.authenticator,
                method: &shown.method,
                authorisation: &authorisation.authorisation_id,
            };
            if !consents::consent(tx, &id, &agreed, now).await? {
                return Err(over());
            }
            // What stands in the place of a secret is no hash, so that nobody can show one for it.
            let no_secret = format!("consent:{id}");
            authorisations::insert(tx, &authorisation, &no_secret, now).await?;
            requests::note(tx, &authorisation.authorisation_id, &about).await?;
            audit::record(tx, now, &actor, &event).await?;
            Ok(())
        })
    });
    let done = done.await;
    signer.forget_if_changed(&credential, &done);
    done?;
    metrics::counter!("signer_consents_total", "decision" => "consented").increment(1);
    Ok(())
}

/// What was shown, which the signatures will be about.
fn shown(row: &ConsentRow) -> Result<Vec<Document>, Error> {
    serde_json::from_str(&row.shown).map_err(|_| Error::StoredRow { what: "list of documents" })
}

/// The person does not want to.
pub(crate) async fn cancel(signer: &Signer, row: &ConsentRow) -> Result<(), Error> {
    let now = signer.clock.now();
    let event = Event::SigningCancelled {
        request: row.consent_id.to_string(),
        user: row.user_id.clone(),
        client: row.client.clone(),
    };
    let (id, actor) = (row.consent_id.clone(), actor(row));
    let done: Result<(), Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !consents::cancel(tx, &id, now).await? {
                    return Err(over());
                }
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    done?;
    metrics::counter!("signer_consents_total", "decision" => "cancelled").increment(1);
    Ok(())
}

/// Tells sign-in what was decided, where a request for a token waits for it. It is told again whenever the browser comes again: a crash
/// after the consent leaves it to be told.
pub(crate) async fn finish(signer: &Signer, sign_in: &SignIn, id: &ConsentId) -> Result<Road, Error> {
    let row = consents::by_id(signer.db.read(), id).await?.ok_or_else(over)?;
    if row.road == Road::Handle {
        return Ok(row.road);
    }
    let decided = match &row.decision {
        None => return Err(over()),
        Some(Decision::Cancelled { .. }) => SigningDecision::Declined,
        Some(Decision::Consented { authorisation, .. }) => {
            let given = authorisations::by_id(signer.db.read(), authorisation).await?;
            let given = given.ok_or(Error::StoredRow { what: "authorisation" })?;
            SigningDecision::Consented {
                authorisation: authorisation.to_string(),
                expires_at: given.expires_at.0,
            }
        }
    };
    let decided = SigningDecided { user_id: row.user_id.clone(), decided };
    sign_in.client.decide(&row.reference, &decided).await.map_err(Error::Dss)?;
    Ok(row.road)
}
