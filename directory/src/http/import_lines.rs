//! The answer to an import: lines of JSON that are sent while the file comes.

use std::time::Duration;

use axum::body::{Body as Stream, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header;
use platform::problem::{Body, Problem};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::error::Error;

/// How many lines wait to be read. Whoever does not read them misses some that say how far it is, and never the last.
pub(super) const WAITING: usize = 64;
/// How long the first part may take before the answer begins: until then what stops an import has a status of its own.
const FIRST: Duration = Duration::from_secs(10);

/// Answers with what an import says, as it says it. What stops it is the answer if nothing was said before, and else the last line,
/// which `stopped` makes of it.
pub(super) async fn answer<L: Serialize + Send + 'static>(
    mut lines: mpsc::Receiver<Result<L, Error>>,
    stopped: fn(Body) -> L,
) -> Result<Response, Problem> {
    let first = match tokio::time::timeout(FIRST, lines.recv()).await {
        Ok(Some(Err(error))) => return Err(error.into()),
        Ok(first) => first,
        Err(_still_reading) => None,
    };
    let lines = stream::unfold((first, lines), move |(first, mut lines)| async move {
        let told = match first {
            Some(told) => told,
            None => lines.recv().await?,
        };
        Some((line(told, stopped), (None, lines)))
    });
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Stream::from_stream(lines)).into_response())
}

fn line<L: Serialize>(told: Result<L, Error>, stopped: fn(Body) -> L) -> Result<Bytes, serde_json::Error> {
    let line = told.unwrap_or_else(|error| {
        let problem = Problem::from(error);
        problem.log();
        stopped(problem.body())
    });
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    Ok(text.into())
}
