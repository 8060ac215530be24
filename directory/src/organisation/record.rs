//! What may be an organisation, whoever says it.

use std::collections::BTreeSet;

use crate::api::{Dates, OrganisationRecord, RecordUse, RoleWeight};

/// The longest text that is taken anywhere.
const LONGEST: usize = 500;
/// How many roles, relationships, successions or contacts one organisation has at most.
const MOST: usize = 2_000;

/// Refuses what can be no organisation, with what is wrong.
pub(crate) fn check(record: &OrganisationRecord) -> Result<(), String> {
    text("its name", &record.name)?;
    if record.name.trim().is_empty() {
        return Err("it has no name".to_owned());
    }
    dates("it", &record.dates)?;
    roles(record)?;
    relationships(record)?;
    successions(record)?;
    address(record)
}

fn roles(record: &OrganisationRecord) -> Result<(), String> {
    few("roles", record.roles.len())?;
    let primary: Vec<&str> = record
        .roles
        .iter()
        .filter(|role| role.weight == RoleWeight::Primary)
        .map(|role| role.role.as_str())
        .collect();
    match primary[..] {
        [_] => {}
        [] if record.record_use == RecordUse::ReferenceOnly => {}
        [] => return Err("it has no primary role; exactly one is".to_owned()),
        _ => return Err(format!("it has {} primary roles: {}", primary.len(), primary.join(", "))),
    }
    once("role", record.roles.iter().map(|role| role.instance.as_str()))?;
    for role in &record.roles {
        code("role", "RO", &role.role)?;
        dates(&format!("its role {}", role.role), &role.dates)?;
    }
    Ok(())
}

fn relationships(record: &OrganisationRecord) -> Result<(), String> {
    few("relationships", record.relationships.len())?;
    once("relationship", record.relationships.iter().map(|one| one.instance.as_str()))?;
    for one in &record.relationships {
        code("relationship", "RE", &one.relationship)?;
        if let Some(role) = &one.target_role {
            code("role", "RO", role)?;
        }
        if one.target == record.ods {
            return Err(format!(
                "it is related to itself, by {} with the id {}",
                one.relationship, one.instance
            ));
        }
        dates(&format!("its relationship {} to {}", one.relationship, one.target), &one.dates)?;
    }
    Ok(())
}

fn successions(record: &OrganisationRecord) -> Result<(), String> {
    few("successions", record.successions.len())?;
    once("succession", record.successions.iter().map(|one| one.instance.as_str()))?;
    match record.successions.iter().find(|one| one.target == record.ods) {
        Some(_) => Err("it succeeds itself".to_owned()),
        None => Ok(()),
    }
}

fn address(record: &OrganisationRecord) -> Result<(), String> {
    let address = &record.address;
    if address.lines.len() > 5 {
        return Err("its address has more than five lines".to_owned());
    }
    for line in &address.lines {
        text("a line of its address", line)?;
        if line.trim().is_empty() {
            return Err("a line of its address is empty".to_owned());
        }
    }
    let parts = [&address.town, &address.county, &address.postcode, &address.country, &address.uprn];
    for part in parts.into_iter().flatten() {
        text("a part of its address", part)?;
    }
    few("contacts", record.contacts.len())?;
    for contact in &record.contacts {
        text("the kind of a contact", &contact.kind)?;
        text("a contact", &contact.value)?;
    }
    Ok(())
}

fn text(what: &str, text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{what} has a control character"));
    }
    if text.len() > LONGEST {
        return Err(format!("{what} has more than {LONGEST} bytes"));
    }
    Ok(())
}

fn few(what: &str, many: usize) -> Result<(), String> {
    if many > MOST { Err(format!("it has more than {MOST} {what}")) } else { Ok(()) }
}

fn once<'a>(what: &str, instances: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for instance in instances {
        let plain = !instance.is_empty()
            && instance.len() <= 36
            && instance.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain {
            return Err(format!("the id {instance:?} of a {what} is no id"));
        }
        if !seen.insert(instance) {
            return Err(format!("it has two {what}s with the id {instance}"));
        }
    }
    Ok(())
}

/// A code of the national lists: two letters and one to four digits.
fn code(what: &str, letters: &str, code: &str) -> Result<(), String> {
    let digits = code.strip_prefix(letters).unwrap_or_default();
    if (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("{code:?} is no {what}: expected {letters} and a number"))
}

