//! Doing what was approved, in the transaction of the approval.

use platform::db::Tx;

use super::ask::{Ask, Named};
use super::machine::Approved;
use super::{Request, State};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::assignment::{
    self, Asked, Beside, Cause, End, Ending, Redate, Right, Via, prepare_assign, prepare_end, prepare_redate,
};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::version::Expected;

/// Does what was approved if it is done here, or tells those who do it. What stands against it is kept with the request.
pub(super) async fn apply(
    tx: &mut Tx,
    doing: &Doing,
    request: &Request,
    state: State,
    approved: &Approved,
) -> Result<State, Error> {
    if !request.ask.applies_at_once() {
        let person = request.user.as_ref().map(|user| user.as_str().to_owned());
        changes::tell(tx, doing.now, ChangeKind::RequestApproved, request.id.as_str(), person.as_deref())
            .await?;
        return Ok(state);
    }
    match done(tx, doing, &request.ask, approved).await {
        Ok(()) => state.applied(),
        // Nothing was written before these were found.
        Err(error @ (Error::Unknown { .. } | Error::Field { .. } | Error::Conflict { .. })) => {
            state.failed(platform::problem::Problem::from(error).body().detail)
        }
        Err(error) => Err(error),
    }
}

async fn done(tx: &mut Tx, doing: &Doing, ask: &Ask, approved: &Approved) -> Result<(), Error> {
    let right = Right::Approved(approved);
    let request = right.request();
    let expected = Expected::Any;
    match (ask, ask.named()?) {
        (Ask::Assign { start, end, .. }, Named::Position(user, position)) => {
            let from = day("start", start.as_ref())?.map(|day| day.max(doing.today()));
            let asked = Asked { user, position, from, to: day("end", end.as_ref())?, notes: None };
            let sorted =
                prepare_assign(tx, doing, right, vec![asked], Via::Request, Beside::default()).await?;
            assignment::assign(tx, doing, &[sorted.one()?], request).await
        }
        (Ask::Redate { end, .. }, Named::Assignment(id)) => {
            let asked = [Redate { id, expected, to: day("end", end.as_ref())? }];
            let row = prepare_redate(tx, doing, right, &asked).await?.one()?;
            assignment::redate(tx, doing, vec![row], request).await.map(drop)
        }
        (Ask::EndAssignment { .. }, Named::Assignment(id)) => {
            let row = prepare_end(tx, doing, right, &[End { id, expected }]).await?.one()?;
            let ending =
                Ending { request: request.map(str::to_owned), ..Ending::because(Cause::TakenAway, None) };
            assignment::end(tx, doing, vec![row], &ending).await.map(drop)
        }
        _ => Err(Error::Stored { what: "directory_request.asked" }),
    }
}

/// A day of a request.
pub(super) fn day(field: &'static str, text: Option<&String>) -> Result<Option<Day>, Error> {
    let read = |text: &String| {
        text.parse().map_err(|_| Error::field(field, "Give a date as YYYY-MM-DD between 1900 and 2199."))
    };
    text.map(read).transpose()
}
