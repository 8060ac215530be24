//! Certificates: issue, show, search, export, revoke, hold, resume.

use std::path::Path;

use anyhow::Context;
use axum::http::Method;
use ca::api::{CertificateInfo, CertificatePage, Issued, percent_encoded};
use serde_json::{Value, json};

use super::{Desk, Form, pem, time};
use crate::cli::{CertificateForm, Filter};
use crate::files;
use crate::terminal::line;

pub(super) async fn issue(desk: &Desk, request: &Path) -> anyhow::Result<()> {
    let request: Value = serde_json::from_str(&files::read_text(request)?)
        .with_context(|| format!("{} is not JSON", request.display()))?;
    let issued: Issued = desk.server.post("/ca/certificates", &request).await?;
    if desk.form == Form::Json {
        return desk.form.one(&issued, |_| ());
    }
    pem("CERTIFICATE", &issued.certificate)?;
    issued.chain.iter().try_for_each(|certificate| pem("CERTIFICATE", certificate))
}

pub(super) async fn show(desk: &Desk, serial: &str) -> anyhow::Result<()> {
    let info: Value = desk.server.get(&path_of(serial)).await?;
    Form::Json.one(&info, |_| ())
}

pub(super) async fn search(desk: &Desk, search: &Filter) -> anyhow::Result<()> {
    pages(desk, &query(search)).await
}

/// Every page, a line for each certificate.
async fn pages(desk: &Desk, query: &str) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let path = format!("/ca/certificates?limit=500&{query}{after}");
        let page: CertificatePage = desk.server.get(&path).await?;
        desk.form.each(&page.certificates, told)?;
        match page.next {
            Some(next) => after = format!("&after={}", percent_encoded(&next)),
            None => return Ok(()),
        }
    }
}

fn told(info: &CertificateInfo) {
    let (state, until) = (info.state.as_str(), time(info.not_after));
    line(format_args!("{}\t{state}\t{}\tuntil {until}\t{}", info.serial, info.profile, info.subject));
}

pub(super) async fn export(
    desk: &Desk,
    search: &Filter,
    form: CertificateForm,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let extension = match (form, desk.form) {
        (CertificateForm::Csv, Form::Text) => "csv",
        (CertificateForm::Jsonl, _) | (_, Form::Json) => "jsonl",
    };
    let path = format!("/ca/certificates.{extension}?{}", query(search));
    match out {
        Some(out) => {
            let mut file = std::fs::File::create_new(out)
                .with_context(|| format!("{} cannot be made, or is there already", out.display()))?;
            let octets = desk.server.download(&path, &mut file).await?;
            line(format_args!("wrote {octets} octets to {}", out.display()));
        }
        None => {
            desk.server.download(&path, &mut std::io::stdout()).await?;
        }
    }
    Ok(())
}

pub(super) async fn revoke(
    desk: &Desk,
    serial: &str,
    reason: &str,
    invalidity_date: Option<&str>,
) -> anyhow::Result<()> {
    let mut body = json!({ "reason": reason });
    if let Some(date) = invalidity_date {
        body["invalidity_date"] = json!(date);
    }
    let info: CertificateInfo = desk.server.post(&format!("{}/revocation", path_of(serial)), &body).await?;
    desk.form.one(&info, told)
}

pub(super) async fn resume(desk: &Desk, serial: &str) -> anyhow::Result<()> {
    let path = format!("{}/revocation", path_of(serial));
    desk.server.tell(Method::DELETE, &path, &Value::Null).await?;
    let info: CertificateInfo = desk.server.get(&path_of(serial)).await?;
    desk.form.one(&info, told)
}

fn path_of(serial: &str) -> String {
    format!("/ca/certificates/{}", percent_encoded(serial))
}

fn query(search: &Filter) -> String {
    let fields = [
        ("user_id", &search.user_id),
        ("common_name", &search.common_name),
        ("serial", &search.serial),
        ("sha256", &search.sha256),
        ("state", &search.state),
        ("profile", &search.profile),
        ("issuer", &search.issuer),
        ("expires_from", &search.expires_from),
        ("expires_before", &search.expires_before),
    ];
    super::query(&fields)
}

/// A time in milliseconds, to the second.
pub(super) fn rfc3339(millis: i64) -> anyhow::Result<String> {
    let moment = time::OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000))
        .context("that is too far ahead")?;
    moment.format(&time::format_description::well_known::Rfc3339).context("that is too far ahead")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person types stands in the address encoded, and what was left out does not.
    #[test]
    fn queries_are_encoded() {
        let search = Filter {
            common_name: Some("Zoë & co".to_owned()),
            state: Some("issued".to_owned()),
            ..Filter::default()
        };
        assert_eq!(query(&search), "common_name=Zo%C3%AB%20%26%20co&state=issued");
        assert_eq!(query(&Filter::default()), "");
        assert_eq!(rfc3339(1_800_000_000_999).unwrap(), "2027-01-15T08:00:00Z");
    }
}
