//! Making a profile, after looking whether there is one already.

use std::collections::{BTreeMap, BTreeSet};

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::allowed::checker;
use super::duplicate::{POSSIBLE, Traits, is_compared, score};
use super::events::Event;
use super::evidence::{self, Proof, Shown};
use super::national_insurance::{self, Kept};
use super::profile::Profile;
use super::state::State;
use super::text::plain;
use super::{contact, is_unknown, name, note, registration};
use crate::acting::{Doing, Way};
use crate::api::{
    Candidate, ChangeKind, Channel, Contact, Gender, IdentityLevel, Name, NewPerson, Origin, PersonKind,
    Registration, Standing,
};
use crate::authority::{Act, Target};
use crate::day::Day;
use crate::error::Error;
use crate::ids::RecordId;
use crate::store::{people, people_contacts, people_duplicates, people_evidence, people_names};
use crate::version::Version;
use crate::{counter, ods};

/// How many documents are noted in one act.
pub(super) const MOST_EVIDENCE: usize = 20;
/// How many candidates are told of.
const TOLD: usize = 20;

/// A profile to make, checked.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) kind: PersonKind,
    pub(crate) name: Name,
    pub(crate) birth: Option<Day>,
    pub(crate) gender: Option<Gender>,
    pub(crate) national_insurance: Option<Kept>,
    pub(crate) organisation: Option<OdsCode>,
    /// Of a card or a robot.
    pub(crate) notes: Option<String>,
    pub(crate) evidence: Vec<Shown>,
    pub(crate) emails: Vec<String>,
    pub(crate) mobiles: Vec<String>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) looked_at: BTreeSet<UserId>,
    pub(crate) origin: Origin,
    /// The id of before; a new one where there is none.
    pub(crate) user_id: Option<UserId>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Created {
    /// The profile.
    Made(Box<Profile>),
    /// Nothing: these may be the same person, most likely first.
    PossibleDuplicates(Vec<Candidate>),
}

/// Whether a profile comes with the documents of whom it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Documents {
    /// It does, or is not made.
    There,
    /// Whoever approves it gives them.
    ToCome,
}

/// Looks at a profile that somebody asks for, and makes nothing: what is wrong of it by itself.
pub(crate) fn look_at_new(doing: &Doing, new: NewPerson, documents: Documents) -> Result<(), Error> {
    Creation::with(doing, new, documents).map(|_| ())
}

impl Creation {
    /// Takes what somebody sent.
    pub(crate) fn checked(doing: &Doing, new: NewPerson) -> Result<Self, Error> {
        Self::with(doing, new, Documents::There)
    }

    fn with(doing: &Doing, new: NewPerson, there: Documents) -> Result<Self, Error> {
        let kind = new.kind.unwrap_or(PersonKind::Person);
        let is_person = kind == PersonKind::Person;
        let organisation = organisation(is_person, new.organisation.as_deref())?;
        let name = match (kind, new.name, new.label, &organisation) {
            (PersonKind::Person, Some(name), None, _) => name::checked(name)?,
            (PersonKind::TemporaryAccessCard, None, Some(label), Some(organisation)) => {
                name::of_temporary_access_card(organisation, &label)?
            }
            (PersonKind::Robot, None, Some(label), Some(organisation)) => {
                name::of_robot(organisation, &label)?
            }
            (PersonKind::Person, ..) => {
                return Err(Error::field("name", "A person has a name and no label."));
            }
            _ => {
                return Err(Error::field(
                    "label",
                    "A card or a robot has a label, and its name is made of it.",
                ));
            }
        };
        let birth = new.birth.map(|text| super::birth(&text, doing.today())).transpose()?;
        if is_person && birth.is_none_or(is_unknown) {
            return Err(Error::field("birth", "Write the date of birth as the documents have it."));
        }
        if new.evidence.len() > MOST_EVIDENCE {
            let sentence = format!("Give at most {MOST_EVIDENCE} documents at once.");
            return Err(Error::field("evidence", sentence));
        }
        let evidence: Vec<Shown> = new
            .evidence
            .iter()
            .map(|shown| evidence::shown(doing.key(), shown, checker(doing), None, doing.today()))
            .collect::<Result<_, _>>()?;
        let national_insurance = new
            .national_insurance_number
            .map(|number| national_insurance::kept(doing.key(), &number))
            .transpose()?;
        if is_person && there == Documents::ToCome && evidence.is_empty() {
            // They are checked by whoever gives them.
        } else if is_person {
            evidence::demand_high(&documents(&evidence))?;
        } else if birth.is_some()
            || !evidence.is_empty()
            || national_insurance.is_some()
            || !new.registrations.is_empty()
        {
            return Err(Error::field(
                "kind",
                "A card or a robot has no birth, documents, numbers or registrations.",
            ));
        }
        Ok(Self {
            kind,
            name,
            birth,
            gender: new.gender,
            national_insurance,
            organisation,
            notes: notes(is_person, new.notes.as_deref())?,
            evidence,
            emails: addresses(Channel::Email, &new.emails)?,
            mobiles: addresses(Channel::Mobile, &new.mobiles)?,
            registrations: registrations(&new.registrations)?,
            looked_at: new.looked_at.into_iter().collect(),
            origin: Origin::Registered,
            user_id: None,
        })
    }

