//! A person decides: they prove to be there, or go back.

use authn::api::{NewPresence, Presence, PresenceAnswer};
use platform::clock::Millis;
use platform::problem::Problem;
use serde_json::Value;

use super::receive::actor;
use super::{
    Authors, Document, SignIn, Statement, Token, anchor, anchors, binding, binding_before, check_authors,
    shown_anchor, sign,
};
use crate::authorisation::Rests;
use crate::digest::{Authorised, Digest};
use crate::error::Error;
use crate::events::Event;
use crate::ids::{AuthorisationId, CredentialId};
use crate::signer::Signer;
use crate::store::authorisations::{self, AuthorisationRow};
use crate::store::prepared;
use crate::store::requests::{self, Decision, RequestRow};

/// For how long after consent signatures are made: a server that was down meanwhile makes them when it is back.
const SIGN_WITHIN_MS: i64 = 600_000;
/// For how long after consent what was prepared is kept: an application puts the signatures into their form meanwhile.
const PREPARED_AFTER_MS: i64 = 3_600_000;
/// What an application is told when the person did not want to. RFC 6749 4.1.2.1 has the word.
const DENIED: &str = "access_denied";

/// The request that a page is for, to the person who is asked.
pub(crate) async fn find(signer: &Signer, token: &str, person: &str) -> Result<RequestRow, Error> {
    let found = match Token::parse(token) {
        Some(token) => requests::by_token(signer.db.read(), &token.stored()).await?,
        None => None,
    };
    let row = found.ok_or_else(over)?;
    if row.user_id == person {
        return Ok(row);
    }
    let sentence = "You are signed in as somebody else than the person who is asked to sign. Sign out, and begin again in your \
                    application.";
    Err(Error::Dss(Problem::forbidden("not-your-request", sentence)))
}

/// Whether it still waits for its person.
pub(crate) fn waiting(signer: &Signer, row: &RequestRow) -> Result<(), Error> {
    if row.decision.is_some() || signer.clock.now() >= row.expires_at {
        return Err(over());
    }
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    if is_of_before(row, &statement) { Err(outdated()) } else { Ok(()) }
}

/// Whether it was made by a release that bound less to it than a person agrees to now.
pub(super) fn is_of_before(row: &RequestRow, statement: &Statement) -> bool {
    row.binding == binding_before(statement, row.expires_at)
}

/// What is to be done with such a one.
pub(crate) fn outdated() -> Error {
    let sentence = "This request to sign was made before the service was upgraded, and cannot be gone on with. Go back to your \
                    application, and ask again there: it makes a new request.";
    Error::Dss(Problem::gone("request-outdated", sentence))
}

/// Where the browser goes on if the person has decided: whoever comes back to the page after an answer of ours was lost is sent where that
/// would have sent them.
pub(crate) fn decided(row: &RequestRow, token: &str) -> Option<String> {
    match row.decision.as_ref()? {
        Decision::Consented { .. } => Some(back(row, token, None)),
        Decision::Cancelled { .. } => Some(back(row, token, Some(DENIED))),
    }
}

/// The same, and of one whose time is over: nobody decides about it any more, and the application waits for its browser as after a
/// cancel. What became of it, its result says.
pub(crate) fn ended(signer: &Signer, row: &RequestRow, token: &str) -> Option<String> {
    let is_over = signer.clock.now() >= row.expires_at;
    decided(row, token).or_else(|| is_over.then(|| back(row, token, Some(DENIED))))
}

/// Where the browser goes on if a request was decided that was waiting a moment ago.
async fn decided_meanwhile(signer: &Signer, token: &str, row: &RequestRow) -> Result<Option<String>, Error> {
    let row = find(signer, token, &row.user_id).await?;
    Ok(decided(&row, token))
}

fn over() -> Error {
    let sentence =
        "This request to sign is over, or was answered. Go back to your application, and begin again there.";
    Error::Dss(Problem::gone("request-over", sentence))
}

/// What the browser is to ask the person's authenticators.
pub(crate) async fn ask(signer: &Signer, sign_in: &SignIn, row: &RequestRow) -> Result<Value, Error> {
    let presence = NewPresence {
        reference: row.request_id.to_string(),
        user_id: row.user_id.clone(),
        binding: row.binding.clone(),
        level: signer.config.dss.level.to_string(),
    };
    sign_in.client.ask(&presence).await.map_err(Error::Dss)
}

