//! `/directory/campaigns`.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::{self, permitted, permitted_to_read};
use crate::api::{
    self, CampaignItem, CampaignItemQuery, CampaignItemState, CampaignNotes, CampaignProgress, CampaignQuery,
    NewCampaign, Page,
};
use crate::authority::Act;
use crate::campaign::{self, Campaign, Decided, Decision, Item, Reach};
use crate::error::Error;
use crate::ids::{AssignmentId, CampaignId};
use crate::once::{Answer, Once};
use crate::register::Register;
use crate::store::campaigns;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/campaigns", post(start).get(list))
        .route("/directory/campaigns/{campaign}", get(show))
        .route("/directory/campaigns/{campaign}/cancellation", post(cancel))
        .route("/directory/campaigns/{campaign}/items", get(items))
        .route("/directory/campaigns/{campaign}/items/{assignment}/confirmation", post(confirm))
        .route("/directory/campaigns/{campaign}/items/{assignment}/ending", post(end))
}

#[derive(OpenApi)]
#[openapi(paths(start, list, show, cancel, items, confirm, end))]
pub(super) struct Document;

fn shown(campaign: Campaign, progress: Vec<CampaignProgress>) -> api::Campaign {
    api::Campaign {
        id: campaign.id.to_string(),
        version: campaign.version.0,
        organisation: campaign.organisation.to_string(),
        name: campaign.name,
        by: campaign.by.to_string(),
        unconfirmed: campaign.unconfirmed,
        state: campaign.state,
        made_by: campaign.made_by,
        made_at: campaign.made_at.0,
        progress,
    }
}

fn item(item: Item) -> CampaignItem {
    CampaignItem {
        assignment: item.assignment.to_string(),
        version: item.version.0,
        state: item.state,
        person: None,
        position: None,
        organisation: None,
        decided_by: item.decided_by,
        decided_at: item.decided_at.map(|at| at.0),
        notes: item.notes,
    }
}

/// Starts a campaign over every assignment that is live today in the organisation and those below it.
#[utoipa::path(
    post, path = "/directory/campaigns", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewCampaign, example = json!({
        "organisation": "RXX", "name": "Winter 2026", "by": "2027-01-31", "unconfirmed": "report"
    })),
    responses(
        (status = 201, description = "The campaign", body = api::Campaign),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "One is running there, or it would have too many assignments", body = Body),
    )
)]
pub(super) async fn start(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewCampaign>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let organisation = input::organisation("organisation", &body.organisation)?;
    let (name, by) = (input::name("name", &body.name)?, input::day("by", &body.by)?);
    let most = register.config.campaign_assignments;
    let start = campaign::Start { organisation, name, by, unconfirmed: body.unconfirmed, most };
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let made = campaign::start(tx, &doing, start).await?;
            let progress = progress(tx, &made.id).await?;
            let (location, version) = (format!("/directory/campaigns/{}", made.id), made.version);
            Answer::created(&shown(made, progress), location, version)
        })
    });
    Ok(answer.await?)
}

async fn progress(tx: &mut platform::db::Tx, id: &CampaignId) -> Result<Vec<CampaignProgress>, Error> {
    let counts = campaigns::counts(tx, id).await?;
    Ok(counts.into_iter().map(|(state, assignments)| CampaignProgress { state, assignments }).collect())
}

/// The campaigns of an organisation and those below it; and of those around it that one has something to confirm in. A page may hold
/// fewer and still have a next one.
#[utoipa::path(
    get, path = "/directory/campaigns", tag = "directory", params(CampaignQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<api::Campaign>),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<CampaignQuery>,
) -> Result<Json<Page<api::Campaign>>, Problem> {
    permitted_to_read(&caller)?;
    let organisation = input::organisation("organisation", &query.organisation)?;
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let target = acting::in_organisation_in(&mut read, &organisation).await?;
    // Whoever sees what assignments there were sees what they are asked about.
    let seen = doing.sees(Act::SeeEndedAssignments, &target);
    let is_seen = seen.is_ok();
    if !Reach::of(&doing).is_within(&mut read, &organisation).await? {
        seen?;
    }
    let above = campaign::above(&target);
    let rows = campaigns::around(&mut read, &organisation, above, after.as_ref(), limit + 1).await?;
    let page = Page::of(rows, limit, |one| one.id.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for one in page.items {
        let is_above = above.contains(&one.organisation);
        if (is_seen && !is_above) || campaign::has_part(&mut read, &doing, &one).await? {
            items.push(shown(one, Vec::new()));
        }
    }
    Ok(Json(Page { items, next: page.next }))
}

/// A campaign with how far it is.
#[utoipa::path(
    get, path = "/directory/campaigns/{campaign}", tag = "directory",
    params(("campaign" = String, Path, description = "The id of the campaign")),
    responses(
        (status = 200, description = "The campaign; its ETag is its version", body = api::Campaign),
        (status = 404, description = "There is none", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<CampaignId>,
) -> Result<Tagged<api::Campaign>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let found = campaigns::find(&mut read, &id).await?.ok_or_else(|| Error::unknown("campaign", &id))?;
    let target = acting::in_organisation_in(&mut read, &found.organisation).await?;
    if let Err(refused) = doing.sees_found(Act::SeeEndedAssignments, &target, "campaign", &id)
        && !campaign::has_part(&mut read, &doing, &found).await?
    {
        return Err(refused.into());
    }
    let progress = progress(&mut read, &id).await?;
    Ok(Tagged(found.version, shown(found, progress)))
}

/// Calls a campaign off. What was ended in it stays ended.
#[utoipa::path(
    post, path = "/directory/campaigns/{campaign}/cancellation", tag = "directory",
    params(("campaign" = String, Path, description = "The id of the campaign"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = CampaignNotes, example = json!({})),
    responses(
        (status = 200, description = "The campaign as it is now", body = api::Campaign),
        (status = 409, description = "It is over", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn cancel(
    State(register): State<Register>,
    Path(id): Path<CampaignId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body: _ }: Posted<CampaignNotes>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let after = campaign::cancel(tx, &doing, &id, expected).await?;
            let version = after.version;
            Answer::changed(&shown(after, Vec::new()), version)
        })
    });
    Ok(answer.await?)
}