    /// By what it is compared with the records there are.
    fn traits(&self) -> Traits {
        Traits {
            names: BTreeSet::from([(plain(&self.name.given), plain(&self.name.family))]),
            birth: self.birth.filter(|birth| !is_unknown(*birth)),
            national_insurance: self.national_insurance.as_ref().map(|kept| kept.hash.clone()),
            documents: self.evidence.iter().filter_map(|shown| shown.number_hash.clone()).collect(),
            registrations: self.registrations.iter().map(|it| format!("{} {}", it.body, it.number)).collect(),
            emails: self.emails.iter().cloned().collect(),
        }
    }
}

fn organisation(is_person: bool, given: Option<&str>) -> Result<Option<OdsCode>, Error> {
    match (is_person, given) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(Error::field(
            "organisation",
            "A person comes to an organisation by an assignment. Leave it out.",
        )),
        (false, None) => Err(Error::field("organisation", "Say whose card or robot it is, by the ODS code.")),
        (false, Some(text)) => ods::normalised(text)
            .map(Some)
            .map_err(|_| Error::field("organisation", "Write an ODS code, such as RXX01.")),
    }
}

/// What is to be known of a card or a robot. Of people nothing is kept that has no place of its own.
pub(super) fn notes(is_person: bool, given: Option<&str>) -> Result<Option<String>, Error> {
    match given.filter(|text| !text.trim().is_empty()) {
        None => Ok(None),
        Some(_) if is_person => {
            Err(Error::field("notes", "Notes are of cards and robots. Leave them out for a person."))
        }
        Some(text) => super::text::notes("notes", text).map(Some),
    }
}

/// Addresses in their one form, each once.
pub(crate) fn addresses(channel: Channel, given: &[String]) -> Result<Vec<String>, Error> {
    let addresses: BTreeSet<String> =
        given.iter().map(|text| contact::checked(channel, text)).collect::<Result<_, _>>()?;
    if addresses.len() > contact::MOST {
        let field = match channel {
            Channel::Email => "emails",
            Channel::Mobile => "mobiles",
        };
        return Err(Error::field(field, format!("Give at most {} of a kind.", contact::MOST)));
    }
    Ok(addresses.into_iter().collect())
}

/// Registrations in their bodies' forms, each once.
pub(crate) fn registrations(given: &[Registration]) -> Result<Vec<Registration>, Error> {
    let checked: BTreeSet<Registration> =
        given.iter().map(registration::checked).collect::<Result<_, _>>()?;
    if checked.len() > 20 {
        return Err(Error::field("registrations", "Give at most 20 registrations."));
    }
    Ok(checked.into_iter().collect())
}

fn documents(evidence: &[Shown]) -> Vec<Proof> {
    evidence.iter().map(Proof::from).collect()
}

/// Makes a profile, unless it may be somebody's second one.
pub(crate) async fn create(tx: &mut Tx, doing: &Doing, creation: Creation) -> Result<Created, Error> {
    doing.demand_new(tx, creation.organisation.as_ref()).await?;
    if creation.kind == PersonKind::Person {
        let candidates = candidates(tx, &creation.traits(), &creation.looked_at).await?;
        if !candidates.is_empty() {
            return Ok(Created::PossibleDuplicates(candidates));
        }
    }
    let profile = profile(tx, doing, &creation).await?;
    if !people::insert(tx, &profile).await? {
        let sentence = "Somebody has this user id already. Ids are taken over once.";
        return Err(Error::conflict("user-id-taken", sentence));
    }
    let user = &profile.user_id;
    if let Some(organisation) = made_in(doing) {
        people::set_made_in(tx, user, &organisation).await?;
    }
    people_names::add(tx, user, &profile.name, profile.origin.word(), None, doing.now).await?;
    let mut events = Vec::with_capacity(creation.evidence.len());
    for shown in &creation.evidence {
        events.push(keep_evidence(tx, doing.now, user, shown).await?);
    }
    for (channel, values) in [(Channel::Email, &creation.emails), (Channel::Mobile, &creation.mobiles)] {
        for value in values {
            let id = RecordId::new(doing.now).to_string();
            let contact = Contact { id, value: value.clone(), verified_at: None };
            people_contacts::add(tx, user, channel, &contact, doing.now).await?;
        }
    }
    for registration in &creation.registrations {
        keep_registration(tx, doing.now, user, registration).await?;
    }
    let made = Event::PersonCreated {
        user_id: user.to_string(),
        kind: profile.kind,
        origin: profile.origin,
        standing: profile.standing,
        assurance: profile.assurance,
        looked_at: creation.looked_at.iter().map(ToString::to_string).collect(),
    };
    note::first(tx, doing, &profile, ChangeKind::PersonChanged, &made).await?;
    audit::record_many(tx, doing.now, &doing.recorded(), &events).await?;
    Ok(Created::Made(Box::new(profile)))
}

