//! Entries as OpenTelemetry logs, at least once and in order.
//!
//! The batch processor of the SDK drops records when a collector is away. A record of acts must not, so this asks the
//! exporter directly and moves a stored cursor only when the collector has accepted.

use std::time::{Duration, SystemTime};

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use platform::db::Tx;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::{PAGE, page};
use crate::api::Entry;
use crate::config::OtlpConfig;
use crate::error::{Error, chain};
use crate::log::Log;
use crate::store::cursor::{cursor, put_cursor};

/// How often new entries are looked for, and how long one call may take.
const LOOK: Duration = Duration::from_secs(1);
const TIME_OUT: Duration = Duration::from_secs(10);
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The name of this export's cursor.
const CURSOR: &str = "otlp";

/// Why entries did not reach the collector.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The exporter cannot be made.
    #[error("the address of the collector cannot be used")]
    Address(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The collector did not accept.
    #[error("the collector did not accept the entries")]
    NotAccepted(#[source] opentelemetry_sdk::error::OTelSdkError),
    /// The entries could not be read.
    #[error("the entries could not be read")]
    Log(#[from] Error),
}

/// An exporter for one collector.
pub struct Export {
    exporter: opentelemetry_otlp::LogExporter,
    logger: SdkLogger,
    scope: InstrumentationScope,
}

impl Export {
    /// An exporter for a collector that speaks OTLP over HTTP.
    pub fn new(config: &OtlpConfig) -> Result<Self, ExportError> {
        let http = reqwest::Client::builder()
            .timeout(TIME_OUT)
            .build()
            .map_err(|cause| ExportError::Address(cause.into()))?;
        let exporter = opentelemetry_otlp::LogExporter::builder()
            .with_http()
            .with_http_client(http)
            .with_endpoint(config.endpoint.clone())
            .with_timeout(TIME_OUT)
            .build()
            .map_err(|cause| ExportError::Address(cause.into()))?;
        // A provider without a processor: it only makes the records.
        let logger = SdkLoggerProvider::builder().build().logger("lanyard-audit");
        Ok(Self { exporter, logger, scope: InstrumentationScope::builder("lanyard-audit").build() })
    }

    /// Send the next entries behind the cursor. Returns how many; fewer than a page when none are left.
    pub async fn step(&self, log: &Log) -> Result<usize, ExportError> {
        let pool = log.shared.db.read();
        let current = log.current().log_epoch;
        let (log_epoch, after) = match cursor(pool, CURSOR).await.map_err(Error::from)? {
            None => (1, None),
            Some((log_epoch, position)) => (log_epoch, Some(position)),
        };
        let size = log.signed_head(log_epoch).await?.size;
        let entries = page(log, log_epoch, after, size, PAGE).await?;
        if entries.is_empty() {
            if log_epoch < current {
                self.next_log(log, log_epoch + 1).await?;
            }
            return Ok(0);
        }
        let records: Vec<SdkLogRecord> =
            entries.iter().map(|entry| self.record(log, log_epoch, entry)).collect();
        let batch: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
        self.exporter.export(LogBatch::new(&batch)).await.map_err(ExportError::NotAccepted)?;
        let last = entries.last().map_or(0, |entry| entry.position);
        move_cursor(log, log_epoch, last).await?;
        Ok(entries.len())
    }

    /// The first entry of a new log names the gap and is sent first of all.
    async fn next_log(&self, log: &Log, log_epoch: u64) -> Result<(), ExportError> {
        let size = log.signed_head(log_epoch).await?.size;
        let Some(first) = page(log, log_epoch, None, size, 1).await?.pop() else { return Ok(()) };
        let record = self.record(log, log_epoch, &first);
        let batch = [(&record, &self.scope)];
        self.exporter.export(LogBatch::new(&batch)).await.map_err(ExportError::NotAccepted)?;
        Ok(move_cursor(log, log_epoch, first.position).await?)
    }

    fn record(&self, log: &Log, log_epoch: u64, entry: &Entry) -> SdkLogRecord {
        let text = |member: &str| entry.record[member].as_str().unwrap_or_default().to_owned();
        let mut record = self.logger.create_log_record();
        let millis = entry.record["at"].as_u64().unwrap_or(0);
        record.set_timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        // The exporter needs it, and reads no clock itself.
        let now = u64::try_from(log.shared.clock.now().0).unwrap_or(0);
        record.set_observed_timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(now));
        record.set_severity_number(Severity::Info);
        record.set_severity_text("INFO");
        record.add_attribute("event.name", format!("{}.{}", text("module"), text("name")));
        record.add_attribute("audit.id", text("id"));
        record.add_attribute("audit.log_epoch", i64::try_from(log_epoch).unwrap_or(i64::MAX));
        record.add_attribute("audit.position", i64::try_from(entry.position).unwrap_or(i64::MAX));
        let actor = entry.record["actor"]["subject"].as_str().unwrap_or_default().to_owned();
        record.add_attribute("audit.actor", actor);
        record.set_body(AnyValue::from(entry.record.to_string()));
        record
    }
}

async fn move_cursor(log: &Log, log_epoch: u64, position: u64) -> Result<(), Error> {
    log.shared
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move { Ok::<_, Error>(put_cursor(tx, CURSOR, log_epoch, position).await?) })
        })
        .await
}

/// Start the export, if a collector is configured.
pub(crate) fn start(log: &Log, stopped: &watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    let config = log.shared.config.otlp.clone()?;
    let export = match Export::new(&config) {
        Ok(export) => export,
        Err(cause) => {
            error!(cause = %chain(&cause), "entries are not sent to the collector: {cause}");
            return None;
        }
    };
    let (log, mut stopped) = (log.clone(), stopped.clone());
    Some(tokio::spawn(async move {
        let mut failing = false;
        while !*stopped.borrow() {
            let done = export.step(&log).await;
            if let Err(cause) = &done
                && !failing
            {
                warn!(cause = %chain(cause), "entries wait for the collector: {cause}");
            }
            failing = done.is_err();
            let pause = match done {
                Ok(sent) if sent == PAGE as usize => Duration::ZERO,
                Ok(_) => LOOK,
                Err(_) => AFTER_FAILURE,
            };
            let _ = tokio::time::timeout(pause, stopped.changed()).await;
        }
    }))
}