/// The assignments in a campaign that one may confirm; those who start campaigns see all.
#[utoipa::path(
    get, path = "/directory/campaigns/{campaign}/items", tag = "directory",
    params(("campaign" = String, Path, description = "The id of the campaign"), CampaignItemQuery),
    responses(
        (status = 200, description = "In the order of the assignments", body = Page<CampaignItem>),
        (status = 404, description = "There is no such campaign", body = Body),
    )
)]
pub(super) async fn items(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<CampaignId>,
    Query(query): Query<CampaignItemQuery>,
) -> Result<Json<Page<CampaignItem>>, Problem> {
    permitted_to_read(&caller)?;
    let state: Option<CampaignItemState> = query
        .state
        .as_deref()
        .map(|word| input::parsed("state", word, "open, confirmed, ended, lapsed, unconfirmed or gone"))
        .transpose()?;
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let found = campaigns::find(&mut read, &id).await?.ok_or_else(|| Error::unknown("campaign", &id))?;
    let rows = campaigns::items(&mut read, &id, state, after.as_ref(), limit + 1).await?;
    let page = Page::of(rows, limit, |one| one.assignment.to_string());
    let shown = campaign::items(&mut read, &doing, &found, page.items).await?;
    let items = shown.into_iter().map(|(one, assignment)| CampaignItem {
        person: Some(assignment.user.to_string()),
        position: Some(assignment.position.to_string()),
        organisation: Some(assignment.organisation.to_string()),
        ..item(one)
    });
    Ok(Json(Page { items: items.collect(), next: page.next }))
}

/// Says that an assignment is still right. Its entity tag is the `version` that the list of the campaign shows, in quotes.
#[utoipa::path(
    post, path = "/directory/campaigns/{campaign}/items/{assignment}/confirmation", tag = "directory",
    params(
        ("campaign" = String, Path, description = "The id of the campaign"),
        ("assignment" = String, Path, description = "The id of the assignment"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = CampaignNotes, example = json!({})),
    responses(
        (status = 200, description = "The assignment in the campaign", body = CampaignItem),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "The campaign is over, or it was decided", body = Body),
        (status = 412, description = "Somebody said something of it since", body = Body),
    )
)]
pub(super) async fn confirm(
    State(register): State<Register>,
    Path((campaign, assignment)): Path<(CampaignId, AssignmentId)>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<CampaignNotes>,
) -> Result<Answer, Problem> {
    let decision =
        Decision { campaign, assignment, expected, decided: Decided::Confirm, notes: notes(&body)? };
    decide(register, caller, once, decision).await
}

/// Ends an assignment that is no longer right. Its entity tag is the `version` that the list of the campaign shows, in quotes.
#[utoipa::path(
    post, path = "/directory/campaigns/{campaign}/items/{assignment}/ending", tag = "directory",
    params(
        ("campaign" = String, Path, description = "The id of the campaign"),
        ("assignment" = String, Path, description = "The id of the assignment"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = CampaignNotes, example = json!({"notes": "Left the ward in May"})),
    responses(
        (status = 200, description = "The assignment in the campaign", body = CampaignItem),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "The campaign is over, or it was decided", body = Body),
        (status = 412, description = "Somebody said something of it since", body = Body),
    )
)]
pub(super) async fn end(
    State(register): State<Register>,
    Path((campaign, assignment)): Path<(CampaignId, AssignmentId)>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<CampaignNotes>,
) -> Result<Answer, Problem> {
    let decision = Decision { campaign, assignment, expected, decided: Decided::End, notes: notes(&body)? };
    decide(register, caller, once, decision).await
}

async fn decide(
    register: Register,
    caller: Caller,
    once: Once,
    decision: Decision,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let after = campaign::decide(tx, &doing, decision).await?;
            let version = after.version;
            Answer::changed(&item(after), version)
        })
    });
    Ok(answer.await?)
}

fn notes(body: &CampaignNotes) -> Result<Option<String>, Error> {
    input::maybe_text("notes", body.notes.as_ref(), input::NOTE)
}