/// For which organisation a profile is made: until its person holds something, its registration authority looks after them.
fn made_in(doing: &Doing) -> Option<OdsCode> {
    match &doing.way {
        Way::Feed { organisation } => Some(organisation.clone()),
        Way::Rank => {
            let role = doing.role_for(Act::CreatePerson, &Target::default());
            role.and_then(|role| role.organisation.clone())
        }
        Way::Import | Way::Itself => None,
    }
}

async fn profile(tx: &mut Tx, doing: &Doing, creation: &Creation) -> Result<Profile, Error> {
    let user_id = match &creation.user_id {
        Some(id) => id.clone(),
        None => free_user_id(tx).await?,
    };
    let assurance = evidence::level(&documents(&creation.evidence));
    // Cards and robots are whoever their organisation says they are; of people it is checked.
    let verified =
        creation.kind != PersonKind::Person || (assurance == IdentityLevel::High && doing.way == Way::Rank);
    Ok(Profile {
        user_id,
        kind: creation.kind,
        state: State::Open,
        version: Version::FIRST,
        standing: if verified { Standing::Verified } else { Standing::Unverified },
        assurance,
        origin: creation.origin,
        name: creation.name.clone(),
        birth: creation.birth,
        gender: creation.gender,
        national_insurance: creation.national_insurance.clone(),
        organisation: creation.organisation.clone(),
        notes: creation.notes.clone(),
        created_at: doing.now,
        changed_at: doing.now,
    })
}

/// A new id that no imported profile has.
async fn free_user_id(tx: &mut Tx) -> Result<UserId, Error> {
    for _ in 0..1000 {
        let id = counter::new_user_id(tx).await?;
        if people::is_open(&mut *tx, &id).await?.is_none() {
            return Ok(id);
        }
    }
    Err(Error::NumbersSpent { what: "person" })
}

/// Stores a document that was shown, and gives its event.
pub(super) async fn keep_evidence(
    tx: &mut Tx,
    now: Millis,
    user: &UserId,
    shown: &Shown,
) -> Result<Event, Error> {
    let id = RecordId::new(now).to_string();
    people_evidence::insert(tx, &id, user, shown, now).await?;
    Ok(Event::EvidenceNoted {
        user_id: user.to_string(),
        evidence: id,
        document: shown.document,
        method: shown.method,
        checker: shown.checker.clone(),
    })
}

/// Stores a registration, unless it is somebody else's.
pub(super) async fn keep_registration(
    tx: &mut Tx,
    now: Millis,
    user: &UserId,
    registration: &Registration,
) -> Result<(), Error> {
    match people_evidence::register(tx, user, registration, now).await? {
        None => Ok(()),
        Some(holder) if holder == *user => {
            Err(Error::conflict("registration-there", "This profile has the registration already."))
        }
        Some(holder) => Err(Error::conflict(
            "registration-taken",
            format!(
                "The profile {holder} has this registration of {}. If both are one person, merge them; if not, correct the \
                 number that is wrong.",
                registration.body
            ),
        )),
    }
}

/// Whether somebody's record may be the one that would be made.
pub(crate) async fn may_be(tx: &mut Tx, creation: &Creation, user: &UserId) -> Result<bool, Error> {
    let Some((_, other)) = people_duplicates::traits_of(tx, user).await? else { return Ok(false) };
    Ok(score(&creation.traits(), &other).points >= POSSIBLE)
}

/// Whom a record may be a second one of, but for those that were looked at.
pub(super) async fn candidates(
    tx: &mut Tx,
    traits: &Traits,
    looked_at: &BTreeSet<UserId>,
) -> Result<Vec<Candidate>, Error> {
    let mut found: BTreeMap<UserId, Candidate> = BTreeMap::new();
    for user in people_duplicates::alike(tx, traits).await? {
        if looked_at.contains(&user) {
            continue;
        }
        let Some((profile, other)) = people_duplicates::traits_of(tx, &user).await? else { continue };
        let scored = score(traits, &other);
        if scored.points >= POSSIBLE && is_compared(profile.state.word()) {
            let candidate = Candidate {
                user_id: user.clone(),
                name: profile.name,
                state: profile.state.word(),
                score: scored.points,
                reasons: scored.reasons,
            };
            found.insert(user, candidate);
        }
    }
    let mut candidates: Vec<Candidate> = found.into_values().collect();
    candidates.sort_by(|one, other| other.score.cmp(&one.score).then(one.user_id.cmp(&other.user_id)));
    candidates.truncate(TOLD);
    Ok(candidates)
}
