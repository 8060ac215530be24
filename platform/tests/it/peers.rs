//! Calling another module, in memory and over mutual TLS.

use std::time::Duration;

use axum::routing::{get, post};
use axum::{Extension, Router};
use http::Method;
use platform::peer::{Config, Peer};
use platform::web::{ClientCertificates, Json, Listener, ListenerConfig, TlsPeer, stack};
use platform::{Act, Caller, Kind, Problem, web};
use serde::{Deserialize, Serialize};

use crate::keys::Keys;

const READ: Act = Act("shelf:read");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Book {
    title: String,
}

fn router() -> Router {
    let router = Router::new()
        .route(
            "/books",
            post(async |caller: Caller, Json(book): Json<Book>| -> Result<Json<Book>, Problem> {
                caller.may(READ)?;
                Ok(Json(book))
            }),
        )
        .route("/nothing", get(async || ()))
        .route("/raw", get(async || vec![0x30, 0x00]))
        .route("/gone", get(async || Problem::gone("book-pulped", "The book was pulped.")))
        .route("/busy", get(async || Problem::unavailable("shelf-busy", "Wait.", Duration::from_secs(7))))
        .route("/broken", get(async || Problem::internal("swordfish")))
        .route("/html", get(async || (http::StatusCode::BAD_GATEWAY, "<html>")));
    stack(router, &web::Limits::default(), web::Told { port: "test", lines: web::Lines::All })
}

/// What holds for both ways.
async fn check(peer: &Peer) {
    let book = Book { title: "Tables".to_owned() };
    let answer: Book = peer.call(Method::POST, "/books", Some(&book)).await.unwrap();
    assert_eq!(answer, book);
    peer.call::<(), ()>(Method::GET, "/nothing", None).await.unwrap();
    assert_eq!(peer.fetch("/raw").await.unwrap().as_ref(), [0x30, 0x00]);

    let refused = async |path: &str| peer.call::<(), ()>(Method::GET, path, None).await.unwrap_err();
    let gone = refused("/gone").await;
    assert_eq!(
        (gone.kind, gone.code, gone.detail.as_str()),
        (Kind::Gone, "book-pulped", "The book was pulped.")
    );
    let busy = refused("/busy").await;
    assert_eq!((busy.kind, busy.code), (Kind::Unavailable, "shelf-busy"));
    assert_eq!(busy.retry_after, Some(Duration::from_secs(7)));
    let broken = refused("/broken").await;
    assert_eq!((broken.kind, broken.code), (Kind::Internal, "internal"));
    assert!(!format!("{broken:?}").contains("swordfish"), "an inside stays inside");
    assert_eq!(refused("/nowhere").await.kind, Kind::NotFound);
    let html = refused("/html").await;
    assert_eq!((html.kind, html.code), (Kind::Internal, "peer-refused"));
}

/// In memory the other module sees the caller that was given, and its refusals keep their kind and code.
#[tokio::test]
async fn local_peers_answer() {
    check(&Peer::local(router(), Caller::module("reader", &[READ]))).await;
    let stranger = Peer::local(router(), Caller::module("stranger", &[]));
    let book = Book { title: String::new() };
    let refused = stranger.call::<_, Book>(Method::POST, "/books", Some(&book)).await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (Kind::Forbidden, "act-not-granted"));
}

/// Over mutual TLS all is the same; without the right anchor, or with nobody there, it is unavailable and says so.
#[tokio::test]
async fn remote_peers_answer() {
    platform::tls::install_crypto_provider();
    let keys = Keys::new();
    keys.make("server", "localhost");
    keys.make("client", "client.example");
    let config = ListenerConfig::new(
        "127.0.0.1:0".parse().unwrap(),
        Some(keys.server("server", ClientCertificates::AcceptAny)),
    );
    let listener = Listener::bind(&config).await.unwrap();
    let address = listener.local_addr();
    // Here the shown certificate alone makes the caller; the server looks at it more closely.
    let router = router().layer(axum::middleware::from_fn(
        async |peer: Option<Extension<TlsPeer>>,
               mut request: axum::extract::Request,
               next: axum::middleware::Next| {
            if peer.is_some() {
                request.extensions_mut().insert(Caller::module("reader", &[READ]));
            }
            next.run(request).await
        },
    ));
    tokio::spawn(listener.serve(router, std::future::pending()));
    let config = Config {
        url: format!("https://localhost:{}/", address.port()),
        anchors: keys.path("anchor.pem"),
        certificate: keys.path("client.pem"),
        key: keys.path("client.key"),
        connect_time_out_ms: 3_000,
        time_out_ms: 3_000,
    };
    check(&Peer::remote(&config).unwrap()).await;

    let others = Keys::new();
    let mistrusting = Peer::remote(&Config { anchors: others.path("anchor.pem"), ..config.clone() }).unwrap();
    let refused = mistrusting.call::<(), ()>(Method::GET, "/nothing", None).await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (Kind::Unavailable, "peer-unreachable"));

    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", deaf.local_addr().unwrap().port());
    let waiting = Peer::remote(&Config { url, time_out_ms: 100, ..config }).unwrap();
    let refused = waiting.call::<(), ()>(Method::GET, "/nothing", None).await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (Kind::TimedOut, "peer-timed-out"));
}
