//! `lanyard recover`: what happened between the backup and the loss, as far as anybody outside knows.
//!
//! The order, and what a crash in between means: every step is durable and can be done again, and until the last one the
//! database stays out of use.
//! 1. open authorisations and secrets for a first certificate end, so that nothing is given twice over one that was used after the
//!    backup, and the external accounts of ACME that are in force again are told;
//! 2. of sign-in every session, grant and link ends, and the authenticators are told that sign in;
//! 3. the authority takes in what lists and certificates tell, and its list numbers jump behind any possible use;
//! 4. the audit record begins a new log whose first entry names the gap;
//! 5. the mark goes, with the event that says so.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use audit::{Actor, Gap, Log, Reason};
use ca::{Authority, TakenIn};
use pki::{Certificate, Crl};
use platform::clock::Millis;
use platform::db::restored::{self, Restored, Stage};

use crate::cli::Recover;
use crate::config::Config;
use crate::events::Event;
use crate::files;
use crate::terminal::line;
use crate::wiring::{self, Foundation};

/// No authority makes lists faster than this, however many revocations there are.
const LISTS_A_SECOND: i64 = 10;
/// And this many more, for clocks that were wrong.
const MARGIN: i64 = 1_000_000;
/// How many external accounts of ACME are named.
const ACCOUNTS_TOLD: u32 = 1000;

/// Accounts for the gap and takes the database into use.
pub async fn run(config: Config, options: &Recover) -> anyhow::Result<()> {
    let foundation = Foundation::open(config).await?;
    let restored = match foundation.db.restored().await? {
        None => bail!("this database is in use; there is nothing to recover"),
        Some(restored) if restored.stage == Stage::Restoring => bail!("{}", wiring::in_recovery(&restored)),
        Some(restored) => restored,
    };
    let seen_outside = options.checkpoint.as_deref().map(files::read_text).transpose()?;
    let evidence = Evidence::read(options)?;
    let now = foundation.clock.now();
    let ended = signer::end_open_authorisations(&foundation.db, now).await?;
    line(format_args!("ended {ended} open authorisations"));
    end_enrolments(&foundation, now).await?;
    end_sign_ins(&foundation, now).await?;
    take_in(&foundation.authority().await?.0, &evidence, now.since(restored.taken_at).as_secs()).await?;
    let verifier = begin_log(&foundation, seen_outside).await?;
    line(format_args!("the audit record goes on in a new log, with the verifier key\n  {verifier}"));
    take_into_use(&foundation, restored, now).await?;
    line("the database is in use again; a server that waits in recovery goes on by itself");
    foundation.close().await;
    Ok(())
}

/// What was seen outside, each with the file it is from: read whole before anything is changed.
struct Evidence {
    lists: Vec<(PathBuf, Vec<u8>)>,
    certificates: Vec<(PathBuf, Vec<u8>)>,
}

impl Evidence {
    fn read(options: &Recover) -> anyhow::Result<Self> {
        let all = |paths: &[PathBuf], label| -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
            let mut found = Vec::new();
            for path in paths {
                found.extend(ders(path, label)?.into_iter().map(|der| (path.clone(), der)));
            }
            Ok(found)
        };
        Ok(Self {
            lists: all(&options.crl, Crl::PEM_LABEL)?,
            certificates: all(&options.certificate, Certificate::PEM_LABEL)?,
        })
    }
}

async fn end_enrolments(foundation: &Foundation, now: Millis) -> anyhow::Result<()> {
    let ended = ca::end_enrolment_secrets(&foundation.db, now).await;
    let ended = ended.context("the secrets for a first certificate could not be ended")?;
    line(format_args!("ended {ended} secrets for a first certificate"));
    let accounts = ca::acme::external_accounts_in_force(&foundation.db, ACCOUNTS_TOLD).await;
    let accounts = accounts.context("the external accounts of ACME could not be read")?;
    for account in &accounts {
        line(format_args!("external account {} of ACME: {}", account.id, account.name));
    }
    if !accounts.is_empty() {
        line(format_args!(
            "the external accounts above are in force again, of which the {ACCOUNTS_TOLD} newest are named; \
             end those that were ended since the copy was made"
        ));
    }
    Ok(())
}

