//! An import that is under way: the lease that it holds, and the parts that it writes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::db::lease::{self, Lease};
use platform::id::OdsCode;

use super::events::Event;
use super::import::{Report, stored_length};
use super::parts::{Part, Prepared};
use super::release::Manifest;
use crate::api::{ChangeKind, OrganisationKind};
use crate::changes;
use crate::error::Error;
use crate::ods;
use crate::register::Register;
use crate::store::organisations_imported::{self as imported, Counts};
use crate::store::organisations_written::{self as written, Known, Said};
use crate::store::stored_number;

/// Who holds it imports; nobody else does meanwhile.
const LEASE: &str = "directory.organisations";
/// For how long it is held without a sign of life: so long whoever comes after a killed import waits.
const HELD: Duration = Duration::from_secs(6);
/// After how long of waiting for the file a sign of life is given; each part is one too.
pub(super) const SIGN: Duration = Duration::from_secs(2);

/// What became of a part.
pub(super) enum Outcome {
    /// It was in already.
    Passed(u64),
    /// It is in now; these organisations are of this register's own and stay.
    Written(Counts, Vec<OdsCode>),
}

/// An import that is under way and holds the lease.
pub(super) struct Run {
    release: Arc<str>,
    /// By which the rows of this import are found.
    import: Arc<str>,
    claim: Claim,
    actor: Arc<Actor>,
}

/// The lease as this import holds it.
#[derive(Clone)]
struct Claim {
    holder: Arc<str>,
    /// Which holder in a row it was when it last gave a sign of life.
    epoch: i64,
}

impl Claim {
    /// Holds the lease for a while longer. A crash leaves it held for [`HELD`]. One that ran out and that nobody took is taken
    /// again, which makes the epoch one more; any other step says that somebody else imported meanwhile.
    async fn hold(&self, tx: &mut Tx, now: Millis) -> Result<i64, Error> {
        let lease = lease::acquire_in(tx, LEASE, &self.holder, now, HELD).await?.ok_or_else(running)?;
        if lease.epoch - self.epoch > 1 {
            return Err(Error::conflict(
                "import-overtaken",
                "Another import of organisations was made while this one gave no sign of life. Look at the list of \
                 imports, and send the file again if it is still wanted.",
            ));
        }
        Ok(lease.epoch)
    }
}

impl Run {
    /// Takes the lease and begins, or goes on with what is in of this release.
    pub(super) async fn begin(
        register: &Register,
        manifest: &Manifest,
        actor: &Actor,
    ) -> Result<Self, Error> {
        let now = register.now();
        let holder: Arc<str> = platform::id::RequestId::new(now).as_str().into();
        let (release, actor) = (manifest.sha256.as_str().into(), Arc::new(actor.clone()));
        let (first, manifest, recorded) = (holder.clone(), manifest.clone(), actor.clone());
        let begun: Result<(i64, String), Error> = register
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let lease = lease::acquire_in(tx, LEASE, &first, now, HELD).await?.ok_or_else(running)?;
                    refuse_older(tx, &manifest).await?;
                    let import = imported::begin(tx, &manifest, now).await?;
                    let (release, description) = (manifest.sha256.clone(), manifest.description.clone());
                    let event = Event::OrganisationImportStarted { release, description };
                    audit::record(tx, now, &recorded, &event).await?;
                    Ok((lease.epoch, import))
                })
            })
            .await;
        let (epoch, import) = begun?;
        Ok(Self { release, import: import.into(), claim: Claim { holder, epoch }, actor })
    }

    /// Gives a sign of life while nothing is written.
    pub(super) async fn stay(&mut self, register: &Register) -> Result<(), Error> {
        let (claim, now) = (self.claim.clone(), register.now());
        let held: Result<i64, Error> =
            register.db.write(move |tx| Box::pin(async move { claim.hold(tx, now).await })).await;
        self.claim.epoch = held?;
        Ok(())
    }

    /// Writes a part unless it is in.
    pub(super) async fn write(&mut self, register: &Register, part: Part) -> Result<Outcome, Error> {
        let now = register.now();
        let names = (self.release.clone(), self.import.clone());
        let (claim, actor) = (self.claim.clone(), self.actor.clone());
        let written: Result<(i64, Outcome), Error> = register
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let epoch = claim.hold(tx, now).await?;
                    Ok((epoch, write_part(tx, (&names.0, &names.1), &part, &actor, now).await?))
                })
            })
            .await;
        let (epoch, outcome) = written?;
        self.claim.epoch = epoch;
        Ok(outcome)
    }

    /// Ends the import, and gives the lease back.
    pub(super) async fn finish(mut self, register: &Register, report: &Report) -> Result<(), Error> {
        let now = register.now();
        let (release, import) = (self.release.clone(), self.import.clone());
        let (claim, actor) = (self.claim.clone(), self.actor.clone());
        let refused = stored_number(report.progress.refused);
        let finished: Result<i64, Error> = register
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let epoch = claim.hold(tx, now).await?;
                    let counts = imported::finish(tx, &import, now).await?;
                    let event = Event::OrganisationImportFinished {
                        release: release.to_string(),
                        created: stored_number(counts.created),
                        changed: stored_number(counts.changed),
                        unchanged: stored_number(counts.unchanged),
                        refused,
                    };
                    audit::record(tx, now, &actor, &event).await?;
                    Ok(epoch)
                })
            })
            .await;
        self.claim.epoch = finished?;
        self.release(register).await
    }

    /// Gives the lease back, so that the next import need not wait for its end. Whoever has taken it keeps it.
    pub(super) async fn release(self, register: &Register) -> Result<(), Error> {
        let Claim { holder, epoch } = self.claim;
        let lease = Lease { name: LEASE, holder: holder.to_string(), epoch, expires_at: register.now() };
        Ok(lease::release(&register.db, lease).await?)
    }
}

