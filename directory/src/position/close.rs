//! Closing a position for good.

use platform::db::Tx;

use super::approval::{Approval, approved_by_another};
use super::change::{demand_in, found, written};
use super::events::PositionEvent;
use super::{Position, State};
use crate::acting::{self, Doing};
use crate::api::ChangeKind;
use crate::assignment::{self, Ending};
use crate::authority::{Act, Target};
use crate::changes;
use crate::error::Error;
use crate::ids::PositionId;
use crate::store::{assignments, position_links, positions, roles};
use crate::version::{Expected, Version};

/// The word that is typed to close a position.
const WORD: &str = "CLOSE";
/// How many assignments end with a position in one act.
const MOST_ENDED: usize = 1000;

/// What becomes of the assignments that are live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// There must be none.
    MustHaveEnded,
    /// They end with it.
    End,
}

/// What is said to close a position.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    pub(crate) reason: String,
    pub(crate) approver: String,
    pub(crate) word: String,
    pub(crate) live: Live,
}

/// Closes a position for good.
pub(crate) async fn close(
    tx: &mut Tx,
    doing: &Doing,
    id: &PositionId,
    expected: Expected,
    closing: Closing,
) -> Result<Position, Error> {
    if closing.word != WORD {
        return Err(Error::field("word", "Type the word CLOSE: a closed position is not opened again."));
    }
    let approval = Approval { how: closing.reason.clone(), approver: closing.approver.clone() };
    approved_by_another(tx, doing, &approval).await?;
    let mut position = found(tx, id, expected).await?;
    demand_in(tx, doing, Act::ManagePositions, &position).await?;
    refuse_included(tx, id).await?;
    let ended = end_live(tx, doing, &position, closing.live).await?;
    position.version = Version(position.version.0 + 1);
    positions::close(tx, id, position.version, doing.now, &closing.reason, &closing.approver).await?;
    position.state =
        State::Closed { at: doing.now, reason: closing.reason.clone(), approver: closing.approver.clone() };
    changes::tell(tx, doing.now, ChangeKind::PositionClosed, id.as_str(), None).await?;
    let event = PositionEvent::PositionClosed {
        position: id.to_string(),
        assignments_ended: u64::try_from(ended).unwrap_or(u64::MAX),
    };
    written(tx, doing, &position, "closed", Some(&approval), &event).await?;
    Ok(position)
}

/// A position that others include is part of what they give.
async fn refuse_included(tx: &mut Tx, id: &PositionId) -> Result<(), Error> {
    let above = position_links::above(tx, id, 10).await?;
    let above = positions::find_all(tx, &above).await?;
    let names: Vec<&str> =
        above.iter().filter(|position| position.is_open()).map(|position| position.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sentence =
        format!("Other positions include this one: {}. Take it out of them first.", names.join(", "));
    Err(Error::conflict("position-included", sentence))
}

/// Ends the live assignments, if that is asked; gives how many there were.
async fn end_live(tx: &mut Tx, doing: &Doing, position: &Position, live: Live) -> Result<usize, Error> {
    let present = assignments::live_of_position(tx, &position.id, doing.today(), MOST_ENDED + 1).await?;
    if present.is_empty() {
        return Ok(0);
    }
    if live == Live::MustHaveEnded {
        let sentence = "People hold this position now or from a later day. End their assignments first, or say that \
                        they end with it.";
        return Err(Error::conflict("position-held", sentence));
    }
    if present.len() > MOST_ENDED {
        let sentence =
            format!("More than {MOST_ENDED} people hold this position. Take them out in batches first.");
        return Err(Error::conflict("too-many-holders", sentence));
    }
    let users: Vec<_> = present.iter().map(|assignment| assignment.user.clone()).collect();
    let ranks = roles::ranks(tx, &users, doing.today()).await?;
    let target = acting::in_organisation_in(tx, &position.organisation).await?;
    for user in users {
        let target = Target {
            position: Some(position.id.clone()),
            position_rank: position.rank,
            person_rank: ranks.get(&user).copied(),
            person: Some(user),
            ..target.clone()
        };
        doing.demand(Act::EndAssignment, &target)?;
    }
    assignment::end_now(tx, doing, &present, &Ending::with_position()).await?;
    Ok(present.len())
}
