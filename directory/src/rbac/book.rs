//! A release in memory, ready to answer.

use std::collections::BTreeMap;

use super::content::{Activity, Content, Entry};
use super::{ActivityCode, AreaCode, JobRoleCode};
use crate::error::Error;

/// A release in memory. It is replaced as a whole and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// The number of the release; 0 before there is any.
    number: u64,
    content: Content,
    sha256: String,
    /// For each activity, by its place: those it includes itself.
    includes: Vec<Vec<usize>>,
    /// For each activity, by its place: itself and all it includes over any number of steps.
    closure: Vec<Bits>,
    baselines: BTreeMap<JobRoleCode, Vec<Row>>,
}

/// A row of a baseline, with the place of its activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) area: Option<AreaCode>,
    pub(super) restriction_set: Option<String>,
    pub(super) activity: usize,
}

impl Default for Book {
    fn default() -> Self {
        let (number, content, sha256) = (0, Content::default(), String::new());
        Self {
            number,
            content,
            sha256,
            includes: Vec::new(),
            closure: Vec::new(),
            baselines: BTreeMap::new(),
        }
    }
}

impl Book {
    /// Makes a book of a release. Codes that stand twice, codes that are not known, and activities that include themselves,
    /// if only through others, are refused.
    pub fn new(number: u64, mut content: Content) -> Result<Self, Error> {
        content.sort();
        unique("job role", content.job_roles.iter().map(|one| one.code.as_str()))?;
        unique("area of work", content.areas.iter().map(|one| one.code.as_str()))?;
        unique("activity", content.activities.iter().map(|one| one.code.as_str()))?;
        let mut book = Self { number, sha256: content.sha256(), content, ..Self::default() };
        book.includes = book.resolved_inclusions()?;
        book.closure = book.closed()?;
        book.baselines = book.resolved_baselines()?;
        Ok(book)
    }

    /// The number of the release; 0 before there is any.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The name of the release.
    pub fn name(&self) -> &str {
        &self.content.name
    }

    /// SHA-256 of the content, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What the release holds, each list in the order of its codes.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// A job role.
    pub fn job_role(&self, code: JobRoleCode) -> Option<&Entry<JobRoleCode>> {
        let found = self.content.job_roles.binary_search_by_key(&code, |one| one.code);
        found.ok().map(|place| &self.content.job_roles[place])
    }

    /// An area of work.
    pub fn area(&self, code: AreaCode) -> Option<&Entry<AreaCode>> {
        let found = self.content.areas.binary_search_by_key(&code, |one| one.code);
        found.ok().map(|place| &self.content.areas[place])
    }

    /// An activity.
    pub fn activity(&self, code: ActivityCode) -> Option<&Activity> {
        self.place(code).map(|place| &self.content.activities[place])
    }

