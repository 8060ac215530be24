//! Numbers of documents in requests. They are not kept: with what is asked for there is the mask and the hash of each, as the profile
//! has them, and nothing more once the request is over.

use serde_json::Value;

use super::Request;
use super::ask::Ask;
use super::content::{RenameAsked, read};
use crate::acting::Doing;
use crate::api::{ChangePerson, NewEvidence, NewPerson};
use crate::error::Error;
use crate::person::{View, carry_document, carry_number, masked};

/// What is asked for, with each number on its way. What cannot be read is refused, in a draft too: it might be a number.
pub(super) fn carried(doing: &Doing, ask: Ask) -> Result<Ask, Error> {
    Ok(match ask {
        Ask::ChangePerson { person, patch } => {
            let mut change: ChangePerson = read("patch", &patch)?;
            number(doing, &mut change.national_insurance_number)?;
            if let Some(new) = &mut change.evidence {
                document(doing, new)?;
            }
            Ask::ChangePerson { person, patch: kept(patch, &change)? }
        }
        Ask::Rename { person, change } => {
            let mut rename: RenameAsked = read("change", &change)?;
            if let Some(new) = &mut rename.evidence {
                document(doing, new)?;
            }
            Ask::Rename { person, change: kept(change, &rename)? }
        }
        Ask::CreatePerson { organisation, profile } => {
            let mut new: NewPerson = read("profile", &profile)?;
            number(doing, &mut new.national_insurance_number)?;
            for shown in &mut new.evidence {
                document(doing, shown)?;
            }
            Ask::CreatePerson { organisation, profile: kept(profile, &new)? }
        }
        other => other,
    })
}

fn number(doing: &Doing, number: &mut Option<String>) -> Result<(), Error> {
    if let Some(text) = number {
        *text = carry_number(doing.key(), text)?;
    }
    Ok(())
}

fn document(doing: &Doing, new: &mut NewEvidence) -> Result<(), Error> {
    new.number = carry_document(doing.key(), new)?;
    Ok(())
}

/// The members that were asked for, as they are now.
fn kept<T: serde::Serialize>(asked: Value, now: &T) -> Result<Value, Error> {
    let mut now = serde_json::to_value(now).map_err(|_| Error::Stored { what: "directory_request.asked" })?;
    if let (Value::Object(asked), Value::Object(now)) = (asked, &mut now) {
        now.retain(|member, _| asked.contains_key(member));
    }
    Ok(now)
}

/// What is asked for as it is shown, and as it stays when it is over: of numbers the masks.
pub(crate) fn shown(ask: Ask) -> Ask {
    match ask {
        Ask::ChangePerson { person, mut patch } => {
            mask(&mut patch);
            Ask::ChangePerson { person, patch }
        }
        Ask::Rename { person, mut change } => {
            mask(&mut change);
            Ask::Rename { person, change }
        }
        Ask::CreatePerson { organisation, mut profile } => {
            mask(&mut profile);
            Ask::CreatePerson { organisation, profile }
        }
        other => other,
    }
}

/// What it was like, as it is shown: details of a profile to those who see them in the profile.
pub(crate) fn shown_before(doing: &Doing, request: &Request) -> Value {
    shown_details(doing, request, request.before.clone())
}

/// What something that a request is about was or is like, as it is shown.
pub(crate) fn shown_details(doing: &Doing, request: &Request, mut details: Value) -> Value {
    let user = request.user.as_ref();
    let sees = user.is_some_and(|user| View::of(doing).is_whole(doing, user));
    if let (Ask::ChangePerson { .. }, Value::Object(members), false) = (&request.ask, &mut details, sees) {
        members.retain(|member, _| member == "open");
    }
    details
}

/// Masks every number in the form of a profile. Masking again changes nothing.
fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                match value {
                    Value::String(text)
                        if matches!(member.as_str(), "national_insurance_number" | "number")
                            && !text.contains('*') =>
                    {
                        *text = masked(text);
                    }
                    Value::String(text) if text.starts_with("kept:") => *text = masked(text),
                    // A professional registration is public, and how a body knows somebody.
                    Value::Array(_) if member == "registrations" => {}
                    other => mask(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Of numbers the masks are shown, however they stand in the request, and registrations as they are.
    #[test]
    fn numbers_are_masked() {
        let profile = json!({
            "national_insurance_number": "kept:*****456C:abc:def",
            "evidence": [{"document": "passport", "number": "123456789"}, {"document": "utility-bill"}],
            "registrations": [{"body": "GMC", "number": "1234567"}],
        });
        let ask = Ask::CreatePerson { organisation: "RXX".to_owned(), profile };
        let once = shown(ask);
        let Ask::CreatePerson { profile, .. } = &once else { unreachable!("it stays what it is") };
        assert_eq!(profile["national_insurance_number"], "*****456C");
        assert_eq!(profile["evidence"][0]["number"], "*****6789");
        assert_eq!(profile["registrations"][0]["number"], "1234567");
        assert_eq!(shown(once.clone()), once);
    }
}
