//! From who calls to who acts: the one place where a caller becomes an [`Actor`].

use std::collections::BTreeSet;
use std::sync::Arc;

use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::db::{self, Engine, JobFuture, Tx};
use platform::id::{OdsCode, UserId};
use platform::problem::Problem;

use crate::api::{ACT, FEED, OPERATE, READ};
use crate::authority::{Act, Actor, Assurance, Belongs, Lineage, Rank, Refusal, Role, Target, Verdict, may};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::grounds::{Grounds, demand_still};
use crate::ods;
use crate::once::{self, Answer, Once};
use crate::person::DocumentKey;
use crate::position::Basis;
use crate::rbac::{self, Book};
use crate::register::Register;
use crate::store::position_links::{Link, linked};
use crate::store::roles::{Held, held, held_whole};
use crate::store::{self, assignments_end, lineages, people};

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

/// Who does something, in what way, and when: what every act is given.
#[derive(Clone)]
pub(crate) struct Doing {
    /// The register.
    pub(crate) register: Register,
    /// Who calls.
    pub(crate) caller: Caller,
    /// Who that is in the registration authority.
    pub(crate) actor: Actor,
    /// In what way they change profiles.
    pub(crate) way: Way,
    /// The release of the national roles that is in force.
    pub(crate) book: Arc<Book>,
    /// When.
    pub(crate) now: Millis,
    /// Who has checked the documents, where that is not who acts.
    pub(crate) checker: Option<UserId>,
    /// What was found to be allowed.
    pub(crate) grounds: Grounds,
}

/// In what way profiles of people are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// Somebody acts in their rank.
    Rank,
    /// A personnel system tells what it knows, for one organisation and those below it.
    Feed {
        /// The organisation.
        organisation: OdsCode,
    },
    /// A register of before is taken over.
    Import,
    /// The register does what is due, by itself.
    Itself,
}

impl Doing {
    /// Reads who acts in their rank, in the transaction of the act or on one connection for reading.
    pub(crate) async fn begin(
        tx: &mut Tx,
        register: &Register,
        caller: Caller,
        now: Millis,
    ) -> Result<Self, Error> {
        Self::in_way(tx, register, caller, Way::Rank, now).await
    }

    /// Reads who acts in some way.
    pub(crate) async fn in_way(
        tx: &mut Tx,
        register: &Register,
        caller: Caller,
        way: Way,
        now: Millis,
    ) -> Result<Self, Error> {
        let book = rbac::within(tx, register).await?;
        Self::by(tx, register, caller, way, book, now).await
    }

    async fn by(
        tx: &mut Tx,
        register: &Register,
        caller: Caller,
        way: Way,
        book: Arc<Book>,
        now: Millis,
    ) -> Result<Self, Error> {
        let basis = register.basis(&book);
        let actor = actor(tx, basis, &caller, Day::of(now)).await?;
        let (register, grounds) = (register.clone(), Grounds::default());
        Ok(Self { register, caller, actor, way, book, now, checker: None, grounds })
    }

    /// What day it is.
    pub(crate) fn today(&self) -> Day {
        Day::of(self.now)
    }

    /// The person who acts, if a person does.
    pub(crate) fn person(&self) -> Option<&UserId> {
        self.actor.person.as_ref()
    }

    /// The key under which numbers of documents are hashed.
    pub(crate) fn key(&self) -> &DocumentKey {
        &self.register.document_key
    }

    /// What may be done to a target.
    pub(crate) fn verdict(&self, act: Act, target: &Target) -> Verdict {
        let verdict = may(&self.actor, act, target, self.now);
        self.grounds.note(act, target, verdict);
        verdict
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

    /// [`Doing::sees`] of one thing that was found: what belongs to an organisation that one does not act for is not told
    /// apart from what there is not.
    pub(crate) fn sees_found(
        &self,
        act: Act,
        target: &Target,
        what: &'static str,
        id: impl std::fmt::Display,
    ) -> Result<(), Error> {
        self.sees(act, target).map_err(|error| match error {
            Error::NotAllowed { code, .. } if code == Refusal::OutsideOrganisation.code() => {
                Error::unknown(what, id)
            }
            other => other,
        })
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

    /// Whether whoever rows name so, by a user id or a client id, is who acts.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name == self.name() || name.parse().is_ok_and(|person: UserId| self.actor.is(&person))
    }

    /// The live role by which something may be done, or asked for; the first, if there are several.
    pub(crate) fn role_for(&self, act: Act, target: &Target) -> Option<&Role> {
        let by = |role: &Role| Actor { roles: vec![role.clone()], ..self.actor.clone() };
        let lets = |role: &&Role| !matches!(may(&by(role), act, target, self.now), Verdict::Refused(_));
        self.actor.live(self.today()).find(lets)
    }

    /// What ranks follow from.
    pub(crate) fn basis(&self) -> Basis<'_> {
        self.register.basis(&self.book)
    }
}

