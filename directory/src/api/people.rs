//! People on the wire.

use platform::clock::Millis;
use platform::id::{OdsCode, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Contact, Evidence, IdentityLevel, NewEvidence, Photo, ProfessionalBody, Registration};
use crate::day::Day;

words!(
    /// Whose profile it is.
    PersonKind, "a kind of profile" {
        /// A person's.
        Person = "person",
        /// That of a card which is lent to people who have none of their own.
        TemporaryAccessCard = "temporary-access-card",
        /// A program's that works as people do.
        Robot = "robot",
    }
);

words!(
    /// Whether a profile is in use.
    PersonState, "the state of a profile" {
        /// In use.
        Open = "open",
        /// Its holder left.
        Closed = "closed",
        /// It was a second record of somebody; their other one is used.
        Merged = "merged",
    }
);

words!(
    /// Whether it was checked who somebody is.
    Standing, "the standing of a profile" {
        /// It was checked.
        Verified = "verified",
        /// It was not; until it is the profile is restricted.
        Unverified = "unverified",
    }
);

words!(
    /// Where a profile came from.
    Origin, "an origin" {
        /// Made here by the registration authority.
        Registered = "registered",
        /// Taken over from another register.
        Imported = "imported",
        /// Announced by a personnel system.
        Feed = "feed",
    }
);

words!(
    /// Gender, as personnel records need it.
    Gender, "a gender" {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Neither word fits.
        Other = "other",
        /// The person does not say.
        NotStated = "not-stated",
    }
);

words!(
    /// Why a name changes.
    NameReason, "a reason for a change of name" {
        /// Marriage or civil partnership.
        Marriage = "marriage",
        /// Divorce, or a return to a former name.
        Divorce = "divorce",
        /// A deed poll or statutory declaration.
        DeedPoll = "deed-poll",
        /// Gender recognition.
        GenderRecognition = "gender-recognition",
        /// It was written wrongly.
        Correction = "correction",
    }
);

words!(
    /// Why a profile closes.
    CloseReason, "a reason for closing" {
        /// They left.
        Left = "left",
        /// They retired.
        Retired = "retired",
        /// They died.
        Died = "died",
        /// They were dismissed.
        Dismissed = "dismissed",
        /// The profile should not have been made.
        MadeInError = "made-in-error",
        /// The card or robot is no longer needed.
        NotNeeded = "not-needed",
    }
);

words!(
    /// Why a profile opens again.
    ReopenReason, "a reason for opening again" {
        /// They came back.
        Returned = "returned",
        /// It was closed by mistake.
        ClosedInError = "closed-in-error",
    }
);

words!(
    /// Why two records may be one person.
    DuplicateReason, "a reason" {
        /// The same national insurance number.
        NationalInsurance = "national-insurance-number",
        /// The same document.
        Document = "document",
        /// The same professional registration.
        Registration = "registration",
        /// The same name and date of birth.
        NameAndBirth = "name-and-birth",
        /// Given and family name the other way round, and the same date of birth.
        SwappedNameAndBirth = "swapped-name-and-birth",
        /// Names that sound alike, and the same date of birth.
        SoundAndBirth = "sound-and-birth",
        /// The same or a similar name, and a date of birth with day and month the other way round.
        SwappedBirth = "swapped-birth",
        /// The same e-mail address.
        Email = "email",
    }
);

/// A name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// Such as Dr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Given name.
    pub given: String,
    /// Further given names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle: Option<String>,
    /// Family name.
    pub family: String,
    /// What is printed on a smartcard, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_card: Option<String>,
}

/// A profile to make.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Whose: a person's if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PersonKind>,
    /// Exactly as on the official document; for a temporary access card or a robot left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// What a temporary access card or a robot is for; at least two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whose temporary access card or robot it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// What is to be known of a card or a robot: who looks after it, and where it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Date of birth of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub birth: Option<String>,
    /// Gender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Gender>,
    /// National insurance number. It is not kept: of it there remain the last four characters and a keyed hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_insurance_number: Option<String>,
    /// The documents that were shown: for a person three, among them one with a photograph and one with the address.
    #[serde(default)]
    pub evidence: Vec<NewEvidence>,
    /// E-mail addresses.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Mobile telephones.
    #[serde(default)]
    pub mobiles: Vec<String>,
    /// Professional registrations.
    #[serde(default)]
    pub registrations: Vec<Registration>,
    /// The possible duplicates that were looked at and are somebody else.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub looked_at: Vec<UserId>,
}

/// A profile as it closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closing {
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Why.
    pub reason: CloseReason,
    /// What else was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A profile. What is nobody's business but the registration authority's and the holder's is left out for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Twelve digits for life.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Whose profile it is.
    pub kind: PersonKind,
    /// Whether it is in use.
    pub state: PersonState,
    /// Whether it was checked who they are.
    pub standing: Standing,
    /// How sure that is.
    pub assurance: IdentityLevel,
    /// Where the profile came from.
    pub origin: Origin,
    /// Their name.
    pub name: Name,
    /// Professional registrations.
    pub registrations: Vec<Registration>,
    /// The organisation whose temporary access card or robot it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub organisation: Option<OdsCode>,
    /// Their photograph, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<Photo>,
    /// What not everybody sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
}