async fn end_sign_ins(foundation: &Foundation, now: Millis) -> anyhow::Result<()> {
    let mut tell = |one: &authn::Enrolled| {
        let used = one.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
        let authn::Enrolled { authenticator, user, method, created_at, .. } = one;
        line(format_args!(
            "authenticator {authenticator} of {user}: {method}, enrolled {created_at}, {used}"
        ));
    };
    let ended = authn::recover(&foundation.db, now, &mut tell).await;
    let ended = ended.context("sessions and grants of before could not be ended")?;
    let authn::Recovered { sessions, grants, links, authenticators } = ended;
    line(format_args!("ended {sessions} sessions and {grants} grants, and took back {links} links"));
    if authenticators > 0 {
        line(format_args!(
            "the {authenticators} authenticators above sign in again; take away those that were taken away since the copy was made"
        ));
    }
    Ok(())
}

async fn take_in(authority: &Authority, evidence: &Evidence, lost_seconds: u64) -> anyhow::Result<()> {
    // Before the lists, which tell no keys: what they revoke has a row then that knows its key.
    for (path, der) in &evidence.certificates {
        let certificate =
            Certificate::from_der(der).with_context(|| format!("{} is no certificate", path.display()))?;
        // A chain file holds the authorities as well, which have their rows elsewhere.
        if certificate.basic_constraints().is_some_and(|constraints| constraints.ca) {
            continue;
        }
        if authority.take_in_certificate(der).await.with_context(|| path.display().to_string())? {
            let (serial, issuer) = (certificate.serial(), certificate.issuer());
            line(format_args!("certificate {serial} of {issuer}: had no row here; it has one now"));
        }
    }
    for (path, der) in &evidence.lists {
        let taken = authority.take_in_list(der).await.with_context(|| path.display().to_string())?;
        tell(&taken);
    }
    let lists = i64::try_from(lost_seconds).unwrap_or(i64::MAX / 100).saturating_mul(LISTS_A_SECOND);
    let skipped = u32::try_from(lists.saturating_add(MARGIN)).unwrap_or(u32::MAX);
    for issuer in authority.issuer_ids() {
        let number = authority.skip_crl_numbers(&issuer, skipped).await?;
        line(format_args!("the next revocation list of {issuer} has a number above {number}"));
    }
    Ok(())
}

async fn begin_log(foundation: &Foundation, seen_outside: Option<String>) -> anyhow::Result<String> {
    let audit = foundation.config.audit.clone();
    let key =
        foundation.hsm.key(&audit.key).await.context("the key of the audit record is not in the token")?;
    let gap = Gap { reason: Reason::Restored, seen_outside };
    let log = Log::begin_epoch(foundation.db.clone(), key, audit, foundation.clock.clone(), &gap)
        .await
        .context("the new log of the audit record could not begin")?;
    Ok(log.verifier_key().to_string())
}

async fn take_into_use(foundation: &Foundation, restored: Restored, now: Millis) -> anyhow::Result<()> {
    let event = Event::Recovered { taken_at: restored.taken_at.0, restored_at: restored.restored_at.0 };
    let done: Result<(), platform::db::Error> = foundation
        .db
        .write(move |tx| {
            Box::pin(async move {
                audit::record(tx, now, &Actor::system("server"), &event).await?;
                restored::finish(tx).await
            })
        })
        .await;
    done.context("the database could not be taken into use")
}

/// The DER of each block with this label in a PEM file, or of the whole file if it is none.
fn ders(path: &Path, label: &'static str) -> anyhow::Result<Vec<Vec<u8>>> {
    let contents = files::read(path)?;
    match std::str::from_utf8(&contents) {
        Ok(text) if text.contains("-----BEGIN") => {
            let blocks =
                pki::pem_blocks(text, label).with_context(|| format!("{} is no good PEM", path.display()))?;
            ensure!(!blocks.is_empty(), "{} holds no {label}; nothing was done", path.display());
            Ok(blocks)
        }
        _ => Ok(vec![contents]),
    }
}

fn tell(taken: &TakenIn) {
    let issuer = &taken.issuer;
    line(format_args!("list {} of {issuer} was taken in", taken.number));
    for serial in &taken.revoked {
        line(format_args!("certificate {serial} of {issuer}: revoked again, as the list says"));
    }
    for serial in &taken.unknown {
        line(format_args!("certificate {serial} of {issuer}: had no row here; it stays on the lists"));
    }
}
