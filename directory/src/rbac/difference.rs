//! How one release differs from another, and for whom it matters.

use std::collections::{BTreeMap, BTreeSet};

use super::{ActivityCode, AreaCode, Book, JobRoleCode, rights};
use crate::api::{BaselineDifference, Difference, RenamedCode, Shift};

/// A role profile of a position, of which it is asked whether its rights change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The id of the position.
    pub position: String,
    /// Its job role.
    pub job_role: JobRoleCode,
    /// Its areas of work.
    pub areas: Vec<AreaCode>,
    /// The activities added to the baseline.
    pub activities: Vec<ActivityCode>,
}

/// What `new` has otherwise than `old`, and which of the role profiles gain or lose rights by it.
pub fn difference(old: &Book, new: &Book, profiles: &[Profile]) -> Difference {
    let (before, now) = (old.content(), new.content());
    let mut difference = Difference {
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
    };
    count(old, new, profiles, &mut difference);
    difference
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

fn count(old: &Book, new: &Book, profiles: &[Profile], difference: &mut Difference) {
    let mut affected = BTreeSet::new();
    for profile in profiles {
        let of = |book| -> BTreeSet<ActivityCode> {
            rights(book, profile.job_role, &profile.areas, &profile.activities).activities().collect()
        };
        let (had, has) = (of(old), of(new));
        difference.profiles += 1;
        difference.profiles_gaining += u64::from(has.difference(&had).next().is_some());
        difference.profiles_losing += u64::from(had.difference(&has).next().is_some());
        if had != has {
            affected.insert(profile.position.clone());
        }
    }
    difference.positions_affected = affected.into_iter().collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::csv_files::tests::{small, with};

    /// A report names what came, went and changed, and counts the role profiles whose rights it touches.
    #[test]
    fn report_names_what_changed() {
        let old = Book::new(1, small()).unwrap();
        let text = "job_role,area,restriction_set,activity\nR8008,,EPS Pharmacy,B0570\nR8000,,,B0825\nR8000,,,B0570\n";
        let mut content = with("baselines.csv", text).unwrap();
        content.activities[0].name = "See Patient Demographics".to_owned();
        content.job_roles.retain(|role| role.code.as_str() != "R1290");
        content.inclusions.retain(|pair| pair.0.as_str() != "B0572");
        let new = Book::new(2, content).unwrap();
        let profile = |position: &str, job_role: &str, added: &[&str]| Profile {
            position: position.to_owned(),
            job_role: job_role.parse().unwrap(),
            areas: Vec::new(),
            activities: added.iter().map(|code| code.parse().unwrap()).collect(),
        };
        let profiles = [
            profile("ward", "R8000", &[]),
            profile("ward", "R8000", &["B0820"]),
            profile("desk", "R8008", &["B0572"]),
            profile("other", "R8008", &["B0820"]),
        ];
        insta::assert_json_snapshot!("difference", difference(&old, &new, &profiles));
        let none = difference(&new, &new, &profiles);
        assert!(none.activities.is_empty() && none.inclusions.is_empty() && none.baselines.is_empty());
        assert_eq!((none.profiles, none.profiles_gaining, none.profiles_losing), (4, 0, 0));
        assert!(none.positions_affected.is_empty());
    }
}
