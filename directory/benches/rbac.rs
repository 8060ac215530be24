//! How many role profiles a second get their effective rights from memory, on one thread.
//!
//! `cargo bench -p directory --bench rbac`. The release is invented, and larger than
//! the national one (`nation`).

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use directory::rbac::{ActivityCode, AreaCode, Book, JobRoleCode, effective, rights};

mod nation;

use nation::{activity, area, content, job_role};

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
