//! The OCSP responder (RFC 6960, in the light form of RFC 5019 too).
//!
//! Answers are signed when they are asked for. Those about one certificate without a nonce are kept until they age,
//! and given again as long as nothing has changed: every answer first looks at the count of changes, so a revocation
//! shows in the next answer of any process. An answer about a serial that was never issued is not kept.

mod data;
mod fresh;
mod kept;
mod renewal;
mod responder;
mod retirement;
mod standing;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use pki::ocsp::{CertId, Question, Refusal, Request, Response, Status};
use platform::clock::Millis;
use platform::db::Db;
use tokio::sync::Semaphore;

use crate::authority::Authority;
use crate::book::Book;
use crate::config::OcspConfig;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::joining::Unfit;
use crate::names::IssuerId;
use crate::profile::Length;
use crate::serial::Serial;
use crate::store::certificates::Revocation;
use fresh::{Fresh, Signed};
pub(crate) use kept::Kept;
use kept::{Seat, Shelf};
use responder::Responders;
use standing::Reader;

/// How long an answer holds. docs/cps.md 4.3
const HOLDS: Length = Length { seconds: 900 };
/// How long it is given to further people before a new one is signed.
const KEPT: Length = Length { seconds: 300 };

/// Where a serial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Issued, and not revoked.
    Good,
    /// Revoked, held or abandoned.
    Revoked(Revocation),
    /// Its issuer has not issued it (RFC 6960 4.4.8).
    NeverIssued,
    /// It is of another issuer than the one whose responder signs this answer.
    OtherIssuer,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Standing::Good => "good",
            Standing::Revoked(_) => "revoked",
            Standing::NeverIssued => "never-issued",
            Standing::OtherIssuer => "unknown",
        }
    }
}

/// What a question gets.
pub(crate) enum Reply {
    /// An answer that others may have too.
    Shared(Arc<Kept>),
    /// An answer for this question alone.
    Single(Vec<u8>),
    /// None.
    Refused(Refusal),
}

/// The responder's state.
pub(crate) struct Ocsp {
    responders: Responders,
    reader: Reader,
    fresh: Fresh,
    shelf: Arc<Shelf>,
    /// One place for each answer that is being signed; whoever finds none is told to come later.
    places: Semaphore,
}

impl Ocsp {
    pub(crate) fn new(db: &Db, config: &OcspConfig) -> Ocsp {
        let most = NonZeroUsize::new(config.kept).unwrap_or(NonZeroUsize::MIN);
        Ocsp {
            responders: Responders::default(),
            reader: Reader::start(db),
            fresh: Fresh::start(),
            shelf: Shelf::new(most),
            places: Semaphore::new(config.signing.max(1)),
        }
    }

    /// The last instant of an issuer's responder that this process knows.
    pub(crate) fn responder_until(&self, issuer: &IssuerId) -> Option<Millis> {
        self.responders.known(issuer).map(|responder| Millis(responder.certificate.not_after_ms()))
    }

    /// How many signed answers are kept.
    pub(crate) fn kept(&self) -> usize {
        self.shelf.kept()
    }
}

impl Authority {
    /// Answers a question in DER.
    pub(crate) async fn ocsp_answer(&self, question: &[u8]) -> Reply {
        let reply = match Request::from_der(question) {
            Ok(request) => self.reply(Arc::new(request)).await.unwrap_or_else(Reply::Refused),
            Err(_) => Reply::Refused(Refusal::MalformedRequest),
        };
        if let Reply::Refused(refusal) = &reply {
            count(refused_as(*refusal), "none");
        }
        reply
    }

    async fn reply(&self, request: Arc<Request>) -> Result<Reply, Refusal> {
        let now = self.desk().guarded_now().map_err(|error| refusal(&error))?;
        let mut book = self.book();
        if !request.ids().iter().any(|id| book.asked(id).is_some()) {
            if let Err(error) = self.look_again().await {
                tracing::warn!(%error, "whether there are new issuers could not be read: {error}");
            }
            book = self.book();
        }
        let issuer = request.ids().iter().find_map(|id| book.asked(id));
        // RFC 5019 2.2.3: not an issuer of ours, so not ours to answer.
        let issuer = issuer.and_then(|id| book.find(id)).ok_or(Refusal::Unauthorized)?;
        match (request.ids(), request.nonce()) {
            ([id], None) => self.shared(&book, issuer, &request, id, now).await,
            _ => self.single(&book, issuer, &request, now).await,
        }
    }

    /// An answer for this question alone: it has a nonce, or asks for several certificates.
    async fn single(
        &self,
        book: &Book,
        issuer: &Arc<Issuer>,
        request: &Arc<Request>,
        now: Millis,
    ) -> Result<Reply, Refusal> {
        let _place = self.ocsp().places.try_acquire().map_err(|_| Refusal::TryLater)?;
        let signed = self.ocsp().fresh.answer(self, book, issuer, request, now).await?;
        for standing in &signed.standings {
            count(standing.as_str(), "fresh");
        }
        Ok(Reply::Single(signed.octets))
    }