    /// The activities that one includes itself.
    pub fn included_by(&self, code: ActivityCode) -> impl Iterator<Item = ActivityCode> + '_ {
        let included = self.place(code).map_or(&[][..], |place| &self.includes[place]);
        included.iter().map(|place| self.content.activities[*place].code)
    }

    /// The place of an activity in the order of codes.
    pub(super) fn place(&self, code: ActivityCode) -> Option<usize> {
        self.content.activities.binary_search_by_key(&code, |one| one.code).ok()
    }

    /// The activity at a place.
    pub(super) fn at(&self, place: usize) -> &Activity {
        &self.content.activities[place]
    }

    pub(super) fn includes(&self, place: usize) -> &[usize] {
        &self.includes[place]
    }

    pub(super) fn closure(&self, place: usize) -> &Bits {
        &self.closure[place]
    }

    pub(super) fn baseline(&self, job_role: JobRoleCode) -> &[Row] {
        self.baselines.get(&job_role).map_or(&[], Vec::as_slice)
    }

    fn known(&self, what: &'static str, code: ActivityCode) -> Result<usize, Error> {
        self.place(code).ok_or_else(|| unknown(what, "activity", code.as_str()))
    }

    fn resolved_inclusions(&self) -> Result<Vec<Vec<usize>>, Error> {
        let mut includes = vec![Vec::new(); self.content.activities.len()];
        for (activity, included) in &self.content.inclusions {
            let place = self.known("an inclusion", *activity)?;
            includes[place].push(self.known("an inclusion", *included)?);
        }
        Ok(includes)
    }

    fn resolved_baselines(&self) -> Result<BTreeMap<JobRoleCode, Vec<Row>>, Error> {
        let mut baselines: BTreeMap<JobRoleCode, Vec<Row>> = BTreeMap::new();
        for row in &self.content.baselines {
            if self.job_role(row.job_role).is_none() {
                return Err(unknown("a baseline", "job role", row.job_role.as_str()));
            }
            if let Some(area) = row.area.filter(|area| self.area(*area).is_none()) {
                return Err(unknown("a baseline", "area of work", area.as_str()));
            }
            let activity = self.known("a baseline", row.activity)?;
            let (area, restriction_set) = (row.area, row.restriction_set.clone());
            baselines.entry(row.job_role).or_default().push(Row { area, restriction_set, activity });
        }
        Ok(baselines)
    }

    /// Everything that each activity includes over any number of steps: depth first, what is included before what
    /// includes it. No recursion, so that a long chain cannot exhaust the stack.
    fn closed(&self) -> Result<Vec<Bits>, Error> {
        let many = self.includes.len();
        let mut closed: Vec<Option<Bits>> = vec![None; many];
        for first in 0..many {
            // The way down to where we are: a place, and how many of its inclusions were followed.
            let mut way = vec![(first, 0)];
            while let Some((place, followed)) = way.last().copied() {
                if closed[place].is_some() {
                    way.pop();
                    continue;
                }
                let Some(next) = self.includes[place].get(followed) else {
                    closed[place] = Some(self.joined(place, &closed));
                    way.pop();
                    continue;
                };
                if let Some(from) = way.iter().position(|step| step.0 == *next) {
                    return Err(self.circle(way[from..].iter().map(|step| step.0), *next));
                }
                if let Some(step) = way.last_mut() {
                    step.1 += 1;
                }
                way.push((*next, 0));
            }
        }
        Ok(closed.into_iter().flatten().collect())
    }

    /// A place with everything that lies below those it includes itself.
    fn joined(&self, place: usize, closed: &[Option<Bits>]) -> Bits {
        let mut bits = Bits::new(closed.len());
        bits.set(place);
        for below in self.includes[place].iter().filter_map(|below| closed[*below].as_ref()) {
            bits.join(below);
        }
        bits
    }

    fn circle(&self, way: impl Iterator<Item = usize>, back: usize) -> Error {
        let codes: Vec<&str> = way.chain([back]).map(|place| self.at(place).code.as_str()).collect();
        Error::File {
            place: "the inclusions".to_owned(),
            sentence: format!("an activity includes itself: {}", codes.join(" includes ")),
        }
    }
}

fn unknown(place: &'static str, what: &'static str, code: &str) -> Error {
    let sentence = format!("the {what} {code} is not in the release; add it or leave this out");
    Error::File { place: place.to_owned(), sentence }
}

/// Refuses a code that stands twice in a sorted list.
fn unique<'a>(what: &'static str, codes: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut before = None;
    for code in codes {
        if before == Some(code) {
            let sentence = format!("the {what} {code} stands twice; once is enough");
            return Err(Error::File { place: "the codes".to_owned(), sentence });
        }
        before = Some(code);
    }
    Ok(())
}

