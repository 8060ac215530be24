//! Subscriptions by rest-hook (FHIR R4, Subscription): what programs asked to be told of, and whether what has changed is of that.
//!
//! The register calls nobody. It posts a message with nothing in it, in the transaction that notes up to where changes were looked at, and
//! whoever carries messages sends it, again until it is taken: so a program is told of a change once or more, however machines stop. While a
//! message is on its way no other is posted: whoever is told asks, and finds what has changed meanwhile. One that is given up ends
//! the subscription, which says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use platform::caller::Act;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use platform::message::{self, Channel, Message, MessageId, Posted, State};

use super::FhirEvent;
use super::kit::{Asked, Outcome, shown};
use super::{organisations, spine, workers};
use crate::api::{Change, LOOK_UP, READ, SUBSCRIBE};
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::store::former::{self, Of};
use crate::store::organisation_faces::{self, Condition};
use crate::store::subscriptions::{self as store, Place, Subscription};
use crate::store::systems;
use crate::system::folded;
use crate::touched::{self, Since, Touched};

/// The module and the kind of the messages.
const MODULE: &str = "directory";
const KIND: &str = "subscription";
/// How long to wait before looking again what has changed.
const PAUSE: Duration = Duration::from_secs(1);
/// For how long a message is of use.
const USE: Duration = Duration::from_hours(24);
/// How many subscriptions are read at once.
const STEP: u32 = 100;
/// How many changes are looked at for a subscription at once.
const CHANGES: u32 = 1_000;
/// Of how many people it is looked at whether they are meant; more of them are told without.
const PEOPLE: u32 = 200;
/// The longest criteria, in octets.
const LONGEST: usize = 1000;
/// Parameters that say how is answered, or when something was written, and not what is meant.
const BESIDE: [&str; 11] = [
    "_count",
    "_cursor",
    "_elements",
    "_format",
    "_include",
    "_lastUpdated",
    "_offset",
    "_pretty",
    "_revinclude",
    "_summary",
    "_total",
];

/// What a program wants to be told of: a search of a face.
#[derive(Debug)]
pub(crate) enum Criteria {
    /// People, or their roles.
    People(workers::Kind, Box<workers::Wanted>),
    /// Organisations.
    Organisations(Vec<Condition>),
    /// Systems; all of the kind where nothing is asked.
    Systems(spine::Kind, spine::Asked),
}

impl Criteria {
    /// Reads criteria as in `Organization?roleCode=RO76`: what the search of the face refuses is refused.
    pub(crate) fn read(text: &str) -> Result<Self, Outcome> {
        let bad = |sentence: String| Err(Outcome::new(400, "invalid", sentence));
        let (kind, query) = text.split_once('?').unwrap_or((text, ""));
        let asked = Asked::read(query, b"");
        if text.len() > LONGEST || asked.0.iter().any(|one| one.value.contains('\0')) {
            return bad(format!("criteria have {LONGEST} octets at most, and no character NUL."));
        }
        if let Some(beside) = asked.0.iter().find(|one| BESIDE.contains(&one.name.as_str())) {
            return bad(format!("criteria have no {}: they say what is meant alone.", shown(&beside.name)));
        }
        let rules = workers::Rules { is_strict: false, refuses: true };
        let people =
            |kind| workers::wanted(kind, &asked, rules).map(|wanted| Self::People(kind, Box::new(wanted)));
        match kind {
            "Practitioner" => people(workers::Kind::Practitioner),
            "PractitionerRole" => people(workers::Kind::Role),
            "Organization" => {
                Ok(Self::Organisations(organisations::wanted(&asked, false, false)?.conditions))
            }
            "Device" => Ok(Self::Systems(spine::Kind::Device, systems_of(spine::Kind::Device, query)?)),
            "Endpoint" => Ok(Self::Systems(spine::Kind::Endpoint, systems_of(spine::Kind::Endpoint, query)?)),
            _ => {
                let kinds = "Practitioner?, PractitionerRole?, Organization?, Device? or Endpoint?";
                bad(format!("criteria begin with {kinds}."))
            }
        }
    }

