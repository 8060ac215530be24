//! Changing a profile: details, name, evidence, verification, registrations.

use platform::db::Tx;
use platform::id::UserId;

use super::allowed::{checker, not_asked};
use super::creating::{MOST_EVIDENCE, keep_evidence, keep_registration, notes};
use super::events::Event;
use super::evidence::{self, Shown};
use super::note::note;
use super::profile::{Profile, open};
use super::{is_unknown, name, national_insurance, registration};
use crate::acting::Doing;
use crate::api::{
    ChangeKind, ChangeName, ChangePerson, CheckMethod, IdentityLevel, Name, NewEvidence, PersonKind,
    Registration, Standing, VerifyPerson,
};
use crate::authority::Act;
use crate::error::Error;
use crate::store::{people, people_evidence, people_names};
use crate::version::Expected;

/// Why no name is changed.
const SAME_NAME: &str = "This is the present name. Nothing was changed.";

/// How a document that changes something is not checked.
const NOT_REMOTE: &str = "For this the document is seen in person or by video.";

/// Changes details.
pub(crate) async fn change(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    change: ChangePerson,
) -> Result<Profile, Error> {
    let mut profile = ready(tx, doing, user, expected).await?;
    profile.demand_verified()?;
    let before = profile.clone();
    let fields = written_into(&mut profile, doing, &change)?;
    if fields.is_empty() {
        return Ok(before);
    }
    let identity = fields.iter().any(|field| field == "birth" || field == "national-insurance-number");
    if identity {
        profile.demand_person()?;
    }
    let evidence = match change.evidence {
        Some(new) => Some(seen(tx, doing, user, &new).await?),
        None if identity => {
            return Err(Error::field(
                "evidence",
                "A date of birth or national insurance number changes with the document that shows it.",
            ));
        }
        None => None,
    };
    let event = Event::PersonChanged { user_id: user.to_string(), fields, evidence };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}

/// Writes details into a profile that is not stored yet; gives the names of those that differ then. What is wrong of what is asked
/// for is found here, whoever asks and whatever the profile's state.
fn written_into(profile: &mut Profile, doing: &Doing, change: &ChangePerson) -> Result<Vec<String>, Error> {
    let before = profile.clone();
    if let Some(gender) = change.gender {
        profile.gender = Some(gender);
    }
    if let Some(text) = &change.on_card {
        let empty = text.trim().is_empty();
        profile.name.on_card = if empty { None } else { Some(name::worded("on_card", text)?) };
    }
    if let Some(text) = &change.notes {
        profile.notes = notes(profile.kind == PersonKind::Person, Some(text))?;
    }
    if let Some(text) = &change.birth {
        profile.birth = Some(super::birth(text, doing.today())?);
    }
    if let Some(number) = &change.national_insurance_number {
        profile.national_insurance = Some(national_insurance::kept(doing.key(), number)?);
    }
    Ok(changed(&before, profile))
}

/// Looks at what somebody asks to have changed, and changes nothing: what is wrong of it by itself. The document may come with the
/// approval.
pub(crate) fn look_at_change(profile: &Profile, doing: &Doing, change: &ChangePerson) -> Result<(), Error> {
    written_into(&mut profile.clone(), doing, change)?;
    look_at_document(profile, doing, change.evidence.as_ref())
}

/// The same of a change of name.
pub(crate) fn look_at_rename(
    profile: &Profile,
    doing: &Doing,
    asked: Name,
    document: Option<&NewEvidence>,
) -> Result<(), Error> {
    if name::checked(asked)? == profile.name {
        return Err(Error::field("name", SAME_NAME));
    }
    look_at_document(profile, doing, document)
}

fn look_at_document(profile: &Profile, doing: &Doing, document: Option<&NewEvidence>) -> Result<(), Error> {
    let Some(new) = document else { return Ok(()) };
    if new.method == CheckMethod::Remote {
        return Err(Error::field("method", NOT_REMOTE));
    }
    let holder = Some(&profile.user_id);
    evidence::shown(doing.key(), new, checker(doing), holder, doing.today()).map(|_| ())
}

/// A profile that is open and may be changed by whoever asks.
async fn ready(tx: &mut Tx, doing: &Doing, user: &UserId, expected: Expected) -> Result<Profile, Error> {
    let profile = open(tx, user, expected).await?;
    doing.demand_on(tx, Act::ChangePerson, &profile).await?;
    profile.state.demand_open()?;
    Ok(profile)
}

/// The names of the details that differ.
pub(super) fn changed(before: &Profile, after: &Profile) -> Vec<String> {
    let differs = [
        ("gender", before.gender != after.gender),
        ("on-card", before.name.on_card != after.name.on_card),
        ("notes", before.notes != after.notes),
        ("birth", before.birth != after.birth),
        ("national-insurance-number", before.national_insurance != after.national_insurance),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field.to_owned()).collect()
}

/// Keeps a document that was seen in person or by video, and gives its id.
async fn seen(tx: &mut Tx, doing: &Doing, user: &UserId, new: &NewEvidence) -> Result<String, Error> {
    if new.method == CheckMethod::Remote {
        return Err(Error::field("method", NOT_REMOTE));
    }
    let shown = evidence::shown(doing.key(), new, checker(doing), Some(user), doing.today())?;
    kept(tx, doing, user, &shown).await
}