/// Looks at what an authenticator answered; where the browser goes on when the person was there. The consent is durable then, and the
/// signatures are made: should that fail, they are made when the application asks for them. A request that was decided before is not
/// decided again, whatever is answered.
pub(crate) async fn answer(
    signer: &Signer,
    sign_in: &SignIn,
    (token, row): (&str, RequestRow),
    answer: Value,
) -> Result<String, Error> {
    if let Some(onward) = decided(&row, token) {
        return Ok(onward);
    }
    waiting(signer, &row)?;
    let done = decide(signer, sign_in, &row, answer).await;
    settled(signer, (token, &row), done).await
}

/// Where the browser goes on when somebody has decided now, or failed to.
pub(super) async fn settled(
    signer: &Signer,
    (token, row): (&str, &RequestRow),
    done: Result<AuthorisationRow, Error>,
) -> Result<String, Error> {
    match done {
        Ok(authorisation) => {
            // As it is now: what a card signed is in it.
            let row = find(signer, token, &row.user_id).await?;
            if let Err(error) = sign::signatures(signer, &row, &authorisation).await {
                tracing::warn!(%error, request = %row.request_id, "what somebody agreed to is not signed yet: {error}");
            }
            Ok(back(&row, token, None))
        }
        // The same answer may have come twice, and the other one have been first.
        Err(error) => decided_meanwhile(signer, token, row).await?.ok_or(error),
    }
}

async fn decide(
    signer: &Signer,
    sign_in: &SignIn,
    row: &RequestRow,
    answer: Value,
) -> Result<AuthorisationRow, Error> {
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    let reference = row.request_id.to_string();
    let answer = PresenceAnswer { credential: answer };
    let presence = sign_in.client.presence(&reference, &answer).await.map_err(Error::Dss)?;
    is_for(signer, row, &statement, &presence)?;
    let live = sign::credential_of(signer, &row.user_id, &documents(row)?).await?;
    let given = Given { credential: live.row.credential_id.clone(), rests: Rests::on(&live) };
    consent(signer, row, &statement, &presence, given).await
}

/// The answer is of the person who is to sign, and stands for what the request holds now, and nothing else.
fn is_for(
    signer: &Signer,
    row: &RequestRow,
    statement: &Statement,
    presence: &Presence,
) -> Result<(), Error> {
    is_bound(row, statement)?;
    let holds = presence.user_id == row.user_id
        && presence.binding == row.binding
        && presence.level >= signer.config.dss.level.to_string();
    if holds { Ok(()) } else { Err(Error::StoredRow { what: "request to sign" }) }
}

/// The request holds now what it did when it was bound.
pub(super) fn is_bound(row: &RequestRow, statement: &Statement) -> Result<(), Error> {
    if row.binding == binding(statement, &anchors(&row.shown)?, row.expires_at) {
        return Ok(());
    }
    Err(if is_of_before(row, statement) { outdated() } else { Error::StoredRow { what: "request to sign" } })
}

/// With what somebody signs.
pub(super) struct Given {
    pub(super) credential: CredentialId,
    pub(super) rests: Rests,
}

/// Stores that the person agreed, and gives the authorisation.
pub(super) async fn consent(
    signer: &Signer,
    row: &RequestRow,
    statement: &Statement,
    presence: &Presence,
    Given { credential, rests }: Given,
) -> Result<AuthorisationRow, Error> {
    let now = signer.clock.now();
    let digests: Vec<Digest> = statement.payloads.iter().map(|payload| payload.digest).collect();
    let digests = Authorised::new(digests).map_err(|_| Error::StoredRow { what: "request to sign" })?;
    let documents = documents(row)?;
    let authorisation = AuthorisationRow {
        authorisation_id: AuthorisationId::new(now),
        credential_id: credential.clone(),
        client: row.client.clone(),
        digests,
        named: None,
        authors: Some(Authors::of(&documents)),
        expires_at: Millis(now.0 + SIGN_WITHIN_MS),
        consent: None,
    };
    let kept = serde_json::to_value(presence).map_err(|_| Error::StoredRow { what: "presence" })?;
    let event = agreed(row, &authorisation, (statement, presence, &kept))?;
    let kept = kept.to_string();
    // They may have lost the role since they were asked.
    check_authors(signer, &documents, &row.user_id).await?;
    let about: Vec<_> = documents.into_iter().map(Document::about).collect();
    let (row, given, shown) = (row.clone(), authorisation.clone(), presence.clone());
    let actor = actor(&row);
    let done = signer.db.write(move |tx| {
        Box::pin(async move {
            rests.still(tx).await?;
            let agreed = requests::Given {
                presence: &kept,
                authenticator: &shown.authenticator,
                method: &shown.method,
                authorisation: &given.authorisation_id,
            };
            if !requests::consent(tx, &row.request_id, &agreed, now).await? {
                return Err(over());
            }
            // What stands in the place of a secret is no hash, so that nobody can show one for it.
            let no_secret = format!("request:{}", row.request_id);
            authorisations::insert(tx, &given, &no_secret, now).await?;
            requests::note(tx, &given.authorisation_id, &about).await?;
            // What was decided needs not be shown again, but for putting the signature into its form.
            prepared::shorten(tx, &row.client, given.digests.each(), Millis(now.0 + PREPARED_AFTER_MS))
                .await?;
            audit::record(tx, now, &actor, &event).await?;
            Ok(())
        })
    });
    let done = done.await;
    signer.forget_if_changed(&credential, &done);
    done?;
    metrics::counter!("signer_consents_total", "decision" => "consented").increment(1);
    Ok(authorisation)
}