fn dates(what: &str, dates: &Dates) -> Result<(), String> {
    for (kind, period) in [("legal", dates.legal), ("operational", dates.operational)] {
        if let (true, Some(from), Some(to)) = (period.is_backward(), period.from, period.to) {
            return Err(format!("{what} ends before it begins: {kind} dates {from} to {to}"));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::{
        OrganisationRelationship, OrganisationRole, OrganisationStatus, Period, RecordClass, Succession,
        SuccessionKind,
    };
    use crate::day::Day;

    /// An organisation with one role and nothing else.
    pub(crate) fn sample(ods: &str, name: &str) -> OrganisationRecord {
        let role = OrganisationRole {
            instance: "1".to_owned(),
            role: "RO182".to_owned(),
            weight: RoleWeight::Primary,
            status: OrganisationStatus::Active,
            dates: Dates::default(),
        };
        OrganisationRecord {
            ods: ods.parse().unwrap(),
            name: name.to_owned(),
            record_class: RecordClass::Organisation,
            record_use: RecordUse::Full,
            status: OrganisationStatus::Active,
            last_change: None,
            dates: Dates::default(),
            address: crate::api::OrganisationAddress::default(),
            contacts: Vec::new(),
            roles: vec![role],
            relationships: Vec::new(),
            successions: Vec::new(),
        }
    }

    /// Each thing that can be wrong is said in words; a reference may do without a primary role.
    #[test]
    fn what_is_wrong_is_said() {
        type Break = fn(&mut OrganisationRecord);
        let check_words = |spoil: Break, words: &str| {
            let mut record = sample("FX001", "CORNER PHARMACY");
            spoil(&mut record);
            let said = check(&record).unwrap_err();
            assert!(said.contains(words), "{said}");
        };
        assert_eq!(check(&sample("FX001", "CORNER PHARMACY")), Ok(()));
        check_words(|record| record.name = " ".to_owned(), "no name");
        check_words(|record| record.name = "A\nB".to_owned(), "control character");
        check_words(|record| record.name = "A".repeat(501), "500 bytes");
        check_words(|record| record.roles.clear(), "no primary role");
        check_words(
            |record| {
                let mut second = record.roles[0].clone();
                second.role = "RO177".to_owned();
                record.roles.push(second);
            },
            "2 primary roles: RO182, RO177",
        );
        check_words(
            |record| {
                let second = OrganisationRole { weight: RoleWeight::Other, ..record.roles[0].clone() };
                record.roles.push(second);
            },
            "two roles with the id 1",
        );
        check_words(|record| record.roles[0].role = "182".to_owned(), "expected RO and a number");
        check_words(|record| record.roles[0].instance = String::new(), "is no id");
        check_words(|record| record.address.lines = vec!["A".to_owned(); 6], "five lines");
        check_words(
            |record| {
                let target = record.ods.clone();
                let (instance, kind) = ("1".to_owned(), SuccessionKind::Successor);
                record.successions.push(Succession {
                    instance,
                    kind,
                    target,
                    target_role: None,
                    legal_day: None,
                    operational_day: None,
                });
            },
            "succeeds itself",
        );
        let mut reference = sample("FX001", "CORNER PHARMACY");
        (reference.record_use, reference.roles) = (RecordUse::ReferenceOnly, Vec::new());
        assert_eq!(check(&reference), Ok(()));
    }

    fn day() -> impl Strategy<Value = Option<Day>> {
        proptest::option::of((0..60_000i64).prop_map(|days| {
            let first: Day = "1960-01-01".parse().unwrap();
            first.plus_days(days)
        }))
    }

    proptest! {
        /// Dates are refused exactly where one of the pairs runs backward, wherever it stands.
        #[test]
        fn dates_run_forward(from in day(), to in day(), legal in proptest::bool::ANY, place in 0..3) {
            let period = Period { from, to };
            let dates = if legal {
                Dates { legal: period, ..Dates::default() }
            } else {
                Dates { operational: period, ..Dates::default() }
            };
            let mut record = sample("FX001", "CORNER PHARMACY");
            match place {
                0 => record.dates = dates,
                1 => record.roles[0].dates = dates,
                _ => record.relationships.push(OrganisationRelationship {
                    instance: "9".to_owned(),
                    relationship: "RE6".to_owned(),
                    target: "RXX".parse().unwrap(),
                    target_role: None,
                    status: OrganisationStatus::Active,
                    dates,
                }),
            }
            let backward = matches!((from, to), (Some(from), Some(to)) if to < from);
            prop_assert_eq!(check(&record).is_err(), backward);
            if let (Some(from), Some(to)) = (from, to) {
                prop_assert_eq!(period.contains(from), from <= to);
                prop_assert!(!period.contains(to.plus_days(1)));
            }
        }
    }
}
