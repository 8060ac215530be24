//! Doing what was approved, in the transaction of the approval.

use platform::db::Tx;
use platform::id::UserId;

use super::ask::{Ask, Named};
use super::content::day;
use super::machine::Approved;
use super::{Request, State, people};
use crate::acting::Doing;
use crate::api::NewEvidence;
use crate::assignment::{
    self, Asked, Beside, Cause, End, Ending, Redate, Right, Via, prepare_assign, prepare_end, prepare_redate,
};
use crate::error::Error;
use crate::store::savepoints;
use crate::version::Expected;

/// Does what was approved, and gives the state then, with whom it made. What stands against it is kept with the request, and
/// nothing else of it. What was changed since whoever approves has seen it is not written over.
pub(super) async fn apply(
    tx: &mut Tx,
    doing: &Doing,
    request: &Request,
    approved: &Approved,
    documents: Vec<NewEvidence>,
) -> Result<(State, Option<UserId>), Error> {
    let state = request.state.clone();
    let expected = seen(request)?;
    savepoints::begin(tx).await?;
    match done(tx, doing, request, approved, expected, documents).await {
        Ok(made) => {
            savepoints::keep(tx).await?;
            Ok((state.applied()?, made))
        }
        Err(error @ (Error::Unknown { .. } | Error::Field { .. } | Error::Conflict { .. })) => {
            savepoints::undo(tx).await?;
            Ok((state.failed(platform::problem::Problem::from(error).body().detail)?, None))
        }
        // Nothing is decided by it: whoever approves looks again first.
        Err(Error::Changed { .. }) => Err(changed()),
        Err(error) => Err(error),
    }
}

/// The version of what it is about that whoever approves has seen; none is needed of what is made new.
fn seen(request: &Request) -> Result<Expected, Error> {
    match (&request.ask, request.seen) {
        (_, Some(seen)) => Ok(Expected::This(seen)),
        (Ask::Assign { .. } | Ask::CreatePerson { .. } | Ask::ChangeOwnContact { .. }, None) => {
            Ok(Expected::Any)
        }
        (_, None) => Err(changed()),
    }
}

fn changed() -> Error {
    Error::conflict(
        "target-changed",
        "What this request is about was changed since you opened it, and nothing was done. Open it again, look at what it is like now \
         (present) and decide then; to try again what failed, read the request and give its present_version.",
    )
}

async fn done(
    tx: &mut Tx,
    doing: &Doing,
    asked: &Request,
    approved: &Approved,
    expected: Expected,
    documents: Vec<NewEvidence>,
) -> Result<Option<UserId>, Error> {
    let ask = &asked.ask;
    let right = Right::Approved(approved);
    let request = right.request();
    match (ask, ask.named()?) {
        (Ask::Assign { start, end, .. }, Named::Position(user, position)) => {
            let from = day("start", start.as_ref())?.map(|day| day.max(doing.today()));
            let asked = Asked { user, position, from, to: day("end", end.as_ref())?, notes: None };
            let sorted =
                prepare_assign(tx, doing, right, vec![asked], Via::Request, Beside::default()).await?;
            assignment::assign(tx, doing, &[sorted.one()?], request).await?;
        }
        (Ask::Redate { end, .. }, Named::Assignment(id)) => {
            let asked = [Redate { id, expected, to: day("end", end.as_ref())? }];
            let row = prepare_redate(tx, doing, right, &asked).await?.one()?;
            assignment::redate(tx, doing, vec![row], request).await?;
        }
        (Ask::EndAssignment { .. }, Named::Assignment(id)) => {
            let row = prepare_end(tx, doing, right, &[End { id, expected }]).await?.one()?;
            let ending =
                Ending { request: request.map(str::to_owned), ..Ending::because(Cause::TakenAway, None) };
            assignment::end(tx, doing, vec![row], &ending).await?;
        }
        (_, named) => return people::done(tx, doing, asked, named, expected, documents).await,
    }
    Ok(None)
}
