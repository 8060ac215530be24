//! The three FHIR APIs over TLS with connections that are kept open: reads by id, searches, and what is to be answered soon.

use std::time::Duration;

use anyhow::ensure;
use directory::seed::Chance;
use url::form_urlencoded::Serializer;

use crate::drive::{Driven, drive};
use crate::population::{Population, chance, one};
use crate::rig::line;
use crate::rig::secure::Target;
use crate::rig::web::Web;
use crate::systems::{INTERACTION, accredited, handling};
use crate::{Bench, at_least, at_most, place};

const WORKERS: &str = "/healthcare-worker/FHIR/R4";
const TERMS: &str = "/organisation-data-terminology-api/fhir";
const SPINE: &str = "/spine-directory/FHIR/R4";
/// Systems of codes and identifiers.
const USER: &str = "https://fhir.nhs.uk/Id/sds-user-id";
const ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const SERVICE: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
const ROLES: &str =
    "https://digital.nhs.uk/services/organisation-data-service/CodeSystem/ODSOrganisationRole";
/// Over how many connections is asked; the best counts.
const AT_ONCE: [usize; 2] = [8, 32];
/// Over how many connections is asked what is to be answered soon, and within how many milliseconds 99 of 100 times.
const SOON_AT_ONCE: usize = 4;
const SOON: f64 = 50.0;
/// How many a second are the goal.
const READ: f64 = 10_000.0;
const SEARCH: f64 = 5_000.0;
/// How many questions are made ready.
const READY: usize = 20_000;
/// With how many letters a name is looked for.
const LETTERS: usize = 5;

/// A question, ready to be sent, and what its answer has to hold.
pub(crate) struct Asked {
    request: Vec<u8>,
    holds: String,
}

/// What is asked for.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    draw: fn(&Population, &mut Chance) -> Asked,
}

/// Reads by id.
pub(crate) const READS: [Kind; 5] = [
    Kind { name: "Practitioner", draw: |it, chance| read(WORKERS, "Practitioner", one(&it.users, chance)) },
    Kind {
        name: "PractitionerRole",
        draw: |it, chance| read(WORKERS, "PractitionerRole", one(&it.roles, chance)),
    },
    Kind { name: "Organization", draw: |it, chance| read(TERMS, "Organization", &it.organisation(chance)) },
    Kind { name: "Device", draw: |it, chance| read(SPINE, "Device", &accredited(it.system(chance))) },
    Kind { name: "Endpoint", draw: |it, chance| read(SPINE, "Endpoint", &handling(it.system(chance))) },
];

const SEARCHES: [Kind; 4] = [
    Kind {
        name: "Practitioner by identifier",
        draw: |it, chance| {
            let user = one(&it.users, chance);
            let identifier = format!("{USER}|{user}");
            search(WORKERS, "Practitioner", &[("identifier", identifier.as_str())], user)
        },
    },
    Kind {
        name: "PractitionerRole by practitioner",
        draw: |it, chance| {
            let who = format!("Practitioner/{}", one(&it.users, chance));
            search(WORKERS, "PractitionerRole", &[("practitioner", who.as_str())], &who)
        },
    },
    Kind {
        name: "Device by organisation and interaction",
        draw: |it, chance| by_system(it, chance, "Device"),
    },
    Kind {
        name: "Endpoint by organisation and interaction",
        draw: |it, chance| by_system(it, chance, "Endpoint"),
    },
];

