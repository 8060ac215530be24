//! The same questions with few people and with many: what is added to a register is not to slow what is asked of it.

use crate::fhir::{self, READS};
use crate::questions::{self, By};
use crate::rig::line;
use crate::{Bench, ROUNDS, at_most, place};

/// Over how many connections is asked.
const AT_ONCE: usize = 8;
/// How many times slower it may be with many.
const SLOWER: f64 = 1.3;

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (sizes, time) = (bench.options.sizes, bench.options.time());
    // The best rate of each question with few, and with many.
    let mut rates = [[0.0_f64; By::ALL.len() + READS.len()]; 2];
    let places = [bench.place(sizes[0])?, bench.place(sizes[1])?];
    // In turn, so that both have the machine at the same hour.
    for _ in 0..ROUNDS {
        for (place, best) in places.iter().zip(&mut rates) {
            let server = place.serve()?;
            let (ldap, web) = (place.ldap(server.id()), place.web(server.id()));
            line(format_args!("\n{} people, {AT_ONCE} at once", place.people));
            let (over_ldap, over_fhir) = best.split_at_mut(By::ALL.len());
            for (by, best) in By::ALL.into_iter().zip(over_ldap) {
                let driven = questions::asked(&ldap, &by.searches(&place.population)?, AT_ONCE, time)?;
                driven.report(&format!("LDAP by {}", by.name()));
                *best = best.max(driven.measured.rate);
            }
            for (kind, best) in READS.iter().zip(over_fhir) {
                let driven = fhir::asked(&web, &kind.questions(&place.population), AT_ONCE, time)?;
                driven.report(&format!("FHIR read, {}", kind.name));
                *best = best.max(driven.measured.rate);
            }
            place::stop(server)?;
        }
    }
    let over_ldap = By::ALL.iter().map(|by| format!("LDAP by {}", by.name()));
    let over_fhir = READS.iter().map(|kind| format!("FHIR read, {}", kind.name));
    let [few, many] = rates;
    for (what, (few, many)) in over_ldap.chain(over_fhir).zip(few.into_iter().zip(many)) {
        let what = format!("{what}, {} people against {}", sizes[0], sizes[1]);
        bench.goals.row(&what, "times", few / many, Some(at_most(SLOWER)));
    }
    Ok(())
}
