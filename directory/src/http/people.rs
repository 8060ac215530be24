//! `/directory/people`: making, finding, reading and changing profiles.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{StatusCode, header};
use platform::caller::{Caller, CallerKind};
use platform::db::{JobFuture, Tx};
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::Doing;
use crate::api::{
    ACT, Candidate, ChangePerson, MergedInto, NewPerson, OPERATE, Page, PageQuery, People, PeopleQuery,
    Person, PersonHistory, PossibleDuplicate, READ,
};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ods;
use crate::once::Answer;
use crate::person::{self, Created, Creation, Profile, State as PersonState, View, plain};
use crate::register::Register;
use crate::store::people_search::{Place, Wanted, page};
use crate::store::{people, people_names};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/people", get(list).post(create))
        .route("/directory/people/{user_id}", get(read).patch(change))
        .route("/directory/people/{user_id}/history", get(history))
}

/// Refuses whoever was granted nothing to change people with, before anything is read.
pub(super) fn permitted(caller: &Caller) -> Result<(), Problem> {
    caller.may(if caller.kind == CallerKind::Person { ACT } else { OPERATE })
}

/// Who reads, and how much they see.
pub(super) async fn reading(register: &Register, caller: &Caller) -> Result<(Doing, View), Problem> {
    caller.may(if caller.kind == CallerKind::Person { ACT } else { READ })?;
    let (_reading, doing) = register.reading(caller.clone()).await?;
    doing.sees(Act::FindPerson, &Target::default())?;
    let view = View::of(&doing);
    Ok((doing, view))
}

/// Goes on if whoever reads may find people. Of a program that was granted reading nothing has to be read for that.
pub(super) async fn may_find(register: &Register, caller: &Caller) -> Result<(), Problem> {
    if caller.kind != CallerKind::Person {
        return caller.may(READ);
    }
    reading(register, caller).await.map(|_| ())
}

/// Does something to a profile once, and answers it as it is then.
pub(super) async fn done_once<B, F>(register: Register, posted: Posted<B>, act: F) -> Result<Answer, Problem>
where
    B: Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx, &'t Doing, B) -> JobFuture<'t, Profile, Error> + Send + 'static,
{
    permitted(&posted.caller)?;
    let body = posted.body;
    let done = register.act_once(posted.once, posted.caller, move |tx, doing| {
        Box::pin(async move {
            let profile = act(&mut *tx, &doing, body).await?;
            answer(tx, &doing, profile).await
        })
    });
    Ok(done.await?)
}

/// Does something to a profile, which the version that is meant keeps from being done twice.
pub(super) async fn done<F>(register: Register, caller: Caller, act: F) -> Result<Tagged<Person>, Problem>
where
    F: for<'t> FnOnce(&'t mut Tx, &'t Doing) -> JobFuture<'t, Profile, Error> + Send + 'static,
{
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            let profile = act(&mut *tx, &doing).await?;
            let version = profile.version;
            Ok((version, person::shown(tx, &doing, View::of(&doing), profile).await?))
        })
    });
    let (version, person) = done.await?;
    Ok(Tagged(version, person))
}

/// A profile as the answer to the act that changed it.
pub(super) async fn answer(tx: &mut Tx, doing: &Doing, profile: Profile) -> Result<Answer, Error> {
    let version = profile.version;
    Answer::changed(&person::shown(tx, doing, View::of(doing), profile).await?, version)
}

