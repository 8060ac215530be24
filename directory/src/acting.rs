//! From who calls to who acts: the one place where a caller becomes an [`Actor`].

use platform::caller::{Caller, CallerKind};
use platform::id::{OdsCode, UserId};
use platform::problem::Problem;

use crate::api::{ACT, FEED, OPERATE, READ};
use crate::authority::{Act, Actor, Assurance, Rank, Role, Target, may};
use crate::error::Error;
use crate::register::Register;
use crate::store::{Reader, assignments, organisations};

/// Who acts, with the roles they have now.
///
/// A person's roles are read from their assignments each time: nothing of a role that has ended is kept anywhere. A
/// system has the rank of what it was granted.
pub(crate) async fn actor(register: &Register, caller: &Caller) -> Result<Actor, Error> {
    match caller.kind {
        CallerKind::Person => person(register, caller).await,
        CallerKind::System | CallerKind::Module => Ok(system(register, caller)),
    }
}

async fn person(register: &Register, caller: &Caller) -> Result<Actor, Error> {
    let user: UserId = caller.subject.parse().map_err(|_| Error::unknown("person", &caller.subject))?;
    let roles = assignments::roles(register.db.read(), &user).await?;
    let acting = match &caller.role_profile {
        Some(text) => Some(text.parse().map_err(|_| Error::unknown("role profile", text))?),
        None => None,
    };
    Ok(Actor { person: Some(user), assurance: Assurance::of(caller.assurance.as_deref()), roles, acting })
}

/// A system is known by its key and acts in no session.
fn system(register: &Register, caller: &Caller) -> Actor {
    let today = register.today();
    let role = |organisation, rank| Role {
        role_profile: None,
        organisation,
        rank,
        assignable: std::collections::BTreeSet::new(),
        from: today.plus_days(-1),
        to: None,
    };
    let mut roles = Vec::new();
    if caller.may(OPERATE).is_ok() {
        roles.push(role(None, Rank::Operator));
    }
    if let (Ok(()), Some(organisation)) = (caller.may(FEED), &caller.organisation) {
        roles.push(role(Some(organisation.clone()), Rank::Personnel));
    }
    Actor { person: None, assurance: Assurance::Three, roles, acting: None }
}

/// Demands that the actor may do something to a target now.
pub(crate) fn demand(register: &Register, actor: &Actor, act: Act, target: &Target) -> Result<(), Error> {
    may(actor, act, target, register.now()).demand()
}

/// Demands that the caller may read what `act` shows: a system that may read the register, or a person in whose rank it is.
pub(crate) async fn may_read(register: &Register, caller: &Caller, act: Act) -> Result<(), Problem> {
    if caller.kind != CallerKind::Person {
        return caller.may(READ);
    }
    caller.may(ACT)?;
    let actor = actor(register, caller).await?;
    Ok(demand(register, &actor, act, &Target::default())?)
}

/// The target of an act on a person: where they work, and the highest rank they hold.
pub(crate) async fn on_person(register: &Register, user: &UserId) -> Result<Target, Error> {
    let read = register.db.read();
    let today = register.today();
    let mut target = Target { person: Some(user.clone()), ..Target::default() };
    for organisation in assignments::organisations_of(read, user, today).await? {
        target.organisations.push(organisations::lineage(read, &organisation).await?);
    }
    let roles = assignments::roles(read, user).await?;
    target.person_rank = roles.iter().filter(|role| role.is_live(today)).map(|role| role.rank).max();
    Ok(target)
}

/// The target of an act in an organisation.
pub(crate) async fn in_organisation<'c>(
    reader: impl Reader<'c> + Copy,
    organisation: &OdsCode,
) -> Result<Target, Error> {
    let lineage = organisations::lineage(reader, organisation).await?;
    Ok(Target { organisations: vec![lineage], ..Target::default() })
}
