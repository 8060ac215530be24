//! What the register tells: the certificates of those who have left are revoked.

use directory::api::{Change, ChangeKind, Follower};
use platform::caller::Caller;
use platform::db;
use platform::problem::Problem;

use crate::api::{CertificateQuery, CertificateState, REVOKE, Reason, RevokeRequest};
use crate::authority::Authority;
use crate::error::Error;
use crate::serial::Serial;

/// How the authority is called among the consumers of the change feed.
pub const CONSUMER: &str = "module:ca";

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
        let (Some(reason), Some(person)) = (Reason::of_change(change.kind), &change.person) else {
            return Ok(());
        };
        Ok(self.revoke_all_of(person, reason).await?)
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

    /// Revokes every certificate of a person that is in force or on hold.
    async fn revoke_all_of(&self, person: &str, reason: Reason) -> Result<(), Error> {
        let caller = Caller::module("ca", &[REVOKE]);
        let mut query =
            CertificateQuery { user_id: Some(person.to_owned()), limit: Some(500), ..Default::default() };
        loop {
            let page = self.certificates(&query).await?;
            let standing = |state| matches!(state, CertificateState::Issued | CertificateState::Held);
            for certificate in page.certificates.iter().filter(|certificate| standing(certificate.state)) {
                let request = RevokeRequest { reason, invalidity_date: None };
                match self.revoke(&certificate.serial, request, &caller).await {
                    // Somebody was first, or time was.
                    Ok(_) | Err(Error::AlreadyRevoked | Error::CertificateExpired) => {}
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }
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
