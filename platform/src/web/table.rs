//! Rows as they are answered: pages of JSON, or the whole as one file of comma-separated values that is written as it is read.

use std::future::Future;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::{HeaderMap, header};
use serde::Serialize;

use super::csv;
use crate::problem::Problem;

/// In which form rows are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A page of JSON.
    Json,
    /// The whole as CSV.
    Csv,
}

impl Form {
    /// RFC 9110 12.5.1: CSV where it is asked for and JSON is not asked for before it.
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let first = accept.split(',').map(essence).find(|it| it == "text/csv" || it == "application/json");
        if first.as_deref() == Some("text/csv") { Self::Csv } else { Self::Json }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// Where rows come from, one part after the other.
pub trait Parts: Send + 'static {
    /// One row.
    type Row: Serialize + Send;

    /// The next rows; `None` when there are no more.
    fn more(&mut self) -> impl Future<Output = Result<Option<Vec<Self::Row>>, Problem>> + Send;
}

/// Answers rows as a file. One part of them is held at a time, and the next is read when that is sent; where it cannot be read the
/// file breaks off, so that half a file is not taken for a whole one. What `parts` holds is held until the last row is sent or
/// the reader goes away.
pub fn file<P: Parts>(name: &str, columns: &'static [&'static str], parts: P) -> Response {
    let rest = Rest { columns, parts, heading: true };
    let body = Body::from_stream(stream::try_unfold(rest, Rest::more));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
        (header::VARY, "accept".to_owned()),
    ];
    (headers, body).into_response()
}

/// What of a file was not sent.
struct Rest<P> {
    columns: &'static [&'static str],
    parts: P,
    /// Whether the heading comes next.
    heading: bool,
}

impl<P: Parts> Rest<P> {
    async fn more(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        if std::mem::take(&mut self.heading) {
            let heading = csv::heading(self.columns).map_err(Problem::internal)?;
            return Ok(Some((heading.into(), self)));
        }
        let Some(rows) = self.parts.more().await.inspect_err(Problem::log)? else { return Ok(None) };
        let lines = csv::lines(self.columns, &rows).map_err(Problem::internal)?;
        Ok(Some((lines.into(), self)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// CSV is answered where it is asked for, JSON otherwise.
    #[test]
    fn form_is_as_asked() {
        let form = |accept: &'static str| {
            Form::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert_eq!(form("text/csv"), Form::Csv);
        assert_eq!(form("Text/CSV; charset=utf-8, */*;q=0.1"), Form::Csv);
        assert_eq!(form("application/json, text/csv;q=0.5"), Form::Json);
        assert_eq!(form("*/*"), Form::Json);
        assert_eq!(Form::of(&HeaderMap::new()), Form::Json);
    }
}