    /// A kept answer where one still holds; otherwise one is signed and kept, once for all who wait for it.
    async fn shared(
        &self,
        book: &Book,
        issuer: &Arc<Issuer>,
        request: &Arc<Request>,
        id: &CertId,
        now: Millis,
    ) -> Result<Reply, Refusal> {
        let ocsp = self.ocsp();
        // Every change that was answered before this question came is counted here.
        let changes = ocsp.reader.changes().await.map_err(|error| refusal(&error.into()))?;
        loop {
            if let Some(kept) =
                self.still_true(issuer, id, changes, now).await.map_err(|error| refusal(&error))?
            {
                count(kept.standing.as_str(), "kept");
                return Ok(Reply::Shared(kept));
            }
            let flight = match ocsp.shelf.board(id.der()) {
                Seat::Pilot(flight) => flight,
                Seat::Passenger(mut waiting) => {
                    if let Ok(landed) = waiting.wait_for(Option::is_some).await
                        && let Some(kept) = landed.as_ref().filter(|kept| kept.is_as_of(changes))
                    {
                        count(kept.standing.as_str(), "kept");
                        return Ok(Reply::Shared(Arc::clone(kept)));
                    }
                    continue;
                }
            };
            let _place = ocsp.places.try_acquire().map_err(|_| Refusal::TryLater)?;
            let signed = ocsp.fresh.answer(self, book, issuer, request, now).await?;
            let standing = signed.standings.first().copied().unwrap_or(Standing::NeverIssued);
            count(standing.as_str(), "fresh");
            if standing == Standing::NeverIssued {
                return Ok(Reply::Single(signed.octets));
            }
            let kept = Arc::new(signed.prove(issuer, id, standing).map_err(|error| refusal(&error))?);
            ocsp.shelf.keep(id.der(), Arc::clone(&kept));
            flight.land(&kept);
            return Ok(Reply::Shared(kept));
        }
    }

    /// A kept answer that is not old, and whose certificate stands as it says.
    async fn still_true(
        &self,
        issuer: &Issuer,
        id: &CertId,
        changes: i64,
        now: Millis,
    ) -> Result<Option<Arc<Kept>>, Error> {
        let kept = self.ocsp().shelf.find(id.der());
        let young = |kept: &Arc<Kept>| {
            kept.this_update <= now && now < KEPT.after(kept.this_update).min(kept.next_update)
        };
        let Some(kept) = kept.filter(young) else { return Ok(None) };
        if !kept.is_as_of(changes) {
            // Something changed somewhere. The count was read before these rows, so they are at least as new.
            let signed = self.ocsp().responders.still(self.desk(), issuer, kept.generation, changes).await?;
            if !signed || self.standing(issuer, id).await? != kept.standing {
                return Ok(None);
            }
            kept.seen_at(changes);
        }
        Ok(Some(kept))
    }

    async fn standing(&self, issuer: &Issuer, id: &CertId) -> Result<Standing, Error> {
        // Every serial of ours has one length; another is nobody's.
        let Some(serial) = Serial::from_content(id.serial().content()) else {
            return Ok(Standing::NeverIssued);
        };
        let row = self.ocsp().reader.row(serial).await?;
        Ok(row.map_or(Standing::NeverIssued, |row| row.of(issuer.id().as_str())))
    }
}

impl Signed {
    /// What is given to many is first read back, and must prove what was meant.
    fn prove(self, issuer: &Issuer, id: &CertId, standing: Standing) -> Result<Kept, Error> {
        let Signed { octets, changes, generation, this_update, next_update, .. } = self;
        let question = Question { id, issuer: &issuer.certificate, nonce: None, at_ms: this_update.0 };
        let proved = match Response::from_der(&octets) {
            Ok(Response::Answered(answer)) => answer.check(&question).ok(),
            _ => None,
        };
        let proved = proved.ok_or(Unfit::Differs)?;
        if (proved.status() == Status::Good) != (standing == Standing::Good) {
            return Err(Unfit::Differs.into());
        }
        let etag = format!("\"{}\"", sha256_hex(&octets));
        let seen = AtomicI64::new(changes);
        Ok(Kept { octets: octets.into(), etag, this_update, next_update, generation, standing, seen })
    }
}

/// What a fault of ours is to who asks: mostly a reason to come again.
fn refusal(error: &Error) -> Refusal {
    let passing = match error {
        Error::Token(source) => source.retry_after().is_some(),
        Error::Database(source) => {
            use platform::db::Error::{Busy, Closed, Unavailable};
            matches!(source, Busy | Closed | Unavailable { .. })
        }
        Error::Platform(_) => true,
        _ => false,
    };
    if passing {
        tracing::warn!(%error, "an OCSP question was put off: {error}");
        Refusal::TryLater
    } else {
        tracing::error!(%error, "an OCSP question was not answered: {error}");
        Refusal::InternalError
    }
}

fn refused_as(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::MalformedRequest => "malformed-request",
        Refusal::InternalError => "internal-error",
        Refusal::TryLater => "try-later",
        Refusal::SignatureRequired => "signature-required",
        Refusal::Unauthorized => "unauthorized",
    }
}

fn count(status: &'static str, from: &'static str) {
    metrics::counter!("ca_ocsp_answers_total", "status" => status, "from" => from).increment(1);
}
