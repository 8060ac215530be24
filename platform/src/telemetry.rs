//! Logs, metrics and traces.
//!
//! Logs go to standard error or to a file, as JSON lines or as text. Metrics are kept for whoever asks. Logs and traces go out by
//! OTLP only if the configuration says where to.

mod lines;
mod otlp;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// The `[telemetry]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How a log line looks.
    pub format: Format,
    /// What is logged, such as `info` or `info,platform=debug`.
    pub filter: String,
    /// The file that log lines are appended to instead of standard error.
    pub file: Option<PathBuf>,
    /// Where logs and traces go beside that.
    pub otlp: Option<Otlp>,
}

impl Default for Config {
    fn default() -> Self {
        Self { format: Format::Json, filter: "info".to_owned(), file: None, otlp: None }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON object a line, for programs.
    Json,
    /// For people.
    Text,
}

/// A collector that speaks OTLP over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Its address without a path, such as `http://collector:4318`.
    pub endpoint: String,
    /// The name under which we report.
    #[serde(default = "default_service_name")]
    pub service_name: String,
}

fn default_service_name() -> String {
    "lanyard".to_owned()
}

/// Telemetry that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error("[telemetry] filter {filter:?} cannot be read; write for instance \"info\"")]
    Filter {
        /// The configured text.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The log file cannot be written.
    #[error("[telemetry] file {} cannot be written", .path.display())]
    File {
        /// The configured file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The collector's settings cannot be used.
    #[error("[telemetry.otlp] cannot be used")]
    Otlp(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Another recorder of metrics is installed.
    #[error("metrics cannot be recorded")]
    Metrics(#[source] BuildError),
    /// Another log is installed.
    #[error("logs cannot be written: telemetry was started before")]
    Twice,
}

/// Keeps telemetry going; when it is dropped, what waits is sent.
pub struct Guard {
    metrics: Metrics,
    _otlp: Option<otlp::Providers>,
}

impl Guard {
    /// The metrics of this process.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics in Prometheus' text form.
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Starts logs, metrics and, where configured, OTLP. Once in a process, inside the runtime.
pub fn init(config: &Config) -> Result<Guard, Error> {
    crate::tls::install_crypto_provider();
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|source| Error::Filter { filter: config.filter.clone(), source })?;
    let otlp = config.otlp.as_ref().map(otlp::Providers::new).transpose()?;
    let writer = config.file.as_deref().map_or_else(|| Ok(BoxMakeWriter::new(std::io::stderr)), append_to)?;
    let log = match config.format {
        Format::Json => fmt::layer().json().event_format(lines::JsonLines::new()).with_writer(writer).boxed(),
        Format::Text => fmt::layer().with_ansi(config.file.is_none()).with_writer(writer).boxed(),
    };
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> =
        std::iter::once(log).chain(otlp.iter().flat_map(otlp::Providers::layers)).collect();
    tracing_subscriber::registry().with(layers).with(filter).try_init().map_err(|_| Error::Twice)?;
    let metrics = Metrics(record_metrics()?);
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.0.run_upkeep();
        }
    });
    Ok(Guard { metrics, _otlp: otlp })
}

fn append_to(path: &Path) -> Result<BoxMakeWriter, Error> {
    let refused = |source| Error::File { path: path.to_owned(), source };
    let file = File::options().create(true).append(true).open(path).map_err(refused)?;
    Ok(BoxMakeWriter::new(Arc::new(file)))
}

/// Histograms collect their samples until they are counted into buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From a token's signature to a slow request, in seconds.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How many of something at once.
const COUNTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

fn record_metrics() -> Result<PrometheusHandle, Error> {
    PrometheusBuilder::new()
        .set_buckets(&COUNTS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(Error::Metrics)
}
