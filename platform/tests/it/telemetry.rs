//! Telemetry goes where the configuration says.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::StatusCode;
use platform::telemetry::{Config, Format, Otlp, init};
use platform::web::{Listener, ListenerConfig};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Logs and traces reach the collector that is configured, and metrics whoever asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemetry_goes_where_it_is_told() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let collector = Router::new().fallback(async move |request: Request| {
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        tell.send((path, body)).unwrap();
        StatusCode::OK
    });
    let listener = Listener::bind(&ListenerConfig::new("127.0.0.1:0".parse().unwrap(), None)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr());
    tokio::spawn(listener.serve(collector, std::future::pending()));

    let otlp = Some(Otlp { endpoint, service_name: "test-service".to_owned() });
    let guard = init(&Config { format: Format::Text, filter: "info".to_owned(), file: None, otlp }).unwrap();
    tracing::info_span!("a span of the test").in_scope(|| tracing::info!("a line of the test"));
    tracing::debug!("below the filter");
    metrics::histogram!("test_seconds").record(Duration::from_millis(3));
    let metrics = guard.metrics().render();
    assert!(metrics.contains("test_seconds_bucket{le=\"0.005\"} 1"), "{metrics}");

    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
    let mut sent = std::collections::BTreeMap::<String, Vec<u8>>::new();
    while sent.len() < 2 {
        let (path, body) =
            timeout(Duration::from_secs(10), told.recv()).await.expect("nothing was sent").unwrap();
        sent.entry(path).or_default().extend_from_slice(&body);
    }
    let contains = |path: &str, text: &str| {
        sent.get(path).is_some_and(|body| body.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(contains("/v1/traces", "a span of the test") && contains("/v1/traces", "test-service"));
    assert!(contains("/v1/logs", "a line of the test"));
    assert!(!contains("/v1/logs", "below the filter"));
}
