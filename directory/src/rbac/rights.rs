//! What a role profile may do, and why.
//!
//! The rights are the baseline of the job role, in its areas of work and under its restriction sets, with the activities
//! that were added, and everything these include over any number of steps. A token carries only what was added: whoever
//! decides by it must do what is done here.

use std::collections::{BTreeMap, VecDeque};

use super::book::{Bits, Book};
use super::content::Activity;
use super::{ActivityCode, AreaCode, JobRoleCode};
use crate::api::{EffectiveRight, EffectiveRights, Reason};

/// The rights of a role profile by one book.
#[derive(Debug, Clone)]
pub struct Rights<'b> {
    book: &'b Book,
    all: Bits,
    /// The places that are there by themselves, with why.
    roots: Vec<(usize, Root)>,
    /// Codes of the role profile that the book does not have; they give nothing.
    pub unknown: Vec<String>,
}

/// Why an activity is there by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// The row of the baseline with this place.
    Baseline(JobRoleCode, usize),
    /// It was added.
    Added,
}

/// The rights of a role profile without any restriction set: what its positions give, wherever they are used.
pub fn rights<'b>(
    book: &'b Book,
    job_role: JobRoleCode,
    areas: &[AreaCode],
    activities: &[ActivityCode],
) -> Rights<'b> {
    effective(book, job_role, areas, activities, &[])
}

/// The rights of a role profile where these restriction sets apply.
pub fn effective<'b>(
    book: &'b Book,
    job_role: JobRoleCode,
    areas: &[AreaCode],
    activities: &[ActivityCode],
    restriction_sets: &[String],
) -> Rights<'b> {
    let mut rights = Rights {
        book,
        all: Bits::new(book.content().activities.len()),
        roots: Vec::new(),
        unknown: Vec::new(),
    };
    if book.job_role(job_role).is_none() {
        rights.unknown.push(job_role.to_string());
    }
    for area in areas.iter().filter(|area| book.area(**area).is_none()) {
        rights.unknown.push(area.to_string());
    }
    for (at, row) in book.baseline(job_role).iter().enumerate() {
        let in_area = row.area.is_none_or(|area| areas.contains(&area));
        let in_set = row.restriction_set.as_ref().is_none_or(|set| restriction_sets.contains(set));
        if in_area && in_set {
            rights.take(row.activity, Root::Baseline(job_role, at));
        }
    }
    for activity in activities {
        match book.place(*activity) {
            Some(place) => rights.take(place, Root::Added),
            None => rights.unknown.push(activity.to_string()),
        }
    }
    rights
}

/// By what a role profile comes to an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Giving {
    /// Whoever has one of these added: the activity itself, and those that include it over any number of steps.
    pub added: Vec<ActivityCode>,
    /// Whoever has one of these job roles, in the area of work if there is one.
    pub baselines: Vec<(JobRoleCode, Option<AreaCode>)>,
}

/// Everything by which [`rights`] has an activity. One that the book does not have is had by whoever has it added.
pub fn giving(book: &Book, activity: ActivityCode) -> Giving {
    let Some(place) = book.place(activity) else {
        return Giving { added: vec![activity], baselines: Vec::new() };
    };
    let comes_to_it = |from: usize| book.closure(from).has(place);
    let places = 0..book.content().activities.len();
    let added = places.filter(|from| comes_to_it(*from)).map(|from| book.at(from).code).collect();
    let mut baselines = Vec::new();
    for job_role in &book.content().job_roles {
        let rows = book.baseline(job_role.code).iter();
        let giving = rows.filter(|row| row.restriction_set.is_none() && comes_to_it(row.activity));
        baselines.extend(giving.map(|row| (job_role.code, row.area)));
    }
    Giving { added, baselines }
}

impl<'b> Rights<'b> {
    fn take(&mut self, place: usize, root: Root) {
        self.roots.push((place, root));
        self.all.join(self.book.closure(place));
    }

