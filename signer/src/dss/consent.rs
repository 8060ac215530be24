//! A person decides: they prove to be there, or go back.

use authn::api::{NewPresence, Presence, PresenceAnswer};
use platform::clock::Millis;
use platform::problem::Problem;
use serde_json::Value;

use super::receive::actor;
use super::{Content, Document, SignIn, Statement, Token, binding, sign};
use crate::api::CredentialState;
use crate::digest::{Authorised, Digest};
use crate::error::Error;
use crate::events::Event;
use crate::ids::AuthorisationId;
use crate::leavers::HOLDER_LEFT;
use crate::signer::Signer;
use crate::store::authorisations::{self, AuthorisationRow};
use crate::store::credentials;
use crate::store::requests::{self, Given, RequestRow};

/// For how long after consent signatures are made: a server that was down meanwhile makes them when it is back.
const SIGN_WITHIN_MS: i64 = 600_000;

/// The request that a page is for, while it waits.
pub(crate) async fn waiting(signer: &Signer, token: &str) -> Result<RequestRow, Error> {
    let found = match Token::parse(token) {
        Some(token) => requests::by_token(signer.db.read(), &token.stored()).await?,
        None => None,
    };
    let waits = found.filter(|row| row.decision.is_none() && signer.clock.now() < row.expires_at);
    waits.ok_or_else(over)
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
/// signatures are made: should that fail, they are made when the application asks for them.
pub(crate) async fn answer(
    signer: &Signer,
    sign_in: &SignIn,
    (token, row): (&str, RequestRow),
    answer: Value,
) -> Result<String, Error> {
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    let reference = row.request_id.to_string();
    let answer = PresenceAnswer { credential: answer };
    let presence = sign_in.client.presence(&reference, &answer).await.map_err(Error::Dss)?;
    is_for(signer, &row, &statement, &presence)?;
    let authorisation = consent(signer, &row, &statement, &presence).await?;
    if let Err(error) = sign::signatures(signer, &row, &authorisation).await {
        tracing::warn!(%error, request = %row.request_id, "what somebody agreed to is not signed yet: {error}");
    }
    Ok(back(&row, token, None))
}

/// The answer is of the person who is to sign, and stands for what the request holds now, and nothing else.
fn is_for(
    signer: &Signer,
    row: &RequestRow,
    statement: &Statement,
    presence: &Presence,
) -> Result<(), Error> {
    let holds = presence.user_id == row.user_id
        && presence.binding == row.binding
        && row.binding == binding(statement, row.expires_at)
        && presence.level >= signer.config.dss.level.to_string();
    if holds { Ok(()) } else { Err(Error::StoredRow { what: "request to sign" }) }
}

async fn consent(
    signer: &Signer,
    row: &RequestRow,
    statement: &Statement,
    presence: &Presence,
) -> Result<AuthorisationRow, Error> {
    let now = signer.clock.now();
    let live = sign::credential_of(signer, &row.user_id).await?;
    let digests: Vec<Digest> = statement.payloads.iter().map(|payload| payload.digest).collect();
    let digests = Authorised::new(digests).map_err(|_| Error::StoredRow { what: "request to sign" })?;
    let authorisation = AuthorisationRow {
        authorisation_id: AuthorisationId::new(now),
        credential_id: live.row.credential_id.clone(),
        client: row.client.clone(),
        digests,
        expires_at: Millis(now.0 + SIGN_WITHIN_MS),
    };
    let event = agreed(row, &authorisation, presence);
    let kept = serde_json::to_string(presence).map_err(|_| Error::StoredRow { what: "presence" })?;
    let about = about(row)?;
    let (row, given, shown) = (row.clone(), authorisation.clone(), presence.clone());
    let (version, serial, actor) = (live.row.version, live.certificate.serial.clone(), actor(&row));
    let done = signer.db.write(move |tx| {
        Box::pin(async move {
            let found = credentials::version(&mut *tx, &given.credential_id).await?;
            if found != Some((CredentialState::Active, version)) {
                return Err(Error::CredentialChanged);
            }
            if !ca::api::in_force(tx, &[&serial]).await?.contains(&serial) {
                return Err(Error::CertificateChanged);
            }
            if !directory::api::closed(tx, &[&row.user_id]).await?.is_empty() {
                return Err(Error::CredentialDisabled { why: HOLDER_LEFT });
            }
            let agreed = Given {
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
            audit::record(tx, now, &actor, &event).await?;
            Ok(())
        })
    });
    let done = done.await;
    signer.forget_if_changed(&live.row.credential_id, &done);
    done?;
    metrics::counter!("signer_consents_total", "decision" => "consented").increment(1);
    Ok(authorisation)
}

/// What the signatures will be about.
fn about(row: &RequestRow) -> Result<Vec<(String, Option<String>)>, Error> {
    let shown: Vec<Document> =
        serde_json::from_str(&row.shown).map_err(|_| Error::StoredRow { what: "list of documents" })?;
    let patient = |content: Content| match content {
        Content::Seen(told) => Some(told.nhs_number).filter(|number| !number.is_empty()),
        Content::Unseen(_) => None,
    };
    Ok(shown.into_iter().map(|document| (document.id, patient(document.content))).collect())
}

fn agreed(row: &RequestRow, authorisation: &AuthorisationRow, presence: &Presence) -> Event {
    Event::SigningConsented {
        request: row.request_id.to_string(),
        authorisation: authorisation.authorisation_id.to_string(),
        credential: authorisation.credential_id.to_string(),
        user: row.user_id.clone(),
        client: row.client.clone(),
        documents: u32::try_from(authorisation.digests.len()).unwrap_or(u32::MAX),
        authenticator: presence.authenticator.clone(),
        method: presence.method.clone(),
        binding: row.binding.clone(),
    }
}

/// The person does not want to; where the browser goes on.
pub(crate) async fn cancel(signer: &Signer, token: &str, row: RequestRow) -> Result<String, Error> {
    let now = signer.clock.now();
    let event = Event::SigningCancelled {
        request: row.request_id.to_string(),
        user: row.user_id.clone(),
        client: row.client.clone(),
    };
    let (request, actor) = (row.request_id.clone(), actor(&row));
    let done: Result<(), Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !requests::cancel(tx, &request, now).await? {
                    return Err(over());
                }
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    done?;
    metrics::counter!("signer_consents_total", "decision" => "cancelled").increment(1);
    Ok(back(&row, token, Some("access_denied")))
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
