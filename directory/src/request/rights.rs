//! Who may ask for what, decide it, and see it.

use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use serde_json::{Value, json};

use super::ask::{Ask, Named};
use super::{Request, State};
use crate::acting::{self, Doing};
use crate::api::PersonState;
use crate::authority::{Act, Target, Verdict};
use crate::error::Error;
use crate::ids::{PositionId, RoleProfileId};
use crate::person::{self, Profile};
use crate::store::{assignments, lineages, people, positions, requests, roles};
use crate::version::Version;

/// What a request is about, as it is now.
pub(super) struct About {
    /// The target of what is asked for.
    pub(super) target: Target,
    /// The organisation it is filed under.
    pub(super) organisation: Option<OdsCode>,
    /// What it is like.
    pub(super) before: Value,
    /// Its version; none of what is not there yet.
    pub(super) version: Option<Version>,
}

/// Reads what is asked for.
pub(super) async fn about(tx: &mut Tx, doing: &Doing, ask: &Ask) -> Result<About, Error> {
    match ask.named()? {
        Named::Position(user, position) => {
            if people::is_open(&mut *tx, &user).await?.is_none() {
                return Err(Error::unknown("person", &user));
            }
            let target = Target { person: Some(user), ..Target::default() };
            in_position(tx, doing, &position, target, (Value::Null, None)).await
        }
        Named::Assignment(id) => {
            let found = assignments::find_all(tx, std::slice::from_ref(&id)).await?.pop();
            let found = found.ok_or_else(|| Error::unknown("assignment", &id))?;
            let before = json!({"start": found.from, "end": found.to, "version": found.version});
            let target = Target { person: Some(found.user), ..Target::default() };
            in_position(tx, doing, &found.position, target, (before, Some(found.version))).await
        }
        Named::Person(user) => {
            let profile = profile(tx, &user).await?;
            let before = match ask {
                Ask::ChangePerson { patch, .. } => details(&profile, patch),
                Ask::Rename { .. } => json!({"open": is_open(&profile), "name": profile.name}),
                _ => json!({"open": is_open(&profile)}),
            };
            let target = acting::on_person(tx, doing, &user).await?;
            let organisation = target.organisations.first().and_then(|line| line.0.first()).cloned();
            Ok(About { target, organisation, before, version: Some(profile.version) })
        }
        Named::PersonIn(user, organisation) => {
            let profile = profile(tx, &user).await?;
            let target = acting::in_organisation_in(tx, &organisation).await?;
            let target = Target { person: Some(user), ..target };
            let before = json!({"open": is_open(&profile)});
            Ok(About { target, organisation: Some(organisation), before, version: Some(profile.version) })
        }
        Named::Organisation(organisation) => {
            let target = acting::in_organisation_in(tx, &organisation).await?;
            Ok(About { target, organisation: Some(organisation), before: Value::Null, version: None })
        }
    }
}

async fn profile(tx: &mut Tx, user: &UserId) -> Result<Profile, Error> {
    people::find(&mut *tx, user).await?.ok_or_else(|| Error::unknown("person", user))
}

fn is_open(profile: &Profile) -> bool {
    profile.state.word() == PersonState::Open
}

/// Of a profile what is to change, as it is now.
fn details(profile: &Profile, patch: &Value) -> Value {
    let named = patch.as_object();
    let mut before = named.map(|named| person::present(profile, named)).unwrap_or_default();
    before.insert("open".to_owned(), json!(is_open(profile)));
    Value::Object(before)
}

