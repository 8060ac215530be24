//! Whether what is asked for can be: looked at when a request is handed in, so that nobody opens one that could never be done.

use platform::db::Tx;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::{Ask, Named};
use super::numbers;
use crate::acting::Doing;
use crate::api::{ChangePerson, Name, NameReason, NewEvidence, NewPerson};
use crate::assignment::{Via, days_in_order, end_in_order};
use crate::authority::{Act, Target, Verdict};
use crate::day::Day;
use crate::error::Error;
use crate::person::{self, Documents};
use crate::store::{assignments, people};

/// The longest patch or profile of a person.
const LONGEST: usize = 64 * 1024;

/// A change of name as it is asked for: the document may come with the approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RenameAsked {
    pub(super) name: Name,
    pub(super) reason: NameReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<NewEvidence>,
}

/// What is asked for as it is kept, if nothing can be seen to be wrong of it without looking anything up: asked of drafts too.
pub(super) fn checked(doing: &Doing, ask: &Ask) -> Result<Ask, Error> {
    let kept = in_shape(ask).and_then(|()| numbers::carried(doing, ask.clone()));
    kept.map_err(|error| named(ask, error))
}

fn in_shape(ask: &Ask) -> Result<(), Error> {
    ask.named()?;
    match ask {
        Ask::ChangeOwnContact { .. } => {
            let sentence = "This is done and not asked for: change your addresses in your profile.";
            return Err(Error::field("ask", sentence));
        }
        Ask::Assign { start, end, .. } => {
            day("start", start.as_ref())?;
            day("end", end.as_ref())?;
        }
        Ask::Redate { end, .. } => {
            day("end", end.as_ref())?;
        }
        Ask::ChangePerson { patch: value, .. }
        | Ask::Rename { change: value, .. }
        | Ask::CreatePerson { profile: value, .. }
            if !value.is_object() || value.to_string().len() > LONGEST =>
        {
            let sentence = "What is asked of a profile is a JSON object of 64 KiB at most.";
            return Err(Error::field("ask", sentence));
        }
        Ask::AddContact { channel, value, .. } => {
            person::address(*channel, value)?;
        }
        Ask::AddRegistration { registration, .. } | Ask::RemoveRegistration { registration, .. } => {
            person::registrations(std::slice::from_ref(registration))?;
        }
        _ => {}
    }
    Ok(())
}

/// Looks at everything that is asked for, as it is read when it is done: days, codes, the patch and the profile. What is wrong is
/// named with the member that holds it, and the request is not handed in. What only time can tell, such as a profile that is not
/// verified yet, is left to the approval.
pub(super) async fn look(tx: &mut Tx, doing: &Doing, ask: &Ask, target: &Target) -> Result<(), Error> {
    looked(tx, doing, ask, target).await.map_err(|error| named(ask, error))
}

/// The same with the member as it is written in the request.
fn named(ask: &Ask, error: Error) -> Error {
    match error {
        Error::Field { field, sentence } => Error::Content { member: member(ask, field), sentence },
        other => other,
    }
}

async fn looked(tx: &mut Tx, doing: &Doing, ask: &Ask, target: &Target) -> Result<(), Error> {
    in_shape(ask)?;
    let today = doing.today();
    match (ask, ask.named()?) {
        (Ask::Assign { start, end, .. }, _) => {
            days_in_order(day("start", start.as_ref())?, day("end", end.as_ref())?, Via::Request, today)?;
        }
        (Ask::Redate { end: asked, .. }, Named::Assignment(id)) => {
            if let Some(found) = assignments::find_all(tx, &[id]).await?.pop() {
                end_in_order(found.from, day("end", asked.as_ref())?, today)?;
            }
        }
        (Ask::ChangePerson { patch, .. }, Named::Person(user)) => {
            if patch.as_object().is_some_and(serde_json::Map::is_empty) {
                return Err(Error::field("patch", "It changes nothing. Say what is to change."));
            }
            let change: ChangePerson = read("patch", patch)?;
            demand_checks(doing, target, change.evidence.is_some())?;
            if let Some(profile) = people::find(&mut *tx, &user).await? {
                person::look_at_change(&profile, doing, &change)?;
            }
        }
        (Ask::Rename { change, .. }, Named::Person(user)) => {
            let RenameAsked { name, evidence, .. } = read("change", change)?;
            demand_checks(doing, target, evidence.is_some())?;
            if let Some(profile) = people::find(&mut *tx, &user).await? {
                person::look_at_rename(&profile, doing, name, evidence.as_ref())?;
            }
        }
        (Ask::RemoveContact { channel, contact, .. }, Named::Person(user)) => {
            person::demand_address(tx, &user, *channel, contact).await?;
        }
        (Ask::CreatePerson { profile, .. }, _) => {
            let new: NewPerson = read("profile", profile)?;
            demand_checks(doing, target, !new.evidence.is_empty())?;
            let documents = if new.evidence.is_empty() { Documents::ToCome } else { Documents::There };
            person::look_at_new(doing, new, documents)?;
        }
        _ => {}
    }
    Ok(())
}

/// Whoever asks has checked the documents that come with the request, if it is in their rank. Otherwise whoever approves it does, and
/// gives them with the approval: nobody is noted for what somebody else saw.
fn demand_checks(doing: &Doing, target: &Target, documents: bool) -> Result<(), Error> {
    if !documents || doing.verdict(Act::VerifyPerson, target) == Verdict::Does {
        return Ok(());
    }
    let sentence = "You do not check documents in your role. Leave them out: whoever approves the request checks them, and \
                    gives them with the approval.";
    Err(Error::field("evidence", sentence))
}

/// Where in the request a member stands.
fn member(ask: &Ask, field: &'static str) -> String {
    match ask {
        Ask::ChangePerson { .. } if !matches!(field, "patch" | "ask" | "person") => {
            format!("ask.patch.{field}")
        }
        Ask::Rename { .. } if !matches!(field, "change" | "ask" | "person") => format!("ask.change.{field}"),
        Ask::AddContact { .. } if !matches!(field, "ask" | "person") => "ask.value".to_owned(),
        Ask::AddRegistration { .. } | Ask::RemoveRegistration { .. }
            if !matches!(field, "ask" | "person") =>
        {
            format!("ask.registration.{field}")
        }
        Ask::CreatePerson { .. } if !matches!(field, "profile" | "ask") => format!("ask.profile.{field}"),
        _ if field == "ask" => field.to_owned(),
        _ => format!("ask.{field}"),
    }
}

/// A day of a request.
pub(super) fn day(field: &'static str, text: Option<&String>) -> Result<Option<Day>, Error> {
    let read = |text: &String| {
        text.parse().map_err(|_| Error::field(field, "Give a date as YYYY-MM-DD between 1900 and 2199."))
    };
    text.map(read).transpose()
}

/// What was asked for, in the form of the profile's own endpoint.
pub(super) fn read<T: DeserializeOwned>(field: &'static str, value: &Value) -> Result<T, Error> {
    T::deserialize(value).map_err(|error| {
        let why: String = error.to_string().chars().take(200).collect();
        Error::field(field, format!("It cannot be read as the profile's own endpoint reads it: {why}."))
    })
}
