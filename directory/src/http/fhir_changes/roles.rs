//! Which roles of people have begun, changed or ended.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use http::request::Parts as Request;
use platform::db::Tx;
use platform::id::UserId;

use super::super::workers;
use super::{Fed, Place, anew, bundle, fed, no_cursor};
use crate::day::Day;
use crate::error::Error;
use crate::fhir::kit::{Asked, Outcome, Parts, Past, Stamp};
use crate::fhir::workers::{self as face, Kind};
use crate::register::Register;
use crate::store::touched::ids_below;
use crate::touched::{Ends, Touched, people_of, people_of_days, touched};

/// Of how many people roles are told at most.
const MOST: usize = 500;
/// How many people one change may concern, or the beginning of a day: of more everything is read again.
const MOST_OF_ONE: u32 = 2_000;

/// Roles that have begun, changed or ended.
///
/// Without `_cursor` none, and the address at which to go on. All of somebody are told when something of them has changed, or when a day has
/// come with which one begins or on which one ends; what they had, or do not have yet, is deleted. Whoever is shown is recorded.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/PractitionerRole/_history", tag = "healthcare-worker",
    params(("_cursor" = Option<String>, Query, description = "As the link with the relation `next` has it"),
        ("_count" = Option<u32>, Query, description = "How many changes are looked at: 500 at most, 100 if it is left out")),
    responses((status = 200, description = "A Bundle of roles as they are now; one that has ended is deleted"),
        (status = 410, description = "OperationOutcome: something after this was erased, the register was restored from a copy, or too much has changed; read everything, and begin anew"))
)]
pub(in crate::http) async fn roles_changed(State(register): State<Register>, request: Request) -> Response {
    let Some((asked, media)) = workers::addition(&register, &request) else {
        return workers::nothing(&request);
    };
    match changed(&register, &request, &asked).await {
        Ok(whole) => super::fhir::response(&request, 200, media, &whole),
        Err(outcome) => workers::refused(&request, media, &outcome),
    }
}

async fn changed(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let caller = workers::may(register, request).await?;
    let today = register.today();
    let (cursor, day) = match asked.last("_cursor") {
        None => (None, today),
        Some(cursor) => {
            // Behind a place of the feed stands the day up to which roles were told.
            let read =
                cursor.rsplit_once('.').and_then(|(place, day)| Some((place, day.parse::<Day>().ok()?)));
            let (place, day) = read.ok_or_else(|| no_cursor(cursor))?;
            (Some(place), day)
        }
    };
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let fed = fed(&mut read, asked, cursor).await?;
    let Concerned { people, next, day } = concerned(&mut read, fed, day, today).await?;
    let (mut past, mut told) = (Vec::new(), Vec::new());
    for id in people {
        let user: UserId = id.parse().map_err(|_| Error::Stored { what: "directory_change.person" })?;
        let own = roles_of(register, &mut read, &user).await?;
        if !own.is_empty() {
            told.push(id);
        }
        past.extend(own);
    }
    drop(read);
    workers::recorded(register, &caller, Kind::Role, told).await?;
    let next = format!("{next}.{day}");
    Ok(bundle(register, request, asked, (face::BASE, Kind::Role.name()), (&next, past)))
}

/// Whose roles are told, and where the next page begins.
struct Concerned {
    people: BTreeSet<String>,
    next: Place,
    day: Day,
}

/// Whose roles look otherwise because of changes, and because of the day: as many changes as concern no more people than a page has.
async fn concerned(tx: &mut Tx, fed: Fed, day: Day, today: Day) -> Result<Concerned, Outcome> {
    let too_much = || anew("So much has changed at once that it is not told one by one.");
    let mut people = BTreeSet::new();
    let mut reached = None;
    for change in &fed.changes {
        // What organisations are called is told by them.
        let what =
            touched(change).filter(|what| !matches!(what, Touched::Organisation(_) | Touched::Workgroup(_)));
        if let Some(what) = what {
            let more = people_of(tx, &what, MOST_OF_ONE).await?;
            let has_room = more.as_ref().is_some_and(|more| people.len() + more.len() <= MOST);
            // What came before is told first.
            if let Some(next) = reached.filter(|_| !has_room) {
                return Ok(Concerned { people, next, day });
            }
            people.extend(more.ok_or_else(too_much)?);
        }
        reached = Some(Place::after(change));
    }
    let next = fed.next;
    if !fed.is_last || day == today {
        return Ok(Concerned { people, next, day });
    }
    // A clock that was put back makes another day of it than a later one.
    let more = people_of_days(tx, day, today, Ends::OnLastDay, MOST_OF_ONE).await?.filter(|_| day < today);
    let more = more.ok_or_else(too_much)?;
    if !people.is_empty() && people.len() + more.len() > MOST {
        return Ok(Concerned { people, next, day });
    }
    people.extend(more);
    Ok(Concerned { people, next, day: today })
}

/// What somebody is where, and what they are no more, each with its id; nothing of whom the directory does not show.
async fn roles_of(
    register: &Register,
    tx: &mut Tx,
    user: &UserId,
) -> Result<Vec<(String, Past<Parts>)>, Error> {
    let dialect = register.config.workers.dialect;
    // Of cards and robots nothing is told, as by the history of people.
    if face::past(tx, user, dialect).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut past = Vec::new();
    let mut here = BTreeSet::new();
    if let Some(found) = face::somebody(register, tx, Kind::Role, user).await? {
        for role in &found.roles {
            let whole = face::practitioner_role(&found, role, dialect);
            let stamp = face::stamp(&found, Kind::Role, &whole);
            let id = whole.id().to_owned();
            here.insert(id.clone());
            past.push((id, Past { was: Some(whole.stamped(&stamp)), stamp }));
        }
    }
    let had: BTreeSet<String> =
        ids_below(tx, user.as_str()).await?.into_iter().filter_map(|(_, role)| role).collect();
    for id in had.difference(&here) {
        // Since when it is so is not counted.
        let stamp = Stamp { version: "ended".to_owned(), since: None };
        past.push((id.clone(), Past { stamp, was: None }));
    }
    Ok(past)
}
