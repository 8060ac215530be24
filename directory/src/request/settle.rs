//! What became of approved requests that another part of the register applies.

use platform::db::Tx;

use super::events::RequestEvent;
use super::steps::taken;
use super::{Request, Told};
use crate::acting::Doing;
use crate::error::Error;
use crate::ids::RequestId;
use crate::register::Register;
use crate::store::requests;

/// Notes that what was approved is done, or why it could not be. Called in the transaction that does it.
pub(crate) async fn settle(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    outcome: Result<(), String>,
) -> Result<Request, Error> {
    let mut request = requests::find(tx, id).await?.ok_or_else(|| Error::unknown("request", id))?;
    let (word, notes, event) = match &outcome {
        Ok(()) => ("applied", None, RequestEvent::RequestApplied { request: id.to_string() }),
        Err(why) => ("failed", Some(why.clone()), RequestEvent::RequestFailed { request: id.to_string() }),
    };
    request.state = match outcome {
        Ok(()) => request.state.applied()?,
        Err(why) => request.state.failed(why)?,
    };
    taken(tx, doing, request, word, &Told { notes }, &event).await
}

impl Register {
    /// Notes what became of an approved request that was applied elsewhere: done, or why not, in a sentence for people.
    pub async fn settle_request(&self, id: RequestId, outcome: Result<(), String>) -> Result<(), Error> {
        let settled = self.act_itself(self.now(), move |tx, doing| {
            Box::pin(async move { settle(tx, &doing, &id, outcome).await.map(drop) })
        });
        settled.await
    }
}
