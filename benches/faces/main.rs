//! The directory's faces: searches over LDAP beside slapd with the same entries and the same client, the three FHIR APIs over TLS, the
//! same with few people and with many, and a restart; each held against its goal in one run.
//!
//! `cargo bench --bench faces -- [CASE…] [people=PEOPLE] [sizes=FEW,MANY] [seconds=SECONDS] [reads=WAY] [settings=FILE]`: all cases without a name, with
//! registers that are small enough to try it out. The goals are for `people=100000 sizes=14000,1400000`, which takes an hour and
//! about 14 GB below `target`. What FHIR and a restart cost is measured with the most people that there are. Whom the server shows is
//! recorded by a journal unless another WAY of `[directory] reads_recorded` is named. A file of settings is added to the configuration, to
//! measure with them and without. It ends with 1 when a goal was missed. The load generator shares the cores with
//! the servers.

mod ber;
mod beside_slapd;
mod drive;
mod fhir;
mod ldap;
mod place;
mod population;
mod questions;
mod restart;
mod sizes;
mod slapd;
mod systems;

#[path = "../rig/goals.rs"]
mod goals;
#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "the benches that sign use the rest")]
mod rig;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use directory::seed::bulk::BLOCK;

use goals::{Goal, Goals};
use place::Place;
use rig::{line, machine};

/// How often each question is measured, in turn with what it is held against; the best counts.
pub(crate) const ROUNDS: usize = 2;

/// What can be asked for alone, in the order in which it is measured: the largest register is made once.
const CASES: [(&str, Case); 4] = [
    ("ldap", beside_slapd::measure),
    ("sizes", sizes::measure),
    ("fhir", fhir::measure),
    ("restart", restart::measure),
];

/// The ways in which it is recorded whom the server shows.
const WAYS: [&str; 3] = ["journal", "before-answer", "within-a-second"];

type Case = fn(&mut Bench) -> anyhow::Result<()>;

/// What was asked for on the command line, beside cases.
pub(crate) struct Options {
    /// How many people there are beside slapd.
    pub(crate) people: u64,
    /// Few, and many.
    pub(crate) sizes: [u64; 2],
    seconds: u64,
    reads: String,
    settings: String,
}

/// What is measured, and what came of it.
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) goals: Goals,
    /// Installations by how many people they have, made when they are first asked for.
    places: BTreeMap<u64, Rc<Place>>,
}

fn main() -> anyhow::Result<()> {
    platform::tls::install_crypto_provider();
    let (named, options) = asked()?;
    let goals = Goals::new(&CASES.map(|(name, _)| name), named)?;
    line(machine()?);
    let mut bench = Bench { options, goals, places: BTreeMap::new() };
    for (name, measure) in CASES {
        if bench.goals.want(&[name]) {
            let done = measure(&mut bench);
            bench.goals.after(name, done);
        }
    }
    bench.goals.tell()
}

/// What was asked for on the command line: cases by name, and the rest.
fn asked() -> anyhow::Result<(Vec<String>, Options)> {
    let mut named = Vec::new();
    let mut options = Options {
        people: 14_000,
        sizes: [1_400, 14_000],
        seconds: 5,
        reads: WAYS[0].to_owned(),
        settings: String::new(),
    };
    // Cargo says `--bench` to every bench.
    for word in std::env::args().skip(1).filter(|word| word != "--bench") {
        match word.split_once('=') {
            None => named.push(word),
            Some(("people", many)) => options.people = whole(many)?,
            Some(("sizes", both)) => {
                let (few, many) =
                    both.split_once(',').context("sizes= are two numbers, as in 14000,1400000")?;
                options.sizes = [whole(few)?, whole(many)?];
            }
            Some(("seconds", many)) => options.seconds = whole(many)?,
            Some(("reads", way)) => {
                ensure!(WAYS.contains(&way), "reads= is one of {WAYS:?}");
                way.clone_into(&mut options.reads);
            }
            Some(("settings", file)) => {
                options.settings =
                    std::fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
            }
            Some((name, _)) => {
                bail!("there is no {name}=, but people=, sizes=, seconds=, reads= and settings=")
            }
        }
    }
    let [few, many] = options.sizes;
    ensure!(few < many, "the first of sizes= is the smaller one");
    ensure!(options.people >= BLOCK && few >= BLOCK, "there are {BLOCK} people at least");
    ensure!(options.seconds > 0, "seconds= is 1 at least");
    Ok((named, options))
}

fn whole(text: &str) -> anyhow::Result<u64> {
    text.parse().with_context(|| format!("{text} is no whole number"))
}

impl Options {
    /// For how long each question is asked.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl Bench {
    /// The installation with so many people.
    pub(crate) fn place(&mut self, people: u64) -> anyhow::Result<Rc<Place>> {
        if let Some(place) = self.places.get(&people) {
            return Ok(Rc::clone(place));
        }
        let place = Rc::new(Place::make(people, &self.options.reads, &self.options.settings)?);
        self.places.insert(people, Rc::clone(&place));
        Ok(place)
    }

    /// The most people that there are in this run.
    pub(crate) fn most(&self) -> u64 {
        let [_, many] = self.options.sizes;
        if self.goals.want(&["sizes"]) { many.max(self.options.people) } else { self.options.people }
    }
}

/// So much, or more.
pub(crate) fn at_least(value: f64) -> Goal {
    (Ordering::Greater, value)
}

/// So much, or less.
pub(crate) fn at_most(value: f64) -> Goal {
    (Ordering::Less, value)
}