const SOONS: [Kind; 4] = [
    Kind {
        name: "Organization by name",
        draw: |it, chance| {
            let name = beginning(one(&it.names, chance));
            search(TERMS, "Organization", &[("name", name.as_str())], "Organization")
        },
    },
    Kind {
        name: "Practitioner by name",
        draw: |it, chance| {
            let name = beginning(one(&it.families, chance));
            search(WORKERS, "Practitioner", &[("name", name.as_str())], "Practitioner")
        },
    },
    Kind { name: "$expand of roles by text", draw: |_, _| expand(ROLES, "pharmacy") },
    Kind {
        name: "$expand of organisations by text",
        draw: |it, chance| {
            let name = one(&it.names, chance);
            expand(ORGANISATION, name.split(' ').next().unwrap_or(name))
        },
    },
];

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let place = bench.place(bench.most())?;
    let server = place.serve()?;
    let (web, time) = (place.web(server.id()), bench.options.time());
    for (how, kinds, goal) in [("read", &READS[..], READ), ("search", &SEARCHES[..], SEARCH)] {
        line(format_args!("\nFHIR, {how}, {} people", place.people));
        for kind in kinds {
            let questions = kind.questions(&place.population);
            let mut best = 0.0_f64;
            for at_once in AT_ONCE {
                let driven = asked(&web, &questions, at_once, time)?;
                driven.report(&format!("{}, {at_once} at once", kind.name));
                best = best.max(driven.measured.rate);
            }
            let what = format!("FHIR {how}, {}, {} people", kind.name, place.people);
            bench.goals.row(&what, "/s", best, Some(at_least(goal)));
        }
    }
    line(format_args!("\nFHIR, what is to be answered soon, {} people", place.people));
    for kind in &SOONS {
        let driven = asked(&web, &kind.questions(&place.population), SOON_AT_ONCE, time)?;
        driven.report(&format!("{}, {SOON_AT_ONCE} at once", kind.name));
        let what = format!("FHIR {}, {} people, p99", kind.name, place.people);
        bench.goals.row(&what, "ms", driven.milliseconds(990), Some(at_most(SOON)));
    }
    place::stop(server)?;
    Ok(())
}

/// Asks these over so many connections for a while; each answer has to hold what it should.
pub(crate) fn asked(
    web: &Target,
    questions: &[Asked],
    at_once: usize,
    time: Duration,
) -> anyhow::Result<Driven> {
    drive(web, at_once, time, Web::open, |connection, turn| questions[turn % questions.len()].ask(connection))
}

impl Kind {
    /// Questions, ready to be sent.
    pub(crate) fn questions(&self, population: &Population) -> Vec<Asked> {
        let mut chance = chance();
        (0..READY).map(|_| (self.draw)(population, &mut chance)).collect()
    }
}

impl Asked {
    /// Asks it, and looks at the answer.
    pub(crate) fn ask(&self, connection: &mut Web) -> anyhow::Result<()> {
        let body = connection.ask(&self.request)?;
        let holds = self.holds.as_bytes();
        let is_there = body.windows(holds.len()).any(|part| part == holds);
        ensure!(is_there, "there is no {} in {}", self.holds, String::from_utf8_lossy(body));
        Ok(())
    }
}

fn read(base: &str, resource: &str, id: &str) -> Asked {
    Asked { request: get(&format!("{base}/{resource}/{id}")), holds: format!("\"id\":\"{id}\"") }
}

fn search(base: &str, resource: &str, asked: &[(&str, &str)], holds: &str) -> Asked {
    let query = Serializer::new(String::new()).extend_pairs(asked).finish();
    Asked { request: get(&format!("{base}/{resource}?{query}")), holds: holds.to_owned() }
}

fn by_system(population: &Population, chance: &mut Chance, resource: &str) -> Asked {
    let system = population.system(chance);
    let id = if resource == "Device" { accredited(system) } else { handling(system) };
    let organisation = format!("{ORGANISATION}|{}", population.organisation_of(system));
    let interaction = format!("{SERVICE}|{INTERACTION}");
    let asked = [("organization", organisation.as_str()), ("identifier", interaction.as_str())];
    search(SPINE, resource, &asked, &id)
}

fn expand(system: &str, text: &str) -> Asked {
    let set = format!("{system}?fhir_vs");
    let asked = [("url", set.as_str()), ("filter", text), ("count", "20")];
    search(TERMS, "ValueSet/$expand", &asked, "contains")
}

fn beginning(name: &str) -> String {
    name.chars().take(LETTERS).collect()
}

/// A question for what is at a path.
fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/fhir+json\r\n\r\n").into_bytes()
}
