//! From who calls to who acts: the one place where a caller becomes an [`Actor`].

use std::collections::BTreeSet;

use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::db::{Engine, JobFuture, Tx};
use platform::id::{OdsCode, UserId};
use platform::problem::Problem;

use crate::api::{ACT, FEED, OPERATE, READ};
use crate::authority::{Act, Actor, Assurance, Lineage, Rank, Role, Target, Verdict, may};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::once::{Answer, Once};
use crate::register::Register;
use crate::store::position_links::{Link, linked};
use crate::store::roles::{Held, held};
use crate::store::{lineages, people};

/// Refuses callers who were granted nothing that could let them change the register, before anything is read.
pub(crate) fn permitted(caller: &Caller) -> Result<(), Problem> {
    match caller.kind {
        CallerKind::Person => caller.may(ACT),
        CallerKind::System | CallerKind::Module => caller.may(FEED).or_else(|_| caller.may(OPERATE)),
    }
}

/// Refuses callers who were granted nothing that could let them read the register.
pub(crate) fn permitted_to_read(caller: &Caller) -> Result<(), Problem> {
    match caller.kind {
        CallerKind::Person => caller.may(ACT),
        CallerKind::System | CallerKind::Module => permitted(caller).or_else(|_| caller.may(READ)),
    }
}

/// Who does something, and when: what every act is given.
pub(crate) struct Doing {
    /// The register.
    pub(crate) register: Register,
    /// Who calls.
    pub(crate) caller: Caller,
    /// Who that is in the registration authority.
    pub(crate) actor: Actor,
    /// When.
    pub(crate) now: Millis,
}

impl Doing {
    /// Reads who acts, in the transaction of the act or on one connection for reading.
    pub(crate) async fn begin(
        tx: &mut Tx,
        register: &Register,
        caller: Caller,
        now: Millis,
    ) -> Result<Self, Error> {
        let actor = actor_in(tx, register, &caller, Day::of(now)).await?;
        Ok(Self { register: register.clone(), caller, actor, now })
    }

    /// What day it is.
    pub(crate) fn today(&self) -> Day {
        Day::of(self.now)
    }

    /// What may be done to a target.
    pub(crate) fn verdict(&self, act: Act, target: &Target) -> Verdict {
        may(&self.actor, act, target, self.now)
    }

    /// Goes on if it may be done.
    pub(crate) fn demand(&self, act: Act, target: &Target) -> Result<(), Error> {
        self.verdict(act, target).demand()
    }

    /// Whether it may be seen: systems that were granted reading see everything.
    pub(crate) fn sees(&self, act: Act, target: &Target) -> Result<(), Error> {
        if self.caller.kind != CallerKind::Person && self.caller.may(READ).is_ok() {
            return Ok(());
        }
        self.demand(act, target)
    }

    /// Who acts, as the audit record names them.
    pub(crate) fn recorded(&self) -> audit::Actor {
        audit::Actor::from(&self.caller)
    }

    /// Who acts, as rows name them: a user id or a client id.
    pub(crate) fn name(&self) -> String {
        match &self.actor.person {
            Some(person) => person.to_string(),
            None => self.caller.client.to_string(),
        }
    }

    /// The setting for local smartcard administrators.
    pub(crate) fn local_administrator(&self) -> Option<&str> {
        self.register.config.local_smartcard_administrator.as_deref()
    }
}

impl Register {
    /// A connection for reads that belong together, with who reads.
    pub(crate) async fn reading(
        &self,
        caller: Caller,
    ) -> Result<(impl std::ops::DerefMut<Target = Tx> + use<>, Doing), Error> {
        let mut connection = self.db.read().acquire().await?;
        let doing = Doing::begin(&mut connection, self, caller, self.now()).await?;
        Ok((connection, doing))
    }

    /// Does `job` in the writer's transaction, with who acts read there.
    pub(crate) async fn act<T, F>(&self, caller: Caller, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, T, Error> + Send + 'static,
    {
        let (register, now) = (self.clone(), self.now());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    in_turn(tx, &register).await?;
                    let doing = Doing::begin(tx, &register, caller, now).await?;
                    job(tx, doing).await
                })
            })
            .await
    }

    /// [`Register::act`] for a POST, which is done once.
    pub(crate) async fn act_once<F>(&self, once: Once, caller: Caller, job: F) -> Result<Answer, Error>
    where
        F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, Answer, Error> + Send + 'static,
    {
        let register = self.clone();
        self.once(once, move |tx, now| {
            Box::pin(async move {
                in_turn(tx, &register).await?;
                let doing = Doing::begin(tx, &register, caller, now).await?;
                job(tx, doing).await
            })
        })
        .await
    }
}

/// Waits for every other machine that writes to the feed: what is read from here on stays true until the commit. On
/// SQLite there is one writer.
pub(crate) async fn in_turn(tx: &mut Tx, register: &Register) -> Result<(), Error> {
    if register.db.engine() == Engine::Postgres {
        changes::in_turn(tx).await?;
    }
    Ok(())
}

/// Who acts, with the roles they have now.
///
/// A person's roles are read from their assignments each time: nothing of a role that has ended is kept anywhere. A
/// system has the rank of what it was granted.
pub(crate) async fn actor(register: &Register, caller: &Caller) -> Result<Actor, Error> {
    let mut connection = register.db.read().acquire().await?;
    actor_in(&mut connection, register, caller, register.today()).await
}