    /// The activities, in the order of their codes.
    pub fn activities(&self) -> impl Iterator<Item = ActivityCode> + '_ {
        self.all.places().map(|place| self.book.at(place).code)
    }

    /// The activities with their names, in the order of their codes.
    pub fn named(&self) -> impl Iterator<Item = &'b Activity> + '_ {
        let book = self.book;
        self.all.places().map(move |place| book.at(place))
    }

    /// The codes of the activities as text, in their order: what [`crate::authority::Rank::of`] reads.
    pub fn codes(&self) -> impl Iterator<Item = &'b str> + '_ {
        let book = self.book;
        self.all.places().map(move |place| book.at(place).code.as_str())
    }

    /// Whether an activity is among them.
    pub fn has(&self, activity: ActivityCode) -> bool {
        self.book.place(activity).is_some_and(|place| self.all.has(place))
    }

    /// Each right with its reasons. One that is there by itself says so; any other names the shortest way by which it is
    /// included.
    pub fn explained(&self) -> EffectiveRights {
        let mut reasons: BTreeMap<usize, Vec<Reason>> = BTreeMap::new();
        for (place, root) in &self.roots {
            let reason = self.reason(*root);
            let known = reasons.entry(*place).or_default();
            if !known.contains(&reason) {
                known.push(reason);
            }
        }
        for (place, by) in self.ways() {
            reasons.entry(place).or_insert_with(|| vec![Reason::Included { by }]);
        }
        let right = |(place, mut reasons): (usize, Vec<Reason>)| {
            reasons.sort();
            let activity = self.book.at(place);
            EffectiveRight { activity: activity.code, name: activity.name.clone(), reasons }
        };
        EffectiveRights {
            release: self.book.number(),
            rights: reasons.into_iter().map(right).collect(),
            unknown: self.unknown.clone(),
        }
    }

    fn reason(&self, root: Root) -> Reason {
        match root {
            Root::Added => Reason::Added,
            Root::Baseline(job_role, at) => {
                let row = &self.book.baseline(job_role)[at];
                Reason::Baseline {
                    release: self.book.name().to_owned(),
                    area: row.area,
                    restriction_set: row.restriction_set.clone(),
                }
            }
        }
    }

    /// For each place that is included: by what, step by step up to one that is there by itself. Breadth first, so that
    /// no shorter way exists.
    fn ways(&self) -> Vec<(usize, Vec<ActivityCode>)> {
        let mut by: BTreeMap<usize, Option<usize>> =
            self.roots.iter().map(|(place, _)| (*place, None)).collect();
        let mut waiting: VecDeque<usize> = by.keys().copied().collect();
        let mut ways = Vec::new();
        while let Some(place) = waiting.pop_front() {
            for next in self.book.includes(place) {
                if by.contains_key(next) {
                    continue;
                }
                by.insert(*next, Some(place));
                waiting.push_back(*next);
                let up = std::iter::successors(Some(place), |place| by.get(place).copied().flatten());
                ways.push((*next, up.map(|place| self.book.at(place).code).collect()));
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::authority::Rank;
    use crate::rbac::book::tests::{activity, content, reachable};
    use crate::rbac::{Baseline, Entry};

    fn book() -> Book {
        let mut content = content(9, &[(1, 2), (2, 3), (4, 3), (1, 5), (6, 5)]);
        let area: AreaCode = "T0640".parse().unwrap();
        content.areas.push(Entry { code: area, name: "Phlebotomy".to_owned(), group: None, category: None });
        let row = |area: Option<AreaCode>, set: Option<&str>, place: usize| Baseline {
            job_role: "R8008".parse().unwrap(),
            area,
            restriction_set: set.map(str::to_owned),
            activity: activity(place),
        };
        content.baselines = vec![
            row(None, None, 1),
            row(Some(area), None, 7),
            row(None, Some("EPS Pharmacy"), 8),
            row(Some(area), None, 1),
        ];
        Book::new(4, content).unwrap()
    }

    fn of(areas: &[&str], added: &[usize], sets: &[&str]) -> EffectiveRights {
        let areas: Vec<AreaCode> = areas.iter().map(|area| area.parse().unwrap()).collect();
        let added: Vec<ActivityCode> = added.iter().map(|place| activity(*place)).collect();
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        effective(&book(), "R8008".parse().unwrap(), &areas, &added, &sets).explained()
    }

    /// The baseline follows area and restriction set, and every right says where it comes from.
    #[test]
    fn rights_say_where_they_come_from() {
        let codes = |rights: &EffectiveRights| -> Vec<String> {
            rights.rights.iter().map(|right| right.activity.to_string()).collect()
        };
        assert_eq!(codes(&of(&[], &[], &[])), ["B0001", "B0002", "B0003", "B0005"]);
        assert_eq!(codes(&of(&["T0640"], &[], &[])), ["B0001", "B0002", "B0003", "B0005", "B0007"]);
        assert_eq!(codes(&of(&[], &[], &["EPS Pharmacy"])), ["B0001", "B0002", "B0003", "B0005", "B0008"]);
        let all = of(&["T0640"], &[4, 1], &["Other"]);
        let reasons = |code: &str| {
            let right = all.rights.iter().find(|right| right.activity.as_str() == code).unwrap();
            serde_json::to_value(&right.reasons).unwrap()
        };
        assert_eq!(
            reasons("B0001"),
            serde_json::json!([
                {"why": "baseline", "release": "1.0"},
                {"why": "baseline", "release": "1.0", "area": "T0640"},
                {"why": "added"}
            ])
        );
        assert_eq!(reasons("B0004"), serde_json::json!([{"why": "added"}]));
        assert_eq!(reasons("B0002"), serde_json::json!([{"why": "included", "by": ["B0001"]}]));
        // One step from what was added, two from the baseline: the shorter way counts.
        assert_eq!(reasons("B0003"), serde_json::json!([{"why": "included", "by": ["B0004"]}]));
        let longer = of(&[], &[], &[]);
        let way = &longer.rights[2].reasons;
        assert_eq!(way, &[Reason::Included { by: vec![activity(2), activity(1)] }]);
        assert_eq!((all.release, all.unknown.len()), (4, 0));
    }

    /// What gives an activity is what those have whose rights have it, and nothing else.
    #[test]
    fn what_gives_an_activity_is_told() {
        let (book, role): (Book, JobRoleCode) = (book(), "R8008".parse().unwrap());
        let area: AreaCode = "T0640".parse().unwrap();
        for place in 0..9 {
            let giving = giving(&book, activity(place));
            for (areas, added) in (0..9).flat_map(|added| [(vec![], added), (vec![area], added)]) {
                let by_baseline = giving
                    .baselines
                    .iter()
                    .any(|(code, of)| *code == role && of.is_none_or(|of| areas.contains(&of)));
                let told = by_baseline || giving.added.contains(&activity(added));
                let has = rights(&book, role, &areas, &[activity(added)]).has(activity(place));
                assert_eq!(told, has, "{place} by {added} in {areas:?}");
            }
        }
        assert_eq!(giving(&book, activity(77)), Giving { added: vec![activity(77)], baselines: Vec::new() });
    }

    /// A code that the release does not have gives nothing and is named.
    #[test]
    fn unknown_codes_give_nothing() {
        let book = book();
        let area = "T9999".parse().unwrap();
        let rights = rights(&book, "R9999".parse().unwrap(), &[area], &[activity(77), activity(3)]);
        assert_eq!(rights.activities().collect::<Vec<_>>(), [activity(3)]);
        assert_eq!(rights.unknown, ["R9999", "T9999", "B0077"]);
        assert!(rights.has(activity(3)) && !rights.has(activity(77)) && !rights.has(activity(1)));
        // An empty book gives nothing at all.
        let empty = Book::default();
        assert_eq!(super::rights(&empty, "R8000".parse().unwrap(), &[], &[activity(1)]).codes().count(), 0);
    }

    /// The rank of a position is read from its rights as they are: a right that is only included counts.
    #[test]
    fn rank_is_read_from_the_rights() {
        let mut content = content(2, &[]);
        for (code, name) in
            [("B1300", "Approve RA Requests"), ("B0267", "Approve RA requests (registration only)")]
        {
            content
                .activities
                .push(crate::rbac::Activity { code: code.parse().unwrap(), name: name.to_owned() });
        }
        content.inclusions.push((activity(0), "B1300".parse().unwrap()));
        let book = Book::new(1, content).unwrap();
        let clerk = "R8008".parse().unwrap();
        let rank = |added: &[ActivityCode]| Rank::of("R8008", rights(&book, clerk, &[], added).codes(), None);
        assert_eq!(rank(&[activity(1)]), None);
        assert_eq!(rank(&[activity(0)]), Some(Rank::Sponsor));
    }

    proptest! {
        /// The rights are what was given and everything it reaches; each is explained, and every step of a way is an
        /// inclusion that ends at what was given.
        #[test]
        fn rights_are_all_that_is_reached(
            pairs in proptest::collection::vec((0..40usize, 0..40usize), 0..60),
            given in proptest::collection::btree_set(0..40usize, 0..6),
        ) {
            let pairs: Vec<(usize, usize)> = pairs
                .into_iter()
                .filter(|(one, other)| one != other)
                .map(|(one, other)| (one.max(other), one.min(other)))
                .collect();
            let reached = reachable(40, &pairs);
            let book = Book::new(1, content(40, &pairs)).unwrap();
            let added: Vec<ActivityCode> = given.iter().map(|place| activity(*place)).collect();
            let rights = rights(&book, "R8000".parse().unwrap(), &[], &added);
            let expected: BTreeSet<ActivityCode> = given
                .iter()
                .flat_map(|place| reached[*place].iter().chain([place]))
                .map(|place| activity(*place))
                .collect();
            let found: BTreeSet<ActivityCode> = rights.activities().collect();
            prop_assert_eq!(&found, &expected);
            let explained = rights.explained();
            let told: BTreeSet<ActivityCode> = explained.rights.iter().map(|right| right.activity).collect();
            prop_assert_eq!(told, expected);
            for right in explained.rights {
                prop_assert!(!right.reasons.is_empty());
                for reason in right.reasons {
                    match reason {
                        Reason::Added => prop_assert!(added.contains(&right.activity)),
                        Reason::Baseline { .. } => prop_assert!(false, "there is no baseline"),
                        Reason::Included { by } => {
                            let mut below = right.activity;
                            for above in &by {
                                prop_assert!(book.included_by(*above).any(|code| code == below));
                                below = *above;
                            }
                            prop_assert!(by.last().is_some_and(|last| added.contains(last)));
                        }
                    }
                }
            }
        }
    }
}