/// What the registration authority and the holder see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Personal {
    /// Date of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<Day>,
    /// Gender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Gender>,
    /// The end of the national insurance number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_insurance_mask: Option<String>,
    /// E-mail addresses.
    pub emails: Vec<Contact>,
    /// Mobile telephones.
    pub mobiles: Vec<Contact>,
    /// What was shown.
    pub evidence: Vec<Evidence>,
    /// What is to be known of a card or a robot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// When the profile was made, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub created_at: Millis,
    /// When it was last changed, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub changed_at: Millis,
    /// How it closed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closing>,
}

/// Changes to details. What is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangePerson {
    /// Gender.
    pub gender: Option<Gender>,
    /// What is printed on a smartcard; empty to print the name.
    pub on_card: Option<String>,
    /// What is to be known of a card or a robot; empty to take it away.
    pub notes: Option<String>,
    /// Date of birth; with evidence.
    #[schema(value_type = Option<String>, format = Date)]
    pub birth: Option<String>,
    /// National insurance number; with evidence.
    pub national_insurance_number: Option<String>,
    /// The document that shows a new date of birth or national insurance number, checked in person.
    pub evidence: Option<NewEvidence>,
}

/// A change of name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeName {
    /// The new name.
    pub name: Name,
    /// Why.
    pub reason: NameReason,
    /// The document that shows it.
    pub evidence: NewEvidence,
}

/// A profile is to close.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosePerson {
    /// Why.
    pub reason: CloseReason,
    /// What else is to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A profile is to open again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenPerson {
    /// Why.
    pub reason: ReopenReason,
}

/// A second record of one person is to become part of this one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergePeople {
    /// The user id that is no longer used from then on.
    #[schema(value_type = String)]
    pub duplicate: UserId,
    /// Its version, as it was last read.
    pub duplicate_version: i64,
}

/// Where a second record of somebody went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MergedInto {
    /// The id that was asked for.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// The id that is used.
    #[schema(value_type = String)]
    pub merged_into: UserId,
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonRow {
    /// Twelve digits for life.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Whose profile it is.
    pub kind: PersonKind,
    /// Whether it is in use.
    pub state: PersonState,
    /// Whether it was checked who they are.
    pub standing: Standing,
    /// Their name.
    pub name: Name,
    /// Date of birth, for the registration authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<Day>,
}

/// A part of a list of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct People {
    /// The people.
    pub items: Vec<PersonRow>,
    /// Where to read on; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Whom to find. Everything that is given must hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// The beginning of a name, present or former: `smi`, `smith jo` or `john smi`.
    pub name: Option<String>,
    /// A whole family name; with `given`.
    pub family: Option<String>,
    /// The beginning of a given name; with `family`.
    pub given: Option<String>,
    /// A date of birth, `YYYY-MM-DD`.
    pub birth: Option<String>,
    /// A registration number of any body.
    pub registration: Option<String>,
    /// The body of that number.
    pub body: Option<ProfessionalBody>,
    /// An e-mail address.
    pub email: Option<String>,
    /// A user id.
    pub user_id: Option<String>,
    /// An organisation in which they have a live assignment, or whose card or robot it is.
    pub organisation: Option<String>,
    /// A state.
    pub state: Option<PersonState>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// Where to read on: `next` of the part before.
    pub after: Option<String>,
}

/// Somebody who may be the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their name.
    pub name: Name,
    /// Whether their profile is in use.
    pub state: PersonState,
    /// From 1 to 100.
    pub score: u32,
    /// Why.
    pub reasons: Vec<DuplicateReason>,
}

/// The refusal to make a second record of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PossibleDuplicate {
    /// Always `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// 409.
    pub status: u16,
    /// `possible-duplicate`.
    pub code: String,
    /// What to do.
    pub detail: String,
    /// Who it may be, most likely first.
    pub candidates: Vec<Candidate>,
}

/// A name that somebody has or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormerName {
    /// The name.
    pub name: Name,
    /// Why they got it: `registered`, `merged` or the reason for the change.
    pub reason: String,
    /// The evidence that showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Since when, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// What was done to a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryRow {
    /// The version it made.
    pub version: i64,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// What, in the words of the audit record.
    pub act: String,
    /// `person`, `system` or `module`.
    pub by_kind: String,
    /// Who.
    pub by: String,
    /// What it was about, as JSON text without values of names, dates and numbers.
    pub details: String,
}

/// The history of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonHistory {
    /// The names, newest first.
    pub names: Vec<FormerName>,
    /// What was done, newest first.
    pub acts: Vec<HistoryRow>,
    /// Where to read on: give it as `after`. Left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
