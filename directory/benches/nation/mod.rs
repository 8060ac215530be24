//! An invented release of the national roles, larger than the national one: 600 job roles, 300 areas of work, 800 activities
//! with 800 inclusions, 60,000 rows of baselines.

use directory::rbac::{Activity, ActivityCode, AreaCode, Baseline, Content, Entry, JobRoleCode};

const JOB_ROLES: usize = 600;
const AREAS: usize = 300;
const ACTIVITIES: usize = 800;
/// Activities of one baseline.
const EACH: usize = 100;

fn code<C: std::str::FromStr>(letter: char, number: usize) -> C {
    let text = format!("{letter}{number:04}");
    text.parse().unwrap_or_else(|_| unreachable!("{text} is a letter and four digits"))
}

/// A job role by its number.
pub(crate) fn job_role(number: usize) -> JobRoleCode {
    code('R', number % JOB_ROLES)
}

/// An area of work by its number.
pub(crate) fn area(number: usize) -> AreaCode {
    code('T', number % AREAS)
}

/// An activity by its number.
pub(crate) fn activity(number: usize) -> ActivityCode {
    code('B', number % ACTIVITIES)
}

/// The release.
pub(crate) fn content() -> Content {
    let entry = |name: &str, number| format!("{name} {number}");
    let baselines = (0..JOB_ROLES).flat_map(|role| {
        (0..EACH).map(move |step| Baseline {
            job_role: job_role(role),
            area: (step % 4 == 3).then(|| area(role)),
            restriction_set: (step % 10 == 9).then(|| "EPS Pharmacy".to_owned()),
            activity: activity(role * 13 + step * 7),
        })
    });
    Content {
        name: "invented".to_owned(),
        job_roles: (0..JOB_ROLES)
            .map(|number| Entry {
                code: job_role(number),
                name: entry("Role", number),
                group: None,
                category: None,
            })
            .collect(),
        areas: (0..AREAS)
            .map(|number| Entry {
                code: area(number),
                name: entry("Area", number),
                group: None,
                category: None,
            })
            .collect(),
        activities: (0..ACTIVITIES)
            .map(|number| Activity { code: activity(number), name: entry("Activity", number) })
            .collect(),
        // Only downward, so that there is no circle; every fourth begins no chain.
        inclusions: (8..ACTIVITIES)
            .filter(|number| !number.is_multiple_of(4))
            .map(|number| (activity(number), activity(number / 2)))
            .collect(),
        baselines: baselines.collect(),
    }
}
