//! `lanyard ca`: every act of the authority, asked of a running server.

mod certificates;
mod generations;
mod issuers;
mod profiles;
mod renewals;
mod secrets;

use std::process::ExitCode;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::RolloverRequest;
use serde::Serialize;

use crate::cli::{CaAct, Connection};
use crate::client::{Identity, Server};
use crate::terminal::line;

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs, where there are many one a line.
    Json,
}

impl Form {
    /// As `--json` says.
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Shows one answer.
    pub fn one<T: Serialize>(self, answer: &T, text: impl FnOnce(&T)) -> anyhow::Result<()> {
        match self {
            Self::Text => text(answer),
            Self::Json => {
                line(serde_json::to_string_pretty(answer).context("the answer cannot be shown")?);
            }
        }
        Ok(())
    }

    /// Shows many.
    pub fn each<T: Serialize>(self, answers: &[T], text: impl Fn(&T)) -> anyhow::Result<()> {
        for answer in answers {
            match self {
                Self::Text => text(answer),
                Self::Json => line(serde_json::to_string(answer).context("the answer cannot be shown")?),
            }
        }
        Ok(())
    }
}

/// The server, and how its answers are shown.
pub(super) struct Desk {
    pub(super) server: Server,
    pub(super) form: Form,
}

impl Desk {
    /// The server, called with the files that the options or the environment name.
    pub(super) fn new(connection: &Connection, form: Form) -> anyhow::Result<Self> {
        const NEEDED: &str = "name the calling system with --certificate and --key, and the server's root with \
            --root (or LANYARD_CLIENT_CERTIFICATE, LANYARD_CLIENT_KEY and LANYARD_ROOT)";
        let certificate = connection.certificate.as_deref().context(NEEDED)?;
        let key = connection.key.as_deref().context(NEEDED)?;
        let root = connection.root.as_deref().context(NEEDED)?;
        let server = Server::new(&connection.server, root, Some(&Identity { certificate, key }))?;
        Ok(Self { server, form })
    }
}