/// A set of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// An empty set of places below `many`.
    pub(super) fn new(many: usize) -> Self {
        Self(vec![0; many.div_ceil(64)].into())
    }

    pub(super) fn set(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    pub(super) fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// The places in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(rest.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::rbac::Baseline;

    pub(in crate::rbac) fn activity(number: usize) -> ActivityCode {
        format!("B{number:04}").parse().unwrap()
    }

    /// A release with these inclusions between so many activities, and two job roles.
    pub(in crate::rbac) fn content(activities: usize, inclusions: &[(usize, usize)]) -> Content {
        let role = |code: &str, name: &str| Entry {
            code: code.parse().unwrap(),
            name: name.to_owned(),
            group: None,
            category: None,
        };
        Content {
            name: "1.0".to_owned(),
            job_roles: vec![role("R8000", "Clinician"), role("R8008", "Clerk")],
            areas: Vec::new(),
            activities: (0..activities)
                .map(|number| Activity { code: activity(number), name: format!("Act {number}") })
                .collect(),
            inclusions: inclusions.iter().map(|(one, other)| (activity(*one), activity(*other))).collect(),
            baselines: Vec::new(),
        }
    }

    /// What can be reached from each place, found by asking again until nothing is new.
    pub(in crate::rbac) fn reachable(many: usize, inclusions: &[(usize, usize)]) -> Vec<BTreeSet<usize>> {
        let mut sets: Vec<BTreeSet<usize>> = (0..many).map(|_| BTreeSet::new()).collect();
        loop {
            let mut grown = false;
            for (one, other) in inclusions {
                let mut more = sets[*other].clone();
                more.insert(*other);
                let before = sets[*one].len();
                sets[*one].extend(more);
                grown |= sets[*one].len() > before;
            }
            if !grown {
                return sets;
            }
        }
    }

    proptest! {
        /// The closure is what can be reached; and a release is refused exactly where something reaches itself.
        #[test]
        fn closure_is_what_can_be_reached(
            inclusions in proptest::collection::vec((0..70usize, 0..70usize), 0..90),
            downward in proptest::bool::ANY,
        ) {
            let inclusions: Vec<(usize, usize)> = inclusions
                .into_iter()
                .map(|(one, other)| if downward && one < other { (other, one) } else { (one, other) })
                .filter(|(one, other)| !downward || one != other)
                .collect();
            let expected = reachable(70, &inclusions);
            let circle = expected.iter().enumerate().any(|(place, set)| set.contains(&place));
            match Book::new(1, content(70, &inclusions)) {
                Err(_) => prop_assert!(circle),
                Ok(book) => {
                    prop_assert!(!circle);
                    for (place, set) in expected.into_iter().enumerate() {
                        let found: BTreeSet<usize> = book.closure(place).places().filter(|p| *p != place).collect();
                        prop_assert_eq!(found, set);
                    }
                }
            }
        }
    }

    /// A circle is refused with the way around it, from wherever it is entered.
    #[test]
    fn circle_is_told_with_its_way() {
        let said =
            |inclusions: &[(usize, usize)]| Book::new(1, content(5, inclusions)).unwrap_err().to_string();
        let way = "B0001 includes B0003 includes B0002 includes B0001";
        assert!(said(&[(0, 1), (1, 3), (3, 2), (2, 1)]).contains(way));
        assert!(said(&[(4, 4)]).contains("B0004 includes B0004"));
        // A thousand steps are no circle, and no deep recursion.
        let chain: Vec<(usize, usize)> = (0..9_000).map(|place| (place, place + 1)).collect();
        let book = Book::new(1, content(9_001, &chain)).unwrap();
        assert_eq!(book.closure(0).places().count(), 9_001);
    }

    /// Codes that stand twice or are not known make no release.
    #[test]
    fn codes_stand_once_and_are_known() {
        let refuse = |spoil: fn(&mut Content), words: &str| {
            let mut content = content(3, &[]);
            spoil(&mut content);
            let said = Book::new(1, content).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        };
        let row = |job_role: &str, area: Option<&str>, place: usize| Baseline {
            job_role: job_role.parse().unwrap(),
            area: area.map(|area| area.parse().unwrap()),
            restriction_set: None,
            activity: activity(place),
        };
        assert!(Book::new(1, content(3, &[])).is_ok());
        refuse(|content| content.job_roles.push(content.job_roles[0].clone()), "job role R8000 stands twice");
        refuse(
            |content| content.activities.push(content.activities[2].clone()),
            "activity B0002 stands twice",
        );
        refuse(|content| content.inclusions.push((activity(1), activity(7))), "activity B0007 is not in");
        let rows = [
            (row("R9999", None, 0), "R9999"),
            (row("R8000", Some("T0001"), 0), "T0001"),
            (row("R8000", None, 8), "B0008"),
        ];
        for (row, words) in rows {
            let mut content = content(3, &[]);
            content.baselines.push(row);
            let said = Book::new(1, content).unwrap_err().to_string();
            assert!(said.contains(words) && said.contains("a baseline"), "{said}");
        }
    }
}
