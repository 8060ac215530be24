//! Logs and traces to a collector.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use tokio::runtime::Handle;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

use super::{Error, Otlp};

/// The two ways out. Dropping them sends what waits.
pub(super) struct Providers {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
}

impl Providers {
    pub(super) fn new(config: &Otlp) -> Result<Self, Error> {
        let base = config.endpoint.trim_end_matches('/');
        let spans = SpanExporter::builder().with_http().with_endpoint(format!("{base}/v1/traces"));
        let logs = LogExporter::builder().with_http().with_endpoint(format!("{base}/v1/logs"));
        let runtime = Handle::current();
        let spans = InRuntime { exporter: spans.build().map_err(Error::Otlp)?, runtime: runtime.clone() };
        let logs = InRuntime { exporter: logs.build().map_err(Error::Otlp)?, runtime };
        let resource = Resource::builder().with_service_name(config.service_name.clone()).build();
        Ok(Self {
            traces: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(spans)
                .build(),
            logs: SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(logs).build(),
        })
    }

    /// The layers that feed the collector.
    pub(super) fn layers(&self) -> Vec<Box<dyn Layer<Registry> + Send + Sync>> {
        // What sending logs itself would be sent again, without end.
        let ours = || {
            filter_fn(|event| {
                let target = event.target();
                !["hyper", "h2", "reqwest", "rustls", "opentelemetry", "tower"]
                    .iter()
                    .any(|sender| target.starts_with(sender))
            })
        };
        let traces = tracing_opentelemetry::layer().with_tracer(self.traces.tracer("lanyard"));
        let logs = OpenTelemetryTracingBridge::new(&self.logs);
        vec![traces.with_filter(ours()).boxed(), logs.with_filter(ours()).boxed()]
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        // A collector that is away must not hold up the end.
        let _sent = self.traces.shutdown_with_timeout(Duration::from_secs(2));
        let _sent = self.logs.shutdown_with_timeout(Duration::from_secs(2));
    }
}

/// The batching threads of the SDK know no runtime, which the HTTP client needs.
#[derive(Debug)]
struct InRuntime<E> {
    exporter: E,
    runtime: Handle,
}

impl<E> InRuntime<E> {
    async fn run(&self, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let mut export = pin!(export);
        poll_fn(|context| {
            let _entered = self.runtime.enter();
            export.as_mut().poll(context)
        })
        .await
    }
}

impl opentelemetry_sdk::trace::SpanExporter for InRuntime<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.run(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for InRuntime<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.run(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
