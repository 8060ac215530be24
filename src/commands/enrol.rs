//! `lanyard enrol`: the first certificates, issued on this machine by whoever holds the token's PIN.
//!
//! A running server issues all others over its API. These come before it: its own, and that of the first client.

use std::path::Path;

use ca::api::{IssueRequest, KeySource, SubjectData};
use pki::{AlternativeName, Certificate};

use crate::cli::{Enrol, EnrolKind};
use crate::config::Config;
use crate::files::{self, Readers};
use crate::keypair::{Pair, pem};
use crate::terminal::{Outcome, line};
use crate::wiring::{App, Foundation};

/// Enrols and says where the files are.
pub async fn run(config: Config, options: &Enrol) -> anyhow::Result<()> {
    let app = App::open(Foundation::open(config).await?).await?;
    let pair = Pair::in_folder(&options.out, &options.name);
    let outcome = ensure(&app, options.kind, &options.name, &options.dns_names, &pair).await;
    let root = options.out.join("root.pem");
    let left = leave_root(&app, &root).await;
    app.db.close().await;
    match outcome? {
        Outcome::Done(what) => line(format_args!("issued {what}")),
        Outcome::InPlace(what) => line(format_args!("nothing to do: {what}")),
    }
    left?;
    line(format_args!("certificate  {}", pair.certificate.display()));
    line(format_args!("key          {}", pair.key.display()));
    line(format_args!("root         {}", root.display()));
    Ok(())
}

/// Issues a certificate into the pair, unless one with all these names that is good for a while yet is there.
pub async fn ensure(
    app: &App,
    kind: EnrolKind,
    name: &str,
    dns_names: &[String],
    pair: &Pair,
) -> anyhow::Result<Outcome> {
    let subject = subject(kind, name, dns_names);
    let in_force = pair.in_force(app.clock.now());
    if let Some(certificate) = in_force.filter(|it| has_names(it, &subject.dns_names)) {
        return Ok(Outcome::InPlace(certificate.subject().to_string()));
    }
    let request = IssueRequest {
        request_id: format!("enrol-{}", uuid::Uuid::now_v7()),
        profile: profile(kind).to_owned(),
        subject,
        key: KeySource::Csr(pair.request(name)?),
        issuer: None,
        validity: None,
    };
    let issued = app.operator().issue(&request).await?;
    pair.store(&issued)?;
    Ok(Outcome::Done(format!("certificate {}", issued.serial)))
}

/// Writes the root, which every client of this server has to trust; with every generation that there is.
pub async fn leave_root(app: &App, path: &Path) -> anyhow::Result<()> {
    let issuers = app.operator().issuers().await?;
    let roots = issuers.iter().filter(|it| it.id.parse().is_ok_and(|id: ca::IssuerId| id.is_root()));
    let text: String = roots.map(|root| pem("CERTIFICATE", &root.certificate)).collect();
    files::write(path, text.as_bytes(), Readers::Everyone)
}

fn profile(kind: EnrolKind) -> &'static str {
    match kind {
        EnrolKind::Client => "system-tls-client",
        EnrolKind::Server => "system-tls-server",
    }
}

fn has_names(certificate: &Certificate, wanted: &[String]) -> bool {
    let has = |wanted: &String| {
        certificate
            .subject_alternative_names()
            .iter()
            .any(|name| matches!(name, AlternativeName::Dns(dns) if dns.eq_ignore_ascii_case(wanted)))
    };
    wanted.iter().all(has)
}

fn subject(kind: EnrolKind, name: &str, dns_names: &[String]) -> SubjectData {
    let mut subject = SubjectData { common_name: name.to_owned(), ..SubjectData::default() };
    if kind == EnrolKind::Server {
        subject.dns_names.push(name.to_owned());
        subject.dns_names.extend(dns_names.iter().filter(|other| *other != name).cloned());
        if name == "localhost" {
            subject.ip_addresses = vec!["127.0.0.1".to_owned(), "::1".to_owned()];
        }
    }
    subject
}
