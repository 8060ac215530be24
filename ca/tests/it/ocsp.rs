//! The OCSP responder through its routes, read by `pki` and held against the revocation list.

mod caching;
mod renewing;
mod statuses;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::Authority;
use http::request::Builder;
use http::{Method, Request as HttpRequest};
use pki::ocsp::{Answer, CertId, Evidence, Hash, Question, Refusal, Request, Response};
use platform::db::Db;
use tower::ServiceExt as _;

use crate::world::{World, decoded, parts};

/// A world whose responders are made.
pub(crate) async fn answering(db: Db) -> World {
    let world = World::new(db).await;
    assert_eq!(world.authority.renew_responders().await, 4, "one for each issuing authority");
    world
}

/// An issuer's certificate.
pub(crate) async fn issuer(world: &World, id: &str) -> pki::Certificate {
    decoded(&world.client.issuer(id).await.unwrap().certificate)
}

/// The name of a certificate of this issuer.
pub(crate) fn id_of(hash: Hash, issuer: &pki::Certificate, serial: &str) -> CertId {
    CertId::new(hash, issuer, serial.parse().unwrap()).unwrap()
}

/// Sends a question in the body, and gives back what came.
pub(crate) async fn post(authority: &Authority, question: &[u8]) -> (http::response::Parts, Vec<u8>) {
    send(authority, HttpRequest::builder().method(Method::POST).uri("/ocsp"), Body::from(question.to_vec()))
        .await
}

/// Sends a question in the path.
pub(crate) async fn get(
    authority: &Authority,
    question: &[u8],
    headers: &[(&str, &str)],
) -> (http::response::Parts, Vec<u8>) {
    let text = STANDARD.encode(question).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let mut request = HttpRequest::builder().uri(format!("/ocsp/{text}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(authority, request, Body::empty()).await
}

async fn send(authority: &Authority, request: Builder, body: Body) -> (http::response::Parts, Vec<u8>) {
    let response = ca::public_router(authority.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, octets) = parts(response).await;
    if parts.status == 200 {
        assert_eq!(parts.headers["content-type"], "application/ocsp-response");
    }
    (parts, octets)
}

/// The answer in what came.
pub(crate) fn answer(octets: &[u8]) -> Answer {
    match Response::from_der(octets).unwrap() {
        Response::Answered(answer) => *answer,
        Response::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// The refusal in what came.
pub(crate) fn refusal(octets: &[u8]) -> Refusal {
    match Response::from_der(octets).unwrap() {
        Response::Refused(refusal) => refusal,
        Response::Answered(answer) => panic!("{answer:?}"),
    }
}

/// Asks about one certificate by POST, and checks the answer.
pub(crate) async fn ask(
    world: &World,
    authority: &Authority,
    issuer: &pki::Certificate,
    id: &CertId,
) -> Evidence {
    let question = Request::new(vec![id.clone()], None).unwrap();
    let (_, octets) = post(authority, &question.to_der()).await;
    let at_ms = world.clock.now().0;
    answer(&octets).check(&Question { id, issuer, nonce: None, at_ms }).unwrap()
}
