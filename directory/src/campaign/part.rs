//! Who has a part in a campaign: whoever is to confirm something in it finds it, wherever it was started.

use platform::db::Tx;
use platform::id::OdsCode;

use super::Campaign;
use crate::acting::Doing;
use crate::assignment::Around;
use crate::authority::{Act, Cell, Target, Verdict, cell};
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::store::campaigns;
use crate::store::lineages;

/// How many assignments are looked at together.
const AT_ONCE: u32 = 100;

/// What somebody may be asked about by their live roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Everything in these organisations and below.
    pub(crate) places: Vec<OdsCode>,
    /// What was made assignable to them.
    pub(crate) positions: Vec<PositionId>,
    /// Where the roles are.
    own: Vec<OdsCode>,
}

impl Reach {
    /// By the roles that count today.
    pub(crate) fn of(doing: &Doing) -> Self {
        let mut reach = Self::default();
        for role in doing.actor.live(doing.today()) {
            match cell(role.rank, Act::Recertify) {
                Cell::Does => reach.places.extend(role.organisation.clone()),
                Cell::Assignable | Cell::OnlyAssignable => {
                    reach.positions.extend(role.assignable.iter().cloned());
                }
                Cell::Asks | Cell::Never => continue,
            }
            reach.own.extend(role.organisation.clone());
        }
        reach
    }

    /// Whether one of the roles is in an organisation or below it.
    pub(crate) async fn is_within(&self, tx: &mut Tx, organisation: &OdsCode) -> Result<bool, Error> {
        let lines = lineages::of(tx, &self.own).await?;
        Ok(lines.values().any(|line| line.0.contains(organisation)))
    }

    fn is_nothing(&self) -> bool {
        self.places.is_empty() && self.positions.is_empty()
    }
}

/// The organisations above a target that is in one.
pub(crate) fn above(target: &Target) -> &[OdsCode] {
    target.organisations.first().and_then(|line| line.0.get(1..)).unwrap_or_default()
}

/// Whether somebody may confirm anything that is or was in a campaign.
pub(crate) async fn has_part(tx: &mut Tx, doing: &Doing, campaign: &Campaign) -> Result<bool, Error> {
    let reach = Reach::of(doing);
    if reach.is_nothing() {
        return Ok(false);
    }
    let mut after: Option<AssignmentId> = None;
    loop {
        let ids = campaigns::within(tx, &campaign.id, &reach, after.as_ref(), AT_ONCE).await?;
        let around = Around::read(tx, doing, &ids).await?;
        let may = |id: &AssignmentId| {
            let found = around.assignments.get(id);
            found.is_some_and(|found| doing.verdict(Act::Recertify, &around.target(found)) == Verdict::Does)
        };
        if ids.iter().any(may) {
            return Ok(true);
        }
        // What is one's own, or ranks above oneself, is for others: the next may not be.
        match ids.last() {
            Some(last) if ids.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX) => {
                after = Some(last.clone());
            }
            _ => return Ok(false),
        }
    }
}
