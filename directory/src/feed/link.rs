//! Which positions of a personnel system stand for which here.

use platform::db::Tx;
use platform::id::OdsCode;

use super::{FeedAct, PositionLink};
use crate::acting::{self, Doing};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ids::{FeedLinkId, PositionId};
use crate::position::{Approval, approved_by_another};
use crate::store::{feed_links, positions};
use crate::version::{Expected, Version};

/// Links a position of theirs to one here. Whoever does it may manage the feed where the employer is and where the position
/// is, and no position above their own rank is given away so.
pub(crate) async fn make(
    tx: &mut Tx,
    doing: &Doing,
    employer: OdsCode,
    their_position: String,
    position: PositionId,
    approval: Approval,
) -> Result<PositionLink, Error> {
    approved_by_another(tx, doing, &approval).await?;
    let target = acting::in_organisation_in(tx, &employer).await?;
    doing.demand(Act::ManageFeed, &target)?;
    let found = positions::find(tx, &position).await?.ok_or_else(|| Error::unknown("position", &position))?;
    let target = acting::in_organisation_in(tx, &found.organisation).await?;
    let target = Target { position: Some(position.clone()), position_rank: found.rank, ..target };
    doing.demand(Act::ManageFeed, &target)?;
    if !found.is_open() {
        let sentence = format!("The position {} is closed. Choose another.", found.name);
        return Err(Error::conflict("position-closed", sentence));
    }
    if found.rank.is_some() {
        let sentence = "This position gives a rank in the registration authority. Somebody of at least that rank assigns it, \
                        and no personnel system.";
        return Err(Error::conflict("position-of-the-authority", sentence));
    }
    let link = PositionLink {
        id: FeedLinkId::new(doing.now),
        employer,
        their_position,
        position,
        approval,
        made_by: doing.name(),
        made_at: doing.now,
        ended: None,
        version: Version::FIRST,
    };
    if !feed_links::insert(tx, &link).await? {
        let sentence = "This position of theirs is linked already. End that link first.";
        return Err(Error::conflict("position-linked", sentence));
    }
    let event = FeedAct::FeedPositionLinked {
        link: link.id.to_string(),
        organisation: link.employer.to_string(),
        their_position: link.their_position.clone(),
        position: link.position.to_string(),
        how: link.approval.how.clone(),
        approver: link.approval.approver.clone(),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(link)
}

/// Ends a link. What was assigned through it stays until an event or somebody ends it.
pub(crate) async fn end(
    tx: &mut Tx,
    doing: &Doing,
    id: &FeedLinkId,
    expected: Expected,
) -> Result<PositionLink, Error> {
    let mut link = managed(tx, doing, id).await?;
    if !expected.holds(link.version) {
        return Err(Error::Changed { what: "link", present: link.version });
    }
    if link.ended.is_some() {
        return Err(Error::conflict("link-ended", "This link has ended already."));
    }
    link.ended = Some((doing.name(), doing.now));
    link.version = Version(link.version.0 + 1);
    feed_links::set_ended(tx, &link).await?;
    let event = FeedAct::FeedPositionUnlinked { link: id.to_string() };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(link)
}

/// A link that whoever asks may end.
async fn managed(tx: &mut Tx, doing: &Doing, id: &FeedLinkId) -> Result<PositionLink, Error> {
    let link = feed_links::find(tx, id).await?.ok_or_else(|| Error::unknown("link", id))?;
    let target = acting::in_organisation_in(tx, &link.employer).await?;
    doing.demand(Act::ManageFeed, &target)?;
    Ok(link)
}
