//! A server that is told to stop and started again: when it answers, over LDAP and FHIR, with somebody in the answer.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use crate::fhir::{Asked, READS};
use crate::ldap::{Ldap, Search};
use crate::place::{self, Place, in_memory, wait};
use crate::questions::By;
use crate::rig::line;
use crate::rig::site::Running;
use crate::rig::web::Web;
use crate::{Bench, at_most};

/// How often it is started again; the longest time counts.
const TIMES: usize = 3;
/// How many seconds it may take.
const GOAL: f64 = 10.0;
/// How long is tried at most, and how often.
const WITHIN: Duration = Duration::from_mins(3);
const AGAIN: Duration = Duration::from_millis(5);

/// How long it took from the start of the program.
struct Began {
    ldap: Duration,
    fhir: Duration,
    /// Until what it keeps in memory was there.
    memory: Duration,
}

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let place = bench.place(bench.most())?;
    let search = by_user(&place)?;
    let asked = READS[0].questions(&place.population).into_iter().next().context("nothing is asked")?;
    let mut server = place.serve()?;
    let (mut ldap, mut fhir) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TIMES {
        let stopping = place::stop(server)?;
        let (again, began) = started(&place, &search, &asked)?;
        server = again;
        line(format_args!(
            "stopped within {:.2} s; started again, the first answer over LDAP after {:.2} s, over FHIR after {:.2} s; in memory \
             after {:.2} s",
            stopping.as_secs_f64(),
            began.ldap.as_secs_f64(),
            began.fhir.as_secs_f64(),
            began.memory.as_secs_f64(),
        ));
        (ldap, fhir) = (ldap.max(began.ldap), fhir.max(began.fhir));
    }
    place::stop(server)?;
    for (what, longest) in [("LDAP", ldap), ("FHIR", fhir)] {
        let what = format!("restart with {} people, until the first answer over {what}", place.people);
        bench.goals.row(&what, "s", longest.as_secs_f64(), Some(at_most(GOAL)));
    }
    Ok(())
}

fn by_user(place: &Place) -> anyhow::Result<Search> {
    By::User.searches(&place.population)?.into_iter().next().context("nothing is asked")
}

/// Starts a server while two ask it all the time.
fn started(place: &Place, search: &Search, asked: &Asked) -> anyhow::Result<(Running, Began)> {
    // Nobody's processor time is measured.
    let (ldap, web) = (place.ldap(0), place.web(0));
    let begun = Instant::now();
    let over_ldap = || {
        let found = Ldap::open(&ldap)?.count(search)?;
        ensure!(found > 0, "nobody is there yet");
        anyhow::Ok(())
    };
    let over_fhir = || asked.ask(&mut Web::open(&web)?);
    std::thread::scope(|scope| {
        let ldap = scope.spawn(|| first(begun, over_ldap));
        let fhir = scope.spawn(|| first(begun, over_fhir));
        let server = wait(async {
            let server = place.site().serve().await?;
            in_memory(place.site()).await?;
            anyhow::Ok(server)
        })?;
        let memory = begun.elapsed();
        let ended = |_| anyhow!("whoever asked broke off");
        let (ldap, fhir) = (ldap.join().map_err(ended)??, fhir.join().map_err(ended)??);
        anyhow::Ok((server, Began { ldap, fhir, memory }))
    })
}

/// Asks until there is an answer; how long after the beginning it came.
fn first(begun: Instant, ask: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    while let Err(error) = ask() {
        ensure!(begun.elapsed() < WITHIN, "no answer: {error:#}");
        std::thread::sleep(AGAIN);
    }
    Ok(begun.elapsed())
}
