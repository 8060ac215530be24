//! What somebody changed of their own: noted as a request of theirs that is done.

use platform::db::Tx;

use super::ask::Ask;
use super::events::RequestEvent;
use super::rights::about;
use super::steps::{Told, written};
use super::{Request, State};
use crate::acting::Doing;
use crate::error::Error;
use crate::ids::RequestId;
use crate::store::requests;
use crate::version::Version;

/// Notes what somebody does to their own, in the transaction that does it. Nobody decides it; those see it who could have
/// done it for them.
pub(crate) async fn note_own(tx: &mut Tx, doing: &Doing, ask: Ask) -> Result<(), Error> {
    let about = about(tx, doing, &ask).await?;
    let request = Request {
        id: RequestId::new(doing.now),
        state: State::done_oneself(doing.name(), doing.now),
        requester: doing.name(),
        organisation: about.organisation,
        user: about.target.person,
        position: None,
        seen: None,
        before: about.before,
        made_at: doing.now,
        version: Version::FIRST,
        ask,
    };
    requests::insert(tx, &request).await?;
    let event = RequestEvent::RequestApplied { request: request.id.to_string() };
    written(tx, doing, &request, "applied", &Told::default(), &event).await
}
