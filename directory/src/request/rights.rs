//! Who may ask for what, decide it, and see it.

use platform::db::Tx;
use serde_json::{Value, json};

use super::ask::{Ask, Named};
use super::{Request, State};
use crate::acting::{self, Doing};
use crate::authority::{Act, Target, Verdict};
use crate::error::Error;
use crate::ids::PositionId;
use crate::store::{assignments, people, positions, roles};

/// What a request is about, as it is now.
pub(super) struct About {
    /// The target of what is asked for.
    pub(super) target: Target,
    /// The organisation it is filed under.
    pub(super) organisation: Option<platform::id::OdsCode>,
    /// What it is like.
    pub(super) before: Value,
}

/// Reads what is asked for.
pub(super) async fn about(tx: &mut Tx, doing: &Doing, ask: &Ask) -> Result<About, Error> {
    match ask.named()? {
        Named::Position(user, position) => {
            if people::is_open(&mut *tx, &user).await?.is_none() {
                return Err(Error::unknown("person", &user));
            }
            let target = Target { person: Some(user), ..Target::default() };
            in_position(tx, doing, &position, target, Value::Null).await
        }
        Named::Assignment(id) => {
            let found = assignments::find_all(tx, std::slice::from_ref(&id)).await?.pop();
            let found = found.ok_or_else(|| Error::unknown("assignment", &id))?;
            let before = json!({"start": found.from, "end": found.to, "version": found.version});
            let target = Target { person: Some(found.user), ..Target::default() };
            in_position(tx, doing, &found.position, target, before).await
        }
        Named::Person(user) => {
            let Some(open) = people::is_open(&mut *tx, &user).await? else {
                return Err(Error::unknown("person", &user));
            };
            let target = acting::on_person(tx, doing, &user).await?;
            let organisation = target.organisations.first().and_then(|line| line.0.first()).cloned();
            Ok(About { target, organisation, before: json!({"open": open}) })
        }
        Named::PersonIn(user, organisation) => {
            let Some(open) = people::is_open(&mut *tx, &user).await? else {
                return Err(Error::unknown("person", &user));
            };
            let target = acting::in_organisation_in(tx, &organisation).await?;
            let target = Target { person: Some(user), ..target };
            Ok(About { target, organisation: Some(organisation), before: json!({"open": open}) })
        }
        Named::Organisation(organisation) => {
            let target = acting::in_organisation_in(tx, &organisation).await?;
            Ok(About { target, organisation: Some(organisation), before: Value::Null })
        }
    }
}

async fn in_position(
    tx: &mut Tx,
    doing: &Doing,
    position: &PositionId,
    target: Target,
    before: Value,
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
    Ok(About { target, organisation: Some(position.organisation), before })
}

/// Demands that it may be asked for: as a request of this kind, and as something that one's rank does or asks for.
/// Everybody who makes requests may ask for something for themselves.
pub(super) fn demand_asking(doing: &Doing, ask: &Ask, about: &About) -> Result<(), Error> {
    doing.demand(Act::SubmitRequest, &about.target)?;
    let own = about.target.person.is_some() && about.target.person == doing.actor.person;
    let target = Target { person: about.target.person.clone().filter(|_| !own), ..about.target.clone() };
    match doing.verdict(ask.act(), &target) {
        Verdict::Does | Verdict::Asks => Ok(()),
        refused @ Verdict::Refused(_) => refused.demand(),
    }
}

/// Demands that it may be decided: as a request by somebody else, and as something that one's own rank does.
pub(super) async fn decides(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<(), Error> {
    let about = about(tx, doing, &request.ask).await?;
    let target = Target { requester: request.requester.parse().ok(), ..about.target };
    doing.demand(Act::DecideRequest, &target)?;
    doing.demand(request.ask.act(), &target)
}

/// Whether it may be seen: by its requester, and once it is handed in by those who could decide it.
pub(crate) async fn sees(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<bool, Error> {
    if request.requester == doing.name() {
        return Ok(true);
    }
    if matches!(request.state, State::Draft | State::Withdrawn(None)) {
        return Ok(false);
    }
    is_decidable(tx, doing, request).await
}

/// Whether it may be decided, or could have been.
pub(crate) async fn is_decidable(tx: &mut Tx, doing: &Doing, request: &Request) -> Result<bool, Error> {
    match decides(tx, doing, request).await {
        Ok(()) => Ok(true),
        Err(Error::NotAllowed { .. } | Error::Unknown { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