fn running() -> Error {
    Error::conflict(
        "import-running",
        "Another import of organisations is under way, or was broken off a few seconds ago. Wait for its end, or for ten \
         seconds.",
    )
}

/// Writes a part in the transaction that holds the lease.
async fn write_part(
    tx: &mut Tx,
    (release, import): (&str, &str),
    part: &Part,
    actor: &Actor,
    now: Millis,
) -> Result<Outcome, Error> {
    if imported::has_part(tx, import, part.number, &part.sha256).await? {
        return Ok(Outcome::Passed(stored_length(part.organisations.len())));
    }
    let known = written::known(&mut *tx, &codes(&part.organisations)).await?;
    let sorted = Sorted::of(&part.organisations, &known);
    let counts = sorted.counts();
    write_sorted(tx, &sorted, now).await?;
    if counts.created + counts.changed > 0 {
        let event = Event::OrganisationsImported {
            release: release.to_owned(),
            part: stored_number(part.number),
            content_sha256: part.sha256.clone(),
            created: stored_number(counts.created),
            changed: stored_number(counts.changed),
        };
        audit::record(tx, now, actor, &event).await?;
    }
    imported::keep_part(tx, import, part.number, &part.sha256, counts).await?;
    Ok(Outcome::Written(counts, sorted.kept.into_iter().cloned().collect()))
}

/// Refuses a release that is older than one that is in.
pub(super) async fn refuse_older(tx: &mut Tx, manifest: &Manifest) -> Result<(), Error> {
    match (manifest.published, imported::latest(tx).await?) {
        (Some(day), Some(latest)) if day < latest => Err(Error::conflict(
            "older-release",
            format!("This release is of {day}, and one of {latest} is in already. Bring in a newer one."),
        )),
        _ => Ok(()),
    }
}

async fn write_sorted(tx: &mut Tx, sorted: &Sorted<'_>, now: Millis) -> Result<(), Error> {
    let changed: Vec<&OdsCode> = sorted.changed.iter().map(|one| &one.record.ods).collect();
    let before = written::said(tx, &changed).await?;
    written::replace(tx, OrganisationKind::National, &sorted.changed, now).await?;
    written::write(tx, OrganisationKind::National, &sorted.created, now).await?;
    let all: Vec<&Prepared> = sorted.created.iter().chain(&sorted.changed).copied().collect();
    let others = written::renew(tx, &spoken_of(&before, &all), now).await?;
    let told: Vec<_> = all
        .iter()
        .map(|one| &one.record.ods)
        .chain(&others)
        .map(|ods| (ChangeKind::OrganisationChanged, ods.to_string(), None))
        .collect();
    if let Some(number) = changes::tell_many(tx, now, &told).await? {
        let codes: Vec<&OdsCode> = all.iter().map(|one| &one.record.ods).collect();
        written::note_names(tx, &codes, number).await?;
    }
    Ok(())
}

/// The organisations of which those that are written say something else than before, but for those that are written themselves.
fn spoken_of(before: &Said, written: &[&Prepared]) -> BTreeSet<OdsCode> {
    let mut now = Said::new();
    for one in written {
        for said in &one.record.successions {
            now.insert((one.record.ods.clone(), said.kind.word().to_owned(), said.target.clone()));
        }
    }
    let mut others: BTreeSet<OdsCode> =
        before.symmetric_difference(&now).map(|(_, _, named)| named.clone()).collect();
    for one in written {
        others.remove(&one.record.ods);
    }
    others
}

pub(super) fn codes(organisations: &[Prepared]) -> Vec<&OdsCode> {
    organisations.iter().map(|one| &one.record.ods).collect()
}

/// The organisations of a part, by what is to be done with them.
pub(super) struct Sorted<'p> {
    pub(super) created: Vec<&'p Prepared>,
    pub(super) changed: Vec<&'p Prepared>,
    unchanged: u64,
    pub(super) kept: Vec<&'p OdsCode>,
}

impl<'p> Sorted<'p> {
    pub(super) fn of(organisations: &'p [Prepared], known: &HashMap<OdsCode, Known>) -> Self {
        let mut sorted = Self { created: Vec::new(), changed: Vec::new(), unchanged: 0, kept: Vec::new() };
        for one in organisations {
            match known.get(&one.record.ods) {
                // Of no nation: whoever has it made it.
                _ if ods::is_anywhere(&one.record.ods) => sorted.kept.push(&one.record.ods),
                None => sorted.created.push(one),
                Some(known) if known.kind == OrganisationKind::Virtual => sorted.kept.push(&one.record.ods),
                Some(known) if known.sha256 == one.sha256 => sorted.unchanged += 1,
                Some(_) => sorted.changed.push(one),
            }
        }
        sorted
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            created: stored_length(self.created.len()),
            changed: stored_length(self.changed.len()),
            unchanged: self.unchanged,
        }
    }
}
