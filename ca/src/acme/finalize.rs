//! Finalizing: from a ready order to a certificate (RFC 8555 7.4).
//!
//! The request is stored with the order before anything is issued, and the order's id is the name of the request at the
//! authority: whoever finishes it after a crash gets the certificate that was made, and no second one.

use std::time::Duration;

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::db::Tx;
use platform::problem::{Kind as Platform, Problem as PlatformProblem};
use serde::Deserialize;

use super::orders::validity;
use super::problem::{Kind, Problem};
use super::sender::{Signed, in_force};
use super::{Acme, Answer, csr};
use crate::api::{IssueRequest, Issued, KeySource, Validity};
use crate::error::Error;
use crate::events::Event;
use crate::store::acme::orders::{self, Order, OrderState};
use crate::store::acme::{accounts, authorizations, queue};

/// How long one attempt holds the order.
const CLAIM: Duration = Duration::from_mins(1);
/// How often issuing is tried while token or database are away: a day at the longest pause.
const MOST_ATTEMPTS: i64 = 300;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Finalize {
    csr: String,
}

impl Acme {
    /// Takes the certification request of a ready order, and issues.
    pub(crate) async fn finalize(&self, id: &str, signed: Signed) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        let finalize: Finalize = payload.read()?;
        let order = self.own_order(id, &account).await?;
        let now = self.desk().guarded_now()?;
        if order.state_at(now) != OrderState::Ready {
            let detail = format!("the order is {}, not ready", order.state_at(now).as_str());
            return Err(Problem::new(Kind::OrderNotReady, detail));
        }
        let der = URL_SAFE_NO_PAD.decode(&finalize.csr);
        let der = der.map_err(|_| Problem::new(Kind::BadCSR, "\"csr\" is not base64url of DER"))?;
        let attested = authorizations::of_order(self.desk().db.read(), id).await?;
        let attested = attested.into_iter().find_map(|authorization| authorization.key_sha256);
        let csr = csr::check(&der, &order.identifiers, &account.key, attested.as_deref())?;
        let profile = self.desk().profiles.find(&order.profile);
        let profile = profile.ok_or_else(|| Problem::new(Kind::InvalidProfile, "the profile is gone"))?;
        let validity = validity(&order, profile, now);
        // What would be refused later is refused now, and the order stays ready for a better request.
        let request = request(&order, csr.der(), validity)?;
        crate::order::Order::parse(&request, "acme", &self.desk().profiles).map_err(refused)?;
        let (kept, started) = (csr.der().to_vec(), id.to_owned());
        let began = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(
                    async move { Ok::<_, Error>(orders::begin(tx, &started, &kept, validity, now).await?) },
                )
            })
            .await?;
        if !began {
            return Err(Problem::new(Kind::OrderNotReady, "the order is being finalized already"));
        }
        self.issue_for(id).await?;
        self.order_answer(&self.own_order(id, &account).await?).await
    }

    /// Issues for an order in the queue, unless somebody else does. What can be tried again stays in the queue.
    pub(super) async fn issue_for(&self, id: &str) -> Result<(), Problem> {
        let (now, claimed) = (self.now(), id.to_owned());

        let Some(attempt) = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    Ok::<_, Error>(queue::claim_order(tx, &claimed, now, now.plus(CLAIM)).await?)
                })
            })
            .await?
        else {
            return Ok(());
        };
        let Some(order) = orders::by_id(self.desk().db.read(), id).await? else { return Ok(()) };
        let validity = match (order.not_before, order.not_after) {
            (Some(not_before), Some(not_after)) => Some(Validity { not_before, not_after }),
            _ => None,
        };
        if let Some(ended) = self.has_ended(&order).await? {
            return self.order_has_failed(order, ended).await;
        }
        let request = request(&order, order.csr.as_deref().unwrap_or_default(), validity)?;
        match self.authority.issue(&request, &Acme::caller(&order.account)).await {
            Ok(issued) => self.order_is_valid(order, issued).await,
            // What only the database knows of a key: it is compromised, or somebody else's.
            Err(error @ Error::Key(_)) => self.order_has_failed(order, refused(error)).await,
            Err(error) => {
                let problem = PlatformProblem::from(error);
                let later = matches!(problem.kind, Platform::Unavailable | Platform::TimedOut);
                if later && attempt < MOST_ATTEMPTS {
                    problem.log();
                    return self.issue_later(order, attempt).await;
                }
                self.order_has_failed(order, Problem::from(problem)).await
            }
        }
    }

    /// Why nothing is issued any more for an order that waited: its account, or the external account behind it, has ended.
    async fn has_ended(&self, order: &Order) -> Result<Option<Problem>, Problem> {
        let account = accounts::by_id(self.desk().db.read(), &order.account).await?;
        let account = account.ok_or_else(|| Problem::not_found("account"))?;
        Ok(in_force(&account).err())
    }

    async fn order_is_valid(&self, order: Order, issued: Issued) -> Result<(), Problem> {
        let event = Event::AcmeOrderIssued {
            order: order.id.clone(),
            account: order.account.clone(),
            serial: issued.serial.clone(),
        };
        let (now, actor) = (self.now(), Actor::from(&Acme::caller(&order.account)));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if orders::mark_valid(tx, &order.id, &issued.serial).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(())
    }

    async fn issue_later(&self, order: Order, attempt: i64) -> Result<(), Problem> {
        let at = self.now().plus(pause(attempt, LONGEST_PAUSE));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(queue::retry_order(tx, &order.id, attempt, at).await?) })
            })
            .await?;
        Ok(())
    }

    async fn order_has_failed(&self, order: Order, problem: Problem) -> Result<(), Problem> {
        let event = Event::AcmeOrderFailed {
            order: order.id.clone(),
            account: order.account.clone(),
            problem: problem.kind.urn(),
        };
        let (now, actor) = (self.now(), Actor::from(&Acme::caller(&order.account)));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if orders::mark_invalid(tx, &order.id, &problem).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(())
    }
}

/// Twice as long after each attempt: 1 s, 2 s, 4 s, and so on.
pub(super) fn pause(attempt: i64, longest: Duration) -> Duration {
    let doublings = u32::try_from((attempt - 1).clamp(0, 20)).unwrap_or(0);
    Duration::from_secs(1 << doublings).min(longest)
}

/// The request to the authority; the same order makes the same request each time.
fn request(order: &Order, csr: &[u8], validity: Option<Validity>) -> Result<IssueRequest, Problem> {
    let key = KeySource::Csr(pki::to_pem(pki::Csr::PEM_LABEL, csr));
    let subject = csr::subject(&order.identifiers)?;
    let request = IssueRequest::new(format!("acme-{}", order.id), order.profile.clone(), subject, key);
    Ok(IssueRequest { validity, ..request })
}

/// A refusal by the rules of issuing, in the words of ACME.
fn refused(error: Error) -> Problem {
    match error {
        Error::Key(_) | Error::CsrRefused | Error::Extension(_) => {
            Problem::new(Kind::BadCSR, error.to_string())
        }
        Error::Subject(_) | Error::NameNotPermitted { .. } => {
            Problem::new(Kind::RejectedIdentifier, error.to_string())
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pauses double and have an end.
    #[test]
    fn pauses_double() {
        let seconds = |attempt| pause(attempt, LONGEST_PAUSE).as_secs();
        assert_eq!([1, 2, 3, 9, 10, i64::MAX].map(seconds), [1, 2, 4, 256, 300, 300]);
    }
}