/// What a request that can be decided or tried again is about, as it is now, with its version.
pub(crate) async fn present(
    tx: &mut Tx,
    doing: &Doing,
    request: &Request,
) -> Result<Option<(Value, Option<Version>)>, Error> {
    let state = request.state.clone().at(doing.now);
    let waits =
        matches!(state, State::Submitted(_) | State::Locked(..) | State::Approved(..) | State::Failed(..));
    if !waits {
        return Ok(None);
    }
    match about(tx, doing, &request.ask).await {
        Ok(about) => Ok(Some((about.before, about.version))),
        Err(Error::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn in_position(
    tx: &mut Tx,
    doing: &Doing,
    position: &PositionId,
    target: Target,
    (before, version): (Value, Option<Version>),
) -> Result<About, Error> {
    let position =
        positions::find(tx, position).await?.ok_or_else(|| Error::unknown("position", position))?;
    let users: Vec<_> = target.person.iter().cloned().collect();
    let rank = roles::ranks(tx, &users, doing.today()).await?.into_values().max();
    let place = acting::in_organisation_in(tx, &position.organisation).await?;
    let target = Target {
        organisations: place.organisations,
        position: Some(position.id),
        position_rank: position.rank,
        person_rank: rank,
        ..target
    };
    Ok(About { target, organisation: Some(position.organisation), before, version })
}

/// Demands that it may be asked for: as a request of this kind, and as something that one's rank does or asks for.
/// Everybody who makes requests may ask for something for themselves.
pub(super) fn demand_asking(doing: &Doing, ask: &Ask, about: &About) -> Result<(), Error> {
    let own = about.target.person.as_ref().is_some_and(|person| doing.actor.is(person));
    doing.demand(Act::SubmitRequest, &about.target).map_err(|error| match ask {
        Ask::ClosePerson { .. } if own => person::own_closing(),
        _ => error,
    })?;
    let target = Target { person: about.target.person.clone().filter(|_| !own), ..about.target.clone() };
    match doing.verdict(ask.act(), &target) {
        Verdict::Does | Verdict::Asks => Ok(()),
        refused @ Verdict::Refused(_) => refused.demand(),
    }
}

/// Where a request is filed, which those who decide there are shown: of several organisations of whom it is about the one in which
/// its requester asks for it, and where they work nowhere that of its requester.
pub(super) fn filed_under(doing: &Doing, about: &About) -> Option<OdsCode> {
    let role = doing.role_for(Act::SubmitRequest, &about.target);
    let asks = role.and_then(|role| role.organisation.as_ref());
    let there = asks.and_then(|asks| about.target.organisations.iter().find(|line| line.is_within(asks)));
    let there = there.and_then(|line| line.0.first());
    there.or(about.organisation.as_ref()).or(asks).cloned()
}

/// Demands that it may be decided: as a request by somebody else, and as something that one's own rank does. Gives the role by
/// which it is. Whom it is about may work nowhere by now; those decide it then where it was filed.
pub(super) async fn decides(
    tx: &mut Tx,
    doing: &Doing,
    request: &Request,
) -> Result<Option<RoleProfileId>, Error> {
    let about = about(tx, doing, &request.ask).await?;
    let target = Target { requester: request.requester.parse().ok(), ..about.target };
    let mut filed = target.clone();
    if let (true, Some(organisation)) = (filed.organisations.is_empty(), &request.organisation) {
        filed.organisations.push(lineages::of_any(tx, organisation).await?);
    }
    doing.demand(Act::DecideRequest, &filed)?;
    doing.demand(request.ask.act(), &target)?;
    Ok(doing.role_for(Act::DecideRequest, &filed).and_then(|role| role.role_profile.clone()))
}

/// Whether it may be seen: by its requester, and once it is handed in by those who could decide it.
pub(crate) async fn sees(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<bool, Error> {
    if doing.is_named(&request.requester) {
        return Ok(true);
    }
    if matches!(request.state, State::Draft | State::Withdrawn(None)) {
        return Ok(false);
    }
    is_listed(tx, doing, request).await
}

/// Whether somebody else's request that was handed in may be seen: by those who could decide it, and once it is over by the
/// registration authority where it was filed or decided, whatever has become of whom it is about.
pub(crate) async fn is_listed(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<bool, Error> {
    Ok(is_decidable(tx, doing, request).await?
        || (is_over(request, doing) && saw_to(tx, doing, request).await?))
}

fn is_over(request: &Request, doing: &Doing) -> bool {
    !matches!(request.state.clone().at(doing.now), State::Draft | State::Submitted(_) | State::Locked(..))
}

/// Whether it was filed or decided where one decides such requests, whoever is there now. Nobody sees so what is above their rank
/// or about themselves.
async fn saw_to(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<bool, Error> {
    let mut places: Vec<OdsCode> = request.organisation.iter().cloned().collect();
    places.extend(requests::decided_in(tx, &request.id).await?);
    let users: Vec<_> = request.user.iter().cloned().collect();
    let position = match &request.position {
        Some(id) => positions::find(tx, id).await?,
        None => None,
    };
    let anywhere = Target {
        person: request.user.clone(),
        person_rank: roles::ranks(tx, &users, doing.today()).await?.into_values().max(),
        position: request.position.clone(),
        position_rank: position.and_then(|position| position.rank),
        ..Target::default()
    };
    for place in places {
        let target = Target { organisations: vec![lineages::of_any(tx, &place).await?], ..anywhere.clone() };
        let does = |act| doing.verdict(act, &target) == Verdict::Does;
        if does(Act::DecideRequest) && does(request.ask.act()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it may be decided, or could have been.
async fn is_decidable(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<bool, Error> {
    match decides(tx, doing, request).await {
        Ok(_) => Ok(true),
        Err(Error::NotAllowed { .. } | Error::Unknown { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
