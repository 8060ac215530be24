//! What watchers see of the authority: refusals by reason, how long certificates of authorities last, how old lists are.

use platform::clock::Millis;

use crate::authority::Authority;
use crate::crl::Kind;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::profile::Profiles;
use crate::store::{lists, scopes};

/// How long before its end the list of a root kept elsewhere is warned of.
const WARNED_DAYS: f64 = 30.0;

/// Counts a request that came to nothing. A profile that is not ours is counted under one name, so that callers
/// cannot make labels.
pub(crate) fn refused(profiles: &Profiles, profile: &str, error: &Error) {
    let known = profiles.find(profile).map_or("unknown", |profile| profile.id.as_str()).to_owned();
    metrics::counter!("ca_issue_failures_total", "profile" => known, "reason" => reason(error)).increment(1);
}

/// The kind of an error in one word.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::RequestInvalid { .. } => "request",
        Error::ProfileUnknown(_) | Error::ProfileNotAllowed { .. } | Error::IssuerNotNamed(_) => "profile",
        Error::Subject(_) | Error::NameNotPermitted { .. } => "subject",
        Error::Key(_) => "key",
        Error::CsrRefused | Error::Extension(_) => "csr",
        Error::Validity(_) => "validity",
        Error::ExpiryDaysFull(_) => "expiry-days",
        Error::RequestIdReused | Error::RequestInProgress => "repeated",
        Error::LintsFired(_) | Error::Unwritable(_) | Error::Unfit(_) => "lint",
        Error::Token(_) | Error::IssuerKeyMissing(_) => "token",
        Error::IssuerRevoked(_) => "issuer-revoked",
        Error::Database(_) => "database",
        _ => "other",
    }
}

impl Authority {
    /// Tells how many days each authority has left, how old its complete list is (of several shards, the oldest) and how
    /// long each of its lists holds, whichever process made it. Of one whose certificate has ended nothing is told any more.
    pub async fn tell_ages(&self) {
        let now = self.desk().clock.now();
        self.tell_lists(now).await;
        for issuer in self.all_issuers() {
            let id = issuer.id().to_string();
            if issuer.has_ended(now) {
                for gauge in ["ca_issuer_days_left", "ca_crl_age_seconds", "ca_ocsp_responder_days_left"] {
                    metrics::gauge!(gauge, "issuer" => id.clone()).set(f64::NAN);
                }
                continue;
            }
            let left = days(now, issuer.identity.period.not_after);
            metrics::gauge!("ca_issuer_days_left", "issuer" => id.clone()).set(left);
            if issuer.key().is_err() {
                self.tell_brought_list(&issuer, now).await;
            }
            let scopes = scopes::of_issuer(self.desk().db.read(), &id).await.unwrap_or_default();
            let made = scopes.iter().filter_map(|scope| scope.complete.map(|list| list.at));
            if let Some(oldest) = made.min_by_key(|at| at.0) {
                let age = days(oldest, now) * 86_400.0;
                metrics::gauge!("ca_crl_age_seconds", "issuer" => id.clone()).set(age);
            }
            if let Some(until) = self.ocsp().responder_until(issuer.id()) {
                metrics::gauge!("ca_ocsp_responder_days_left", "issuer" => id).set(days(now, until));
            }
        }
        let kept = u32::try_from(self.ocsp().kept()).unwrap_or(u32::MAX);
        metrics::gauge!("ca_ocsp_answers_kept").set(f64::from(kept));
    }
}

impl Authority {
    /// Tells until when each newest list holds. One of an authority that has ended, and a delta list where none are wished
    /// any more, has run out rightly and is no cause for alarm.
    async fn tell_lists(&self, now: Millis) {
        let newest = match lists::every_newest(self.desk().db.read()).await {
            Ok(newest) => newest,
            Err(error) => {
                tracing::warn!(%error, "until when lists hold could not be read: {error}");
                return;
            }
        };
        for (id, next_update) in newest {
            let Ok(issuer) = self.issuer(&id.issuer) else { continue };
            let wished = id.kind == Kind::Complete || self.desk().config.delta_every(issuer.id()).is_some();
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a double")]
            let ends = if issuer.has_ended(now) || !wished { f64::NAN } else { next_update.seconds() as f64 };
            let kind = id.kind.as_str().to_owned();
            let labels = [("issuer", id.issuer), ("shard", id.shard.to_string()), ("kind", kind)];
            metrics::gauge!("ca_crl_next_update_seconds", &labels).set(ends);
        }
    }

    /// Tells how long the list of an authority whose key is elsewhere still holds, and warns once a day when the next
    /// ceremony is due.
    async fn tell_brought_list(&self, issuer: &Issuer, now: Millis) {
        let id = issuer.id().to_string();
        let newest = self.newest_list(issuer, 0, Kind::Complete).await;
        let left = newest.map_or(0.0, |list| days(now, list.next_update));
        metrics::gauge!("ca_brought_list_days_left", "issuer" => id.clone()).set(left);
        if left < WARNED_DAYS && self.is_first_today(now) {
            tracing::warn!(
                issuer = id,
                "the revocation list of {id} holds {left:.0} days more; its key is elsewhere: hold a ceremony and bring the next"
            );
        }
    }
}

/// From one time to another, in days.
fn days(from: Millis, to: Millis) -> f64 {
    // Whole minutes, which a float holds exactly.
    let minutes = i32::try_from((to.0 - from.0) / 60_000).unwrap_or(i32::MAX);
    f64::from(minutes) / 1_440.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each refusal has its word, and times are told in days.
    #[test]
    fn refusals_have_words() {
        assert_eq!(reason(&Error::CsrRefused), "csr");
        assert_eq!(reason(&Error::ProfileUnknown("x".to_owned())), "profile");
        assert_eq!(reason(&Error::TaskEnded), "other");
        assert!((days(Millis(0), Millis(86_400_000 * 3 / 2)) - 1.5).abs() < 1e-9);
    }
}
