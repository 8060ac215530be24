//! The page on which somebody sees what they signed and with what, and ends a credential.

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use ca::api::Reason;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::id::ClientId;
use platform::problem::Problem;
use platform::web::{Path, Query};
use serde::Deserialize;

use super::page::{Failed, Frame, OurPage, page, see_other, sign_in};
use super::person::Person;
use crate::api::{Credential, CredentialQuery, CredentialState, LedgerEntry, OWN_CREDENTIALS};
use crate::ids::CredentialId;
use crate::signer::Signer;
use crate::store::consents::{self, ConsentRow};
use crate::{credential, ledger};

/// How many signatures a page shows.
const SHOWN: u32 = 50;
/// The address of the page.
const ACCOUNT: &str = "/signing-service/account";

/// Whoever is signed in with this browser, as the caller of what is their own.
pub(super) struct SignedIn(pub(super) Caller);

impl FromRequestParts<Signer> for SignedIn {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, signer: &Signer) -> Result<Self, Failed> {
        let person = Person::from_request_parts(parts, signer).await?;
        let client = ClientId::module("signing-service");
        let mut caller = Caller::new(CallerKind::Person, person.user_id, client, [OWN_CREDENTIALS.0]);
        caller.session = Some(person.session);
        Ok(Self(caller))
    }
}

/// Which part of the signatures is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PageQuery {
    before: Option<String>,
}

struct CredentialRow {
    id: String,
    state: &'static str,
    key: String,
    until: String,
    /// Whether it can be ended.
    lives: bool,
}

/// What waits to be confirmed.
struct WaitingRow {
    id: String,
    client: String,
    documents: usize,
    until: String,
}

struct SignatureRow {
    at: String,
    client: String,
    document: String,
    patient: String,
    method: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    waiting: Vec<WaitingRow>,
    credentials: Vec<CredentialRow>,
    signatures: Vec<SignatureRow>,
    /// Where older ones are.
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "end.html")]
struct EndPage<'a> {
    frame: Frame<'a>,
    credential: CredentialRow,
    /// Within how many seconds the time of a signature is mostly proved; nothing where it is not.
    proved_within: Option<u32>,
}

/// What is somebody's own.
pub(super) async fn show(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failed> {
    let own = credential::list(&signer, &caller, CredentialQuery::default()).await?;
    let waiting = consents::waiting_for(signer.db.read(), &caller.subject, signer.clock.now()).await?;
    let (signatures, older) = ledger::latest(&signer, &caller, query.before.as_deref(), SHOWN).await?;
    let shown = AccountPage {
        frame: Frame { site: &sign_in(&signer)?.name, title: "Your signatures" },
        waiting: waiting.iter().map(waiting_row).collect(),
        credentials: own.credentials.iter().map(credential_row).collect(),
        signatures: signatures.into_iter().map(signature_row).collect(),
        older: older.map(|place| format!("{ACCOUNT}?before={place}")),
    };
    Ok(page(StatusCode::OK, &shown)?)
}

/// Asks whether a credential is to end.
pub(super) async fn ask(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Path(id): Path<CredentialId>,
) -> Result<Response, Failed> {
    let credential = credential_row(&credential::show(&signer, &caller, &id).await?);
    if !credential.lives {
        return Ok(see_other(ACCOUNT)?);
    }
    let frame = Frame { site: &sign_in(&signer)?.name, title: "Do you want to end this credential?" };
    let proves = signer.config.time_stamps.is_some();
    // One pass may be just over.
    let proved_within = proves.then(|| 2 * signer.config.proof_interval_s);
    Ok(page(StatusCode::OK, &EndPage { frame, credential, proved_within })?)
}

/// Ends a credential for good.
pub(super) async fn end(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Path(id): Path<CredentialId>,
    ours: Result<OurPage, Problem>,
) -> Result<Response, Failed> {
    ours?;
    credential::revoke(&signer, &caller, &id, Reason::CessationOfOperation).await?;
    Ok(see_other(ACCOUNT)?)
}

fn credential_row(credential: &Credential) -> CredentialRow {
    let state = match credential.state {
        CredentialState::Pending => "Not ready yet",
        CredentialState::Active => "Can sign",
        CredentialState::Suspended => "On hold",
        CredentialState::Revoked if credential.ending => "Ended here, and its certificate is not revoked yet",
        CredentialState::Revoked => "Ended",
        CredentialState::Destroyed => "Ended, and its key is gone",
    };
    // It can be told again, though it goes on by itself.
    let is_ending = credential.state == CredentialState::Revoked && credential.ending;
    let until = credential.certificates.first().map(|certificate| minute(certificate.not_after));
    CredentialRow {
        id: credential.credential_id.clone(),
        state,
        key: serde_json::to_value(credential.algorithm)
            .ok()
            .and_then(|name| name.as_str().map(str::to_uppercase))
            .unwrap_or_default(),
        until: until.unwrap_or_default(),
        lives: matches!(credential.state, CredentialState::Active | CredentialState::Suspended) || is_ending,
    }
}

fn waiting_row(row: &ConsentRow) -> WaitingRow {
    WaitingRow {
        id: row.consent_id.to_string(),
        client: row.client_name.clone(),
        documents: row.digests.len(),
        until: minute(row.expires_at.0),
    }
}

fn signature_row(entry: LedgerEntry) -> SignatureRow {
    SignatureRow {
        at: minute(entry.signed_at),
        client: entry.client,
        document: entry.document.unwrap_or(entry.id),
        patient: entry.patient.unwrap_or_default(),
        method: entry.method,
    }
}

/// A time to the minute, in UTC.
pub(super) fn minute(at: i64) -> String {
    let text = Millis(at).to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| minute.replace('T', " at "))
}
