//! The serving authority: its issuers, opened once, and the acts of the API.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Hsm;
use platform::caller::Caller;
use platform::clock::{Clock, HighWater, Millis};
use platform::db::{Db, Tx};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::acme::{self, Acme};
use crate::api::{
    CertificateInfo, CertificateState, IssueRequest, Issued, IssuerInfo, Reason, RevocationInfo,
    RevokeRequest,
};
use crate::book::Book;
use crate::config::Config;
use crate::crl::shards::Shards;
use crate::desk::Desk;
use crate::error::Error;
use crate::events::Event;
use crate::failing::Failing;
use crate::grants::Reach;
use crate::issuance::{self, Prepared};
use crate::issuer::Issuer;
use crate::names::IssuerId;
use crate::ocsp::Ocsp;
use crate::order::Order;
use crate::profile::{self, Kind};
use crate::recovery::{self, Scope};
use crate::revocation::{self, Outcome};
use crate::serial::Serial;
use crate::store::certificates::{self, State, Stored};
use crate::subject_key::KeyRefused;
use crate::watch;

/// How many exports a process writes at the same time: each reads as fast as its reader takes it.
const MOST_EXPORTS: usize = 4;
/// How long after it was last done the book is read again for an issuer that it does not have.
const LOOKS_APART: Duration = Duration::from_secs(1);

/// The certificate authority. Clones are handles on the same one.
#[derive(Clone)]
pub struct Authority {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Desk,
    /// Held to take or to change the book, never while the database or the token is asked.
    book: RwLock<Arc<Book>>,
    /// Held while the book is read again: what was read earlier must not take the place of what was read later.
    reading: Mutex<()>,
    /// Held by the one roll-over or import of this process.
    rolling: Mutex<()>,
    /// When the book was last read for an issuer that it did not have.
    looked_at: std::sync::Mutex<Option<Instant>>,
    /// For the keys of OCSP responders, which are made while it serves.
    hsm: Hsm,
    ocsp: Ocsp,
    /// Wakes the schedule after a revocation.
    changed: Notify,
    /// Lists that could not be made.
    failing: Failing,
    /// Who this process is when it holds the schedule's lease.
    holder: String,
    /// The one turn to count ends, which reads much.
    counting: Semaphore,
    /// The turns to read an export.
    exporting: Arc<Semaphore>,
    /// The day, since 1970, on which was last warned of what comes slowly.
    warned_on: AtomicI64,
    /// Absent where the configuration has no ACME.
    acme: Option<Arc<acme::Setup>>,
}

impl Authority {
    /// Opens the issuers that a ceremony made, and closes what a process before left open.
    ///
    /// When this returns, every serial of this instance is either issued or closed.
    pub async fn open(
        config: Config,
        hsm: &Hsm,
        db: Db,
        clock: Clock,
        high_water: HighWater,
    ) -> Result<Authority, Error> {
        Authority::open_as(config, hsm, db, clock, high_water, Strictness::Whole).await
    }

    /// The same beside a process that may run under the same `instance`: serials that are in flight there stay open.
    pub async fn open_beside(
        config: Config,
        hsm: &Hsm,
        db: Db,
        clock: Clock,
        high_water: HighWater,
    ) -> Result<Authority, Error> {
        Authority::open_as(config, hsm, db, clock, high_water, Strictness::WholeBeside).await
    }

    pub(crate) async fn open_as(
        config: Config,
        hsm: &Hsm,
        db: Db,
        clock: Clock,
        high_water: HighWater,
        strictness: Strictness,
    ) -> Result<Authority, Error> {
        let mut desk = Desk::open(config, db, clock, high_water)?;
        let book = Book::read(&desk, hsm, &Book::default()).await?;
        desk.shards = Shards::open(&desk, book.ids()).await?;
        if matches!(strictness, Strictness::Whole | Strictness::WholeBeside) {
            book.demand_issuers(&desk.profiles)?;
        }
        let now = desk.guarded_now()?;
        profile::number(&desk.db, &mut desk.profiles, now).await?;
        let acme = match desk.config.acme.clone() {
            Some(section) => Some(Arc::new(acme::Setup::open(section, &desk, hsm).await?)),
            None => None,
        };
        record_profiles(&desk).await?;
        let scope = match strictness {
            Strictness::Beside | Strictness::WholeBeside => Scope::Old,
            Strictness::Whole | Strictness::RootAlone => Scope::OwnAndOld,
        };
        let abandoned = recovery::close_open_serials(&desk, scope).await?;
        if abandoned > 0 {
            tracing::warn!(
                abandoned,
                "{abandoned} serials of a process before were abandoned and will be listed"
            );
        }
        let (ocsp, book) = (Ocsp::new(&desk.db, &desk.config.ocsp), RwLock::new(Arc::new(book)));
        let (hsm, changed) = (hsm.clone(), Notify::new());
        let holder = platform::id::uuid_text(desk.clock.now());
        let (counting, exporting) = (Semaphore::new(1), Arc::new(Semaphore::new(MOST_EXPORTS)));
        let warned_on = AtomicI64::new(0);
        Ok(Authority {
            inner: Arc::new(Inner {
                desk,
                book,
                reading: Mutex::new(()),
                rolling: Mutex::new(()),
                looked_at: std::sync::Mutex::new(None),
                hsm,
                ocsp,
                changed,
                holder,
                counting,
                exporting,
                warned_on,
                failing: Failing::default(),
                acme,
            }),
        })
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.inner.desk
    }

