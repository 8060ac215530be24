//! Searches for one value, beside slapd with the same entries and the same client.

use anyhow::ensure;

use crate::Bench;
use crate::ldap::{Entry, Ldap, Search};
use crate::questions::{By, asked};
use crate::rig::secure::Target;
use crate::rig::{line, number};
use crate::slapd::Slapd;
use crate::{ROUNDS, at_least, place};

/// Over how many connections is asked.
const AT_ONCE: [usize; 2] = [1, 8];
/// How many answers of each kind are compared whole.
const COMPARED: usize = 100;

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let place = bench.place(bench.options.people)?;
    let server = place.serve()?;
    let slapd = Slapd::like(&place)?;
    let (ours, theirs) = (place.ldap(server.id()), slapd.target()?);
    for by in By::ALL {
        let searches = by.searches(&place.population)?;
        line(format_args!("\n(attribute=value) by {}", by.name()));
        compared(&ours, &theirs, &searches)?;
        for at_once in AT_ONCE {
            beside(bench, by, (&ours, &theirs), &searches, at_once)?;
        }
    }
    place::stop(server)?;
    Ok(())
}

/// Measures both in turn; the best of each counts, for other work on the machine only slows.
fn beside(
    bench: &mut Bench,
    by: By,
    (ours, theirs): (&Target, &Target),
    searches: &[Search],
    at_once: usize,
) -> anyhow::Result<()> {
    let (mut our_best, mut their_best) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        for (best, name, target) in [(&mut our_best, "ours", ours), (&mut their_best, "slapd", theirs)] {
            let driven = asked(target, searches, at_once, bench.options.time())?;
            driven.report(&format!("{name}, {at_once} at once"));
            *best = best.max(driven.measured.rate);
        }
    }
    let what = format!("LDAP by {}, {at_once} at once, against slapd", by.name());
    bench.goals.row(&what, "times", our_best / their_best, Some(at_least(1.0)));
    Ok(())
}

/// Whether both answer the same, entry by entry and value by value.
fn compared(ours: &Target, theirs: &Target, searches: &[Search]) -> anyhow::Result<()> {
    let (mut one, mut other) = (Ldap::open(ours)?, Ldap::open(theirs)?);
    let (mut entries, mut values) = (0, 0);
    for search in searches.iter().take(COMPARED) {
        let (found, there) = (in_order(one.entries(search)?), in_order(other.entries(search)?));
        ensure!(!found.is_empty() && found == there, "ours: {found:#?}\nslapd: {there:#?}");
        entries += found.len();
        values += found.iter().map(Entry::size).sum::<usize>();
    }
    line(format_args!(
        "{COMPARED} answers are the same from both, of {:.1} entries with {:.1} values",
        number(entries) / number(COMPARED),
        number(values) / number(COMPARED),
    ));
    Ok(())
}

fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort();
    entries
}
