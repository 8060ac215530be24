//! What becomes of open requests when somebody leaves.

use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::events::RequestEvent;
use super::steps::{Told, step};
use super::{Request, State};
use crate::acting::Doing;
use crate::error::Error;
use crate::store::requests;

/// How many requests of one person are read together.
const AT_ONCE: u32 = 100;

/// Why requests that would give or keep a position end when its organisation is left.
const LEAVES: &str =
    "The person leaves the organisation of this position. Ask again if they are taken on there again.";

/// Ends every open request about somebody who is there no longer, and by them: drafts are withdrawn, what waits or is being
/// decided is rejected with this reason. What was approved stays approved, and fails when it is done.
pub(crate) async fn end_all_of(tx: &mut Tx, doing: &Doing, user: &UserId, why: &str) -> Result<(), Error> {
    loop {
        let some = requests::open_of(tx, user, doing.now, AT_ONCE).await?;
        if some.is_empty() {
            return Ok(());
        }
        // Each is open no more, and is not found again.
        for request in some {
            end(tx, doing, request, why).await?;
        }
    }
}

/// Ends every open request for a position of somebody in an organisation that they leave, or for any where they leave everywhere.
pub(crate) async fn end_about_positions(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    organisation: Option<&OdsCode>,
) -> Result<(), Error> {
    loop {
        let some = requests::open_about_positions(tx, user, organisation, doing.now, AT_ONCE).await?;
        if some.is_empty() {
            return Ok(());
        }
        for request in some {
            end(tx, doing, request, LEAVES).await?;
        }
    }
}

async fn end(tx: &mut Tx, doing: &Doing, request: Request, why: &str) -> Result<Request, Error> {
    let (id, requester) = (request.id.to_string(), request.requester.clone());
    let (word, event) = if request.state == State::Draft {
        ("withdrawn", RequestEvent::RequestWithdrawn { request: id })
    } else {
        ("rejected", RequestEvent::RequestRejected { request: id, requester })
    };
    let by = doing.name();
    step(tx, doing, request, word, &Told::default(), &event, |state| {
        state.end(&by, doing.now, why.to_owned())
    })
    .await
}
