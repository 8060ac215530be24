//! What a person holds, what relying parties get of it, and leaving.

use axum::extract::State;
use http::StatusCode;
use platform::caller::Caller;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use super::super::headers::Posted;
use super::super::input;
use super::{seen, which, wire};
use crate::acting::{Doing, permitted, permitted_to_read};
use crate::api::{Assignment, AssignmentQuery, Leaving, Leavings, NewLeaving, Page, PageQuery, PersonRoles};
use crate::assignment::{self, roles_of};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ids::LeavingId;
use crate::once::Answer;
use crate::register::Register;
use crate::store::assignments::{self, Of};
use crate::store::{changes, leavings as rows, people};

/// Of how many who follow the feed a leaving shows how far they are; `/directory/consumers` has all.
const CONSUMERS: u32 = 100;

/// The assignments of a person. Those that ended are shown for organisations that one acts for.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/assignments", tag = "directory",
    params(("user_id" = String, Path, description = "The user id"), AssignmentQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<Assignment>),
        (status = 404, description = "There is no such person", body = Body),
    )
)]
pub(in crate::http) async fn assignments(
    caller: Caller,
    State(register): State<Register>,
    Path(user): Path<UserId>,
    Query(query): Query<AssignmentQuery>,
) -> Result<Json<Page<Assignment>>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    found(&mut read, &doing, &user).await?;
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let which = which(&query, &doing)?;
    let rows = assignments::page(&mut read, Of::Person(&user), which, after.as_ref(), limit + 1).await?;
    let page = Page::of(rows, limit, |one| one.id.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for one in page.items {
        if seen(&mut read, &doing, &one).await.is_ok() {
            items.push(wire::assignment(&one, doing.today()));
        }
    }
    Ok(Json(Page { items, next: page.next }))
}

/// There is such a person, and the caller may find people.
async fn found(tx: &mut Tx, doing: &Doing, user: &UserId) -> Result<(), Error> {
    doing.sees(Act::FindPerson, &Target { person: Some(user.clone()), ..Target::default() })?;
    match people::is_open(&mut *tx, user).await? {
        Some(_) => Ok(()),
        None => Err(Error::unknown("person", user)),
    }
}

/// The roles that a person can use today, as relying parties get them.
///
/// A person who is closed has none.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/roles", tag = "directory",
    params(("user_id" = String, Path, description = "The user id")),
    responses(
        (status = 200, description = "The roles", body = PersonRoles),
        (status = 404, description = "There is no such person", body = Body),
    )
)]
pub(in crate::http) async fn roles(
    caller: Caller,
    State(register): State<Register>,
    Path(user): Path<UserId>,
) -> Result<Json<PersonRoles>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    found(&mut read, &doing, &user).await?;
    let roles = roles_of(&register, &mut read, &user, doing.today(), &doing.book).await?;
    Ok(Json(PersonRoles { person: user.to_string(), roles }))
}

/// Ends what a person holds, in one organisation or everywhere, and tells those who follow.
///
/// Everything that is not over on the last day ends with it; a day that has passed ends everything at once. From
/// everywhere it is done by those who could close the profile.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/leaving", tag = "directory",
    params(
        ("user_id" = String, Path, description = "The user id"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = NewLeaving, example = json!({"day": "2026-12-31", "reason": "Retires"})),
    responses(
        (status = 201, description = "The leaving, with how far those are who follow it", body = Leaving),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "There is nothing to end in that organisation", body = Body),
    )
)]
pub(in crate::http) async fn leave(
    State(register): State<Register>,
    Path(user): Path<UserId>,
    Posted { caller, once, body }: Posted<NewLeaving>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let organisation =
        body.organisation.as_ref().map(|text| input::organisation("organisation", text)).transpose()?;
    let (day, reason) = (input::day("day", &body.day)?, input::text("reason", &body.reason, input::NOTE)?);
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let (leaving, _) = assignment::leave(tx, &doing, user, organisation, day, reason).await?;
            let consumers = changes::consumers(&mut *tx, "", CONSUMERS).await?;
            let body = wire::leaving(&leaving, &consumers);
            let location = format!("/directory/people/{}/leaving", leaving.user);
            Ok(Answer { location: Some(location), ..Answer::json(201, &body)? })
        })
    });
    Ok(answer.await?)
}

/// Takes a leaving back whose last day has not passed: the profile stays open.
///
/// What ended with it keeps its end: give the assignments another one, or assign anew. From everywhere it is taken back by those who
/// could close the profile, from one organisation by those who end assignments there.
#[utoipa::path(
    delete, path = "/directory/people/{user_id}/leaving/{leaving}", tag = "directory",
    params(
        ("user_id" = String, Path, description = "The user id"),
        ("leaving" = String, Path, description = "The id of the leaving"),
    ),
    responses(
        (status = 204, description = "It is taken back"),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "The person has no such leaving", body = Body),
        (status = 409, description = "It is done, or was taken back already", body = Body),
    )
)]
pub(in crate::http) async fn withdraw(
    caller: Caller,
    State(register): State<Register>,
    Path((user, leaving)): Path<(UserId, LeavingId)>,
) -> Result<StatusCode, Problem> {
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { assignment::withdraw(tx, &doing, &user, &leaving).await })
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The leavings of a person, with how far those are who follow them.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/leaving", tag = "directory",
    params(("user_id" = String, Path, description = "The user id"), PageQuery),
    responses(
        (status = 200, description = "Latest first; a page may hold fewer than asked for and still have a next one", body = Leavings),
        (status = 404, description = "There is no such person", body = Body),
    )
)]
pub(in crate::http) async fn leavings(
    caller: Caller,
    State(register): State<Register>,
    Path(user): Path<UserId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Leavings>, Problem> {
    permitted_to_read(&caller)?;
    let (after, limit): (Option<LeavingId>, u32) =
        (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    found(&mut read, &doing, &user).await?;
    let target = crate::acting::on_person(&mut read, &doing, &user).await?;
    let mut leavings = Vec::new();
    let consumers = changes::consumers(&mut *read, "", CONSUMERS).await?;
    let rows = rows::of_person(&mut read, &user, after.as_ref(), limit + 1).await?;
    let page = Page::of(rows, limit, |one| one.id.to_string());
    for leaving in page.items {
        let target = match &leaving.organisation {
            Some(place) => crate::acting::in_organisation_in(&mut read, place).await?,
            None => target.clone(),
        };
        // Whoever sees what has ended there sees it, and everybody their own.
        let own = doing.actor.person.as_ref() == Some(&user);
        let nowhere = target.organisations.is_empty() && doing.demand(Act::ReopenPerson, &target).is_ok();
        if own || nowhere || doing.sees(Act::SeeEndedAssignments, &target).is_ok() {
            leavings.push(wire::leaving(&leaving, &consumers));
        }
    }
    Ok(Json(Leavings { leavings, next: page.next }))
}
