//! `/ca/certificates.csv` and `/ca/certificates.jsonl`: a search as one file, written as it is read.

use axum::body::{Body as Stream, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::problem::{Body, Problem};
use platform::web::Query;
use tokio::sync::OwnedSemaphorePermit;

use crate::api::{CertificateInfo, CertificateQuery, READ};
use crate::authority::Authority;
use crate::error::Error;
use crate::rfc3339;
use crate::search::Search;

/// The headings of the comma-separated form.
const HEADINGS: &str = "serial,issuer,profile,profile_version,state,subject,user_id,not_before,not_after,\
    revoked_at,reason,invalidity_date,sha256\r\n";

/// Exports what a search finds as comma-separated values (RFC 4180), without the certificates themselves.
///
/// All of it, as it is read; a `limit` is refused. When the database fails half-way the answer breaks
/// off, so that half a file is not taken for a whole one.
#[utoipa::path(
    get, path = "/ca/certificates.csv", tag = "ca", params(CertificateQuery),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 503, description = "As many exports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn csv(
    caller: Caller,
    State(authority): State<Authority>,
    Query(query): Query<CertificateQuery>,
) -> Result<Response, Problem> {
    caller.may(READ)?;
    let media_type = "text/csv; charset=utf-8; header=present";
    export(authority, &query, media_type, Some(HEADINGS), csv_line)
}

/// Exports what a search finds as JSON lines, each what `GET /ca/certificates/{serial}` answers.
///
/// All of it, as it is read; a `limit` is refused. When the database fails half-way the answer breaks
/// off, so that half a file is not taken for a whole one.
#[utoipa::path(
    get, path = "/ca/certificates.jsonl", tag = "ca", params(CertificateQuery),
    responses(
        (status = 200, description = "The file", body = String, content_type = "application/jsonl"),
        (status = 400, description = "The query is refused", body = Body),
        (status = 403, description = "The caller may not do ca:read", body = Body),
        (status = 503, description = "As many exports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn json_lines(
    caller: Caller,
    State(authority): State<Authority>,
    Query(query): Query<CertificateQuery>,
) -> Result<Response, Problem> {
    caller.may(READ)?;
    export(authority, &query, "application/jsonl", None, json_line)
}

/// How one certificate is written.
type Line = fn(&CertificateInfo) -> String;

fn export(
    authority: Authority,
    query: &CertificateQuery,
    media_type: &'static str,
    headings: Option<&'static str>,
    line: Line,
) -> Result<Response, Problem> {
    if query.limit.is_some() {
        let sentence = "an export has all that is found; leave limit out, or list page by page".to_owned();
        return Err(Error::RequestInvalid { field: "limit", sentence }.into());
    }
    let search = Search::parse(query, authority.desk().clock.now())?;
    let turn = authority.exporting().try_acquire_owned().map_err(|_| Error::ExportsBusy)?;
    let export = Export { authority, search, headings, line, _turn: turn };
    let body = Stream::from_stream(stream::try_unfold(export, Export::more));
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// An export that has not come to its end. It holds one page at a time, and reads the next when that is sent.
struct Export {
    authority: Authority,
    search: Search,
    /// What comes before everything, until it is written.
    headings: Option<&'static str>,
    line: Line,
    /// Held until the last line is sent or the reader goes away.
    _turn: OwnedSemaphorePermit,
}

impl Export {
    async fn more(mut self) -> Result<Option<(Bytes, Export)>, Error> {
        if let Some(headings) = self.headings.take() {
            return Ok(Some((Bytes::from_static(headings.as_bytes()), self)));
        }
        let rows = self.authority.export_more(&mut self.search).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let lines: String = rows.iter().map(self.line).collect();
        Ok(Some((Bytes::from(lines), self)))
    }
}

fn json_line(info: &CertificateInfo) -> String {
    // A certificate's times are in the years that RFC 3339 knows; nothing else fails.
    serde_json::to_string(info).unwrap_or_default() + "\n"
}

fn csv_line(info: &CertificateInfo) -> String {
    let time = |at: Option<Millis>| at.and_then(rfc3339::to_text).unwrap_or_default();
    let revocation = info.revocation.as_ref();
    let reason = revocation.and_then(|revocation| serde_json::to_value(revocation.reason).ok());
    let fields = [
        info.serial.clone(),
        info.issuer.clone(),
        info.profile.clone(),
        info.profile_version.map(|version| version.to_string()).unwrap_or_default(),
        info.state.as_str().to_owned(),
        info.subject.clone(),
        info.user_id.clone().unwrap_or_default(),
        time(Some(info.not_before)),
        time(Some(info.not_after)),
        time(revocation.map(|revocation| revocation.revoked_at)),
        reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or_default().to_owned(),
        time(revocation.and_then(|revocation| revocation.invalidity_date)),
        info.sha256.clone().unwrap_or_default(),
    ];
    fields.map(|field| quoted(&field)).join(",") + "\r\n"
}

/// RFC 4180 2: what holds a comma, a quotation mark or a line break stands in quotation marks.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields that would break a line are quoted, and no others.
    #[test]
    fn fields_are_quoted_where_they_must() {
        assert_eq!(quoted("Larkfield"), "Larkfield");
        assert_eq!(quoted("CN=O'Neill\\, Zoë,OU=\"x\""), "\"CN=O'Neill\\, Zoë,OU=\"\"x\"\"\"");
    }
}
