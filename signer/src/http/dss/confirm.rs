//! The page on which somebody authorises signatures for a client of the API of the Cloud Signature Consortium.
//!
//! It is for whoever is signed in with the browser, and shows what is theirs to decide. A request for an access token comes by
//! `/authorize`, with the secret of that request in the address, and goes on there; what a client asked with a handle is found from the
//! page of one's own signatures, and leads back to it.

use askama::Template;
use authn::api::SigningQuery;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use platform::problem::Problem;
use platform::web::{Json, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{SignedIn, minute};
use super::page::{Failed, Frame, OurPage, page, sealed, see_other, sign_in};
use crate::consent;
use crate::dss::{Content, Document, Token};
use crate::error::Error;
use crate::ids::ConsentId;
use crate::signer::Signer;
use crate::store::consents::{ConsentRow, Road};

/// Where the page is.
const CONFIRM: &str = "/signing-service/confirm";
/// Where a request for an access token goes on.
const CONTINUE: &str = "/authorize/continue";

/// What is asked.
#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame<'a>,
    /// The address of the page, and what stands behind it.
    at: String,
    back: String,
    /// What the application is called.
    application: &'a str,
    /// Who is asked, by their number.
    user: &'a str,
    until: String,
    description: Option<&'a str>,
    documents: &'a [Document],
    /// How many of them were not seen.
    unseen: usize,
}

/// Where the browser goes on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Back {
    back: Option<String>,
}

impl Back {
    /// The secret of the request for a token. Whatever else stands there leads nowhere.
    fn secret(&self) -> Option<&str> {
        self.back.as_deref().filter(|text| Token::parse(text).is_some())
    }

    fn query(&self) -> String {
        self.secret().map(|secret| format!("?back={secret}")).unwrap_or_default()
    }

    /// Where it goes on when something was decided.
    fn onward(&self, road: Road) -> String {
        match (road, self.secret()) {
            (Road::Token, Some(secret)) => format!("{CONTINUE}/{secret}"),
            _ => "/signing-service/account".to_owned(),
        }
    }
}

/// What the script sends with an answer.
#[derive(Deserialize)]
pub(super) struct Answer {
    credential: Value,
}

/// From a request for an access token: the secret is its own.
pub(super) async fn begin(
    State(signer): State<Signer>,
    Path(secret): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    let cookie = fields.collect::<Vec<_>>().join("; ");
    let query = SigningQuery { secret: secret.clone(), cookie };
    let row = consent::of_token(&signer, sign_in(&signer)?, &query).await?;
    Ok(see_other(&format!("{CONFIRM}/{}?back={secret}", row.consent_id))?)
}

/// Shows what is to be signed; what was decided before goes on.
pub(super) async fn show(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConsentId>,
    Query(back): Query<Back>,
) -> Result<Response, Failed> {
    let row = consent::of_person(&signer, &caller.subject, &id).await?;
    if let Some(onward) = decided(&signer, &row, &back).await? {
        return Ok(see_other(&onward)?);
    }
    if signer.clock.now() >= row.expires_at {
        let sentence = "This request to sign is over. Go back to your application, and begin again there.";
        return Err(Problem::gone("request-over", sentence).into());
    }
    consent::is_current(&row)?;
    Ok(shown(&signer, &row, &back)?)
}

fn shown(signer: &Signer, row: &ConsentRow, back: &Back) -> Result<Response, Problem> {
    let documents: Vec<Document> =
        serde_json::from_str(&row.shown).map_err(|_| Error::StoredRow { what: "list of documents" })?;
    let title = match documents.len() {
        1 => "Sign 1 document".to_owned(),
        many => format!("Sign {many} documents"),
    };
    let shown = ConfirmPage {
        frame: Frame { site: &sign_in(signer)?.name, title: &title },
        at: format!("{CONFIRM}/{}", row.consent_id),
        back: back.query(),
        application: &row.client_name,
        user: &row.user_id,
        until: minute(row.expires_at.0),
        description: row.description.as_deref(),
        unseen: documents.iter().filter(|document| !document.content.is_seen()).count(),
        documents: &documents,
    };
    page(StatusCode::OK, &shown)
}

/// Where the browser goes on if it was decided before, and nothing else comes of what it sends: sign-in is told once more what that was, for a
/// process may have ended in between, or an answer been lost.
async fn decided(signer: &Signer, row: &ConsentRow, back: &Back) -> Result<Option<String>, Problem> {
    if row.decision.is_none() {
        return Ok(None);
    }
    let road = consent::finish(signer, sign_in(signer)?, &row.consent_id).await?;
    Ok(Some(back.onward(road)))
}

/// What tells the script where to go on.
fn going_on(onward: &str) -> Response {
    sealed(Json(json!({ "location": onward })).into_response())
}

pub(super) async fn options(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConsentId>,
    Query(back): Query<Back>,
    _ours: OurPage,
) -> Result<Response, Problem> {
    let row = consent::of_person(&signer, &caller.subject, &id).await?;
    if let Some(onward) = decided(&signer, &row, &back).await? {
        return Ok(going_on(&onward));
    }
    Ok(sealed(Json(consent::ask(&signer, sign_in(&signer)?, &row).await?).into_response()))
}

pub(super) async fn answer(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConsentId>,
    Query(back): Query<Back>,
    _ours: OurPage,
    Json(answer): Json<Answer>,
) -> Result<Response, Problem> {
    let row = consent::of_person(&signer, &caller.subject, &id).await?;
    if let Some(onward) = decided(&signer, &row, &back).await? {
        return Ok(going_on(&onward));
    }
    let done = consent::answer(&signer, sign_in(&signer)?, &row, answer.credential).await;
    Ok(going_on(&settled(&signer, &row, &back, done).await?))
}

pub(super) async fn cancel(
    State(signer): State<Signer>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConsentId>,
    Query(back): Query<Back>,
    ours: Result<OurPage, Problem>,
) -> Result<Response, Failed> {
    ours?;
    let row = consent::of_person(&signer, &caller.subject, &id).await?;
    if let Some(onward) = decided(&signer, &row, &back).await? {
        return Ok(see_other(&onward)?);
    }
    let done = consent::cancel(&signer, &row).await;
    Ok(see_other(&settled(&signer, &row, &back, done).await?)?)
}

/// Where the browser goes on when somebody has decided now, or failed to: the same may have come twice, and the other one have been first.
async fn settled(
    signer: &Signer,
    row: &ConsentRow,
    back: &Back,
    done: Result<(), Error>,
) -> Result<String, Problem> {
    let row = consent::of_person(signer, &row.user_id, &row.consent_id).await?;
    match decided(signer, &row, back).await? {
        Some(onward) => Ok(onward),
        None => Err(done.err().unwrap_or(Error::StoredRow { what: "request to sign" }).into()),
    }
}