/// What was shown, which the signatures will be about.
pub(super) fn documents(row: &RequestRow) -> Result<Vec<Document>, Error> {
    serde_json::from_str(&row.shown).map_err(|_| Error::StoredRow { what: "list of documents" })
}

/// The entry of a consent: with a hash of each part of its evidence, so that none can be put in place of another later.
fn agreed(
    row: &RequestRow,
    authorisation: &AuthorisationRow,
    (statement, presence, kept): (&Statement, &Presence, &Value),
) -> Result<Event, Error> {
    let read = |text: &str, what| serde_json::from_str::<Value>(text).map_err(|_| Error::StoredRow { what });
    let Value::Array(shown) = read(&row.shown, "list of documents")? else {
        return Err(Error::StoredRow { what: "list of documents" });
    };
    Ok(Event::SigningConsented {
        request: row.request_id.to_string(),
        authorisation: authorisation.authorisation_id.to_string(),
        credential: authorisation.credential_id.to_string(),
        user: row.user_id.clone(),
        client: row.client.clone(),
        documents: u32::try_from(authorisation.digests.len()).unwrap_or(u32::MAX),
        authenticator: presence.authenticator.clone(),
        method: presence.method.clone(),
        binding: row.binding.clone(),
        request_sha256: Some(statement.hash.clone()),
        statement_key_sha256: Some(anchor(&read(&row.statement_key, "key of an application")?)),
        presence_sha256: anchor(kept),
        shown_sha256: shown.iter().map(|document| shown_anchor(&presence.nonce, document)).collect(),
    })
}

/// The person does not want to; where the browser goes on. Somebody who agreed before has agreed, and what is over is no more cancelled.
pub(crate) async fn cancel(signer: &Signer, token: &str, row: RequestRow) -> Result<String, Error> {
    if let Some(onward) = ended(signer, &row, token) {
        return Ok(onward);
    }
    let now = signer.clock.now();
    let event = Event::SigningCancelled {
        request: row.request_id.to_string(),
        user: row.user_id.clone(),
        client: row.client.clone(),
    };
    let (request, actor) = (row.request_id.clone(), actor(&row));
    let done: Result<bool, Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                let is_ours = requests::cancel(tx, &request, now).await?;
                if is_ours {
                    audit::record(tx, now, &actor, &event).await?;
                }
                Ok(is_ours)
            })
        })
        .await;
    if !done? {
        let row = find(signer, token, &row.user_id).await?;
        return ended(signer, &row, token).ok_or_else(over);
    }
    metrics::counter!("signer_consents_total", "decision" => "cancelled").increment(1);
    Ok(back(&row, token, Some(DENIED)))
}

/// The application's address with what it waits for.
fn back(row: &RequestRow, token: &str, error: Option<&str>) -> String {
    let joint = if row.callback.contains('?') { '&' } else { '?' };
    let mut address = format!("{}{joint}token={token}&state={}", row.callback, encoded(&row.state));
    if let Some(error) = error {
        address = format!("{address}&error={error}");
    }
    address
}

/// Percent-encoded for a query. RFC 3986 2.3.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _written = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever an application calls its request comes back as it was.
    #[test]
    fn words_are_encoded() {
        assert_eq!(encoded("eyJhIjoiYiJ9=="), "eyJhIjoiYiJ9%3D%3D");
        assert_eq!(encoded("a b&c=d#é"), "a%20b%26c%3Dd%23%C3%A9");
    }
}
