//! What an access profile gives by a release of the national roles: activities, and a rank in the registration authority.

use platform::id::OdsCode;

use crate::authority::Rank;
use crate::ids::{AccessProfileId, PositionId, WorkgroupId};
use crate::ods::is_anywhere;
use crate::rbac::{ActivityCode, AreaCode, AreaPath, Book, Entry, JobRolePath, rights};

/// What a position gives in one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessProfile {
    /// Its id.
    pub(crate) id: AccessProfileId,
    /// The position that gives it.
    pub(crate) position: PositionId,
    /// Where.
    pub(crate) organisation: OdsCode,
    /// What its holders do there.
    pub(crate) codes: Codes,
    /// Workgroups that its holders are in.
    pub(crate) workgroups: Vec<WorkgroupId>,
}

impl AccessProfile {
    /// The rank it gives. What counts anywhere gives none: there is nobody whose registration authority it would be.
    pub(crate) fn rank(&self, basis: Basis<'_>) -> Option<Rank> {
        self.codes.rank(basis).filter(|_| !is_anywhere(&self.organisation))
    }

    /// Whether its holders are sponsors, who alone can have positions to assign.
    pub(crate) fn is_sponsors(&self, book: &Book) -> bool {
        let is_sponsors = |activity: &ActivityCode| activity.as_str() == SPONSORS;
        !is_anywhere(&self.organisation) && self.codes.effective(book).iter().any(is_sponsors)
    }
}

/// The codes of an access profile. What they come to, the release in force says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Codes {
    /// The job role.
    pub(crate) job_role: JobRolePath,
    /// Areas of work.
    pub(crate) areas: Vec<AreaPath>,
    /// Activities beside those of the job role.
    pub(crate) activities: Vec<ActivityCode>,
}

impl Codes {
    /// The codes that a release does not have. An activity that makes local smartcard administrators counts whatever it says.
    pub(crate) fn unknown(&self, basis: Basis<'_>) -> Vec<String> {
        let areas: Vec<AreaCode> = self.areas.iter().map(AreaPath::code).collect();
        let mut unknown = rights(basis.book, self.job_role.code(), &areas, &self.activities).unknown;
        unknown.retain(|code| Some(code.as_str()) != basis.local_administrator);
        unknown
    }

    /// The job role and areas of work that stand elsewhere in a release: as they are given, and as the release has them. Of codes
    /// whose place the release does not say nothing is known.
    pub(crate) fn misplaced(&self, book: &Book) -> impl Iterator<Item = (String, String)> {
        let job_role = book.job_role(self.job_role.code()).and_then(Entry::path);
        let job_role = job_role.map(|right| (self.job_role.to_string(), right));
        let areas = self.areas.iter().filter_map(|area| {
            book.area(area.code()).and_then(Entry::path).map(|right| (area.to_string(), right))
        });
        let all: Vec<_> = job_role.into_iter().chain(areas).collect();
        all.into_iter().filter(|(given, right)| given != right)
    }

    /// Whether it has a job role or an area of work written so.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.job_role.as_str() == path || self.areas.iter().any(|area| area.as_str() == path)
    }

    /// Every activity it comes to by a release: the baseline of its job role in its areas of work, what was added, and all that
    /// these include. Before there is a release, what was added and nothing else.
    pub(crate) fn effective(&self, book: &Book) -> Vec<ActivityCode> {
        if book.number() == 0 {
            let mut added = self.activities.clone();
            added.sort();
            added.dedup();
            return added;
        }
        let areas: Vec<AreaCode> = self.areas.iter().map(AreaPath::code).collect();
        rights(book, self.job_role.code(), &areas, &self.activities).activities().collect()
    }

    /// The rank it gives. The activity that this site has chosen for local smartcard administrators is no national one: it
    /// counts where it was added.
    pub(crate) fn rank(&self, basis: Basis<'_>) -> Option<Rank> {
        let effective = self.effective(basis.book);
        let own = self.activities.iter().filter(|code| Some(code.as_str()) == basis.local_administrator);
        let activities = effective.iter().chain(own).map(ActivityCode::as_str);
        Rank::of(self.job_role.code().as_str(), activities, basis.local_administrator)
    }
}

/// What ranks follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'a> {
    /// The release in force.
    pub(crate) book: &'a Book,
    /// The activity that this site has chosen for local smartcard administrators.
    pub(crate) local_administrator: Option<&'a str>,
}

/// The activity of sponsors: Approve RA Requests.
const SPONSORS: &str = "B1300";

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;
    use crate::rbac::{Activity, Baseline, Content};

    fn codes(activities: &[&str], areas: &[&str]) -> Codes {
        Codes {
            job_role: "S0010:G0020:R8000".parse().unwrap(),
            areas: areas.iter().map(|area| area.parse().unwrap()).collect(),
            activities: activities.iter().map(|code| code.parse().unwrap()).collect(),
        }
    }

    /// A release in which B0001 includes what makes sponsors, and the job role has B0267 in one area of work.
    fn book() -> Book {
        let codes = ["B0001", "B0267", "B1300"];
        let area =
            Entry { code: "T0030".parse().unwrap(), name: "Ward".to_owned(), group: None, category: None };
        let job_role = Entry {
            code: "R8000".parse().unwrap(),
            name: "Clinician".to_owned(),
            group: None,
            category: None,
        };
        let content = Content {
            name: "1.0".to_owned(),
            job_roles: vec![job_role],
            areas: vec![area],
            activities: codes
                .map(|code| Activity { code: code.parse().unwrap(), name: code.to_owned() })
                .to_vec(),
            inclusions: vec![("B0001".parse().unwrap(), "B1300".parse().unwrap())],
            baselines: vec![Baseline {
                job_role: "R8000".parse().unwrap(),
                area: Some("T0030".parse().unwrap()),
                restriction_set: None,
                activity: "B0267".parse().unwrap(),
            }],
        };
        Book::new(1, content).unwrap()
    }

    /// The rank follows from baseline, area of work and inclusions of the release; a code that it does not have gives none.
    #[test]
    fn rank_follows_the_release() {
        let (book, none) = (book(), Book::default());
        let on = |book, local_administrator| Basis { book, local_administrator };
        let (site, plain) = (on(&book, Some("B9990")), on(&book, None));
        assert_eq!(codes(&[], &[]).rank(site), None);
        assert_eq!(codes(&[], &["P0010:Q0020:T0030"]).rank(site), Some(Rank::IdChecker));
        assert_eq!(codes(&["B0001"], &[]).rank(site), Some(Rank::Sponsor));
        assert_eq!(codes(&["B9990"], &[]).rank(site), Some(Rank::LocalSmartcardAdministrator));
        assert_eq!(codes(&["B9990"], &[]).rank(plain), None);
        assert_eq!(codes(&["B0272"], &[]).effective(&book), []);
        let given = |organisation: &str| AccessProfile {
            id: AccessProfileId::new(Millis(1)),
            position: PositionId::new(Millis(1)),
            organisation: organisation.parse().unwrap(),
            codes: codes(&["B0001"], &[]),
            workgroups: Vec::new(),
        };
        assert!(given("RXX").is_sponsors(&book) && !given("RXX").is_sponsors(&none));
        // What counts anywhere gives no rank.
        assert!(!given("FFFFF").is_sponsors(&book) && given("FFFFF").rank(site).is_none());
        // Before there is a release, what was added counts by itself.
        assert_eq!(
            codes(&["B1300", "B1300"], &["P0010:Q0020:T0030"]).rank(on(&none, None)),
            Some(Rank::Sponsor)
        );
    }
}
