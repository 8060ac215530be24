//! `lanyard keys`: what the token holds, and moving what it wraps under a new wrapping key.
//!
//! The order of `rewrap --new`, and what a crash in between means: the beginning is recorded; the wrapping key is made; page
//! by page, rows get their new form in one transaction with its event; the end is recorded. The old wrapping key is never
//! touched, so every row opens at every moment, and `rewrap` goes on with the rows that are left. It runs beside servers:
//! each takes in the new wrapping key when it meets it, or within ten seconds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use audit::Actor;
use hsm::{Hsm, KeyInfo, KeyPurpose, Rewrapped, TokenState};

use crate::cli::{Diversify, Keys, Rewrap};
use crate::config::Config;
use crate::events::Event;
use crate::terminal::line;
use crate::wiring::{self, Foundation};
use crate::{document_key, message_keys};

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Runs one of them.
pub async fn run(config: Config, command: &Keys) -> anyhow::Result<()> {
    let foundation = match command {
        Keys::List | Keys::Rewrap(Rewrap { dry_run: true, .. }) => Foundation::open_as_is(config).await?,
        Keys::Rewrap(_) | Keys::Diversify(_) | Keys::ReplaceDocumentKey => Foundation::open(config).await?,
    };
    let outcome = match command {
        Keys::List => list(&foundation).await,
        Keys::Rewrap(options) => rewrap(&foundation, options).await,
        Keys::Diversify(options) => diversify(&foundation, options).await,
        Keys::ReplaceDocumentKey => replace_document_key(&foundation).await,
    };
    foundation.close().await;
    outcome
}

async fn list(foundation: &Foundation) -> anyhow::Result<()> {
    let rows = Rows::count(foundation).await?;
    for key in inventory(&foundation.hsm).await? {
        let what = match (key.purpose, key.wrapping_version()) {
            (KeyPurpose::Wrap, Some(version)) => format!("wraps {}", rows.under(version)),
            (KeyPurpose::Wrap, None) => "wraps nothing of ours".to_owned(),
            (KeyPurpose::Sign, _) => {
                format!("signs, {}", key.alg.map_or_else(|| "unknown".to_owned(), |alg| alg.to_string()))
            }
        };
        line(format_args!("{}\t{}\t{what}", key.token, key.label));
    }
    Ok(())
}

/// Recorded before it is made: a key that nobody knows of would be worse than a record of one that was not made.
async fn diversify(foundation: &Foundation, options: &Diversify) -> anyhow::Result<()> {
    let version = options.version;
    ensure!(version > 0, "versions begin with 1");
    record(foundation, Event::DiversifyingKeyMade { version }).await?;
    let made = foundation.hsm.create_diversifying_key(version).await;
    made.with_context(|| format!("lanyard-diversify-{version} could not be made"))?;
    line(format_args!(
        "made lanyard-diversify-{version}; cards move to it once `[ca.cards] master_key` is {version}"
    ));
    Ok(())
}

async fn replace_document_key(foundation: &Foundation) -> anyhow::Result<()> {
    document_key::replace(foundation).await?;
    line(
        "the register goes on with this key; second records are not found by documents that were shown before",
    );
    line(
        "requests that wait with numbers of documents are to be rejected and made anew, and codes that were sent to addresses are void",
    );
    Ok(())
}

async fn rewrap(foundation: &Foundation, options: &Rewrap) -> anyhow::Result<()> {
    if let Some(restored) = foundation.db.restored().await? {
        bail!("nothing is moved: {}", wiring::in_recovery(&restored));
    }
    let held = Held::read(&foundation.hsm).await?;
    let before = Rows::count(foundation).await?;
    let newest = held.newest()?;
    let version = if options.new { newest + 1 } else { newest };
    let open = before.not_under(newest);
    ensure!(
        !options.new || open == 0,
        "{open} rows are not under lanyard-wrap-{newest} yet; `lanyard keys rewrap` moves them, and then a new one can begin. \
         If it names rows that do not open, destroy their credentials or end their accounts first"
    );
    let rows = before.not_under(version);
    if options.dry_run {
        let made = if options.new { "would be made, and " } else { "" };
        line(format_args!("lanyard-wrap-{version} {made}would wrap {rows} more rows; nothing was done"));
        return Ok(());
    }
    if rows == 0 && !options.new {
        line(format_args!("everything is under lanyard-wrap-{version}; `--new` begins with a new one"));
        return Ok(());
    }
    record(foundation, Event::RewrappingBegan { wrapping_version: version, rows }).await?;
    if options.new {
        let made = foundation.hsm.create_wrapping_key(version).await;
        made.with_context(|| format!("lanyard-wrap-{version} could not be made"))?;
        line(format_args!("made lanyard-wrap-{version}"));
    }
    Held::read(&foundation.hsm).await?.demand(version)?;
    let done = move_all(foundation, version, rows)
        .await
        .context("moving broke off; every key is whole, and `lanyard keys rewrap` goes on with the rest")?;
    let left = Rows::count(foundation).await?.not_under(version);
    record(foundation, Event::RewrappingEnded { wrapping_version: version, moved: done.moved, left }).await?;
    conclude(version, &done, left)
}

