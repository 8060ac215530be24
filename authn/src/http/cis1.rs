//! `/login`, `/saml` and `/sessionmanager`: the broker of CIS1. These routes are there only where `[authn.cis1]` is.

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, Uri, header};
use platform::web::{PeerAddress, Raw};

use super::form::unkept;
use super::page::{Failed, page};
use crate::cis1::keeping::Asked;
use crate::cis1::{self, Answer, Came, Cis1, DOCUMENT_TYPE, Message, Refusal};
use crate::oidc::parameters::Parameters;
use crate::pages::{Frame, ToldPage};
use crate::provider::Provider;

const XML: &str = "text/xml; charset=utf-8";
const DTD: &str = "application/xml-dtd";

/// An address, where the server knows it.
type Peer = Option<Extension<PeerAddress>>;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/login/authactivate", post(activate))
        .route("/login/authvalidate", post(validate))
        // Agents send it by either, with a body.
        .route("/login/authlogout", get(sign_out).post(sign_out))
        .route("/login/dtd", get(document_type))
        .route("/login/error", get(error))
        // By a message or by the ticket alone.
        .route("/sessionmanager/session/update", get(look).post(update))
        .route("/saml/RoleSelectionGP.jsp", get(select))
        .route("/saml/RoleAssertion", get(assertion))
}

fn came(provider: &Provider, peer: Peer) -> Came {
    Came { address: peer.map(|Extension(peer)| peer.0.ip()), now: provider.now() }
}

fn settings(provider: &Provider) -> Cis1 {
    provider.config.cis1.clone().unwrap_or_default()
}

fn read(body: &[u8]) -> Result<Message, Refusal> {
    Message::read(body).map_err(Refusal::from)
}

async fn activate(State(provider): State<Provider>, peer: Peer, Raw(body): Raw) -> Response {
    let came = came(&provider, peer);
    let answer = match read(&body) {
        Ok(message) => cis1::activation::activate(&provider, &settings(&provider), &message, came).await,
        Err(refusal) => Err(refusal),
    };
    answered(&provider, "authactivate", answer)
}

async fn validate(State(provider): State<Provider>, peer: Peer, Raw(body): Raw) -> Response {
    let came = came(&provider, peer);
    let answer = match read(&body) {
        Ok(message) => cis1::validation::validate(&provider, &settings(&provider), &message, came).await,
        Err(refusal) => Err(refusal),
    };
    answered(&provider, "authvalidate", answer)
}

async fn sign_out(State(provider): State<Provider>, peer: Peer, Raw(body): Raw) -> Response {
    let came = came(&provider, peer);
    let answer = match read(&body) {
        Ok(message) => cis1::logout::sign_out(&provider, &message, came).await,
        Err(refusal) => Err(refusal),
    };
    answered(&provider, "authlogout", answer)
}

async fn update(State(provider): State<Provider>, peer: Peer, Raw(body): Raw) -> Response {
    let came = came(&provider, peer);
    let answer = match read(&body) {
        Ok(message) => {
            cis1::keeping::update(&provider, &settings(&provider), Asked::in_message(&message), came).await
        }
        Err(refusal) => Err(refusal),
    };
    answered(&provider, "session-update", answer)
}

async fn look(State(provider): State<Provider>, peer: Peer, uri: Uri) -> Response {
    let came = came(&provider, peer);
    let answer = match parameters(&uri) {
        Ok(parameters) => {
            cis1::keeping::update(&provider, &settings(&provider), Asked::in_address(&parameters), came).await
        }
        Err(refusal) => Err(refusal),
    };
    answered(&provider, "session-update", answer)
}

fn parameters(uri: &Uri) -> Result<Parameters, Refusal> {
    Parameters::parse(uri.query().unwrap_or_default().as_bytes())
        .map_err(|unreadable| Refusal::unreadable(format!("The address is not read: {unreadable}.")))
}

async fn select(State(provider): State<Provider>, peer: Peer, uri: Uri) -> Response {
    let came = came(&provider, peer);
    let answer = match parameters(&uri) {
        Ok(parameters) => cis1::role::select(&provider, &parameters, came).await,
        Err(refusal) => Err(refusal),
    };
    answered(&provider, "role-selection", answer)
}

async fn assertion(State(provider): State<Provider>, peer: Peer, uri: Uri) -> Response {
    let came = came(&provider, peer);
    let told = match parameters(&uri) {
        Ok(parameters) => {
            cis1::assertion::assertion(&provider, parameters.get("token").unwrap_or_default(), came).await
        }
        Err(refusal) => Err(refusal),
    };
    counted("role-assertion", told.as_ref().err());
    match told {
        Ok(text) => sent(StatusCode::OK, XML, text),
        Err(refusal) => sent(status(&refusal), XML, cis1::refused_in_saml(&refusal, came)),
    }
}

/// An answer in the words of agents, or a refusal in them.
fn answered(provider: &Provider, act: &'static str, answer: Result<Answer, Refusal>) -> Response {
    counted(act, answer.as_ref().err());
    match answer {
        Ok(answer) => sent(StatusCode::OK, XML, answer.text()),
        Err(refusal) => {
            let origin = &provider.config.issuer;
            let answer = Answer::new(origin)
                .with("error_url", &format!("{origin}/login/error"))
                .with("error_code", refusal.word())
                .with("error_text", &refusal.sentence());
            sent(status(&refusal), XML, answer.text())
        }
    }
}

fn counted(act: &'static str, refusal: Option<&Refusal>) {
    let outcome = refusal.map_or("done", Refusal::word);
    metrics::counter!("authn_cis1_requests_total", "act" => act, "outcome" => outcome).increment(1);
    if let Some(refusal) = refusal {
        refusal.logged();
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn sent(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, kind)], text).into_response();
    unkept(response.headers_mut());
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn document_type() -> Response {
    sent(StatusCode::OK, DTD, DOCUMENT_TYPE.to_owned())
}

/// Where agents send people when the card did not sign in.
async fn error(State(provider): State<Provider>) -> Result<Response, Failed> {
    let template = ToldPage {
        frame: Frame::new(&provider.config.name, "Your smartcard did not sign you in"),
        sentence: "Take the card out, put it in again and type its passcode. If that does not help, ask your registration authority \
                   whether the card still holds.",
        way: None,
    };
    page(StatusCode::OK, &template)
}
