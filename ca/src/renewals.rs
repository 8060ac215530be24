//! Certificates that end soon: notices, given once at each distance, and who has taken care.

mod notices;
mod telling;

use audit::Actor;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{
    AcknowledgeRequest, Acknowledgement, Notice, NoticePage, NoticeQuery, RenewalInfo, RenewalPage,
    RenewalQuery,
};
use crate::authority::Authority;
use crate::error::Error;
use crate::events::Event;
use crate::expiries::MOST_DAYS;
use crate::profile::DAY_MS;
use crate::search::{expiry_mark, page_length};
use crate::serial::Serial;
use crate::store::renewals::{self, Ending, Filter};

pub use notices::{NoticeDays, RenewalConfig};

/// How many days ahead a list looks unless told.
const USUAL_DAYS: i64 = 30;
/// The longest note, in characters.
const LONGEST_NOTE: usize = 200;

impl Authority {
    /// One page of the certificates in force that end in a window.
    pub(crate) async fn renewals(&self, query: &RenewalQuery) -> Result<RenewalPage, Error> {
        let limit = page_length(query.limit)?;
        let filter = filter(query, self.desk().clock.now())?;
        let after = query.after.as_deref().map(|text| expiry_mark(text).ok_or(Error::CursorInvalid));
        let read = self.desk().db.read();
        let mut rows = renewals::page(read, &filter, after.transpose()?, i64::from(limit) + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| more);
        let next = last.map(|last| format!("{}-{}", last.not_after.0, last.serial));
        Ok(RenewalPage { renewals: rows.into_iter().map(info).collect(), next })
    }

    /// Notices behind a number.
    pub(crate) async fn notices(&self, query: NoticeQuery) -> Result<NoticePage, Error> {
        let limit = page_length(query.limit)?;
        let rows = renewals::notices(self.desk().db.read(), query.after, i64::from(limit)).await?;
        let notices = rows.into_iter().map(|given| Notice {
            number: given.number,
            days: given.days,
            given_at: given.at,
            renewal: info(given.ending),
        });
        Ok(NoticePage { notices: notices.collect() })
    }

    /// Stores that the caller has taken care of a renewal. The first to say so is kept.
    pub(crate) async fn acknowledge(
        &self,
        serial: &str,
        request: AcknowledgeRequest,
        caller: &Caller,
    ) -> Result<RenewalInfo, Error> {
        let serial = self.known(serial).await?;
        let note = checked(request.note)?;
        let now = self.desk().clock.now();
        let client = caller.client.as_str().to_owned();
        let acknowledgement = Acknowledgement { client, note, acknowledged_at: now };
        let (actor, event) = (Actor::from(caller), Event::RenewalAcknowledged { serial: serial.to_string() });
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if renewals::acknowledge(tx, &serial, &acknowledgement).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.renewal(&serial).await
    }

    /// Takes back that somebody has taken care.
    pub(crate) async fn withdraw_acknowledgement(
        &self,
        serial: &str,
        caller: &Caller,
    ) -> Result<RenewalInfo, Error> {
        let serial = self.known(serial).await?;
        let (now, actor) = (self.desk().clock.now(), Actor::from(caller));
        let event = Event::RenewalAcknowledgementWithdrawn { serial: serial.to_string() };
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if renewals::withdraw(tx, &serial).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.renewal(&serial).await
    }

    async fn known(&self, serial: &str) -> Result<Serial, Error> {
        let serial = Serial::parse(serial).ok_or(Error::CertificateUnknown)?;
        self.renewal(&serial).await.map(|_| serial)
    }

    async fn renewal(&self, serial: &Serial) -> Result<RenewalInfo, Error> {
        let found = renewals::one(self.desk().db.read(), serial).await?;
        found.map(info).ok_or(Error::CertificateUnknown)
    }
}

fn filter(query: &RenewalQuery, now: Millis) -> Result<Filter, Error> {
    let from = query.expires_from.unwrap_or(now);
    let before = query.expires_before.unwrap_or(Millis(from.0.max(now.0) + USUAL_DAYS * DAY_MS));
    if before <= from || before.0 - from.0 > MOST_DAYS * DAY_MS {
        let sentence = format!("a window ends after it begins and has {MOST_DAYS} days at most");
        return Err(Error::RequestInvalid { field: "expires_before", sentence });
    }
    Ok(Filter {
        from,
        before,
        profile: query.profile.clone(),
        issuer: query.issuer.clone(),
        user_id: query.user_id.clone(),
        acknowledged: query.acknowledged,
    })
}

fn checked(note: String) -> Result<String, Error> {
    if note.chars().count() > LONGEST_NOTE || note.chars().any(char::is_control) {
        let sentence = format!("a note has {LONGEST_NOTE} characters at most and is one line");
        return Err(Error::RequestInvalid { field: "note", sentence });
    }
    Ok(note)
}

fn info(ending: Ending) -> RenewalInfo {
    RenewalInfo {
        serial: ending.serial.to_string(),
        issuer: ending.issuer,
        profile: ending.profile,
        subject: ending.subject,
        user_id: ending.user_id,
        not_after: ending.not_after,
        noticed_days: ending.noticed_days,
        acknowledgement: ending.acknowledgement,
    }
}