    /// Below what the face lies whose search it is.
    pub(crate) fn base(&self) -> &'static str {
        match self {
            Self::People(..) => workers::BASE,
            Self::Organisations(_) => organisations::BASE,
            Self::Systems(..) => spine::BASE,
        }
    }

    /// What a program may do that reads what is meant.
    pub(crate) fn reads(&self) -> Act {
        match self {
            Self::People(..) => READ,
            Self::Organisations(_) | Self::Systems(..) => LOOK_UP,
        }
    }

    /// Whether something of these changes is meant, or of what begins or ends with the days after one, up to another.
    async fn is_meant(
        &self,
        register: &Register,
        tx: &mut Tx,
        changes: &[Change],
        days: Option<(Day, Day)>,
    ) -> Result<bool, Error> {
        match self {
            Self::People(kind, wanted) => {
                let Some(people) = people(tx, *kind, changes, days).await? else { return Ok(true) };
                for (id, since) in people {
                    let id: UserId =
                        id.parse().map_err(|_| Error::Stored { what: "directory_change.subject" })?;
                    if workers::concerns(register, tx, wanted, *kind, &id, since).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Organisations(conditions) => {
                let when = times(changes, |what| match what {
                    Touched::Organisation(ods) => Some(ods),
                    _ => None,
                });
                let when: BTreeMap<String, Millis> =
                    when.into_iter().filter_map(|(ods, at)| Some((ods, at.into_iter().min()?))).collect();
                if when.is_empty() {
                    return Ok(false);
                }
                let lasting: Vec<Condition> =
                    conditions.iter().filter(|one| is_lasting(one)).cloned().collect();
                let mut all = lasting.clone();
                all.push(Condition::Codes(when.keys().cloned().collect()));
                Ok(!organisation_faces::page(tx, &all, 0, 1).await?.is_empty()
                    || organisations::were_meant(tx, &lasting, &when).await?)
            }
            Self::Systems(kind, asked) => {
                let when = times(changes, |what| match what {
                    Touched::System(id) => Some(folded(&id)),
                    _ => None,
                });
                for (id, at) in when {
                    if was_meant(register, tx, (*kind, asked), &id, at.len()).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// Whether a condition is asked of what has changed: who is open, has a role or is related no more may have been before.
fn is_lasting(condition: &Condition) -> bool {
    !matches!(condition, Condition::Status(_) | Condition::Role(_) | Condition::Related(..))
}

/// What a search for systems asks; nothing where it has no parameters.
fn systems_of(kind: spine::Kind, query: &str) -> Result<spine::Asked, Outcome> {
    if query.is_empty() {
        return Ok(spine::Asked::default());
    }
    Ok(spine::asked(kind, query, b"", spine::Rules::default())?)
}

/// What these changes touch of a kind, with when each changed.
fn times(changes: &[Change], of: impl Fn(Touched) -> Option<String>) -> BTreeMap<String, Vec<Millis>> {
    let mut all: BTreeMap<String, Vec<Millis>> = BTreeMap::new();
    for change in changes {
        if let Some(id) = touched::touched(change).and_then(&of) {
            all.entry(id).or_default().push(change.at);
        }
    }
    all
}

/// Whether a system is meant that has changed so often, or was in one of the versions before: one that is another organisation's now, or
/// was withdrawn, is told of too. With an intermediary every endpoint changes that is told with its address.
async fn was_meant(
    register: &Register,
    tx: &mut Tx,
    (kind, asked): (spine::Kind, &spine::Asked),
    id: &str,
    many: usize,
) -> Result<bool, Error> {
    let Some(system) = systems::find(&mut *tx, id).await? else { return Ok(false) };
    let mut intermediaries = BTreeSet::new();
    let former = former::before(&mut *tx, Of::System, id, system.version).await?;
    let before = former.iter().take(many).map(former::Former::read);
    for content in std::iter::once(Ok(system.content)).chain(before) {
        let content = content?;
        if asked.means(kind, &content) {
            return Ok(true);
        }
        intermediaries.extend(spine::intermediary_of(&register.config.spine, &content));
    }
    for intermediary in intermediaries {
        if kind == spine::Kind::Endpoint && spine::tells_address_of(register, tx, asked, intermediary).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who looks otherwise because of these changes and days, with since when they changed themselves; `None` where these are many.
async fn people(
    tx: &mut Tx,
    kind: workers::Kind,
    changes: &[Change],
    days: Option<(Day, Day)>,
) -> Result<Option<BTreeMap<String, Option<Millis>>>, Error> {
    let own = times(changes, |what| match what {
        Touched::Person(id) => Some(id),
        _ => None,
    });
    let mut all: BTreeMap<String, Option<Millis>> =
        own.into_iter().map(|(id, at)| (id, at.into_iter().min())).collect();
    for what in changes.iter().filter_map(touched::touched) {
        if kind == workers::Kind::Practitioner || matches!(what, Touched::Person(_)) {
            continue;
        }
        match touched::people_of(tx, &what, PEOPLE).await? {
            Some(people) => add(&mut all, people),
            None => return Ok(None),
        }
    }
    if let Some((after, today)) = days
        && kind == workers::Kind::Role
    {
        match touched::people_of_days(tx, after, today, touched::Ends::OnLastDay, PEOPLE).await? {
            Some(people) => add(&mut all, people),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// Erases a subscription with what waits to be sent for it, and records it; `false` if it is not there.
pub(crate) async fn end(
    tx: &mut Tx,
    id: &str,
    why: &'static str,
    actor: &audit::Actor,
    now: Millis,
) -> Result<bool, Error> {
    if !store::erase(tx, id).await? {
        return Ok(false);
    }
    message::erase(tx, MODULE, id).await?;
    audit::record(tx, now, actor, &ended(id, why)).await?;
    Ok(true)
}

/// Adds people who look otherwise because of something else.
fn add(all: &mut BTreeMap<String, Option<Millis>>, people: Vec<String>) {
    for id in people {
        all.entry(id).or_default();
    }
}

fn ended(id: &str, why: &str) -> FhirEvent {
    FhirEvent::SubscriptionEnded { subscription: id.to_owned(), why: why.to_owned() }
}

/// What a program is sent: nothing, with its headers.
fn notification(of: &Subscription, now: Millis) -> Result<Message, Error> {
    let id: MessageId =
        of.id.parse().map_err(|_| Error::Stored { what: "directory_subscription.subscription_id" })?;
    Ok(Message {
        module: MODULE,
        kind: KIND,
        about: of.id.clone(),
        channel: Channel::Hook,
        address: of.endpoint.clone(),
        subject: String::new(),
        text: of.sealed.as_deref().map(|sealed| message::attached(&id, sealed)).unwrap_or_default(),
        until: now.plus(USE),
    })
}

/// What is new for a subscription.
struct News {
    /// Whether its program is to be told.
    is_meant: bool,
    /// Up to where was looked.
    to: Place,
}

impl Register {
    /// Has programs told of what changes, for as long as it is polled. Stopping it anywhere loses nothing, and of several machines one tells.
    pub async fn keep_notifying(self) {
        loop {
            if let Err(error) = self.notify_subscribers().await {
                tracing::warn!(%error, "what has changed could not be told to subscribers: {error}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Looks at what has changed for each subscription; says for how many a message was posted.
    pub async fn notify_subscribers(&self) -> Result<u32, Error> {
        if self.config.strict {
            return Ok(0);
        }
        let now = self.now();
        for id in store::over(self.db.read(), now, STEP).await? {
            let erased: Result<bool, Error> = self
                .db
                .write(move |tx| {
                    Box::pin(
                        async move { end(tx, &id, "over", &audit::Actor::system("directory"), now).await },
                    )
                })
                .await;
            erased?;
        }
        let place = Place { after: touched::kept(self.db.read()).await?.last, day: self.today() };
        let (mut after, mut many) = (String::new(), 0);
        loop {
            let some = store::behind(self.db.read(), place, &after, STEP).await?;
            let Some(last) = some.last() else { return Ok(many) };
            after.clone_from(&last.id);
            for one in some {
                many += u32::from(self.notify(one, place, now).await?);
            }
        }
    }

    /// Posts a message for one subscription if something of it has changed; whether that was so.
    async fn notify(&self, one: Subscription, place: Place, now: Millis) -> Result<bool, Error> {
        if one.is_told {
            // Two of the same millisecond may come in any order.
            let last = message::of(self.db.read(), MODULE, &one.id, 2).await?;
            if last.iter().any(|told| told.state == State::Due) {
                return Ok(false);
            }
            if last.iter().any(|told| matches!(told.state, State::GivenUp | State::OutOfDate)) {
                let why = "The last notification was not taken, however often it was tried.";
                return self.fail(one, why, now).await;
            }
        }
        if !self.config.may_tell(&one.endpoint) {
            return self
                .fail(one, "The address is not among those that this server may tell any more.", now)
                .await;
        }
        let Ok(criteria) = Criteria::read(&one.criteria) else {
            return self.fail(one, "The criteria are no search any more.", now).await;
        };
        match self.may_still(&one.caller, &[SUBSCRIBE, criteria.reads()]).await {
            Ok(true) => {}
            Ok(false) => {
                return self.fail(one, "The program is not granted any more what it is told of.", now).await;
            }
            // It is looked at again.
            Err(problem) => {
                problem.log();
                return Ok(false);
            }
        }
        let News { is_meant, to } = self.news(&one, &criteria, place).await?;
        let message = notification(&one, now)?;
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if !store::advance(tx, &one, to, is_meant).await? || !is_meant {
                        return Ok(false);
                    }
                    match message::post(tx, &message, now).await? {
                        Posted::Taken(_) => Ok(true),
                        // What was noted is undone, and looked at again.
                        Posted::Full => Err(Error::Busy { sentence: "Too many messages wait to be sent." }),
                    }
                })
            })
            .await
    }

    async fn news(&self, one: &Subscription, criteria: &Criteria, place: Place) -> Result<News, Error> {
        let mut read = self.db.read().acquire().await?;
        let changes = match touched::since(&mut read, one.place.after, None, CHANGES).await? {
            Since::Changes(changes) => changes,
            // Nobody can say what it was.
            Since::TooOld => return Ok(News { is_meant: true, to: place }),
        };
        let days = (one.place.day < place.day).then_some((one.place.day, place.day));
        let is_meant = criteria.is_meant(self, &mut read, &changes, days).await?;
        let after = changes.last().map_or(one.place.after, |last| last.number);
        Ok(News { is_meant, to: Place { after, day: place.day.max(one.place.day) } })
    }

    async fn fail(&self, one: Subscription, why: &'static str, now: Millis) -> Result<bool, Error> {
        tracing::warn!(subscription = %one.id, "a subscription has ended: {why}");
        let failed: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if store::fail(tx, &one.id, why).await? {
                        let event = ended(&one.id, "failed");
                        audit::record(tx, now, &audit::Actor::system("directory"), &event).await?;
                    }
                    Ok(())
                })
            })
            .await;
        failed?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Criteria are what the search of a face takes, without how it answers.
    #[test]
    fn criteria_are_searches() {
        let base =
            |text: &str| Criteria::read(text).map(|read| read.base()).map_err(|outcome| outcome.status);
        for (text, expected) in [
            ("Practitioner?identifier=555000000108", Ok(workers::BASE)),
            ("PractitionerRole?organization=RXX", Ok(workers::BASE)),
            ("Organization?roleCode=RO76", Ok(organisations::BASE)),
            ("Organization", Ok(organisations::BASE)),
            ("Device", Ok(spine::BASE)),
            (
                "Endpoint?organization=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX\
                 &identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey%7CRXX-1",
                Ok(spine::BASE),
            ),
            ("Device?organization=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX", Err(400)),
            ("Endpoint?colour=red", Err(400)),
            ("Practitioner", Err(400)),
            ("Practitioner?colour=red&identifier=555000000108", Err(400)),
            ("Practitioner?identifier=555000000108&_count=1", Err(400)),
            ("Organization?colour=red", Err(400)),
            ("Organization?name=%00", Err(400)),
            ("Patient?name=x", Err(400)),
            ("", Err(400)),
        ] {
            assert_eq!(base(text), expected, "{text}");
        }
        let long = format!("Organization?name={}", "x".repeat(LONGEST));
        assert_eq!(base(&long), Err(400));
    }
}
