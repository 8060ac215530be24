//! What the metrics say of requests.
//!
//! A metric is found by its name and all its labels, which takes as long as some answers do. Each route has few of them: they are
//! found once and kept.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Histogram};

/// The metrics of the routes of one port.
#[derive(Default)]
pub(super) struct Numbers {
    /// By the pattern of the route. Held for a look-up, and for each new kind of answer once.
    routes: RwLock<HashMap<String, Answers>>,
}

/// By method and status.
type Answers = HashMap<(&'static str, u16), Number>;

/// Answers of one kind.
struct Number {
    seconds: Histogram,
    total: Counter,
}

impl Numbers {
    /// Counts an answer, and how long it took.
    pub(super) fn count(&self, method: &'static str, route: &str, status: StatusCode, took: Duration) {
        if self.counted(method, route, status, took) {
            return;
        }
        let number = Number::find(method, route, status);
        number.count(took);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route.to_owned()).or_default().insert((method, status.as_u16()), number);
    }

    /// Whether it was one of a kind that was met before.
    fn counted(&self, method: &'static str, route: &str, status: StatusCode, took: Duration) -> bool {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let number = routes.get(route).and_then(|answers| answers.get(&(method, status.as_u16())));
        if let Some(number) = number {
            number.count(took);
        }
        number.is_some()
    }
}

impl Number {
    fn find(method: &'static str, route: &str, status: StatusCode) -> Self {
        let (route, status) = (route.to_owned(), status.as_str().to_owned());
        Self {
            seconds: metrics::histogram!("http_request_seconds", "method" => method, "route" => route.clone()),
            total: metrics::counter!("http_requests_total", "method" => method, "route" => route, "status" => status),
        }
    }

    fn count(&self, took: Duration) {
        self.seconds.record(took);
        self.total.increment(1);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// Answers of one kind are one number, whether they were met before or not, and each kind has its own.
    #[test]
    fn answers_are_counted_by_kind() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let numbers = Numbers::default();
            let took = Duration::from_millis(1);
            for (method, status) in [
                ("GET", StatusCode::OK),
                ("GET", StatusCode::OK),
                ("GET", StatusCode::NOT_FOUND),
                ("HEAD", StatusCode::OK),
            ] {
                numbers.count(method, "/people/{id}", status, took);
            }
        });
        let text = recorder.handle().render();
        for line in [
            r#"http_requests_total{method="GET",route="/people/{id}",status="200"} 2"#,
            r#"http_requests_total{method="GET",route="/people/{id}",status="404"} 1"#,
            r#"http_requests_total{method="HEAD",route="/people/{id}",status="200"} 1"#,
            r#"http_request_seconds_count{method="GET",route="/people/{id}"} 3"#,
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
    }
}
