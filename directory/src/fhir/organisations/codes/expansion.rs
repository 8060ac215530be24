//! A set as the list of its members.

use platform::db::Tx;
use tokio::task::yield_now;

use super::find::{Member, whole};
use super::set::SetAsked;
use crate::fhir::kit::{LARGEST, Outcome, Parts, Tree, parts, resource, too_large};

/// How many members are read and told before others have their turn.
const AT_ONCE: usize = 400;

/// How properties of members are told before FHIR R5.
const PROPERTY: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property";

/// A page of a set, under an id, as of a time. It is read and put together piece by piece, and given up as soon as it would be too large.
pub(crate) async fn expansion(
    tx: &mut Tx,
    set: &SetAsked,
    version: &str,
    id: &str,
    at: &str,
    total: usize,
    members: &[Member],
) -> Result<Parts, Outcome> {
    let contains = told_as(tx, set, members, LARGEST).await?;
    let parameter =
        |name: &str, member: &'static str, value: Tree| parts().with("name", name).with(member, value);
    let mut told: Vec<Parts> = set
        .systems()
        .into_iter()
        .map(|system| parameter("version", "valueUri", format!("{}|{version}", system.url()).into()))
        .collect();
    told.push(parameter("activeOnly", "valueBoolean", set.is_active_only.into()));
    let numbers = [("count", set.count), ("offset", Some(set.offset).filter(|_| set.count.is_some()))];
    told.extend(
        numbers
            .into_iter()
            .filter_map(|(name, number)| Some(parameter(name, "valueInteger", i64::from(number?).into()))),
    );
    told.extend(set.filter.as_ref().map(|text| parameter("filter", "valueString", text.into())));
    told.extend(set.properties.iter().map(|name| parameter("property", "valueString", name.into())));
    let offset = set.count.map(|_| i64::from(set.offset));
    let expansion = parts()
        .with("identifier", format!("urn:uuid:{id}"))
        .with("timestamp", at)
        .with("total", total)
        .with("offset", offset)
        .with("parameter", told)
        .with("contains", contains);
    Ok(resource("ValueSet").with("status", "active").with("expansion", expansion))
}

/// Members as they are told, with the properties that are asked for; all of them have so many octets at most.
async fn told_as(
    tx: &mut Tx,
    set: &SetAsked,
    members: &[Member],
    most: usize,
) -> Result<Vec<Parts>, Outcome> {
    let (mut told, mut octets) = (Vec::new(), 0);
    for some in members.chunks(AT_ONCE) {
        // So that the time for an answer ends this too.
        yield_now().await;
        let read = if set.properties.is_empty() { None } else { Some(whole(tx, some).await?) };
        for member in read.as_deref().unwrap_or(some) {
            let one = contained(set, member);
            octets += one.least();
            if octets > most {
                return Err(too_large());
            }
            told.push(one);
        }
    }
    Ok(told)
}

fn contained(set: &SetAsked, member: &Member) -> Parts {
    let concept = &member.concept;
    let property = |(name, value): &(String, super::concept::Value)| {
        let of =
            [parts().with("url", "code").with("valueCode", name), value.put(parts().with("url", "value"))];
        parts().with("url", PROPERTY).with("extension", of.to_vec())
    };
    parts()
        .with("extension", concept.asked(&set.properties).map(property).collect::<Vec<_>>())
        .with("system", member.system.url())
        .with("inactive", concept.is_inactive.then_some(true))
        .with("code", &concept.code)
        .with("display", &concept.display)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::super::concept::Concept;
    use super::super::given::given;
    use super::super::set::set_of;
    use super::super::system::System;
    use super::*;
    use crate::fhir::kit::Asked;

    fn member(code: &str) -> Member {
        Member { system: System::Organisation, concept: Concept::plain(code, "LARKFIELD NHS TRUST") }
    }

    platform::both_engines! {
        /// What would be too large is given up where it is, and what comes after is not read; so it is without properties.
        async fn what_is_too_large_is_not_read(db: Db) {
            let mut tx = db.read().acquire().await.unwrap();
            // What is no code is refused as soon as it is read.
            let mut members = vec![member("RXX"); AT_ONCE];
            members.push(member("no code"));
            let size = contained(&asked(""), &members[0]).least();
            for (properties, read) in [("&property=*", 500), ("", 200)] {
                let set = asked(properties);
                let mut status = async |most: usize| told_as(&mut tx, &set, &members, most).await.map_or_else(|outcome| outcome.status, |_| 200);
                assert_eq!((status(size * 10).await, status(LARGEST).await), (422, read), "{properties}");
            }
        }
    }

    fn asked(properties: &str) -> SetAsked {
        let query = format!("url={}?fhir_vs{properties}", System::Organisation.url());
        set_of(&given(&Asked::read(&query, b""), b"", false).unwrap()).unwrap()
    }
}