/// Does one act. The exit status tells whether two profiles differ; it is success for every other act.
pub async fn run(act: &CaAct, form: Form) -> anyhow::Result<ExitCode> {
    let desk = |connection: &Connection| Desk::new(connection, form);
    match act {
        CaAct::Profiles(command) => return profiles::run(command, form).await,
        CaAct::Issuers { connection, id: None } => issuers::list(&desk(connection)?).await?,
        CaAct::Issuers { connection, id: Some(id) } => issuers::show(&desk(connection)?, id).await?,
        CaAct::Issue { connection, request } => certificates::issue(&desk(connection)?, request).await?,
        CaAct::Show { connection, serial } => certificates::show(&desk(connection)?, serial).await?,
        CaAct::Search { connection, search } => certificates::search(&desk(connection)?, search).await?,
        CaAct::Export { connection, search, form: written, out } => {
            certificates::export(&desk(connection)?, search, *written, out.as_deref()).await?;
        }
        CaAct::Revoke { connection, serial, reason, invalidity_date } => {
            certificates::revoke(&desk(connection)?, serial, reason, invalidity_date.as_deref()).await?;
        }
        CaAct::Hold { connection, serial } => {
            certificates::revoke(&desk(connection)?, serial, "certificate_hold", None).await?;
        }
        CaAct::Resume { connection, serial } => certificates::resume(&desk(connection)?, serial).await?,
        CaAct::Rollover { connection, authority, algorithm, common_name, from, generation, dry_run, out } => {
            let signs_from = from.as_deref().map(generations::time).transpose()?;
            let (algorithm, common_name) = (algorithm.clone(), common_name.clone());
            let (generation, dry_run) = (*generation, *dry_run);
            let request = RolloverRequest { algorithm, common_name, signs_from, generation, dry_run };
            generations::roll_over(&desk(connection)?, authority, &request, out).await?;
        }
        CaAct::Import { connection, files } => generations::import(&desk(connection)?, files).await?,
        CaAct::Generations { connection, id } => {
            generations::list(&desk(connection)?, id.as_deref()).await?;
        }
        CaAct::Crl { connection, issuer, shard, delta } => {
            issuers::crl(&desk(connection)?, issuer, *shard, *delta).await?;
        }
        CaAct::Secrets(command) => secrets::run(command, form).await?,
        CaAct::Lists { connection, issuer } => issuers::lists(&desk(connection)?, issuer).await?,
        CaAct::Expiries { connection, expires_from, expires_before, profile } => {
            let fields =
                [("expires_from", expires_from), ("expires_before", expires_before), ("profile", profile)];
            renewals::expiries(&desk(connection)?, &query(&fields)).await?;
        }
        CaAct::Renewals { connection, within, profile, issuer, user_id, acknowledged } => {
            let fields = [
                ("profile", profile),
                ("issuer", issuer),
                ("user_id", user_id),
                ("acknowledged", acknowledged),
            ];
            renewals::list(&desk(connection)?, *within, &query(&fields)).await?;
        }
        CaAct::Acknowledge { connection, serial, note, withdraw } => {
            let note = (!withdraw).then_some(note.as_str());
            renewals::acknowledge(&desk(connection)?, serial, note).await?;
        }
        CaAct::Notices { connection, after } => renewals::notices(&desk(connection)?, *after).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The fields that are given, as they stand in a URL.
fn query(fields: &[(&str, &Option<String>)]) -> String {
    let set = fields.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let encoded = set.map(|(name, value)| format!("{name}={}", ca::api::percent_encoded(value)));
    encoded.collect::<Vec<_>>().join("&")
}

/// Writes base64 of DER as PEM.
fn pem(label: &'static str, base64: &str) -> anyhow::Result<()> {
    let der = STANDARD.decode(base64).context("the server answered what is not base64")?;
    line(pki::to_pem(label, &der).trim_end());
    Ok(())
}

fn time(at: platform::clock::Millis) -> String {
    at.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use crate::cli::Cli;

    /// Each act of the interface, and the command for it.
    const COMMANDS: &[(&str, &str, &str)] = &[
        ("post", "/ca/certificates", "issue"),
        ("get", "/ca/certificates", "search"),
        ("get", "/ca/certificates.csv", "export"),
        ("get", "/ca/certificates.jsonl", "export"),
        ("get", "/ca/certificates/{serial}", "show"),
        ("post", "/ca/certificates/{serial}/revocation", "revoke"),
        ("delete", "/ca/certificates/{serial}/revocation", "resume"),
        ("get", "/ca/profiles", "profiles list"),
        ("get", "/ca/profiles/{id}", "profiles show"),
        ("get", "/ca/issuers", "issuers"),
        ("get", "/ca/issuers/{id}", "issuers"),
        ("get", "/ca/issuers/{id}/crl", "crl"),
        ("get", "/ca/issuers/{id}/lists", "lists"),
        ("post", "/ca/issuers/{id}/generations", "rollover"),
        ("get", "/ca/generations", "generations"),
        ("post", "/ca/imports", "import"),
        ("get", "/ca/expiries", "expiries"),
        ("get", "/ca/renewals", "renewals"),
        ("get", "/ca/renewals/notices", "notices"),
        ("post", "/ca/renewals/{serial}/acknowledgement", "acknowledge"),
        ("delete", "/ca/renewals/{serial}/acknowledgement", "acknowledge"),
        ("post", "/ca/enrolment-secrets", "secrets add"),
        ("get", "/ca/enrolment-secrets", "secrets list"),
        ("delete", "/ca/enrolment-secrets/{reference}", "secrets end"),
        ("post", "/ca/acme/external-accounts", "acme add"),
        ("get", "/ca/acme/external-accounts", "acme list"),
        ("delete", "/ca/acme/external-accounts/{account}", "acme end"),
    ];

    /// Every act under `/ca` of the description has a command that exists, and no command is for an act that is gone.
    #[test]
    fn every_act_has_its_command() {
        let document = serde_json::to_value(ca::openapi()).unwrap();
        let mut acts = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            // `lanyard directory report` reads the reports beside the register's own; cards are handled where they are, over an agent.
            if path.starts_with("/ca/") && !path.starts_with("/ca/reports/") && !path.starts_with("/ca/card")
            {
                acts.extend(methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
            }
        }
        let told = COMMANDS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
        assert_eq!(acts, told.collect(), "left: the description; right: the table of this test");
        let program = Cli::command();
        for (_, path, words) in COMMANDS {
            let authority = program.find_subcommand("ca").unwrap();
            let found = words.split(' ').try_fold(authority, |command, word| command.find_subcommand(word));
            assert!(found.is_some(), "lanyard ca {words}, for {path}");
        }
    }
}
