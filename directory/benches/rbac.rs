//! How many role profiles a second get their effective rights from memory, on one thread.
//!
//! `cargo bench -p directory --bench rbac`. The release is invented and larger than the national one: 600 job roles, 300
//! areas of work, 800 activities with 800 inclusions, 60,000 rows of baselines.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use directory::rbac::{
    Activity, ActivityCode, AreaCode, Baseline, Book, Content, Entry, JobRoleCode, effective, rights,
};

const JOB_ROLES: usize = 600;
const AREAS: usize = 300;
const ACTIVITIES: usize = 800;
/// Activities of one baseline.
const EACH: usize = 100;
/// How long each is measured.
const LONG: Duration = Duration::from_secs(2);

fn main() {
    let book = Book::new(1, content()).expect("the invented release is good");
    let profiles: Vec<(JobRoleCode, Vec<AreaCode>, Vec<ActivityCode>)> = (0..1000)
        .map(|number| {
            let added = (0..5).map(|step| activity(number * 7 + step * 31)).collect();
            (job_role(number), vec![area(number), area(number + 1)], added)
        })
        .collect();
    measure("rights, and their number", |number| {
        let (job_role, areas, added) = &profiles[number % profiles.len()];
        rights(&book, *job_role, areas, added).activities().count()
    });
    measure("rights, and one of them", |number| {
        let (job_role, areas, added) = &profiles[number % profiles.len()];
        usize::from(rights(&book, *job_role, areas, added).has(activity(number)))
    });
    let set = ["EPS Pharmacy".to_owned()];
    measure("rights with every reason", |number| {
        let (job_role, areas, added) = &profiles[number % profiles.len()];
        effective(&book, *job_role, areas, added, &set).explained().rights.len()
    });
}

fn measure(what: &str, mut act: impl FnMut(usize) -> usize) {
    let (started, mut many, mut found) = (Instant::now(), 0usize, 0usize);
    while started.elapsed() < LONG {
        for _ in 0..100 {
            found += black_box(act(many));
            many += 1;
        }
    }
    let rate = f64::from(u32::try_from(many).unwrap_or(u32::MAX)) / started.elapsed().as_secs_f64();
    // Nobody reads on when it cannot be written.
    let _written = writeln!(
        std::io::stdout(),
        "{what:<28}{rate:>12.0} a second, {} each on average",
        found / many.max(1)
    );
}

fn code<C: std::str::FromStr>(letter: char, number: usize) -> C {
    let text = format!("{letter}{number:04}");
    text.parse().unwrap_or_else(|_| unreachable!("{text} is a letter and four digits"))
}

fn job_role(number: usize) -> JobRoleCode {
    code('R', number % JOB_ROLES)
}

fn area(number: usize) -> AreaCode {
    code('T', number % AREAS)
}

fn activity(number: usize) -> ActivityCode {
    code('B', number % ACTIVITIES)
}

fn content() -> Content {
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
