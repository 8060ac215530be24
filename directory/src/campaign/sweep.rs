//! What becomes of a campaign once its day has passed.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::{Campaign, CampaignEvent, Item, ItemState, State, Unconfirmed};
use crate::acting::Doing;
use crate::assignment::{Around, Assignment, Cause, Ending, end_now};
use crate::authority::Rank;
use crate::error::Error;
use crate::ids::AssignmentId;
use crate::register::Register;
use crate::store::{assignments, campaigns, lineages, roles};
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
        let counts = campaigns::counts(tx, &campaign.id).await?;
        let many = |state| counts.iter().find(|count| count.0 == state).map_or(0, |count| count.1);
        let event = CampaignEvent::CampaignOver {
            campaign: campaign.id.to_string(),
            confirmed: many(ItemState::Confirmed),
            ended: many(ItemState::Ended),
            lapsed: many(ItemState::Lapsed),
            unconfirmed: many(ItemState::Unconfirmed),
            gone: many(ItemState::Gone),
        };
        audit::record(tx, doing.now, &doing.recorded(), &event).await?;
        return Ok(1);
    }
    let ids: Vec<AssignmentId> = open.iter().map(|item| item.assignment.clone()).collect();
    let mut live: Vec<Assignment> = assignments::find_all(tx, &ids).await?;
    live.retain(|one| one.is_open(doing.today()));
    let lapsing = match campaign.unconfirmed {
        Unconfirmed::Report => Vec::new(),
        Unconfirmed::End => {
            let lapsing = lapsing(tx, doing, &campaign, &live).await?;
            let why = format!("Nobody confirmed it in the campaign {}", campaign.name);
            end_now(tx, doing, &lapsing, &Ending::because(Cause::Campaign, Some(why))).await?;
            lapsing
        }
    };
    for item in &open {
        let among = |all: &[Assignment]| all.iter().any(|one| one.id == item.assignment);
        let state = match (among(&live), among(&lapsing)) {
            (_, true) => ItemState::Lapsed,
            (true, false) => ItemState::Unconfirmed,
            (false, false) => ItemState::Gone,
        };
        let version = Version(item.version.0 + 1);
        let after = Item { state, decided_at: Some(doing.now), version, ..item.clone() };
        campaigns::set_item(tx, &campaign.id, &after, item.state).await?;
    }
    Ok(u64::try_from(open.len()).unwrap_or(u64::MAX))
}

/// What ends of what nobody confirmed: nothing above the rank of who started the campaign, who could not have ended it
/// otherwise, and never the last RA manager of an organisation, without whom nobody could make another.
async fn lapsing(
    tx: &mut Tx,
    doing: &Doing,
    campaign: &Campaign,
    live: &[Assignment],
) -> Result<Vec<Assignment>, Error> {
    let rank = starter(tx, doing, campaign).await?;
    let ids: Vec<AssignmentId> = live.iter().map(|one| one.id.clone()).collect();
    let around = Around::read(tx, doing, &ids).await?;
    let mut managers: BTreeMap<OdsCode, Vec<(AssignmentId, UserId)>> = BTreeMap::new();
    let mut lapsing = Vec::with_capacity(live.len());
    for one in live {
        let target = around.target(one);
        let highest = target.position_rank.max(target.person_rank);
        if highest.is_some_and(|highest| highest > rank && highest.is_of_the_authority()) {
            continue;
        }
        if target.position_rank == Some(Rank::RaManager) {
            if !managers.contains_key(&one.organisation) {
                let found = campaigns::managers(tx, &one.organisation, doing.today()).await?;
                managers.insert(one.organisation.clone(), found);
            }
            let there = managers.entry(one.organisation.clone()).or_default();
            if !there.iter().any(|(_, user)| *user != one.user) {
                continue;
            }
            there.retain(|(id, _)| *id != one.id);
        }
        lapsing.push(one.clone());
    }
    Ok(lapsing)
}

/// The rank of who started a campaign, where they started it, as it is now.
async fn starter(tx: &mut Tx, doing: &Doing, campaign: &Campaign) -> Result<Rank, Error> {
    let Ok(user) = campaign.made_by.parse::<UserId>() else { return Ok(Rank::Everybody) };
    let above = lineages::of_any(tx, &campaign.organisation).await?;
    let held = roles::held(tx, &user, doing.today()).await?;
    let there =
        held.iter().filter(|role| role.is_live(doing.today()) && above.is_within(&role.profile.organisation));
    Ok(there.filter_map(|role| role.profile.rank(doing.basis())).max().unwrap_or(Rank::Everybody))
}