/// Makes a profile.
///
/// The documents are checked with the person there; of their numbers a mask and a keyed hash are kept. If somebody here may
/// be the same person, nothing is made and the candidates are answered: look at them, and name them as looked at if they
/// are somebody else.
#[utoipa::path(
    post, path = "/directory/people", tag = "people",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewPerson, example = json!({
        "name": {"title": "Dr", "given": "Ann", "family": "Example"}, "birth": "1984-07-23",
        "evidence": [
            {"document": "passport", "issuer": "United Kingdom", "number": "123456789", "method": "f2f"},
            {"document": "utility-bill", "issuer": "Example Water", "method": "f2f"},
            {"document": "bank-statement", "issuer": "Example Bank", "method": "f2f"}],
        "emails": ["ann@trust.example"], "registrations": [{"body": "GMC", "number": "1234567"}]})),
    responses(
        (status = 201, description = "The profile", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not make profiles", body = Body),
        (status = 409, description = "Somebody may be the same person", body = PossibleDuplicate),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    posted: Posted<NewPerson>,
) -> Result<Answer, Problem> {
    permitted(&posted.caller)?;
    let body = posted.body;
    let done = register.act_once(posted.once, posted.caller, move |tx, doing| {
        Box::pin(async move {
            let creation = Creation::checked(&doing, body)?;
            match person::create(tx, &doing, creation).await? {
                Created::Made(profile) => {
                    let (version, user) = (profile.version, profile.user_id.clone());
                    // Whoever made it sees what they made.
                    let person = person::shown(tx, &doing, View::Whole, *profile).await?;
                    Answer::created(&person, format!("/directory/people/{user}"), version)
                }
                Created::PossibleDuplicates(candidates) => duplicates(candidates),
            }
        })
    });
    Ok(done.await?)
}

fn duplicates(candidates: Vec<Candidate>) -> Result<Answer, Error> {
    let detail = "Somebody here may be the same person. Look at each candidate: use that profile if it is them, or send the \
                  request with their user ids in looked_at if none is.";
    let problem = Problem::conflict("possible-duplicate", detail).body();
    let body = PossibleDuplicate {
        kind: problem.kind,
        title: problem.title,
        status: problem.status,
        code: problem.code,
        detail: problem.detail,
        candidates,
    };
    Answer::json(409, &body)
}

/// Finds people.
///
/// Everything that is given must hold. Dates of birth and e-mail addresses are searched by the registration authority only.
#[utoipa::path(
    get, path = "/directory/people", tag = "people", params(PeopleQuery),
    responses(
        (status = 200, description = "The people, and where to read on", body = People),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not search so", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<People>, Problem> {
    let (doing, view) = reading(&register, &caller).await?;
    let limit = query.limit.unwrap_or(50).clamp(1, 500);
    let after = query.after.as_deref().map(place).transpose()?;
    let wanted = wanted(&query)?;
    let personal = wanted.birth.is_some() || wanted.email.is_some();
    let named = wanted.name.is_some() || wanted.registration.is_some() || wanted.user.is_some();
    if view == View::Colleague && (personal || !named) {
        let detail = "You find people by name, registration number or user id. The registration authority finds them by more.";
        return Err(Problem::forbidden("search-not-allowed", detail));
    }
    let mut found = page(register.db.read(), &wanted, after.as_ref(), limit + 1).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|(place, _)| cursor(place));
    let items = found.into_iter().map(|(_, profile)| person::row(&doing, view, profile)).collect();
    Ok(Json(People { items, next }))
}

fn wanted(query: &PeopleQuery) -> Result<Wanted, Error> {
    let name = match (&query.name, &query.family, &query.given) {
        (None, None, None) => None,
        (Some(name), None, None) => Some(plain(name)),
        // The blank ends the family name.
        (None, Some(family), given) => {
            Some(format!("{} {}", plain(family), plain(given.as_deref().unwrap_or_default())))
        }
        _ => return Err(Error::field("name", "Search by name, or by family and given.")),
    };
    if name.as_ref().is_some_and(|name| name.trim().chars().count() < 2) {
        return Err(Error::field("name", "Write at least two letters of the name."));
    }
    let registration = query.registration.as_ref().map(|number| {
        let plain: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        (query.body, plain.to_ascii_uppercase())
    });
    if registration.is_none() && query.body.is_some() {
        return Err(Error::field("body", "Write the number of the registration too."));
    }
    let user = query.user_id.as_ref().map(|text| text.trim().parse()).transpose();
    let organisation = query.organisation.as_deref().map(ods::normalised).transpose();
    Ok(Wanted {
        name,
        birth: query.birth.as_deref().map(|text| person::day("birth", text)).transpose()?,
        registration,
        email: query.email.as_ref().map(|text| text.trim().to_ascii_lowercase()),
        user: user.map_err(|_| Error::field("user_id", "A user id has twelve digits."))?,
        organisation: organisation
            .map_err(|_| Error::field("organisation", "Write an ODS code, such as RXX01."))?,
        state: query.state,
    })
}

