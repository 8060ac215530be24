//! How one release differs from another.

use std::collections::{BTreeMap, BTreeSet};

use super::{ActivityCode, AreaCode, Book, JobRoleCode};
use crate::api::{BaselineDifference, Difference, RenamedCode, Shift};

/// What `new` has otherwise than `old`. Whom it touches is not counted here.
pub fn difference(old: &Book, new: &Book) -> Difference {
    let (before, now) = (old.content(), new.content());
    Difference {
        from: old.number(),
        to: new.number(),
        job_roles: shift(
            before.job_roles.iter().map(|one| (one.code.as_str(), one.name.as_str())),
            now.job_roles.iter().map(|one| (one.code.as_str(), one.name.as_str())),
        ),
        areas: shift(
            before.areas.iter().map(|one| (one.code.as_str(), one.name.as_str())),
            now.areas.iter().map(|one| (one.code.as_str(), one.name.as_str())),
        ),
        activities: shift(
            before.activities.iter().map(|one| (one.code.as_str(), one.name.as_str())),
            now.activities.iter().map(|one| (one.code.as_str(), one.name.as_str())),
        ),
        inclusions: inclusions(old, new),
        baselines: baselines(old, new),
        ..Difference::default()
    }
}

fn shift<'a>(
    before: impl Iterator<Item = (&'a str, &'a str)>,
    now: impl Iterator<Item = (&'a str, &'a str)>,
) -> Shift {
    let (before, now): (BTreeMap<&str, &str>, BTreeMap<&str, &str>) = (before.collect(), now.collect());
    let missing = |these: &BTreeMap<&str, &str>, those: &BTreeMap<&str, &str>| {
        these.keys().filter(|code| !those.contains_key(*code)).map(ToString::to_string).collect()
    };
    let renamed = now.iter().filter_map(|(code, name)| {
        let other = before.get(code).filter(|other| *other != name)?;
        Some(RenamedCode { code: (*code).to_owned(), before: (*other).to_owned(), now: (*name).to_owned() })
    });
    Shift { came: missing(&now, &before), gone: missing(&before, &now), renamed: renamed.collect() }
}

fn inclusions(old: &Book, new: &Book) -> Shift {
    let set = |book: &Book| -> BTreeSet<String> {
        let pairs = book.content().inclusions.iter();
        pairs.map(|(activity, included)| format!("{activity} includes {included}")).collect()
    };
    let (before, now) = (set(old), set(new));
    Shift {
        came: now.difference(&before).cloned().collect(),
        gone: before.difference(&now).cloned().collect(),
        renamed: Vec::new(),
    }
}

type Key = (JobRoleCode, Option<AreaCode>, Option<String>);

fn baselines(old: &Book, new: &Book) -> Vec<BaselineDifference> {
    let group = |book: &Book| {
        let mut groups: BTreeMap<Key, BTreeSet<ActivityCode>> = BTreeMap::new();
        for row in &book.content().baselines {
            let key = (row.job_role, row.area, row.restriction_set.clone());
            groups.entry(key).or_default().insert(row.activity);
        }
        groups
    };
    let (before, now) = (group(old), group(new));
    let keys: BTreeSet<&Key> = before.keys().chain(now.keys()).collect();
    let none = BTreeSet::new();
    let changed = keys.into_iter().filter_map(|key| {
        let (had, has) = (before.get(key).unwrap_or(&none), now.get(key).unwrap_or(&none));
        let gained: Vec<ActivityCode> = has.difference(had).copied().collect();
        let lost: Vec<ActivityCode> = had.difference(has).copied().collect();
        let (job_role, area, restriction_set) = key.clone();
        (!gained.is_empty() || !lost.is_empty()).then_some(BaselineDifference {
            job_role,
            area,
            restriction_set,
            gained,
            lost,
        })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::csv_files::tests::{small, with};

    /// A report names what came, went and changed.
    #[test]
    fn report_names_what_changed() {
        let old = Book::new(1, small()).unwrap();
        let text = "job_role,area,restriction_set,activity\nR8008,,EPS Pharmacy,B0570\nR8000,,,B0825\nR8000,,,B0570\n";
        let mut content = with("baselines.csv", text).unwrap();
        content.activities[0].name = "See Patient Demographics".to_owned();
        content.job_roles.retain(|role| role.code.as_str() != "R1290");
        content.inclusions.retain(|pair| pair.0.as_str() != "B0572");
        let new = Book::new(2, content).unwrap();
        insta::assert_json_snapshot!("difference", difference(&old, &new));
        let none = difference(&new, &new);
        assert!(none.activities.is_empty() && none.inclusions.is_empty() && none.baselines.is_empty());
    }
}
