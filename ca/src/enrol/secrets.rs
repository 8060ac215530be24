//! Shared secrets for a first certificate: made by whoever may issue for the road's profile, kept sealed.
//!
//! A secret is a promise of a certificate for one client on one road, so nobody makes one who could not have the
//! certificate itself issued. It is 256 random bits: nobody guesses it, however fast the protocol lets them try.

use audit::Actor;
use aws_lc_rs::rand::SystemRandom;
use hsm::Sealed;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::{Db, Tx};
use platform::id::{ClientId, OdsCode, uuid_text};
use platform::secret::Secret;
use zeroize::Zeroizing;

use super::config::Protocol;
use crate::api::{EnrolmentSecret, EnrolmentSecretInfo, NewEnrolmentSecret};
use crate::authority::Authority;
use crate::error::Error;
use crate::events::Event;
use crate::grants::may_issue;
use crate::profile::Length;
use crate::store::enrol_secrets::{self, EnrolSecret};

/// What may be asked for, and what is given untold.
const USES: (std::ops::RangeInclusive<u32>, u32) = (1..=100, 1);
const SECONDS: (std::ops::RangeInclusive<u32>, u32) = (60..=2_592_000, 86_400);
/// How many are ended in one transaction.
const ENDED_AT_ONCE: i64 = 200;

impl Authority {
    /// Makes a secret. When this returns it is stored and in the audit record; it is shown this once.
    pub(crate) async fn add_enrolment_secret(
        &self,
        new: NewEnrolmentSecret,
        caller: &Caller,
    ) -> Result<EnrolmentSecret, Error> {
        let now = self.desk().guarded_now()?;
        let kept = self.enrolment_secret_of(new, caller, now)?;
        let secret = fresh()?;
        let place = place(&kept.reference);
        let sealed = self.hsm().seal(Zeroizing::new(secret.as_bytes().to_vec()), &place).await?.to_bytes();
        let (info, actor) = (info(kept.clone()), Actor::from(caller));
        let event = Event::EnrolmentSecretMade {
            reference: kept.reference.clone(),
            road: kept.road.clone(),
            client: kept.client.to_string(),
            uses: kept.uses_left,
            expires_at: kept.expires_at,
        };
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    enrol_secrets::insert(tx, &kept, &sealed).await?;
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(EnrolmentSecret { info, secret: secret.to_string() })
    }

    /// The newest thousand secrets.
    pub(crate) async fn enrolment_secrets(&self) -> Result<Vec<EnrolmentSecretInfo>, Error> {
        Ok(enrol_secrets::all(self.desk().db.read()).await?.into_iter().map(info).collect())
    }

    /// Ends a secret: nothing is asked for with it any more. A certificate that waits for its confirmation by it lapses.
    pub(crate) async fn end_enrolment_secret(&self, reference: &str, caller: &Caller) -> Result<(), Error> {
        let now = self.desk().guarded_now()?;
        let found = enrol_secrets::by_reference(self.desk().db.read(), reference).await?;
        let (secret, _) = found.ok_or(Error::EnrolmentSecretUnknown)?;
        // A road that is gone has no profile to ask about; its secrets open nothing either way.
        if let Ok(road) = self.desk().config.enrol.road(Some(&secret.road), Protocol::Cmp) {
            may_issue(caller, road.config.profile.as_str()).map_err(Error::Platform)?;
        }
        let (actor, reference) = (Actor::from(caller), secret.reference);
        let ended = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let ended = enrol_secrets::end(tx, &reference, now).await?;
                    if ended {
                        audit::record(tx, now, &actor, &Event::EnrolmentSecretEnded { reference }).await?;
                    }
                    Ok::<_, Error>(ended)
                })
            })
            .await?;
        if ended { Ok(()) } else { Err(Error::EnrolmentSecretUnknown) }
    }

    fn enrolment_secret_of(
        &self,
        new: NewEnrolmentSecret,
        caller: &Caller,
        now: Millis,
    ) -> Result<EnrolSecret, Error> {
        let refused = |field, sentence: &str| Error::RequestInvalid { field, sentence: sentence.to_owned() };
        let road = self.desk().config.enrol.road(Some(&new.road), Protocol::Cmp);
        let road = road.map_err(|_| refused("road", "no road of this name is offered by CMP"))?;
        may_issue(caller, road.config.profile.as_str()).map_err(Error::Platform)?;
        let client: ClientId =
            new.client.parse().map_err(|_| refused("client", "a client id is needed, such as larkfield"))?;
        if !client.is_common_name() {
            return Err(refused("client", "at most 64 letters: it is the common name of a certificate"));
        }
        if new.client.starts_with("module:") {
            return Err(refused("client", "this is a name of the server's own modules"));
        }
        let organisation: Option<OdsCode> = new
            .organisation
            .map(|code| code.parse().map_err(|_| refused("organisation", "an organisation's code is needed")))
            .transpose()?;
        let uses = new.uses.unwrap_or(USES.1);
        let seconds = new.valid_seconds.unwrap_or(SECONDS.1);
        if !USES.0.contains(&uses) {
            return Err(refused("uses", "1 to 100"));
        }
        if !SECONDS.0.contains(&seconds) {
            return Err(refused("valid_seconds", "60 to 2592000"));
        }
        Ok(EnrolSecret {
            reference: uuid_text(now),
            road: road.name.to_string(),
            client,
            organisation,
            uses_left: uses,
            created_at: now,
            expires_at: Length { seconds: i64::from(seconds) }.after(now),
            ended_at: None,
        })
    }

    /// Opens what is sealed of a secret.
    pub(super) async fn opened_secret(
        &self,
        reference: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let corrupt = |error| platform::db::Error::corrupt("ca_enrol_secret.secret", error);
        let sealed = Sealed::from_bytes(sealed).map_err(corrupt)?;
        Ok(self.hsm().unseal(&sealed, &place(reference)).await?)
    }
}

/// Ends every secret that still gives something, and says how many there were.
///
/// For a restore: which were used or ended after the copy was made is not known here. A crash in between leaves the rest for the next
/// call.
pub async fn end_enrolment_secrets(db: &Db, now: Millis) -> Result<u64, Error> {
    let mut all = 0;
    loop {
        let page: Result<u64, Error> = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let mut ended = 0;
                    for reference in enrol_secrets::in_force(tx, now, ENDED_AT_ONCE).await? {
                        if enrol_secrets::end(tx, &reference, now).await? {
                            let event = Event::EnrolmentSecretEnded { reference };
                            audit::record(tx, now, &Actor::system("ca"), &event).await?;
                            ended += 1;
                        }
                    }
                    Ok(ended)
                })
            })
            .await;
        match page? {
            0 => return Ok(all),
            ended => all += ended,
        }
    }
}

/// 256 random bits as text: what is typed is what is computed with.
fn fresh() -> Result<Zeroizing<String>, Error> {
    Secret::generate(&SystemRandom::new()).map(|secret| secret.text()).map_err(|_| Error::NoRandomness)
}

/// Where a secret lies; sealed for this place alone.
fn place(reference: &str) -> Vec<u8> {
    format!("ca_enrol_secret/secret/{reference}/1").into_bytes()
}

fn info(secret: EnrolSecret) -> EnrolmentSecretInfo {
    EnrolmentSecretInfo {
        reference: secret.reference,
        road: secret.road,
        client: secret.client.to_string(),
        organisation: secret.organisation.map(|code| code.to_string()),
        uses_left: secret.uses_left,
        created_at: secret.created_at,
        expires_at: secret.expires_at,
        ended_at: secret.ended_at,
    }
}
