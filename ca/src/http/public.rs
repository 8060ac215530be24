//! `/crl/{issuer}.crl`, `/crl/{issuer}/{list}.crl` `/aia/{issuer}.cer` and the routes of `/ocsp`: for everybody, over plain HTTP (RFC 5280 4.2.1.13, 4.2.2.1).

use axum::Router;
use axum::body::Body as Octets;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pki::Certificate;
use platform::clock::Millis;
use platform::problem::{Body, Problem};
use platform::web::Path;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::ocsp;
use crate::asn1::moment;
use crate::authority::Authority;
use crate::crl::Kind;
use crate::digest::sha256_hex;
use crate::enrol::est::certificates_only;
use crate::error::Error;
use crate::publishing::LONGEST_WHOLE;
use crate::store::lists::ListId;

/// How long a reader may keep a list without asking again, at most.
///
/// A list is fresh until its nextUpdate, but after a revocation a newer one is there at once, and is to be read within a minute.
const LONGEST_KEPT_SECONDS: i64 = 60;
/// The same for an issuer's certificate, which does not change.
const CERTIFICATE_KEPT_SECONDS: i64 = 86_400;

/// The routes of the plain listener: no caller, nothing secret, nothing that writes.
pub fn public_router(authority: Authority) -> Router {
    Router::new()
        .route("/crl/{file}", get(crl))
        .route("/crl/{issuer}/{file}", get(part_crl))
        .route("/aia/{file}", get(issuer_certificate))
        .route("/ocsp", post(ocsp::ask))
        .route("/ocsp/", post(ocsp::ask_with_a_slash))
        .route("/ocsp/{*request}", get(ocsp::ask_by_path))
        .with_state(authority)
}

/// The newest complete revocation list of an issuer, in DER: of those certificates that name no shard.
#[utoipa::path(
    get, path = "/crl/{file}", tag = "public",
    params(("file" = String, Path, description = "The issuer's id with .crl")),
    responses(
        (status = 200, description = "The list", content_type = "application/pkix-crl", body = Vec<u8>),
        (status = 304, description = "The reader has it already"),
        (status = 404, description = "No such list", body = Body),
    )
)]
pub(super) async fn crl(
    State(authority): State<Authority>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer_list(&authority, issuer_of(&file, ".crl")?, 0, Kind::Complete, &headers).await
}

/// The newest list of a shard, or a newest delta list, in DER.
#[utoipa::path(
    get, path = "/crl/{issuer}/{file}", tag = "public",
    params(
        ("issuer" = String, Path, description = "The issuer's id"),
        ("file" = String, Path, description = "`7.crl` for a shard, `7-delta.crl` for its delta list, `delta.crl` for the delta list of the certificates that name no shard"),
    ),
    responses(
        (status = 200, description = "The list", content_type = "application/pkix-crl", body = Vec<u8>),
        (status = 304, description = "The reader has it already"),
        (status = 404, description = "No such list", body = Body),
    )
)]
pub(super) async fn part_crl(
    State(authority): State<Authority>,
    Path((issuer, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (shard, kind) = list_of(&file).ok_or_else(|| Error::IssuerUnknown(String::new()))?;
    answer_list(&authority, &issuer, shard, kind, &headers).await
}

/// The shard and kind that a file name below an issuer's id means.
fn list_of(file: &str) -> Option<(i64, Kind)> {
    let name = file.strip_suffix(".crl")?;
    if name == "delta" {
        return Some((0, Kind::Delta));
    }
    let (number, kind) = match name.strip_suffix("-delta") {
        Some(number) => (number, Kind::Delta),
        None => (name, Kind::Complete),
    };
    let shard: i64 = number.parse().ok()?;
    // One address for each list: no sign, no leading zero.
    (shard > 0 && shard.to_string() == number).then_some((shard, kind))
}

async fn answer_list(
    authority: &Authority,
    issuer: &str,
    shard: i64,
    kind: Kind,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let issuer = authority.issuer_looked_for(issuer).await?;
    let list = authority.newest_list(&issuer, shard, kind).await?;
    let left = (list.next_update.0 - authority.desk().clock.now().0) / 1000;
    let size = list.size;
    let mut document = Document {
        // RFC 2585 4.2
        media_type: "application/pkix-crl",
        etag: format!("\"{}-{}\"", list.id.number, list.this_update.0),
        modified: list.this_update,
        max_age_seconds: left.clamp(0, LONGEST_KEPT_SECONDS),
        octets: Octets::empty(),
    };
    if document.unchanged(headers) {
        return Ok(document.answer(headers));
    }
    document.octets = if size <= LONGEST_WHOLE {
        authority.whole_list(&list).await?.into()
    } else {
        parts(authority.clone(), list.id)
    };
    let mut response = document.answer(headers);
    response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    Ok(response)
}

/// A long list, read as fast as it is sent. One that was replaced five times over meanwhile breaks off.
fn parts(authority: Authority, id: ListId) -> Octets {
    Octets::from_stream(futures_util::stream::try_unfold(-1, move |at| {
        let (authority, id) = (authority.clone(), id.clone());
        async move {
            let part = authority.list_part(&id, at).await?;
            Ok::<_, Error>(part.map(|(number, octets)| (octets, number)))
        }
    }))
}

/// The certificate of an issuer in DER, or with it what other roots certified of its key, as a bag of certificates.
#[utoipa::path(
    get, path = "/aia/{file}", tag = "public",
    params(("file" = String, Path, description = "The issuer's id with .cer, or with .p7c for the bag")),
    responses(
        (status = 200, description = "The certificate, or the bag (application/pkcs7-mime)", content_type = "application/pkix-cert", body = Vec<u8>),
        (status = 304, description = "The reader has it already"),
        (status = 404, description = "No such issuer", body = Body),
    )
)]
pub(super) async fn issuer_certificate(
    State(authority): State<Authority>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(id) = file.strip_suffix(".p7c") {
        return bag(&authority, id, &headers).await;
    }
    let issuer = authority.issuer_looked_for(issuer_of(&file, ".cer")?).await?;
    let document = Document {
        // RFC 2585 4.1
        media_type: "application/pkix-cert",
        etag: format!("\"{}\"", &sha256_hex(issuer.certificate.der())[..32]),
        modified: issuer.identity.period.not_before,
        max_age_seconds: CERTIFICATE_KEPT_SECONDS,
        octets: issuer.certificate.der().to_vec().into(),
    };
    Ok(document.answer(&headers))
}

