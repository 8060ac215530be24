//! `lanyard ceremony sign` and `verify`: a root that no server holds.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aws_lc_rs::digest::{SHA256, digest};
use ca::api::Reason;
use ca::{Held, OfflineRoot};
use pki::Certificate;

use crate::cli::{CeremonyAct, CeremonySign};
use crate::config::Config;
use crate::files::{self, Readers};
use crate::terminal::line;
use crate::wiring::Foundation;

/// Does one act.
pub(super) async fn run(config: Config, act: &CeremonyAct) -> anyhow::Result<()> {
    match act {
        CeremonyAct::Sign(options) => {
            let texts = options.requests.iter().map(|file| files::read_text(file));
            let texts = texts.collect::<anyhow::Result<Vec<_>>>()?;
            let roots = options.across.iter().map(|file| files::read_text(file));
            let roots = roots.collect::<anyhow::Result<Vec<_>>>()?;
            let reason = options.reason.as_deref().map(read_reason).transpose()?;
            let foundation = Foundation::open(config).await?;
            let held = sign(&foundation, (&texts, &roots), reason, options).await;
            foundation.close().await;
            write(&held?, &options.out)
        }
        CeremonyAct::Import { files } => import(config, files).await,
        CeremonyAct::Verify { transcript, root, files } => verify(transcript, root, files),
    }
}

async fn sign(
    foundation: &Foundation,
    (texts, roots): (&[String], &[String]),
    reason: Option<Reason>,
    options: &CeremonySign,
) -> anyhow::Result<Held> {
    foundation.log().await?;
    let (db, clock) = (foundation.db.clone(), foundation.clock.clone());
    let config = foundation.config.ca.clone();
    let root = OfflineRoot::open(config, &foundation.hsm, db, clock, foundation.high_water.clone())
        .await
        .context("the root could not be opened")?;
    let across = roots.iter().map(|text| root.read_root(text));
    if !options.authority.is_empty() && options.authority.len() != texts.len() {
        bail!("name an authority for each request with --authority, or for none");
    }
    let read = |(at, text): (usize, &String)| match options.authority.get(at) {
        Some(authority) => root.read_of(text, authority),
        None => root.read(text),
    };
    let asked = texts.iter().enumerate().map(read).chain(across).collect::<Result<Vec<_>, _>>()?;
    for one in &asked {
        for text in root.describe(one) {
            line(text);
        }
    }
    let mut withdrawn = Vec::new();
    for serial in &options.revoke {
        let reason = reason.context("say why with --reason")?;
        let one = root.find(serial, reason).await?;
        line(one.describe());
        withdrawn.push(one);
    }
    line("and the root's next revocation list");
    if !options.yes && !agreed()? {
        bail!("nothing was signed");
    }
    root.hold(&asked, &withdrawn, &options.present)
        .await
        .context("the ceremony broke off; run it again: what was signed is not signed anew")
}

fn read_reason(word: &str) -> anyhow::Result<Reason> {
    let value = serde_json::Value::String(word.to_owned());
    serde_json::from_value(value).map_err(|_| {
        anyhow::anyhow!(
            "{word} is no reason; say superseded, ca_compromise, cessation_of_operation or another"
        )
    })
}

/// Brings certificates and lists to keys that wait here.
async fn import(config: Config, files: &[PathBuf]) -> anyhow::Result<()> {
    let texts = files.iter().map(|file| files::read_text(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let import = ca::api::Import { pem: texts.join("\n") };
    let foundation = Foundation::open(config).await?;
    foundation.log().await?;
    let (db, clock) = (foundation.db.clone(), foundation.clock.clone());
    let config = foundation.config.ca.clone();
    let taken = ca::Authority::import_first(
        config,
        &foundation.hsm,
        db,
        clock,
        foundation.high_water.clone(),
        &import,
    )
    .await;
    let waiting = ca::ceremony::requests(&foundation.db).await;
    foundation.close().await;
    let taken = taken?;
    taken.issuers.iter().for_each(|id| line(format_args!("{id} has its certificate")));
    taken.lists.iter().for_each(|list| line(format_args!("list {list} is published")));
    for (id, _) in waiting? {
        line(format_args!("{id} still waits for its certificate"));
    }
    Ok(())
}

/// Whether those who are present want it.
fn agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is nobody to ask; say --yes when what is to be signed was looked at before");
    }
    line("type \"sign\" to have the root sign this");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("the answer could not be read")?;
    Ok(answer.trim() == "sign")
}

fn write(held: &Held, out: &Path) -> anyhow::Result<()> {
    let put = |name: &str, octets: &[u8]| files::write(&out.join(name), octets, Readers::Everyone);
    for (at, der) in held.certificates.iter().enumerate() {
        let name = format!("certificate-{}.pem", at + 1);
        put(&name, pki::to_pem("CERTIFICATE", der).as_bytes())?;
        line(format_args!("written: {name}"));
    }
    put("root.pem", pki::to_pem("CERTIFICATE", &held.root).as_bytes())?;
    put("root.crl.pem", pki::to_pem("X509 CRL", &held.list).as_bytes())?;
    put("ceremony.transcript", held.transcript.as_bytes())?;
    put("ceremony.transcript.sig", &held.signature)?;
    line("written: root.pem, root.crl.pem, ceremony.transcript, ceremony.transcript.sig");
    Ok(())
}

fn verify(transcript: &Path, root: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    let text = files::read_text(transcript)?;
    let mut beside = transcript.as_os_str().to_owned();
    beside.push(".sig");
    let signature = files::read(Path::new(&beside))?;
    let root = Certificate::from_pem(&files::read_text(root)?).context("the root cannot be read")?;
    let lines = ca::verify_transcript(&text, &signature, &root)?;
    // What people call themselves tells of no file.
    let acts = lines.iter().filter(|text| !text.contains(" present: "));
    let told: BTreeSet<&str> = acts.filter_map(|text| Some(text.split_once("SHA-256 ")?.1)).collect();
    for file in files {
        let pem = files::read_text(file)?;
        let mut blocks = Vec::new();
        for label in ["CERTIFICATE", "X509 CRL", "CERTIFICATE REQUEST"] {
            blocks.extend(
                pki::pem_blocks(&pem, label).with_context(|| format!("{} cannot be read", file.display()))?,
            );
        }
        if blocks.is_empty()
            || blocks.iter().any(|der| !told.contains(hex::encode(digest(&SHA256, der)).as_str()))
        {
            bail!("the transcript does not tell of {}", file.display());
        }
        line(format_args!("told of: {}", file.display()));
    }
    line(format_args!("signed by {}: {} lines", root.subject(), lines.len()));
    Ok(())
}
