//! Time-stamping certificates renew themselves: a new key and a new certificate well before the old key may sign no more, and the
//! old key destroyed after that. Nobody needs it: what it signed is checked with its certificate.

use std::time::Duration;

use audit::Actor;
use ca::api::{CertificateState, IssueRequest, KeySource, SubjectData};
use hsm::{Alg, Key};
use platform::clock::Millis;
use platform::db::{Tx, lease};
use platform::id::uuid_text;

use super::unit::Unit;
use super::{Settings, decoded};
use crate::error::Error;
use crate::events::Event;
use crate::signer::Signer;
use crate::store::time_stamps::{self, UnitRow};
use crate::suite;

/// The lease row of whoever makes and destroys units.
const LEASE: &str = "signer-time-stamps";
/// How often is looked.
const PAUSE: Duration = Duration::from_mins(1);
/// How soon again, when it failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

impl Signer {
    /// Keeps a unit that can sign, for as long as it is polled. Stopping it anywhere loses nothing: a key that was made is found by
    /// its label, and the authority answers the same request with the same certificate.
    pub async fn keep_time_stamping(&self) {
        let Some(settings) = &self.config.time_stamps else { return };
        let holder = uuid_text(self.clock.now());
        loop {
            let pause = match self.care_for_units(settings, &holder).await {
                Ok(()) => PAUSE,
                Err(error) => {
                    metrics::counter!("signer_time_stamp_renewal_failures_total").increment(1);
                    tracing::error!(%error, "the time-stamping key could not be renewed: {error}");
                    AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// One look: takes up what another process made, makes what is due, and destroys what has ended. Where there is no unit at all
    /// nobody waits for the lease of a process that may be gone: two that make the first one get the same.
    async fn care_for_units(&self, settings: &Settings, holder: &str) -> Result<(), Error> {
        self.time_stamps.known.look(&self.db, &self.hsm).await?;
        if self.time_stamps.known.get().is_none() {
            self.renew_time_stamping(settings).await?;
        }
        if lease::acquire(&self.db, LEASE, holder, self.clock.now(), PAUSE * 2).await?.is_some() {
            self.renew_time_stamping(settings).await?;
            self.retire_time_stamping().await?;
        }
        self.time_stamps.known.look(&self.db, &self.hsm).await
    }

    /// Makes a unit if one is due, and says whether it did. Two at the same time do no harm: a label, a request and a generation are
    /// each given once.
    pub async fn renew_time_stamping(&self, settings: &Settings) -> Result<bool, Error> {
        let now = self.time_stamps.guarded_now(&self.clock)?;
        let newest = time_stamps::newest(self.db.read()).await?;
        let generation = newest.as_ref().map_or(0, |newest| newest.generation) + 1;
        let usable = match newest {
            Some(row) => Unit::open(row, &self.hsm).await?,
            None => None,
        };
        let alg = suite::named(settings.algorithm).ok_or(Error::StoredRow { what: "algorithm" })?.alg;
        if let Some(unit) = usable
            && unit.key.alg() == alg
            && !is_due(&unit, now)
            && self.stands(&unit).await?
        {
            // Another process may have made it.
            self.time_stamps.known.look(&self.db, &self.hsm).await?;
            return Ok(false);
        }
        let key_label = format!("time-stamp-{generation}");
        let key = self.time_stamping_key(&key_label, alg).await?;
        let subject = SubjectData { common_name: settings.name.clone(), ..SubjectData::default() };
        let key_source = KeySource::public_key(key.public_key());
        let request = IssueRequest::new(key_label.clone(), settings.profile.clone(), subject, key_source);
        let issued = self.ca.issue(&request).await.map_err(Error::Authority)?;
        let certificate = decoded(&issued.certificate)?;
        let row = UnitRow { generation, key_label, serial: issued.serial, certificate, chain: issued.chain };
        self.keep_unit(row, now).await?;
        self.time_stamps.known.look(&self.db, &self.hsm).await?;
        Ok(true)
    }

    async fn stands(&self, unit: &Unit) -> Result<bool, Error> {
        let info = self.ca.certificate(&unit.serial).await.map_err(Error::Authority)?;
        Ok(info.state == CertificateState::Issued)
    }

    /// The key under this label, made now unless a run that was stopped has made it.
    async fn time_stamping_key(&self, label: &str, alg: Alg) -> Result<Key, Error> {
        match self.hsm.key(label).await {
            Err(hsm::Error::KeyNotFound { .. }) => Ok(self.hsm.generate(label, alg).await?),
            found => Ok(found?),
        }
    }

    async fn keep_unit(&self, row: UnitRow, now: Millis) -> Result<(), Error> {
        let serial = row.serial.clone();
        let event = Event::TimeStampUnitRenewed {
            generation: row.generation,
            key_label: row.key_label.clone(),
            serial: row.serial.clone(),
        };
        self.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if time_stamps::insert(tx, &row, now).await? {
                        audit::record(tx, now, &Actor::system("signer"), &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        tracing::info!(serial, "time-stamps are signed under a new certificate {serial}");
        Ok(())
    }

    /// Destroys every key that may sign no more and has a successor, and says how many those were.
    pub async fn retire_time_stamping(&self) -> Result<usize, Error> {
        let now = self.time_stamps.guarded_now(&self.clock)?;
        let Some(newest) = time_stamps::newest(self.db.read()).await? else { return Ok(0) };
        let mut destroyed = 0;
        for former in time_stamps::former(self.db.read(), newest.generation).await? {
            if self.has_ended(&former, now).await? && self.destroy_key(&former.key_label).await? {
                destroyed += usize::from(self.keep_destroyed(former, now).await?);
            }
        }
        Ok(destroyed)
    }

    async fn has_ended(&self, former: &UnitRow, now: Millis) -> Result<bool, Error> {
        let unit = Unit::open(former.clone(), &self.hsm).await?;
        // Without a key nothing is left but to say so.
        Ok(unit.is_none_or(|unit| unit.signs().1 <= now))
    }

    /// Whether the key is gone now. One that this process has in hand stays until the next time.
    async fn destroy_key(&self, label: &str) -> Result<bool, Error> {
        match self.hsm.destroy(label).await {
            Ok(()) | Err(hsm::Error::KeyNotFound { .. }) => Ok(true),
            Err(hsm::Error::KeyInUse { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn keep_destroyed(&self, former: UnitRow, now: Millis) -> Result<bool, Error> {
        self.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let UnitRow { generation, key_label, serial, .. } = former;
                    let kept = time_stamps::mark_destroyed(tx, generation, now).await?;
                    if kept {
                        let event = Event::TimeStampKeyDestroyed { generation, key_label, serial };
                        audit::record(tx, now, &Actor::system("signer"), &event).await?;
                    }
                    Ok::<_, Error>(kept)
                })
            })
            .await
    }
}

/// Due when less than a third of the time is left in which its key may sign.
fn is_due(unit: &Unit, now: Millis) -> bool {
    let (from, until) = unit.signs();
    (until.0 - now.0) * 3 < until.0 - from.0
}