/// RFC 5280 4.2.2.1: every certificate of an issuer's key, in a certs-only message.
async fn bag(authority: &Authority, id: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let (issuer, book) = (authority.issuer_looked_for(id).await?, authority.book());
    let crosses = || book.crosses_of(issuer.id()).map(|cross| &cross.certificate);
    let all: Vec<_> = std::iter::once(&issuer.certificate).chain(crosses()).map(Certificate::der).collect();
    let octets = certificates_only(&all);
    let newest = crosses().map(Certificate::not_before_ms).max().map(Millis);
    let document = Document {
        // RFC 5280 4.2.2.1, RFC 8551 3.2.2
        media_type: "application/pkcs7-mime; smime-type=certs-only",
        etag: format!("\"{}\"", &sha256_hex(&octets)[..32]),
        modified: newest.unwrap_or(issuer.identity.period.not_before),
        // A further root may be certified by this one at any time.
        max_age_seconds: LONGEST_KEPT_SECONDS,
        octets: octets.into(),
    };
    Ok(document.answer(headers))
}

fn issuer_of<'a>(file: &'a str, extension: &str) -> Result<&'a str, Error> {
    file.strip_suffix(extension).ok_or_else(|| Error::IssuerUnknown(String::new()))
}

/// Something that readers keep.
struct Document {
    media_type: &'static str,
    etag: String,
    modified: Millis,
    max_age_seconds: i64,
    octets: Octets,
}

impl Document {
    /// RFC 9110 13: `If-None-Match` decides; `If-Modified-Since` only where that is absent.
    fn unchanged(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        match text(header::IF_NONE_MATCH) {
            Some(tags) => tags.split(',').map(str::trim).any(|tag| tag == "*" || bare(tag) == self.etag),
            None => text(header::IF_MODIFIED_SINCE) == Some(&http_date(self.modified)),
        }
    }

    fn answer(self, headers: &HeaderMap) -> Response {
        let (unchanged, modified) = (self.unchanged(headers), http_date(self.modified));
        let max_age = format!("public, max-age={}", self.max_age_seconds);
        let kept =
            [(header::ETAG, self.etag), (header::LAST_MODIFIED, modified), (header::CACHE_CONTROL, max_age)];
        if unchanged {
            return (StatusCode::NOT_MODIFIED, kept).into_response();
        }
        ([(header::CONTENT_TYPE, self.media_type)], kept, self.octets).into_response()
    }
}

/// A weak tag compares as a strong one here: RFC 9110 8.8.3.2.
pub(super) fn bare(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// RFC 9110 5.6.7.
pub(super) fn http_date(at: Millis) -> String {
    const FORM: &[BorrowedFormatItem<'_>] = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    moment(at).format(FORM).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: header::HeaderName, value: &'static str) -> StatusCode {
        let document = Document {
            media_type: "application/pkix-crl",
            etag: "\"7-ab\"".to_owned(),
            modified: Millis(784_111_777_000),
            max_age_seconds: 60,
            octets: vec![1].into(),
        };
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        document.answer(&headers).status()
    }

    /// A reader that has the newest gets no octets again; one that has another gets all of it.
    #[test]
    fn unchanged_documents_are_not_sent_again() {
        assert_eq!(answer(header::IF_NONE_MATCH, "\"7-ab\""), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(header::IF_NONE_MATCH, "\"1-x\", W/\"7-ab\""), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(header::IF_NONE_MATCH, "\"6-ab\""), StatusCode::OK);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(answer(header::IF_MODIFIED_SINCE, date), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT"), StatusCode::OK);
    }

    /// Each list has one address, and no other text is one.
    #[test]
    fn a_list_has_one_address() {
        assert_eq!(list_of("7.crl"), Some((7, Kind::Complete)));
        assert_eq!(list_of("7-delta.crl"), Some((7, Kind::Delta)));
        assert_eq!(list_of("delta.crl"), Some((0, Kind::Delta)));
        for none in
            ["0.crl", "07.crl", "+7.crl", "-7.crl", "7", "7.cer", "x.crl", "-delta.crl", "7-delta-delta.crl"]
        {
            assert_eq!(list_of(none), None, "{none}");
        }
    }
}