fn cursor(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", place.user, place.key))
}

fn place(cursor: &str) -> Result<Place, Error> {
    let wrong = || Error::field("after", "Send what the part before had as next, as it was.");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let (user, key) = text.split_once(' ').filter(|(_, key)| !key.contains('\0')).ok_or_else(wrong)?;
    Ok(Place { key: key.to_owned(), user: user.parse().map_err(|_| wrong())? })
}

/// One profile.
///
/// A record that was merged answers where it went, with 301.
#[utoipa::path(
    get, path = "/directory/people/{user_id}", tag = "people",
    params(("user_id" = String, Path, description = "Twelve digits")),
    responses(
        (status = 200, description = "The profile; its ETag is the version to change", body = Person),
        (status = 301, description = "It was a second record of somebody", body = MergedInto),
        (status = 404, description = "There is nobody with this id", body = Body),
    )
)]
pub(super) async fn read(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
) -> Result<Response, Problem> {
    let (doing, view) = reading(&register, &caller).await?;
    let mut connection = register.db.read().acquire().await.map_err(Error::from)?;
    let profile = people::find(&mut *connection, &user_id).await?;
    let profile = profile.ok_or_else(|| Error::unknown("person", &user_id))?;
    if let PersonState::Merged(survivor) = &profile.state {
        let body = MergedInto { user_id, merged_into: survivor.clone() };
        let location = [(header::LOCATION, format!("/directory/people/{survivor}"))];
        return Ok((StatusCode::MOVED_PERMANENTLY, location, Json(body)).into_response());
    }
    let version = profile.version;
    let person = person::shown(&mut connection, &doing, view, profile).await?;
    Ok(Tagged(version, person).into_response())
}

/// Changes details. What is left out stays; a date of birth or a national insurance number needs the document that shows it.
#[utoipa::path(
    patch, path = "/directory/people/{user_id}", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
    ),
    request_body(content = ChangePerson, example = json!({"gender": "female", "on_card": "Annie Example"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 409, description = "The profile is closed, merged or unverified", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<ChangePerson>,
) -> Result<Tagged<Person>, Problem> {
    done(register, caller, move |tx, doing| {
        Box::pin(async move { person::change(tx, doing, &user_id, expected, body).await })
    })
    .await
}

/// What was done to a profile, and the names it has had. For the registration authority and the holder.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/history", tag = "people",
    params(("user_id" = String, Path, description = "Twelve digits"), PageQuery),
    responses(
        (status = 200, description = "The names, and a page of the acts, newest first", body = PersonHistory),
        (status = 403, description = "It is somebody else's", body = Body),
        (status = 404, description = "There is nobody with this id", body = Body),
    )
)]
pub(super) async fn history(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<PersonHistory>, Problem> {
    let (after, limit): (Option<i64>, u32) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (doing, view) = reading(&register, &caller).await?;
    if view == View::Colleague && doing.person() != Some(&user_id) {
        let detail = "The history of a profile is for the registration authority and its holder.";
        return Err(Problem::forbidden("history-of-another", detail));
    }
    let read = register.db.read();
    if people::is_open(read, &user_id).await?.is_none() {
        return Err(Error::unknown("person", &user_id).into());
    }
    let names = people_names::of(read, &user_id).await?;
    let acts = people_names::acts(read, &user_id, after.unwrap_or(i64::MAX), limit + 1).await?;
    let Page { items: acts, next } = Page::of(acts, limit, |act| act.version.to_string());
    Ok(Json(PersonHistory { names, acts, next }))
}