    /// ACME on this authority, where it is served.
    pub(crate) fn acme(&self) -> Result<Acme, Error> {
        let setup = self.inner.acme.clone().ok_or(Error::AcmeOff)?;
        Ok(Acme::new(self.clone(), setup))
    }

    pub(crate) fn hsm(&self) -> &Hsm {
        &self.inner.hsm
    }

    pub(crate) fn holder(&self) -> &str {
        &self.inner.holder
    }

    pub(crate) fn counting(&self) -> &Semaphore {
        &self.inner.counting
    }

    pub(crate) fn exporting(&self) -> Arc<Semaphore> {
        Arc::clone(&self.inner.exporting)
    }

    pub(crate) fn ocsp(&self) -> &Ocsp {
        &self.inner.ocsp
    }

    /// The ids of every issuer, in their order.
    pub fn issuer_ids(&self) -> Vec<String> {
        self.book().ids().map(ToString::to_string).collect()
    }

    /// The issuers as they are now.
    pub(crate) fn book(&self) -> Arc<Book> {
        Arc::clone(&self.inner.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up issuers that were made since. When this returns, certificates can come from them.
    pub(crate) async fn read_book(&self) -> Result<(), Error> {
        let _alone = self.inner.reading.lock().await;
        let book = Book::read(self.desk(), self.hsm(), &self.book()).await?;
        self.desk().shards.extend(self.desk(), book.ids()).await?;
        *self.inner.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        Ok(())
    }

    pub(crate) fn all_issuers(&self) -> Vec<Arc<Issuer>> {
        self.book().issuers().cloned().collect()
    }

    pub(crate) fn issuer(&self, id: &str) -> Result<Arc<Issuer>, Error> {
        let known = id.parse().ok().and_then(|id: IssuerId| self.book().find(&id).cloned());
        known.ok_or_else(|| unknown_issuer(id))
    }

    /// The same, also of one that another process has made since the book was read: it has certificates out already.
    pub(crate) async fn issuer_looked_for(&self, id: &str) -> Result<Arc<Issuer>, Error> {
        if let Ok(known) = self.issuer(id) {
            return Ok(known);
        }
        self.look_again().await?;
        self.issuer(id)
    }

    /// Reads the book for an issuer that is not in it, once a second at most: anybody may ask for any.
    pub(crate) async fn look_again(&self) -> Result<(), Error> {
        {
            let mut looked_at = self.inner.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            if looked_at.is_some_and(|at| at.elapsed() < LOOKS_APART) {
                return Ok(());
            }
            *looked_at = Some(Instant::now());
        }
        self.read_book().await
    }

    /// For the one roll-over or import of this process.
    pub(crate) fn rolling(&self) -> &Mutex<()> {
        &self.inner.rolling
    }

    /// The generation of an authority that new certificates come from now. One that is revoked signs nothing new: its
    /// authority is given another key, and none before it takes its place.
    pub(crate) fn signing(&self, line: &IssuerId) -> Result<Arc<Issuer>, Error> {
        let book = self.book();
        let issuer = book.signing(line, self.desk().clock.now()).cloned();
        let issuer = issuer.ok_or_else(|| unknown_issuer(line.as_str()))?;
        if book.is_revoked(issuer.id()) {
            return Err(Error::IssuerRevoked(issuer.id().clone()));
        }
        Ok(issuer)
    }

    /// Whether nobody asked this today before.
    pub(crate) fn is_first_today(&self, now: Millis) -> bool {
        let today = now.0.div_euclid(86_400_000);
        self.inner.warned_on.swap(today, Ordering::Relaxed) != today
    }

    /// Waits for the next revocation.
    pub(crate) async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    pub(crate) async fn issue(&self, request: &IssueRequest, caller: &Caller) -> Result<Issued, Error> {
        self.issue_as(request, caller.client.as_str(), Actor::from(caller)).await
    }

    /// The same for a request of this client's, in the name of whoever stands behind it.
    pub(crate) async fn issue_as(
        &self,
        request: &IssueRequest,
        client: &str,
        actor: Actor,
    ) -> Result<Issued, Error> {
        let profiles = &self.desk().profiles;
        let order = Order::parse(request, client, profiles)
            .inspect_err(|error| watch::refused(profiles, &request.profile, error))?;
        let profile = order.profile.id.to_string();
        let (authority, started) = (self.clone(), Instant::now());
        // In a task of its own: a client that goes away must not leave a serial half-way.
        let task = tokio::spawn(async move { authority.carry_out(order, actor).await });
        let outcome = task.await.unwrap_or(Err(Error::TaskEnded));
        if let Err(error) = &outcome {
            watch::refused(profiles, &profile, error);
            // What an abandoned serial changes is listed at once.
            self.inner.changed.notify_one();
        }
        metrics::histogram!("ca_issue_seconds", "profile" => profile).record(started.elapsed().as_secs_f64());
        outcome
    }

    async fn carry_out(&self, order: Order, actor: Actor) -> Result<Issued, Error> {
        let certified = self.certify(order, actor).await?;
        // The same request asked again is answered with the certificate of before, whose issuer may be an earlier one.
        let issuer = self.issuer_looked_for(&certified.issuer).await?;
        let above = std::iter::once(&issuer.certificate).chain(&issuer.chain);
        Ok(Issued {
            serial: certified.serial.to_string(),
            certificate: STANDARD.encode(certified.der),
            chain: above.map(|certificate| STANDARD.encode(certificate.der())).collect(),
        })
    }

    /// The certificate of an order by the generation that signs now: a new one, or the one that the same request got
    /// before.
    async fn certify(&self, order: Order, actor: Actor) -> Result<Certified, Error> {
        let issuer = self.signing(&order.issuer)?;
        self.certify_by(&issuer, order, actor).await
    }

    /// The same by this generation.
    pub(crate) async fn certify_by(
        &self,
        issuer: &Issuer,
        mut order: Order,
        actor: Actor,
    ) -> Result<Certified, Error> {
        order.issuer = issuer.id().clone();
        let key = issuer.key()?;
        if matches!(order.profile.kind, Kind::EndEntity { .. })
            && self.all_issuers().iter().any(|known| known.identity.spki == order.key.spki())
        {
            return Err(KeyRefused::OfAuthority.into());
        }
        let person = order.names.user_id.clone();
        let system = order.names.system_id.clone();
        self.demand_present(person.as_deref()).await?;
        self.demand_registered(system.as_deref()).await?;
        self.demand_as_registered(&order).await?;
        match issuance::prepare(self.desk(), &issuer.identity, key, order, actor).await? {
            Prepared::Answered(stored) => Ok(Certified {
                serial: stored.serial,
                issuer: stored.issuer,
                der: stored.certificate.ok_or(Error::CertificateUnknown)?,
            }),
            Prepared::Fresh(linted) => {
                let fresh = issuance::issue(self.desk(), *linted, key).await?;
                self.end_if_left(person.as_deref(), &fresh.serial).await?;
                self.end_if_withdrawn(system.as_deref(), &fresh.serial).await?;
                Ok(Certified { serial: fresh.serial, issuer: issuer.id().to_string(), der: fresh.der })
            }
        }
    }

    pub(crate) async fn certificate(&self, serial: &str) -> Result<CertificateInfo, Error> {
        let serial = Serial::parse(serial).ok_or(Error::CertificateUnknown)?;
        let stored = certificates::by_serial(self.desk().db.read(), &serial).await?;
        let known = stored.filter(|stored| matches!(stored.state, State::Issued | State::Abandoned));
        Ok(info(known.ok_or(Error::CertificateUnknown)?, self.desk().clock.now()))
    }

    pub(crate) async fn revoke(
        &self,
        serial: &str,
        request: RevokeRequest,
        caller: &Caller,
    ) -> Result<CertificateInfo, Error> {
        self.revoke_as(serial, request, Reach::of(caller), Actor::from(caller)).await
    }

    /// The same in the name of whoever stands behind it.
    pub(crate) async fn revoke_as(
        &self,
        serial: &str,
        request: RevokeRequest,
        reach: Reach,
        actor: Actor,
    ) -> Result<CertificateInfo, Error> {
        let serial = Serial::parse(serial).ok_or(Error::CertificateUnknown)?;
        let outcome = revocation::revoke(self.desk(), serial, request, reach, actor).await?;
        if let Outcome::Changed(stored) = &outcome {
            let (profile, issuer) = (stored.profile.clone(), stored.issuer.clone());
            metrics::counter!("ca_certificates_revoked_total", "profile" => profile, "issuer" => issuer)
                .increment(1);
        }
        let (Outcome::Changed(stored) | Outcome::AsBefore(stored)) = outcome;
        if stored.issuer.parse().is_ok_and(|issuer: IssuerId| issuer.is_root()) {
            // It may be an authority's, which signs nothing new from here on. Where this fails the schedule does it.
            if let Err(error) = self.read_book().await {
                tracing::warn!(%error, "which authorities are revoked could not be read: {error}");
            }
        }
        self.inner.changed.notify_one();
        Ok(info(stored, self.desk().clock.now()))
    }

    pub(crate) async fn resume(&self, serial: &str, caller: &Caller) -> Result<CertificateInfo, Error> {
        let serial = Serial::parse(serial).ok_or(Error::CertificateUnknown)?;
        let stored = revocation::resume(self.desk(), serial, Actor::from(caller)).await?;
        self.inner.changed.notify_one();
        Ok(info(stored, self.desk().clock.now()))
    }

    pub(crate) fn failing(&self) -> &Failing {
        &self.inner.failing
    }

    pub(crate) fn issuer_info(&self, issuer: &Issuer) -> IssuerInfo {
        let (book, line) = (self.book(), issuer.id().line());
        let signing = book.signing(&line, self.desk().clock.now());
        let crosses = book.crosses_of(issuer.id()).map(|cross| STANDARD.encode(cross.certificate.der()));
        IssuerInfo {
            id: issuer.id().to_string(),
            subject: issuer.identity.subject.to_string(),
            certificate: STANDARD.encode(issuer.certificate.der()),
            chain: issuer.chain.iter().map(|certificate| STANDARD.encode(certificate.der())).collect(),
            not_before: issuer.identity.period.not_before,
            not_after: issuer.identity.period.not_after,
            signing: signing.is_some_and(|signing| signing.id() == issuer.id())
                && !book.is_revoked(issuer.id()),
            cross_certificates: crosses.collect(),
        }
    }
}

/// What must be there for an authority to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Every issuer that a profile names.
    Whole,
    /// The same, beside a process that may run under the same number.
    WholeBeside,
    /// A root: on a machine where it signs alone.
    RootAlone,
    /// A root: beside a server that may run under the same number, whose serials are in flight.
    Beside,
}

/// A certificate that is stored, and whose it is.
pub(crate) struct Certified {
    pub(crate) serial: Serial,
    pub(crate) issuer: String,
    pub(crate) der: Vec<u8>,
}

fn unknown_issuer(id: &str) -> Error {
    Error::IssuerUnknown(id.chars().filter(|c| !c.is_control()).take(60).collect())
}

async fn record_profiles(desk: &Desk) -> Result<(), Error> {
    let event = Event::ProfilesLoaded {
        sha256: desk.profiles.source_sha256.clone(),
        instance: desk.config.instance.number(),
    };
    let now = desk.guarded_now()?;
    desk.db
        .write(move |tx: &mut Tx| {
            Box::pin(
                async move { Ok::<_, Error>(audit::record(tx, now, &Actor::system("ca"), &event).await?) },
            )
        })
        .await?;
    Ok(())
}

/// A row as others see it.
pub(crate) fn info(stored: Stored, now: Millis) -> CertificateInfo {
    let state = match (stored.state, stored.revocation) {
        (State::Abandoned, _) => CertificateState::Abandoned,
        (_, Some(revocation)) if revocation.reason == Reason::CertificateHold => CertificateState::Held,
        (_, Some(_)) => CertificateState::Revoked,
        _ if stored.not_after < now => CertificateState::Expired,
        _ => CertificateState::Issued,
    };
    CertificateInfo {
        serial: stored.serial.to_string(),
        issuer: stored.issuer,
        profile: stored.profile,
        profile_version: stored.profile_version,
        sha256: stored.certificate_sha256.map(hex::encode),
        subject: stored.subject,
        user_id: stored.user_id,
        system_id: stored.system_id,
        not_before: stored.not_before,
        not_after: stored.not_after,
        state,
        revocation: stored.revocation.map(|revocation| RevocationInfo {
            revoked_at: revocation.revoked_at,
            reason: revocation.reason,
            invalidity_date: revocation.invalidity_date,
        }),
        certificate: stored.certificate.map(|der| STANDARD.encode(der)),
    }
}
