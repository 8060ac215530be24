//! What becomes of a campaign once its day has passed.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Campaign, CampaignEvent, Item, ItemState, State, Unconfirmed};
use crate::acting::Doing;
use crate::assignment::{Assignment, Cause, Ending, end_now};
use crate::error::Error;
use crate::ids::AssignmentId;
use crate::register::Register;
use crate::store::{assignments, campaigns};
use crate::version::Version;

/// How many assignments are dealt with in one sweep.
const AT_ONCE: u32 = 200;

/// Deals with some of what nobody confirmed in campaigns whose day has passed, each once; gives how many.
pub(crate) async fn sweep(register: &Register, now: Millis) -> Result<u64, Error> {
    let swept = register.act_itself(now, |tx, doing| {
        Box::pin(async move {
            match campaigns::due(tx, doing.today()).await? {
                Some(campaign) => over(tx, &doing, campaign).await,
                None => Ok(0),
            }
        })
    });
    swept.await
}

async fn over(tx: &mut Tx, doing: &Doing, mut campaign: Campaign) -> Result<u64, Error> {
    let open = campaigns::items(tx, &campaign.id, Some(ItemState::Open), None, AT_ONCE).await?;
    if open.is_empty() {
        campaign.state = State::Over;
        campaign.version = Version(campaign.version.0 + 1);
        campaigns::set_state(tx, &campaign).await?;
        let event = CampaignEvent::CampaignOver { campaign: campaign.id.to_string() };
        audit::record(tx, doing.now, &doing.recorded(), &event).await?;
        return Ok(1);
    }
    let ids: Vec<AssignmentId> = open.iter().map(|item| item.assignment.clone()).collect();
    let mut live: Vec<Assignment> = assignments::find_all(tx, &ids).await?;
    live.retain(|one| one.is_open(doing.today()));
    let dealt = match campaign.unconfirmed {
        Unconfirmed::Report => ItemState::Unconfirmed,
        Unconfirmed::End => {
            let why = format!("Nobody confirmed it in the campaign {}", campaign.name);
            end_now(tx, doing, &live, &Ending::because(Cause::Campaign, Some(why))).await?;
            ItemState::Lapsed
        }
    };
    for item in &open {
        let is_live = live.iter().any(|one| one.id == item.assignment);
        let state = if is_live { dealt } else { ItemState::Gone };
        let item = Item { state, decided_at: Some(doing.now), ..item.clone() };
        campaigns::set_item(tx, &campaign.id, &item).await?;
    }
    Ok(u64::try_from(open.len()).unwrap_or(u64::MAX))
}