/// Nobody checks their own documents, not under another id of theirs either.
async fn checked_by_another(tx: &mut Tx, user: &UserId, shown: &Shown) -> Result<(), Error> {
    let Ok(checker) = shown.checker.parse::<UserId>() else { return Ok(()) };
    if checker == *user || people::merged_into(tx, user).await?.contains(&checker) {
        return Err(Error::field("checker", evidence::OWN));
    }
    Ok(())
}

/// Keeps a document with its event, and gives its id.
async fn kept(tx: &mut Tx, doing: &Doing, user: &UserId, shown: &Shown) -> Result<String, Error> {
    checked_by_another(tx, user, shown).await?;
    let event = keep_evidence(tx, doing.now, user, shown).await?;
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    match event {
        Event::EvidenceNoted { evidence, .. } => Ok(evidence),
        _ => Err(Error::Stored { what: "evidence" }),
    }
}

/// Changes a name, with a reason and a document.
pub(crate) async fn rename(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    change: ChangeName,
) -> Result<Profile, Error> {
    let mut profile = ready(tx, doing, user, expected).await?;
    profile.demand_person()?;
    profile.demand_verified()?;
    let name = name::checked(change.name)?;
    if name == profile.name {
        return Err(Error::field("name", SAME_NAME));
    }
    let evidence = seen(tx, doing, user, &change.evidence).await?;
    people_names::add(tx, user, &name, change.reason.word(), Some(&evidence), doing.now).await?;
    profile.name = name;
    let event = Event::PersonRenamed { user_id: user.to_string(), reason: change.reason, evidence };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}

/// Notes a document that was shown.
pub(crate) async fn note_evidence(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    new: &NewEvidence,
) -> Result<Profile, Error> {
    let mut profile = open(tx, user, Expected::Any).await?;
    let act = if profile.standing == Standing::Verified { Act::ChangePerson } else { Act::VerifyPerson };
    doing.demand_on(tx, act, &profile).await.map_err(not_asked)?;
    profile.state.demand_open()?;
    profile.demand_person()?;
    let shown = evidence::shown(doing.key(), new, checker(doing), Some(user), doing.today())?;
    checked_by_another(tx, user, &shown).await?;
    let event = keep_evidence(tx, doing.now, user, &shown).await?;
    profile.assurance = profile.assurance.max(level(tx, user).await?);
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}

/// How sure everything that was shown makes it who somebody is.
async fn level(tx: &mut Tx, user: &UserId) -> Result<IdentityLevel, Error> {
    Ok(evidence::level(&people_evidence::proofs(tx, user).await?))
}

/// The identity of somebody unverified was checked: the profile is no longer restricted.
pub(crate) async fn verify(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    verification: VerifyPerson,
) -> Result<Profile, Error> {
    let mut profile = open(tx, user, expected).await?;
    doing.demand_on(tx, Act::VerifyPerson, &profile).await?;
    profile.state.demand_open()?;
    if profile.standing == Standing::Verified || profile.kind != PersonKind::Person {
        return Err(Error::conflict("identity-verified", "The identity was verified before."));
    }
    if verification.evidence.len() > MOST_EVIDENCE {
        let sentence = format!("Give at most {MOST_EVIDENCE} documents at once.");
        return Err(Error::field("evidence", sentence));
    }
    let mut evidence = Vec::with_capacity(verification.evidence.len());
    for new in &verification.evidence {
        let shown = evidence::shown(doing.key(), new, checker(doing), Some(user), doing.today())?;
        evidence.push(kept(tx, doing, user, &shown).await?);
    }
    // What was checked long ago may have expired, and shows nobody of today.
    let mut proofs = people_evidence::proofs(tx, user).await?;
    proofs.retain(|proof| proof.is_recent(doing.today()));
    evidence::demand_high(&proofs)?;
    if let Some(text) = verification.birth {
        profile.birth = Some(super::birth(&text, doing.today())?);
    }
    if profile.birth.is_none_or(is_unknown) {
        return Err(Error::field(
            "birth",
            "The date of birth is not known here. Write it as the documents have it.",
        ));
    }
    if let Some(name) = verification.name {
        let name = name::checked(name)?;
        if name != profile.name {
            people_names::add(tx, user, &name, "verified", evidence.first().map(String::as_str), doing.now)
                .await?;
            profile.name = name;
        }
    }
    profile.standing = Standing::Verified;
    profile.assurance = IdentityLevel::High;
    let event = Event::PersonVerified { user_id: user.to_string(), evidence };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}

/// Adds a professional registration.
pub(crate) async fn register(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    given: &Registration,
) -> Result<Profile, Error> {
    let profile = ready(tx, doing, user, expected).await?;
    profile.demand_person()?;
    let registration = registration::checked(given)?;
    keep_registration(tx, doing.now, user, &registration).await?;
    let event = Event::RegistrationAdded { user_id: user.to_string(), body: registration.body };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}

/// Takes a professional registration away.
pub(crate) async fn unregister(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    given: &Registration,
) -> Result<Profile, Error> {
    let profile = ready(tx, doing, user, expected).await?;
    let registration = registration::checked(given)?;
    if !people_evidence::unregister(tx, user, registration.body, &registration.number).await? {
        return Err(Error::unknown("registration", registration.body));
    }
    let event = Event::RegistrationRemoved { user_id: user.to_string(), body: registration.body };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}