/// Moves until there is nothing left to move: servers may have made keys under the old one until they learned of the new.
async fn move_all(foundation: &Foundation, version: u32, rows: u64) -> anyhow::Result<Rewrapped> {
    let Foundation { db, hsm, clock, .. } = foundation;
    let mut progress = Progress { rows, moved: 0, told: None };
    let mut done = Rewrapped::default();
    loop {
        let mut tell = |moved| progress.tell(moved);
        let mut pass = signer::rewrap(db, hsm, clock, version, &mut tell).await?;
        pass.add(ca::rewrap(db, hsm, clock, version, &mut tell).await?);
        pass.add(authn::rewrap(db, hsm, clock, version, &mut tell).await?);
        pass.add(message_keys::rewrap(db, hsm, version, &mut tell).await?);
        let moved = pass.moved;
        done = Rewrapped { moved: done.moved + moved, refused: pass.refused };
        if moved == 0 {
            return Ok(done);
        }
    }
}

fn conclude(version: u32, done: &Rewrapped, left: u64) -> anyhow::Result<()> {
    line(format_args!("moved {} rows under lanyard-wrap-{version}; {left} left", done.moved));
    for row in &done.refused {
        line(format_args!("does not open: {row}"));
    }
    ensure!(
        left == 0,
        "{left} rows are under earlier wrapping keys still: keep those keys. Run `lanyard keys rewrap` again; a row that does \
         not open is damaged: restore it from a backup, or destroy the credential or end the account that it belongs to"
    );
    line(
        "earlier wrapping keys wrap nothing here any more. Keep them for as long as a backup from before may be restored;",
    );
    line("after that, delete them with the token's own tools");
    Ok(())
}

async fn record(foundation: &Foundation, event: Event) -> anyhow::Result<()> {
    let now = foundation.clock.now();
    foundation.high_water.guard(now).map_err(|problem| anyhow::anyhow!("{}", problem.detail))?;
    let recorded: Result<(), platform::db::Error> = foundation
        .db
        .write(move |tx| {
            Box::pin(async move {
                audit::record(tx, now, &Actor::system("server"), &event).await?;
                Ok(())
            })
        })
        .await;
    recorded.context("it could not be recorded, so it is not done")
}

/// Every key of the tokens; those of a token that is away would be missing.
async fn inventory(hsm: &Hsm) -> anyhow::Result<Vec<KeyInfo>> {
    for token in hsm.health().tokens {
        ensure!(
            token.state == TokenState::Ready,
            "the token {} is not ready ({:?}), and its keys are not known; `lanyard check` says more",
            token.label,
            token.state
        );
    }
    hsm.inventory().await.context("the keys of the token could not be listed")
}

/// The wrapping keys that each token holds.
struct Held(BTreeMap<String, Vec<u32>>);

impl Held {
    async fn read(hsm: &Hsm) -> anyhow::Result<Self> {
        let mut held: BTreeMap<String, Vec<u32>> =
            hsm.health().tokens.into_iter().map(|token| (token.label, Vec::new())).collect();
        for key in inventory(hsm).await? {
            if let Some(version) = key.wrapping_version() {
                held.entry(key.token).or_default().push(version);
            }
        }
        Ok(Self(held))
    }

    fn newest(&self) -> anyhow::Result<u32> {
        let newest = self.0.values().flatten().max().copied();
        newest.context("the token holds no wrapping key; `lanyard ceremony` makes the first")
    }

    /// A row under a key that one token lacks could be used at the others only. A token that holds no wrapping key at all is
    /// there for other keys.
    fn demand(&self, version: u32) -> anyhow::Result<()> {
        for (token, versions) in self.0.iter().filter(|(_, versions)| !versions.is_empty()) {
            ensure!(
                versions.contains(&version),
                "the token {token} does not hold lanyard-wrap-{version}; copy it there by the tokens' own means, and \
                 `lanyard keys rewrap` goes on"
            );
        }
        Ok(())
    }
}

/// How much in the database is under each version of the wrapping key.
struct Rows {
    keys: BTreeMap<u32, u64>,
    secrets: BTreeMap<u32, u64>,
}

impl Rows {
    async fn count(foundation: &Foundation) -> anyhow::Result<Self> {
        let keys =
            signer::wrapped_keys(&foundation.db).await.context("people's keys could not be counted")?;
        let secrets = ca::sealed_secrets(&foundation.db).await.context("secrets could not be counted")?;
        let mut secrets: BTreeMap<u32, u64> = secrets.into_iter().collect();
        let seeds = authn::sealed_seeds(&foundation.db).await.context("seeds could not be counted")?;
        for (version, rows) in seeds {
            *secrets.entry(version).or_default() += rows;
        }
        let of_messages = message_keys::sealed_under(&foundation.db).await;
        if let Some(version) = of_messages.context("the key of messages could not be read")? {
            *secrets.entry(version).or_default() += 1;
        }
        Ok(Self { keys: keys.into_iter().collect(), secrets })
    }

    fn under(&self, version: u32) -> String {
        let of = |rows: &BTreeMap<u32, u64>| rows.get(&version).copied().unwrap_or_default();
        format!("{} keys and {} secrets", of(&self.keys), of(&self.secrets))
    }

    fn not_under(&self, version: u32) -> u64 {
        self.keys
            .iter()
            .chain(&self.secrets)
            .filter(|(under, _)| **under != version)
            .map(|(_, rows)| rows)
            .sum()
    }
}

/// What a person sees while rows are moved.
struct Progress {
    rows: u64,
    moved: u64,
    told: Option<Instant>,
}

impl Progress {
    fn tell(&mut self, moved: u64) {
        self.moved += moved;
        if moved == 0 || self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let left = self.rows.saturating_sub(self.moved);
        line(format_args!("moved {} of {}; {left} left", self.moved, self.rows));
    }
}