/// [`actor`] in a transaction.
pub(crate) async fn actor_in(
    tx: &mut Tx,
    register: &Register,
    caller: &Caller,
    today: Day,
) -> Result<Actor, Error> {
    match caller.kind {
        CallerKind::Person => person(tx, register, caller, today).await,
        CallerKind::System | CallerKind::Module => Ok(system(caller, today)),
    }
}

async fn person(tx: &mut Tx, register: &Register, caller: &Caller, today: Day) -> Result<Actor, Error> {
    let user: UserId = caller.subject.parse().map_err(|_| Error::unknown("person", &caller.subject))?;
    let held = held(tx, &user, today).await?;
    if held.is_empty() && people::is_open(&mut *tx, &user).await? == Some(false) {
        return Err(Error::NotAllowed {
            code: "own-profile-closed",
            sentence: "Your profile is closed. Ask your registration authority to open it again.".to_owned(),
        });
    }
    let acting = match &caller.role_profile {
        Some(text) => Some(chosen(text, &held, today)?),
        None => None,
    };
    let local = register.config.local_smartcard_administrator.as_deref();
    let roles = roles(tx, local, held).await?;
    Ok(Actor { person: Some(user), assurance: Assurance::of(caller.assurance.as_deref()), roles, acting })
}

/// The role profile that was chosen, if it is one of theirs now.
fn chosen(text: &str, held: &[Held], today: Day) -> Result<crate::RoleProfileId, Error> {
    let theirs = held.iter().filter(|role| role.is_live(today)).filter_map(|role| role.role_profile.as_ref());
    let found = theirs.into_iter().find(|id| id.as_str() == text);
    found.cloned().ok_or_else(|| Error::NotAllowed {
        code: "role-not-yours",
        sentence:
            "The role profile that this request names is none of your live ones. Choose one of your roles."
                .to_owned(),
    })
}

/// The roles as the rules read them.
async fn roles(tx: &mut Tx, local: Option<&str>, held: Vec<Held>) -> Result<Vec<Role>, Error> {
    let sponsors: BTreeSet<_> = held
        .iter()
        .filter(|role| role.profile.is_sponsors())
        .map(|role| role.profile.position.clone())
        .collect();
    let sponsors: Vec<_> = sponsors.into_iter().collect();
    let assignable = linked(tx, Link::MayAssign, &sponsors).await?;
    let role = |held: Held| Role {
        rank: held.profile.rank(local).unwrap_or(Rank::Everybody),
        assignable: match assignable.get(&held.profile.position) {
            Some(positions) if held.profile.is_sponsors() => positions.iter().cloned().collect(),
            _ => BTreeSet::new(),
        },
        role_profile: held.role_profile,
        organisation: Some(held.profile.organisation),
        from: held.from,
        to: held.to,
    };
    Ok(held.into_iter().map(role).collect())
}

/// A system is known by its key and acts in no session.
fn system(caller: &Caller, today: Day) -> Actor {
    let role = |organisation, rank| Role {
        role_profile: None,
        organisation,
        rank,
        assignable: BTreeSet::new(),
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

/// Demands that the caller may read what `act` shows: a system that may read the register, or a person in whose rank it is.
pub(crate) async fn may_read(register: &Register, caller: &Caller, act: Act) -> Result<(), Problem> {
    permitted_to_read(caller)?;
    let (_reading, doing) = register.reading(caller.clone()).await?;
    Ok(doing.sees(act, &Target::default())?)
}

/// The roles that a person has now, and those to come, as the rules read them.
pub(crate) async fn roles_of(
    tx: &mut Tx,
    local_administrator: Option<&str>,
    user: &UserId,
    today: Day,
) -> Result<Vec<Role>, Error> {
    let held = held(tx, user, today).await?;
    roles(tx, local_administrator, held).await
}

/// Demands that the actor may do something to a target now.
pub(crate) fn demand(register: &Register, actor: &Actor, act: Act, target: &Target) -> Result<(), Error> {
    may(actor, act, target, register.now()).demand()
}

/// The target of an act on a person: where they work, and the highest rank they hold.
pub(crate) async fn on_person_in(
    tx: &mut Tx,
    register: &Register,
    user: &UserId,
    today: Day,
) -> Result<Target, Error> {
    let local = register.config.local_smartcard_administrator.as_deref();
    target_of(tx, local, user, today).await
}

/// [`on_person_in`] for those who have no register at hand.
pub(crate) async fn target_of(
    tx: &mut Tx,
    local: Option<&str>,
    user: &UserId,
    today: Day,
) -> Result<Target, Error> {
    let held = held(tx, user, today).await?;
    let live = || held.iter().filter(|role| role.is_live(today));
    let places: BTreeSet<&OdsCode> =
        live().flat_map(|role| [&role.employer, &role.profile.organisation]).collect();
    let places: Vec<OdsCode> = places.into_iter().cloned().collect();
    let mut known = lineages::of(tx, &places).await?;
    // An organisation that the register does not know is somewhere all the same, and below nobody.
    let reached =
        places.iter().map(|place| known.remove(place).unwrap_or_else(|| Lineage(vec![place.clone()])));
    let reached = reached.collect();
    Ok(Target {
        person: Some(user.clone()),
        organisations: reached,
        person_rank: live().filter_map(|role| role.profile.rank(local)).max(),
        ..Target::default()
    })
}

/// The target of an act in an organisation, if there is such an organisation.
pub(crate) async fn in_organisation_in(tx: &mut Tx, organisation: &OdsCode) -> Result<Target, Error> {
    let lineage = lineages::of_one(tx, organisation).await?;
    let lineage = lineage.ok_or_else(|| Error::unknown("organisation", organisation))?;
    Ok(Target { organisations: vec![lineage], ..Target::default() })
}
