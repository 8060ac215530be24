//! Log lines as JSON, to the octet as `tracing-subscriber` writes them.
//!
//! That one reads the fields of a span again for every line below it, twice: they are JSON already, and are taken here as they are.
//! A line per request makes that as much work as some of the answers.

use std::{fmt, io};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// Writes one JSON object a line.
pub(super) struct JsonLines {
    /// What writes lines that came by way of the crate `log`.
    foreign: Format<Json>,
}

/// What such lines have for a target until they are written.
const FOREIGN: &str = "log";

impl JsonLines {
    pub(super) fn new() -> Self {
        Self { foreign: tracing_subscriber::fmt::format().json().flatten_event(true) }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let about = event.metadata();
        if about.target() == FOREIGN {
            return self.foreign.format_event(context, writer, event);
        }
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", about.level())?;
        let mut fields = Fields { writer: writer.by_ref(), outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        member(&mut writer, "target", about.target())?;
        let current = context.lookup_current();
        let of_event = event.parent().and_then(|id| context.span(id));
        if let Some(span) = of_event.as_ref().or(current.as_ref()) {
            writer.write_str(",\"span\":")?;
            told::<S, N>(&mut writer, span)?;
            writer.write_str(",\"spans\":[")?;
            let spans = current.iter().flat_map(|span| span.scope().from_root());
            for (place, span) in spans.enumerate() {
                writer.write_str(if place == 0 { "" } else { "," })?;
                told::<S, N>(&mut writer, &span)?;
            }
            writer.write_char(']')?;
        }
        writer.write_str("}\n")
    }
}

/// A span with its fields, which are written as a JSON object when it begins.
fn told<S, N>(writer: &mut Writer<'_>, span: &SpanRef<'_, S>) -> fmt::Result
where
    S: for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
    let fields = fields.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
    let comma = if fields.is_empty() { "" } else { "," };
    write!(writer, "{{{fields}{comma}\"name\":")?;
    json(writer, span.metadata().name())?;
    writer.write_char('}')
}

/// Members of the line.
struct Fields<'w> {
    writer: Writer<'w>,
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        if self.outcome.is_ok() {
            self.outcome = member(&mut self.writer, field.name(), value);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format_args!("{value:?}"));
    }
}

fn member(writer: &mut Writer<'_>, name: &str, value: &(impl Serialize + ?Sized)) -> fmt::Result {
    writer.write_char(',')?;
    json(writer, name)?;
    writer.write_char(':')?;
    json(writer, value)
}

fn json(writer: &mut Writer<'_>, value: &(impl Serialize + ?Sized)) -> fmt::Result {
    serde_json::to_writer(Octets(writer), value).map_err(|_| fmt::Error)
}

/// A line as what takes octets.
struct Octets<'a, 'w>(&'a mut Writer<'w>);

impl io::Write for Octets<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(octets).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        /// What was written, without the times.
        fn text(&self) -> String {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let timeless = text.lines().map(|line| {
                let (time, rest) = line.strip_prefix("{\"timestamp\":\"").unwrap().split_once('"').unwrap();
                assert!(time.ends_with('Z'), "{time}");
                rest.to_owned()
            });
            timeless.collect::<Vec<_>>().join("\n")
        }
    }

    /// Lines are the same as those of the library, with and without spans and whatever their fields hold.
    #[test]
    fn lines_are_those_of_the_library() {
        let (ours, theirs) = (Written::default(), Written::default());
        let (to_ours, to_theirs) = (ours.clone(), theirs.clone());
        let log = tracing_subscriber::registry()
            .with(layer().json().event_format(JsonLines::new()).with_writer(move || to_ours.clone()))
            .with(layer().json().flatten_event(true).with_writer(move || to_theirs.clone()));
        tracing::subscriber::with_default(log, || {
            let odd = "a \"quoted\"\\ text\n\u{1} ü";
            tracing::info!(status = 200_u64, milliseconds = 0.25, odd, good = true, "{odd} was said");
            let span = tracing::info_span!("request", route = odd, method = "GET", request_id = %7);
            span.in_scope(|| {
                tracing::warn!(error = %io::Error::other("it broke"), below = -1, "it broke");
                let inner = tracing::info_span!("inner");
                inner.in_scope(|| tracing::error!(value = ?Some("x")));
                tracing::info!(parent: &inner, "beside");
            });
            tracing::info!(parent: &span, "outside");
        });
        let (ours, theirs) = (ours.text(), theirs.text());
        assert_eq!(ours.lines().count(), 5);
        assert_eq!(ours, theirs);
    }
}
