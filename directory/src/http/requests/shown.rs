//! Requests as they are shown.

use platform::db::Tx;

use crate::acting::Doing;
use crate::api;
use crate::error::Error;
use crate::request::{self, Request, State};

/// A request as it is now, with what it is about as it is now.
pub(super) async fn with_present(
    tx: &mut Tx,
    doing: &Doing,
    request: Request,
) -> Result<api::Request, Error> {
    let present = request::present(tx, doing, &request).await?;
    let (present, version) = present.unzip();
    let present = present.map(|present| request::shown_details(doing, &request, present));
    let present_version = version.flatten().map(|version| version.0);
    Ok(api::Request { present, present_version, ..shown(request, doing) })
}

/// A request as it is now, without its steps.
pub(super) fn shown(request: Request, doing: &Doing) -> api::Request {
    let before = request::shown_before(doing, &request);
    let state = request.state.at(doing.now);
    let word = state.word().to_owned();
    let decided = |decision: request::Decision, reason| api::RequestDecision {
        by: decision.by,
        at: decision.at.0,
        reason,
    };
    let (submitted, lock, decision) = match state {
        State::Draft => (None, None, None),
        State::Submitted(submitted) | State::Expired(submitted) => (Some(submitted), None, None),
        State::Locked(submitted, lock) => (Some(submitted), Some(lock), None),
        State::Approved(submitted, decision) | State::Applied(submitted, decision) => {
            (Some(submitted), None, Some(decided(decision, None)))
        }
        State::Rejected(submitted, decision, reason) | State::Failed(submitted, decision, reason) => {
            (Some(submitted), None, Some(decided(decision, Some(reason))))
        }
        State::Withdrawn(submitted) => (submitted, None, None),
    };
    api::Request {
        id: request.id.to_string(),
        version: request.version.0,
        state: word,
        ask: request::shown_ask(request.ask),
        before,
        present: None,
        present_version: None,
        requester: request.requester,
        organisation: request.organisation.map(String::from),
        person: request.user.map(String::from),
        position: request.position.map(String::from),
        submitted_at: submitted.map(|submitted| submitted.at.0),
        expires_at: submitted.map(|submitted| submitted.expires_at.0),
        lock: lock.map(|lock| api::RequestLock { by: lock.by, until: lock.until.0 }),
        decision,
        steps: Vec::new(),
        next: None,
    }
}
