//! `lanyard audit`: proves a copy of the record, makes one, exports entries, describes events.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use audit::copy::{Depth, Source};
use audit::export::otlp::Export;
use audit::{OtlpConfig, VerifierKey, catalogue};

use crate::cli::{Audit, Cli, ExportForm};
use crate::files;
use crate::terminal::line;
use crate::wiring::Foundation;

/// Runs one of the commands.
pub fn run(cli: &Cli, command: &Audit) -> anyhow::Result<()> {
    match command {
        Audit::Verify { copy, key, since } => verify(copy, key, since.as_deref()),
        Audit::Catalogue => {
            line(events().trim_end());
            Ok(())
        }
        Audit::Copy { out, hashes_only } => {
            let depth = if *hashes_only { Depth::Hashes } else { Depth::Entries };
            super::block_on(copy(super::configured(cli)?, out, depth))
        }
        Audit::Export { form, after, out, endpoint } => {
            let config = super::configured(cli)?;
            match form {
                ExportForm::Json => super::block_on(export_json(config, *after, out.as_deref())),
                ExportForm::Otlp => super::block_on(export_otlp(config, endpoint.as_deref())),
            }
        }
        Audit::Key => super::block_on(key(super::configured(cli)?)),
    }
}

/// The catalogue of every module's events, which is also `docs/events.md`.
pub fn events() -> String {
    catalogue::render(&[
        catalogue::module::<audit::OwnEvent>(),
        catalogue::module::<ca::Event>(),
        catalogue::module::<ca::CardEvent>(),
        catalogue::module::<ca::ReportEvent>(),
        catalogue::module::<directory::organisation::Event>(),
        catalogue::module::<directory::rbac::Event>(),
        catalogue::module::<directory::PersonEvent>(),
        catalogue::module::<directory::PositionEvent>(),
        catalogue::module::<directory::AssignmentEvent>(),
        catalogue::module::<directory::WorkgroupEvent>(),
        catalogue::module::<directory::SystemEvent>(),
        catalogue::module::<directory::ldap::LdapEvent>(),
        catalogue::module::<directory::FhirEvent>(),
        catalogue::module::<directory::ReadsEvent>(),
        catalogue::module::<directory::RequestEvent>(),
        catalogue::module::<directory::CampaignEvent>(),
        catalogue::module::<authn::Event>(),
        catalogue::module::<directory::FeedAct>(),
        catalogue::module::<directory::ReportEvent>(),
        catalogue::module::<directory::seed::bulk::SeedingEvent>(),
        catalogue::module::<signer::Event>(),
        catalogue::module::<authn::SessionEvent>(),
        catalogue::module::<authn::AuthenticatorEvent>(),
        catalogue::module::<authn::Cis1Event>(),
        catalogue::module::<authn::SandboxEvent>(),
        catalogue::module::<authn::ReportEvent>(),
        catalogue::module::<crate::events::Event>(),
    ])
}

fn verify(copy: &Path, key: &str, since: Option<&Path>) -> anyhow::Result<()> {
    let key = if Path::new(key).is_file() { files::read_text(Path::new(key))? } else { key.to_owned() };
    let key = VerifierKey::parse(key.trim()).context("the verifier key does not read")?;
    let since = since.map(files::read_text).transpose()?;
    let proved = match audit::verify::directory(copy, &key, since.as_deref()) {
        Ok(proved) => proved,
        Err(refused) => {
            bail!("NOT PROVED: {} is not what the key's owner signed:\n{refused}", copy.display())
        }
    };
    line(format_args!("PROVED: {}", copy.display()));
    line(format_args!("  log       {}", proved.origin));
    line(format_args!("  size      {} entries, root {}", proved.size, proved.root));
    line(format_args!(
        "  looked at {} tiles, {} leaves, {} opened entries",
        proved.tiles, proved.leaves, proved.entries
    ));
    if let Some(since) = proved.since {
        line(format_args!("  grew      from {since} entries, which are its beginning"));
    }
    Ok(())
}

async fn copy(config: crate::config::Config, out: &Path, depth: Depth) -> anyhow::Result<()> {
    let foundation = Foundation::open_as_is(config).await?;
    let log = foundation.log().await?;
    let size = audit::copy::copy(&Source::Database(&log), out, depth).await?;
    line(format_args!("copied {size} entries into {}", out.display()));
    line(format_args!(
        "prove it anywhere with: lanyard audit verify {} --key {}",
        out.display(),
        log.verifier_key()
    ));
    foundation.close().await;
    Ok(())
}

async fn export_json(
    config: crate::config::Config,
    after: Option<u64>,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let foundation = Foundation::open_as_is(config).await?;
    let log = foundation.log().await?;
    let target: Box<dyn Write> = match out {
        Some(path) => Box::new(
            std::fs::File::create(path).with_context(|| format!("{} cannot be written", path.display()))?,
        ),
        None => Box::new(std::io::stdout()),
    };
    let mut target = std::io::BufWriter::new(target);
    let last = audit::export::json_lines(&log, after, &mut target).await?;
    target.flush().context("the entries could not be written")?;
    drop(target);
    if let (Some(last), Some(_)) = (last, out) {
        line(format_args!("exported up to entry {last}; go on with --after {last}"));
    }
    foundation.close().await;
    Ok(())
}

async fn export_otlp(config: crate::config::Config, endpoint: Option<&str>) -> anyhow::Result<()> {
    let configured = config.audit.otlp.as_ref().map(|otlp| otlp.endpoint.clone());
    let Some(endpoint) = endpoint.map(str::to_owned).or(configured) else {
        bail!("name the collector with --endpoint, or in [audit.otlp] endpoint");
    };
    let export = Export::new(&OtlpConfig { endpoint })?;
    let foundation = Foundation::open_as_is(config).await?;
    let log = foundation.log().await?;
    let mut sent = 0;
    loop {
        match export.step(&log).await? {
            0 => break,
            more => sent += more,
        }
    }
    line(format_args!("sent {sent} entries"));
    foundation.close().await;
    Ok(())
}

async fn key(config: crate::config::Config) -> anyhow::Result<()> {
    let foundation = Foundation::open_as_is(config).await?;
    line(foundation.log().await?.verifier_key());
    foundation.close().await;
    Ok(())
}
