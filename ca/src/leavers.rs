//! What the register tells: the certificates of those who have left are revoked, and those of systems that were withdrawn.

use std::collections::HashSet;

use directory::api::{Change, ChangeKind, Follower};
use pki::Certificate;
use platform::caller::Caller;
use platform::db;
use platform::problem::Problem;

use crate::api::{CertificateInfo, CertificateQuery, CertificateState, REVOKE, Reason, RevokeRequest};
use crate::authority::Authority;
use crate::error::Error;
use crate::order::Order;
use crate::serial::Serial;
use crate::store::leavers;
use crate::subject::{AttributeKind, Field, SubjectRefused};

/// How the authority is called among the consumers of the change feed.
pub const CONSUMER: &str = "module:ca";

/// How many certificates that have a system's name are looked at at once.
const PAGE: i64 = 100;

impl Authority {
    /// Follows the register for as long as it is polled. Stopping it anywhere loses nothing: what was not noted as applied is
    /// applied again, to no further effect.
    pub async fn follow_register(self, register: directory::api::Client) {
        let apply = |change: Change| {
            let authority = self.clone();
            async move { authority.apply(&change).await }
        };
        Follower::new(register, CONSUMER).follow(apply).await;
    }

    async fn apply(&self, change: &Change) -> Result<(), Problem> {
        if change.kind == ChangeKind::SystemWithdrawn {
            return Ok(self.revoke_all_of_system(&change.subject).await?);
        }
        let (Some(reason), Some(person)) = (Reason::of_change(change.kind), &change.person) else {
            return Ok(());
        };
        let spared = self.spared(change, person).await?;
        Ok(self.revoke_all_of(person, reason, &spared).await?)
    }

    /// What somebody was given who left and is back before the authority heard of the leaving: it came after that, for nothing
    /// is issued to a closed profile, and stays.
    async fn spared(&self, change: &Change, person: &str) -> Result<HashSet<String>, Error> {
        if change.kind != ChangeKind::PersonClosed {
            return Ok(HashSet::new());
        }
        let db = &self.desk().db;
        // In this order: whoever leaves again in between has a change of their own.
        let younger = leavers::begun_after(db.read(), person, change.at).await.map_err(db::Error::from)?;
        match self.demand_present(Some(person)).await {
            Ok(()) => Ok(younger),
            Err(Error::PersonLeft) => Ok(HashSet::new()),
            Err(error) => Err(error),
        }
    }

    /// Nothing is issued to somebody who has left.
    pub(crate) async fn demand_present(&self, person: Option<&str>) -> Result<(), Error> {
        let Some(person) = person else { return Ok(()) };
        let mut read = self.desk().db.read().acquire().await.map_err(db::Error::from)?;
        let closed = directory::api::closed(&mut read, &[person]).await?;
        if closed.is_empty() { Ok(()) } else { Err(Error::PersonLeft) }
    }

    /// Somebody who left while their certificate was made does not get it: whoever follows the register may have looked
    /// before it was there.
    pub(crate) async fn end_if_left(&self, person: Option<&str>, serial: &Serial) -> Result<(), Error> {
        let present = self.demand_present(person).await;
        if matches!(present, Err(Error::PersonLeft)) {
            let request = RevokeRequest { reason: Reason::CessationOfOperation, invalidity_date: None };
            self.revoke(&serial.to_string(), request, &Caller::module("ca", &[REVOKE])).await?;
        }
        present
    }

    /// Nothing is issued for a system that was withdrawn.
    pub(crate) async fn demand_registered(&self, system: Option<&str>) -> Result<(), Error> {
        let Some(system) = system else { return Ok(()) };
        let mut read = self.desk().db.read().acquire().await.map_err(db::Error::from)?;
        if directory::api::withdrawn(&mut read, system).await? { Err(Error::SystemWithdrawn) } else { Ok(()) }
    }

    /// A system that the register knows is certified as what it is there: under a profile for its kind, with its organisation's code or none.
    /// One that it does not know is not refused, as people are not: an authority may serve a place whose systems are registered elsewhere.
    pub(crate) async fn demand_as_registered(&self, order: &Order) -> Result<(), Error> {
        let Some(system) = order.names.system_id.as_deref() else { return Ok(()) };
        let mut read = self.desk().db.read().acquire().await.map_err(db::Error::from)?;
        let Some(known) = directory::api::registered(&mut read, system).await? else { return Ok(()) };
        if order.profile.system.is_some_and(|kind| kind != known.kind()) {
            let sentence = format!("the register has it as a system of another kind: {}", known.kind());
            return Err(SubjectRefused::by_register(Field::SystemId, sentence).into());
        }
        let code = order.names.organisation_id.as_deref();
        if code.is_some_and(|code| !code.eq_ignore_ascii_case(known.organisation())) {
            let sentence = "the register has this system under another organisation";
            return Err(SubjectRefused::by_register(Field::OrganisationId, sentence).into());
        }
        Ok(())
    }

