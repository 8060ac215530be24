//! The time-stamp authority (RFC 3161, RFC 5816): it says that something was there at a time.

mod info;
mod issuing;
mod questions;
mod renewal;
mod reply;
mod request;
mod serial;
mod settings;
mod token;
mod unit;

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Alg;
use platform::clock::{Clock, Discipline, HighWater, Millis};
use tokio::sync::{OnceCell, oneshot};

pub use settings::Settings;

pub(crate) use issuing::Token;
pub(crate) use questions::Asker;
pub use reply::Failure;
#[cfg(test)]
pub(crate) use request::Certificates;
pub(crate) use request::Request;
#[cfg(test)]
pub(crate) use token::Frame;
pub(crate) use token::{TST_INFO, attribute};

use crate::error::Error;
use crate::signer::Signer;
use issuing::Asked;
use questions::Questions;
use serial::Series;
use unit::Known;

/// What the authority has in memory.
pub(crate) struct TimeStamps {
    pub(crate) discipline: Discipline,
    high_water: HighWater,
    known: Known,
    /// The numbers of this process, begun with its first time-stamp.
    series: OnceCell<Arc<Series>>,
    /// What waits for the task that makes groups, which begins with the first question.
    questions: OnceLock<Questions>,
}

impl TimeStamps {
    /// Nothing is begun yet.
    pub(crate) fn new(discipline: Discipline, high_water: HighWater) -> Self {
        let (series, questions) = (OnceCell::new(), OnceLock::new());
        Self { discipline, high_water, known: Known::nothing(), series, questions }
    }

    /// The present, if it does not lie before a past that is known.
    fn guarded_now(&self, clock: &Clock) -> Result<Millis, Error> {
        let now = clock.now();
        self.high_water.guard(now).map_err(Error::Clock)?;
        Ok(now)
    }

    async fn series(&self, signer: &Signer) -> Result<Arc<Series>, Error> {
        let begin = || async { issuing::begin_series(signer).await.map(Arc::new) };
        self.series.get_or_try_init(begin).await.map(Arc::clone)
    }

    fn questions(&self) -> &Questions {
        self.questions.get_or_init(Questions::start)
    }
}

impl Signer {
    /// With what time-stamps are signed now, as far as this process knows.
    pub(crate) fn time_stamping_algorithm(&self) -> Option<Alg> {
        self.time_stamps.known.get().map(|unit| unit.key.alg())
    }

    /// Answers a `TimeStampReq` in DER with a `TimeStampResp`.
    pub(crate) async fn time_stamp_answer(&self, question: &[u8]) -> Vec<u8> {
        let given = match Request::read(question) {
            Ok(request) => self.time_stamp(&Asker::Anybody, request).await,
            Err(failure) => Err(failure),
        };
        match given {
            Ok(token) => reply::granted(&token.der),
            Err(failure) => {
                metrics::counter!("signer_time_stamps_total", "outcome" => failure.name()).increment(1);
                reply::refused(failure)
            }
        }
    }

    /// Gives a time-stamp; when this returns it is in the record.
    pub(crate) async fn time_stamp(&self, asker: &Asker, request: Request) -> Result<Token, Failure> {
        // A clock that is not believed is no reason to wait for a place.
        self.time_stamps.discipline.said().map_err(|_| Failure::TimeNotAvailable)?;
        let (reply, answer) = oneshot::channel();
        let question = Asked { signer: self.clone(), request, reply };
        self.time_stamps.questions().ask(asker, question)?;
        // A task that panicked has said why.
        let token = answer.await.unwrap_or(Err(Failure::System))?;
        metrics::counter!("signer_time_stamps_total", "outcome" => "granted").increment(1);
        Ok(token)
    }
}

/// A certificate that travelled as base64.
fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|_| Error::StoredRow { what: "certificate" })
}

/// Whether octets are a question in the form of RFC 3161, whatever the answer.
#[doc(hidden)]
pub fn reads(octets: &[u8]) -> bool {
    !matches!(Request::read(octets), Err(Failure::BadDataFormat))
}

/// Reads octets as a question: the body of a fuzz target.
#[doc(hidden)]
pub fn read_anything(octets: &[u8]) {
    let Ok(request) = Request::read(octets) else { return };
    // What was read stands in an answer again, so it has to be the DER of what it was.
    let parts = crate::cms::der::elements(&request.imprint);
    assert!(parts.is_some_and(|parts| parts.len() == 1), "an imprint that is not one element");
    if let Some(nonce) = request.nonce {
        assert!(
            crate::cms::der::elements(&nonce).is_some_and(|parts| parts.len() == 1),
            "a nonce that is not one"
        );
    }
}
