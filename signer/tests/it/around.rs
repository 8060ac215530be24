//! What is refused before a route is reached is refused in the words of the API too.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request};
use http_body::Frame;
use platform::db::Db;
use platform::web::{Limits, PeerAddress, Rate};
use serde_json::json;
use signer::api::Algorithm;

use crate::rig::{self, Rig, digest_of};

/// Each method that takes a body.
const METHODS: [&str; 5] = [
    "/csc/v2/credentials/list",
    "/csc/v2/credentials/info",
    "/csc/v2/credentials/authorize",
    "/csc/v2/signatures/signHash",
    "/csc/v2/signatures/signDoc",
];

platform::both_engines! {
    /// A client that sends its body too slowly is told so on every method, and nothing of its authorisation is used up.
    async fn slow_clients_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hash = digest_of(b"one");
        let sad = rig.sad(&id, &[&hash]).await;
        let port = rig.port(&Limits { body_time_out_ms: 50, ..Limits::default() });
        for path in METHODS {
            let mut request = rig::request("POST", path, None);
            *request.body_mut() = Body::new(Stuck);
            request.extensions_mut().insert(rig.system.clone());
            let refused = rig::send(port.clone(), request).await;
            refused.is_csc(408, "invalid_request", "The body did not arrive in time.");
        }
        assert!(rig.ledger(&id).await.is_empty());
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await.status, 200);
    }

    /// The limits of the port refuse in the words of the API, with the headers that belong to it; everything beside the
    /// API gets problem details as before.
    async fn limits_refuse_in_the_words_of_the_api(db: Db) {
        let rig = Rig::new(db).await;
        let small = rig.port(&Limits { body_bytes: 100, ..Limits::default() });
        let large = json!({"credentialID": "A".repeat(100)});
        for path in METHODS {
            let refused = rig::send(small.clone(), from(&rig, path, &large)).await;
            refused.is_csc(413, "invalid_request", "The request body is too large");
            assert!(refused.header("x-request-id").is_some());
        }
        let refused = rig::send(small, from(&rig, "/signer/credentials", &large)).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (413, Some("body-too-large")));

        let one = NonZeroU32::MIN;
        let rate = Some(Rate { per_second: one, burst: one });
        let slow = rig.port(&Limits { per_client: rate, ..Limits::default() });
        let mut refused = rig::send(slow.clone(), from(&rig, METHODS[0], &json!({}))).await;
        assert_eq!(refused.status, 400);
        // One may be let in again each second.
        for _ in 0..50 {
            if refused.status == 429 {
                break;
            }
            refused = rig::send(slow.clone(), from(&rig, METHODS[0], &json!({}))).await;
        }
        refused.is_csc(429, "temporarily_unavailable", "Too many requests. Wait as long as retry-after says.");
        assert_eq!(refused.header("retry-after"), Some("1".to_owned()));

        let busy = rig.port(&Limits { in_flight: 0, ..Limits::default() });
        let refused = rig::send(busy, from(&rig, METHODS[0], &json!({}))).await;
        refused.is_csc(503, "temporarily_unavailable", "The server is busy. Try again shortly.");

        let port = rig.port(&Limits::default());
        let refused = rig::send(port, rig::request("GET", METHODS[0], None)).await;
        refused.is_csc(405, "invalid_request", "This method is not for this address.");
        assert_eq!(refused.header("content-type"), Some("application/json".to_owned()));
    }
}

/// A request of the practice system over the network.
fn from(rig: &Rig, path: &str, body: &serde_json::Value) -> Request<Body> {
    let mut request = rig::request("POST", path, Some(body));
    request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.to_string().len()));
    request.extensions_mut().insert(PeerAddress("192.0.2.1:1000".parse().unwrap()));
    request.extensions_mut().insert(rig.system.clone());
    request
}

/// A body that never goes on.
struct Stuck;

impl HttpBody for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