impl Register {
    /// What ranks follow from by a release.
    pub(crate) fn basis<'a>(&'a self, book: &'a Book) -> Basis<'a> {
        let local_administrator = self.config.local_smartcard_administrator.as_deref();
        Basis { book, local_administrator }
    }

    /// A connection for reads that belong together, with who reads.
    pub(crate) async fn reading(
        &self,
        caller: Caller,
    ) -> Result<(impl std::ops::DerefMut<Target = Tx> + use<>, Doing), Error> {
        let mut connection = self.db.read().acquire().await?;
        let book = rbac::committed(&mut connection, self).await?;
        let doing = Doing::by(&mut connection, self, caller, Way::Rank, book, self.now()).await?;
        Ok((connection, doing))
    }

    /// Does `job` in the writer's transaction, with who acts read there.
    pub(crate) async fn act<T, F>(&self, caller: Caller, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, T, Error> + Send + 'static,
    {
        self.act_in_way(caller, Way::Rank, self.now(), job).await
    }

    /// Does `job` as the register's own act, which nobody asked for.
    pub(crate) async fn act_itself<T, F>(&self, now: Millis, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, T, Error> + Send + 'static,
    {
        self.act_in_way(Caller::module("directory", &[]), Way::Itself, now, job).await
    }

    /// [`Register::act`] in some way, at some time.
    pub(crate) async fn act_in_way<T, E, F>(
        &self,
        caller: Caller,
        way: Way,
        now: Millis,
        job: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + From<db::Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, T, E> + Send + 'static,
    {
        let register = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    in_turn(tx, &register).await?;
                    let doing = Doing::in_way(tx, &register, caller, way, now).await?;
                    job(tx, doing).await
                })
            })
            .await
    }

    /// [`Register::act`] for a POST, which is done once.
    pub(crate) async fn act_once<F>(&self, request: Once, caller: Caller, job: F) -> Result<Answer, Error>
    where
        F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, Answer, Error> + Send + 'static,
    {
        let register = self.clone();
        self.db
            .write(move |tx| Box::pin(async move { once_within(tx, &register, &request, caller, job).await }))
            .await
    }
}

/// What [`Register::act_once`] does, in the writer's transaction.
pub(crate) async fn once_within<F>(
    tx: &mut Tx,
    register: &Register,
    request: &Once,
    caller: Caller,
    job: F,
) -> Result<Answer, Error>
where
    F: for<'t> FnOnce(&'t mut Tx, Doing) -> JobFuture<'t, Answer, Error>,
{
    in_turn(tx, register).await?;
    let now = register.now();
    // Whoever may not act any more, or not in this role, gets no answer of before either, nor does whoever has lost what allowed
    // it then.
    let mut doing = Doing::begin(tx, register, caller, now).await?;
    if let Some(answer) = once::before(tx, register, request, now).await? {
        let grounds = store::once::grounds(tx, request).await?;
        demand_still(&grounds, &doing.actor, now)?;
        return Ok(answer);
    }
    doing.grounds = Grounds::kept();
    let grounds = doing.grounds.clone();
    let answer = job(&mut *tx, doing).await?;
    store::once::keep(tx, &[(request, &answer, grounds.taken())], now).await?;
    Ok(answer)
}

