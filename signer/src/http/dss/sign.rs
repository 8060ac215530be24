//! The page on which somebody is asked to sign.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use card::wire::signing::Signed;
use platform::problem::Problem;
use platform::web::{Json, Path};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Failed, Frame, OurPage, page, reaching, sealed, see_other, sign_in};
use super::person::Person;
use crate::dss::{
    Content, Document, answer as take, ask, cancel as give_up, ended, find, remote_of, smartcard, waiting,
};
use crate::error::Error;
use crate::signer::Signer;

/// What is asked.
#[derive(Template)]
#[template(path = "sign.html")]
struct SignPage<'a> {
    frame: Frame<'a>,
    /// The token in the address.
    token: &'a str,
    /// What the application is called.
    application: &'a str,
    /// Who is asked, by their number.
    user: &'a str,
    documents: &'a [Document],
    /// How many of them were not seen.
    unseen: usize,
    /// Whether there is a key that is kept for the person.
    remote: bool,
    /// Whether a smartcard may sign.
    card: bool,
}

/// What the script sends with an answer.
#[derive(Deserialize)]
pub(super) struct Answer {
    credential: Value,
}

pub(super) async fn show(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    person: Result<Person, Problem>,
) -> Result<Response, Failed> {
    let row = find(&signer, &token, &person?.user_id).await?;
    // What was decided, or is over, is not asked any more, and the application waits for its browser: an answer of ours may have been lost.
    if let Some(onward) = ended(&signer, &row, &token) {
        return Ok(see_other(&onward)?);
    }
    waiting(&signer, &row)?;
    let documents: Vec<Document> =
        serde_json::from_str(&row.shown).map_err(|_| Error::StoredRow { what: "list of documents" })?;
    let title = match documents.len() {
        1 => "Sign 1 document".to_owned(),
        many => format!("Sign {many} documents"),
    };
    let shown = SignPage {
        frame: Frame { site: &sign_in(&signer)?.name, title: &title },
        token: &token,
        application: &row.client_name,
        user: &row.user_id,
        unseen: documents.iter().filter(|document| !document.content.is_seen()).count(),
        documents: &documents,
        remote: remote_of(&signer, &row).await?,
        card: signer.config.dss.cards,
    };
    let shown = page(StatusCode::OK, &shown)?;
    // The agent is found on one of several ports of the workstation itself, and signs on another.
    Ok(if signer.config.dss.cards { reaching(shown, "http://localhost:*") } else { shown })
}

/// What tells the script where to go on: what was decided, or is over, is asked no more, on a page that is still open as on one that is opened again.
fn going_on(onward: &str) -> Response {
    sealed(Json(json!({ "location": onward })).into_response())
}

pub(super) async fn options(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    _ours: OurPage,
    person: Person,
) -> Result<Response, Problem> {
    let row = find(&signer, &token, &person.user_id).await?;
    if let Some(onward) = ended(&signer, &row, &token) {
        return Ok(going_on(&onward));
    }
    waiting(&signer, &row)?;
    Ok(sealed(Json(ask(&signer, sign_in(&signer)?, &row).await?).into_response()))
}

pub(super) async fn answer(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    _ours: OurPage,
    person: Person,
    Json(answer): Json<Answer>,
) -> Result<Response, Problem> {
    let row = find(&signer, &token, &person.user_id).await?;
    let onward = take(&signer, sign_in(&signer)?, (&token, row), answer.credential).await?;
    Ok(going_on(&onward))
}

pub(super) async fn card_options(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    _ours: OurPage,
    person: Person,
) -> Result<Response, Problem> {
    let row = find(&signer, &token, &person.user_id).await?;
    if signer.config.dss.cards
        && let Some(onward) = ended(&signer, &row, &token)
    {
        return Ok(going_on(&onward));
    }
    Ok(sealed(Json(smartcard::question(&signer, &row)?).into_response()))
}

pub(super) async fn card_answer(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    _ours: OurPage,
    person: Person,
    Json(brought): Json<Signed>,
) -> Result<Response, Problem> {
    let row = find(&signer, &token, &person.user_id).await?;
    let onward = smartcard::answer(&signer, (&token, row), brought).await?;
    Ok(going_on(&onward))
}

pub(super) async fn cancel(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    ours: Result<OurPage, Problem>,
    person: Result<Person, Problem>,
) -> Result<Response, Failed> {
    ours?;
    let row = find(&signer, &token, &person?.user_id).await?;
    Ok(see_other(&give_up(&signer, &token, row).await?)?)
}
