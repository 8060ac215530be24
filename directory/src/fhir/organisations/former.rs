//! Whether organisations that have changed were what a search finds.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{OrganisationAddress, OrganisationRecord};
use crate::error::Error;
use crate::organisation::{name_key, postcode_key};
use crate::store::former::{self, Of, in_force_since};
use crate::store::organisation_faces::{Condition, Place, Text};

/// Of how many organisations it is read with one statement what they were.
const AT_ONCE: usize = 100;

/// Whether one of these organisations was what is meant before it changed at its time, or since.
pub(crate) async fn were_meant(
    tx: &mut Tx,
    conditions: &[Condition],
    changed: &BTreeMap<String, Millis>,
) -> Result<bool, Error> {
    if conditions.iter().all(is_for_life) {
        return Ok(false);
    }
    let codes: Vec<String> = changed.keys().cloned().collect();
    let Some(first) = changed.values().min() else { return Ok(false) };
    for some in codes.chunks(AT_ONCE) {
        for (code, former) in former::since(tx, Of::Organisation, some, *first).await? {
            let Some(since) = changed.get(&code) else { continue };
            for was in in_force_since(former, None, *since) {
                let record: OrganisationRecord = was.read()?;
                if conditions.iter().all(|condition| held(condition, &record)) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Whether a condition holds of an organisation for life, or never.
fn is_for_life(condition: &Condition) -> bool {
    matches!(condition, Condition::Codes(_) | Condition::After(_) | Condition::UpTo(_))
}

/// Whether a condition held of an organisation as it was. Nothing is asked of what is not looked at.
fn held(condition: &Condition, was: &OrganisationRecord) -> bool {
    match condition {
        Condition::Codes(codes) => codes.iter().any(|code| was.ods.as_str() == code.as_str()),
        Condition::After(code) => was.ods.as_str() > code.as_str(),
        Condition::UpTo(code) => was.ods.as_str() <= code.as_str(),
        Condition::Changed(from, before) => was.last_change.is_some_and(|day| {
            let day = day.to_string();
            from.as_ref().is_none_or(|from| day >= *from)
                && before.as_ref().is_none_or(|before| day < *before)
        }),
        Condition::Name(how, any) => any.iter().any(|text| name(&was.name, *how, text)),
        Condition::Address(place, how, any) => {
            any.iter().any(|text| address(&was.address, *place, *how, text))
        }
        Condition::Class(any) => any.contains(&was.record_class),
        Condition::Use(any) => any.contains(&was.record_use),
        Condition::Written(_) | Condition::Status(_) | Condition::Role(_) | Condition::Related(..) => true,
    }
}

fn name(was: &str, how: Text, text: &str) -> bool {
    match how {
        Text::Is => was == text,
        _ => compares(how, &name_key(was), &name_key(text)),
    }
}

fn address(was: &OrganisationAddress, place: Place, how: Text, text: &str) -> bool {
    let like = |part: Option<&str>| part.is_some_and(|part| like(part, how, text));
    match place {
        Place::Town => like(was.town.as_deref()),
        Place::Country => like(was.country.as_deref()),
        Place::Postcode if how == Text::Is => was.postcode.as_deref() == Some(text),
        Place::Postcode => {
            let postcode = was.postcode.as_deref().map(postcode_key);
            postcode.is_some_and(|postcode| compares(how, &postcode, &postcode_key(text)))
        }
        Place::Anywhere => {
            was.lines.iter().any(|line| self::like(line, how, text))
                || [&was.town, &was.county, &was.postcode, &was.country]
                    .into_iter()
                    .any(|part| like(part.as_deref()))
        }
    }
}

fn like(part: &str, how: Text, text: &str) -> bool {
    match how {
        Text::Is => part == text,
        _ => compares(how, &part.to_lowercase(), &text.to_lowercase()),
    }
}

fn compares(how: Text, whole: &str, part: &str) -> bool {
    match how {
        Text::Begins => whole.starts_with(part),
        Text::Contains => whole.contains(part),
        Text::Is => whole == part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::kit::Asked;
    use crate::fhir::organisations::wanted;

    /// What an organisation was is compared as the register compares what it is.
    #[test]
    fn what_was_is_compared() {
        let was: OrganisationRecord = serde_json::from_value(serde_json::json!({
            "ods": "RXX", "name": "ST. MARY'S SURGERY", "record_class": "site", "record_use": "full", "status": "active",
            "last_change": "2024-01-15", "address": {"lines": ["THE MILL", "1 HIGH_STREET"], "town": "LEEDS", "postcode": "LS1 1AA", "country": "ENGLAND"},
            "contacts": [], "roles": [], "relationships": [], "successions": [],
        }))
        .unwrap();
        let holds = |query: &str| {
            let wanted = wanted(&Asked::read(query, b""), false, false).unwrap();
            wanted.conditions.iter().all(|condition| held(condition, &was))
        };
        for meant in [
            "_id=RXX,RYY",
            "name=st%20marys",
            "name:contains=surg",
            "name:exact=ST.%20MARY'S%20SURGERY",
            "address=1%20high_",
            "address:contains=mill",
            "address=leeds",
            "address-city=Lee",
            "address-postalcode=ls1%201",
            "address-postalcode:exact=LS1%201AA",
            "address-country:exact=ENGLAND",
            "type=RC2&type=Full",
            "lastChangeDate=ge2024-01-15&lastChangeDate=lt2024-02-01",
            "name=st%20marys&active=false",
        ] {
            assert!(holds(meant), "{meant}");
        }
        for other in [
            "_id=RYY",
            "name=surgery",
            "name:exact=st%20marys%20surgery",
            "address=street",
            "address-city=mill",
            "address-postalcode:contains=LS2",
            "address-country:exact=England",
            "type=RC1",
            "type=RefOnly",
            "lastChangeDate=gt2024-01-15",
            "name=st%20marys&address-city=york",
        ] {
            assert!(!holds(other), "{other}");
        }
    }
}
