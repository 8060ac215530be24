//! A set as the list of its members.

use super::find::Member;
use super::set::SetAsked;
use crate::fhir::kit::{Parts, Tree, parts, resource};

/// How properties of members are told before FHIR R5.
const PROPERTY: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property";

/// A page of a set, under an id, as of a time.
pub(crate) fn expansion(
    set: &SetAsked,
    version: &str,
    id: &str,
    at: &str,
    total: usize,
    members: &[Member],
) -> Parts {
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
        .with("contains", members.iter().map(|member| contained(set, member)).collect::<Vec<_>>());
    resource("ValueSet").with("status", "active").with("expansion", expansion)
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