/// Who acts in several requests that are done together, in their order, each with grounds of its own. Whoever acts in some of them
/// is read once.
pub(crate) async fn several(
    tx: &mut Tx,
    register: &Register,
    callers: &[&Caller],
) -> Result<Vec<Doing>, Error> {
    in_turn(tx, register).await?;
    let now = register.now();
    let book = rbac::within(tx, register).await?;
    let mut all: Vec<Doing> = Vec::new();
    for caller in callers {
        let known = all.iter().find(|doing| doing.caller == **caller).cloned();
        let doing = match known {
            Some(doing) => doing,
            None => Doing::by(tx, register, Caller::clone(caller), Way::Rank, Arc::clone(&book), now).await?,
        };
        all.push(Doing { grounds: Grounds::kept(), ..doing });
    }
    Ok(all)
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
async fn actor(tx: &mut Tx, basis: Basis<'_>, caller: &Caller, today: Day) -> Result<Actor, Error> {
    match caller.kind {
        CallerKind::Person => person(tx, basis, caller, today).await,
        CallerKind::System | CallerKind::Module => Ok(system(caller, today)),
    }
}

async fn person(tx: &mut Tx, basis: Basis<'_>, caller: &Caller, today: Day) -> Result<Actor, Error> {
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
    let roles = roles(tx, basis, held).await?;
    let merged = people::merged_into(tx, &user).await?;
    let assurance = Assurance::of(caller.assurance.as_deref());
    Ok(Actor { person: Some(user), merged, assurance, roles, acting })
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
async fn roles(tx: &mut Tx, basis: Basis<'_>, held: Vec<Held>) -> Result<Vec<Role>, Error> {
    let is_sponsors = |role: &Held| role.profile.is_sponsors(basis.book);
    let sponsors: BTreeSet<_> =
        held.iter().filter(|role| is_sponsors(role)).map(|role| role.profile.position.clone()).collect();
    let sponsors: Vec<_> = sponsors.into_iter().collect();
    let assignable = linked(tx, Link::MayAssign, &sponsors).await?;
    let role = |held: Held| Role {
        rank: held.profile.rank(basis).unwrap_or(Rank::Everybody),
        assignable: match assignable.get(&held.profile.position) {
            Some(positions) if is_sponsors(&held) => positions.iter().cloned().collect(),
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
    Actor { person: None, merged: BTreeSet::new(), assurance: Assurance::Three, roles, acting: None }
}

/// Demands that the caller may read what `act` shows: a system that may read the register, or a person in whose rank it is.
pub(crate) async fn may_read(register: &Register, caller: &Caller, act: Act) -> Result<(), Problem> {
    permitted_to_read(caller)?;
    let (_reading, doing) = register.reading(caller.clone()).await?;
    Ok(doing.sees(act, &Target::default())?)
}

/// The target of an act on a person: where they work now or will, and the highest rank they hold or will. Who begins tomorrow is
/// nobody's to take over today.
pub(crate) async fn on_person(tx: &mut Tx, doing: &Doing, user: &UserId) -> Result<Target, Error> {
    let (today, basis) = (doing.today(), doing.basis());
    let held = held_whole(tx, user, today).await?;
    let given = held.iter().map(|role| &role.profile.organisation).filter(|place| !ods::is_anywhere(place));
    let mut places: BTreeSet<OdsCode> =
        held.iter().map(|role| &role.employer).chain(given).cloned().collect();
    // A position may give nothing, or be closed, and is held all the same.
    places.extend(assignments_end::organisations_reached(tx, user, today).await?);
    let places: Vec<OdsCode> = places.into_iter().collect();
    let mut known = lineages::of(tx, &places).await?;
    // An organisation that the register does not know is somewhere all the same, and below nobody.
    let reached =
        places.iter().map(|place| known.remove(place).unwrap_or_else(|| Lineage(vec![place.clone()])));
    let reached: Vec<Lineage> = reached.collect();
    let belongs = if reached.is_empty() { belongs(tx, user).await? } else { Belongs::ToNobody };
    Ok(Target {
        person: Some(user.clone()),
        organisations: reached,
        belongs,
        person_rank: held.iter().filter_map(|role| role.profile.rank(basis)).max(),
        ..Target::default()
    })
}

/// To whom somebody belongs who works nowhere.
async fn belongs(tx: &mut Tx, user: &UserId) -> Result<Belongs, Error> {
    if let Some(left) = assignments_end::last_held(tx, user).await? {
        return Ok(Belongs::Left(lineages::of_any(tx, &left).await?));
    }
    match people::made_in(&mut *tx, user).await? {
        Some(made) => Ok(Belongs::Made(lineages::of_any(tx, &made).await?)),
        None => Ok(Belongs::ToNobody),
    }
}

/// The target of an act in an organisation, if there is such an organisation.
pub(crate) async fn in_organisation_in(tx: &mut Tx, organisation: &OdsCode) -> Result<Target, Error> {
    let lineage = lineages::of_one(tx, organisation).await?;
    let lineage = lineage.ok_or_else(|| Error::unknown("organisation", organisation))?;
    Ok(Target { organisations: vec![lineage], ..Target::default() })
}