    /// A system that was withdrawn while its certificate was made does not get it.
    pub(crate) async fn end_if_withdrawn(&self, system: Option<&str>, serial: &Serial) -> Result<(), Error> {
        let registered = self.demand_registered(system).await;
        if matches!(registered, Err(Error::SystemWithdrawn)) {
            let request = RevokeRequest { reason: Reason::CessationOfOperation, invalidity_date: None };
            self.revoke(&serial.to_string(), request, &Caller::module("ca", &[REVOKE])).await?;
        }
        registered
    }

    /// Revokes every certificate of a system, which nobody can register again under the identifier.
    async fn revoke_all_of_system(&self, system: &str) -> Result<(), Error> {
        let query = CertificateQuery { system_id: Some(system.to_owned()), ..Default::default() };
        self.revoke_found(query, Reason::CessationOfOperation, &HashSet::new()).await?;
        // An identifier that can stand in a certificate stands there.
        if Field::SystemId.takes(system) { Ok(()) } else { self.revoke_all_named(system).await }
    }

    /// Revokes what a system has by its name alone: certificates for TLS that were made since the register knows it, with its organisation's
    /// code or none. What is older was made for something else that is called so: whoever registers systems is not to end that.
    async fn revoke_all_named(&self, system: &str) -> Result<(), Error> {
        let (db, now) = (&self.desk().db, self.desk().clock.now());
        let mut read = db.read().acquire().await.map_err(db::Error::from)?;
        let since = directory::api::registered_at(&mut read, system).await?;
        let known = directory::api::registered(&mut read, system).await?;
        drop(read);
        let Some((since, known)) = since.zip(known) else { return Ok(()) };
        let name = system.to_ascii_lowercase();
        let mut after = String::new();
        loop {
            let page = leavers::by_name(db.read(), (name.as_str(), since), now, &after, PAGE).await;
            let page = page.map_err(db::Error::from)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            for (serial, der) in &page {
                if Certificate::from_der(der).is_ok_and(|one| may_be_of(&one, known.organisation())) {
                    self.end(serial, Reason::CessationOfOperation).await?;
                }
            }
        }
    }

    /// Revokes a certificate, unless somebody was first, or time was.
    async fn end(&self, serial: &str, reason: Reason) -> Result<(), Error> {
        let request = RevokeRequest { reason, invalidity_date: None };
        match self.revoke(serial, request, &Caller::module("ca", &[REVOKE])).await {
            Ok(_) | Err(Error::AlreadyRevoked | Error::CertificateExpired) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Revokes every certificate of a person that is in force or on hold, but for these.
    async fn revoke_all_of(
        &self,
        person: &str,
        reason: Reason,
        spared: &HashSet<String>,
    ) -> Result<(), Error> {
        let query = CertificateQuery { user_id: Some(person.to_owned()), ..Default::default() };
        self.revoke_found(query, reason, spared).await
    }

    /// Revokes every certificate that a search finds and that is in force or on hold, but for these.
    async fn revoke_found(
        &self,
        found: CertificateQuery,
        reason: Reason,
        spared: &HashSet<String>,
    ) -> Result<(), Error> {
        let mut query = CertificateQuery { limit: Some(500), ..found };
        loop {
            let page = self.certificates(&query).await?;
            let standing = |state| matches!(state, CertificateState::Issued | CertificateState::Held);
            let ends = |it: &&CertificateInfo| standing(it.state) && !spared.contains(&it.serial);
            for certificate in page.certificates.iter().filter(ends) {
                self.end(&certificate.serial, reason).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// Whether a certificate may be that of a system of this organisation: it is for TLS, and of no other organisation.
fn may_be_of(certificate: &Certificate, organisation: &str) -> bool {
    let purposes = certificate.extended_key_usage().unwrap_or_default();
    let is_for_tls = [pki::eku::CLIENT_AUTH, pki::eku::SERVER_AUTH].iter().any(|one| purposes.contains(one));
    let code = certificate.subject().attribute(AttributeKind::OrganisationIdentifier.oid());
    is_for_tls && !certificate.is_ca() && code.is_none_or(|code| code.eq_ignore_ascii_case(organisation))
}

impl Reason {
    /// Why what somebody holds is revoked by a change of the register; nothing is by most. RFC 5280 5.3.1
    pub fn of_change(kind: ChangeKind) -> Option<Self> {
        match kind {
            ChangeKind::PersonClosed => Some(Self::CessationOfOperation),
            // It names an id that nobody has any more.
            ChangeKind::PersonMerged => Some(Self::Superseded),
            _ => None,
        }
    }
}
