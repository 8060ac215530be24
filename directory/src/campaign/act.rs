//! What people do in a campaign.

use platform::db::Tx;
use platform::id::OdsCode;

use super::{Campaign, CampaignEvent, Item, ItemState, State, Unconfirmed};
use crate::acting::{self, Doing};
use crate::assignment::{Around, Assignment, Cause, Ending, end_now};
use crate::authority::{Act, Verdict};
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, CampaignId};
use crate::store::{campaigns, lineages};
use crate::version::{Expected, Version};

/// How far ahead the last day of a campaign may lie.
const LONGEST_DAYS: i64 = 366;

/// A campaign that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) organisation: OdsCode,
    pub(crate) name: String,
    pub(crate) by: Day,
    pub(crate) unconfirmed: Unconfirmed,
    /// How many assignments it may have.
    pub(crate) most: u32,
}

/// Starts a campaign over every assignment that is live today.
pub(crate) async fn start(tx: &mut Tx, doing: &Doing, start: Start) -> Result<Campaign, Error> {
    let Start { organisation, name, by, unconfirmed, most } = start;
    let target = acting::in_organisation_in(tx, &organisation).await?;
    doing.demand(Act::ManageCampaigns, &target)?;
    let today = doing.today();
    if by <= today || by.days_since(today) > LONGEST_DAYS {
        return Err(Error::field("by", "Give a day after today and within a year."));
    }
    // Above and below too: nobody is asked twice of one assignment, and none ends twice.
    let above = lineages::of_any(tx, &organisation).await?;
    if let Some((place, running)) = campaigns::running(tx, &above).await? {
        let sentence =
            format!("The campaign {running} is running for {place}. Let it end, or call it off first.");
        return Err(Error::conflict("campaign-running", sentence));
    }
    let campaign = Campaign {
        id: CampaignId::new(doing.now),
        organisation,
        name,
        by,
        unconfirmed,
        state: State::Running,
        made_by: doing.name(),
        made_at: doing.now,
        version: Version::FIRST,
    };
    campaigns::insert(tx, &campaign).await?;
    let assignments = campaigns::fill(tx, &campaign, today, most).await?;
    if assignments > u64::from(most) {
        let sentence = format!(
            "More than {most} assignments lie there and below. Start a campaign for each of the organisations below instead."
        );
        return Err(Error::conflict("campaign-too-large", sentence));
    }
    let event = CampaignEvent::CampaignStarted {
        campaign: campaign.id.to_string(),
        organisation: campaign.organisation.to_string(),
        by: campaign.by.to_string(),
        unconfirmed: campaign.unconfirmed.word().to_owned(),
        assignments,
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(campaign)
}

/// Calls a campaign off. What was ended in it stays ended.
pub(crate) async fn cancel(
    tx: &mut Tx,
    doing: &Doing,
    id: &CampaignId,
    expected: Expected,
) -> Result<Campaign, Error> {
    let mut campaign = campaigns::find(tx, id).await?.ok_or_else(|| Error::unknown("campaign", id))?;
    let target = acting::in_organisation_in(tx, &campaign.organisation).await?;
    doing.demand(Act::ManageCampaigns, &target)?;
    if !expected.holds(campaign.version) {
        return Err(Error::Changed { what: "campaign", present: campaign.version });
    }
    running(&campaign, doing.today())?;
    campaign.state = State::Cancelled;
    campaign.version = Version(campaign.version.0 + 1);
    campaigns::set_state(tx, &campaign).await?;
    let event = CampaignEvent::CampaignCancelled { campaign: id.to_string() };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(campaign)
}

fn running(campaign: &Campaign, today: Day) -> Result<(), Error> {
    if campaign.state == State::Running && today <= campaign.by {
        return Ok(());
    }
    let sentence = format!("This campaign ended on {} or was called off.", campaign.by);
    Err(Error::conflict("campaign-over", sentence))
}

/// What is said of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// It is still right.
    Confirm,
    /// It is not, and ends now.
    End,
}

/// What is said of which assignment in which campaign.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) campaign: CampaignId,
    pub(crate) assignment: AssignmentId,
    /// Which version of it in the campaign is meant.
    pub(crate) expected: Expected,
    pub(crate) decided: Decided,
    pub(crate) notes: Option<String>,
}

/// Confirms an assignment, or ends it.
pub(crate) async fn decide(tx: &mut Tx, doing: &Doing, decision: Decision) -> Result<Item, Error> {
    let Decision { campaign: ref id, ref assignment, expected, decided, notes } = decision;
    let campaign = campaigns::find(tx, id).await?.ok_or_else(|| Error::unknown("campaign", id))?;
    let unknown = || Error::unknown("assignment of the campaign", assignment);
    let item = campaigns::item(tx, id, assignment).await?.ok_or_else(unknown)?;
    let around = Around::read(tx, doing, std::slice::from_ref(assignment)).await?;
    let found: &Assignment = around.assignments.get(assignment).ok_or_else(unknown)?;
    let target = around.target(found);
    doing.demand(Act::Recertify, &target)?;
    if decided == Decided::End {
        doing.demand(Act::EndAssignment, &target)?;
    }
    if !expected.holds(item.version) {
        return Err(Error::Changed { what: "assignment in the campaign", present: item.version });
    }
    running(&campaign, doing.today())?;
    if !matches!(item.state, ItemState::Open | ItemState::Confirmed) {
        let sentence = format!("This assignment is {} in the campaign already.", item.state.word());
        return Err(Error::conflict("campaign-item-decided", sentence));
    }
    if !found.is_open(doing.today()) {
        let sentence = "This assignment has ended or was taken away; there is nothing to confirm.";
        return Err(Error::conflict("assignment-ended", sentence));
    }
    let state = match decided {
        Decided::Confirm => {
            let event = CampaignEvent::AssignmentConfirmed {
                campaign: id.to_string(),
                assignment: assignment.to_string(),
                user: found.user.to_string(),
            };
            audit::record(tx, doing.now, &doing.recorded(), &event).await?;
            ItemState::Confirmed
        }
        Decided::End => {
            let ending = Ending::because(Cause::Campaign, notes.clone());
            end_now(tx, doing, std::slice::from_ref(found), &ending).await?;
            ItemState::Ended
        }
    };
    let after = Item {
        assignment: assignment.clone(),
        state,
        decided_by: Some(doing.name()),
        decided_at: Some(doing.now),
        notes,
        version: Version(item.version.0 + 1),
    };
    campaigns::set_item(tx, id, &after, item.state).await?;
    Ok(after)
}

/// A page of the assignments in a campaign that one may confirm or look after, each with its assignment.
pub(crate) async fn items(
    tx: &mut Tx,
    doing: &Doing,
    campaign: &Campaign,
    rows: Vec<Item>,
) -> Result<Vec<(Item, Assignment)>, Error> {
    let place = acting::in_organisation_in(tx, &campaign.organisation).await?;
    let all = doing.sees(Act::ManageCampaigns, &place).is_ok();
    let ids: Vec<AssignmentId> = rows.iter().map(|item| item.assignment.clone()).collect();
    let mut around = Around::read(tx, doing, &ids).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for item in rows {
        let Some(found) = around.assignments.get(&item.assignment) else { continue };
        let may = doing.verdict(Act::Recertify, &around.target(found)) == Verdict::Does;
        if (all || may)
            && let Some(found) = around.assignments.remove(&item.assignment)
        {
            shown.push((item, found));
        }
    }
    Ok(shown)
}
