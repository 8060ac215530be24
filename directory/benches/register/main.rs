//! What the register costs with few people and with all of them, on both engines: a release of organisations over HTTP, reads,
//! searches, assignments with their audit rows, and effective rights from memory; beside what the database or the machine
//! can do without the register.
//!
//! `cargo bench -p directory --bench register -- sqlite 14000 1400000` or `-- postgres 14000 1400000`. `TMPDIR` says where
//! the databases lie; 1,400,000 people need about 12 GiB there. They are removed afterwards. It ends with 1 if a goal was missed.

mod asking;
mod bringing;
mod making;
mod told;
mod working;

#[path = "../nation/mod.rs"]
mod nation;
#[path = "../release/mod.rs"]
mod release;

use std::process::ExitCode;
use std::time::Instant;

use directory::seed::bulk::{Order, fill};
use directory::{Config, DocumentKey, Parts, Register, router};
use platform::clock::Clock;
use platform::db::Engine;
use platform::db::testing::TestDb;

use told::{Column, Table, tell};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let engine = match arguments.first().map(String::as_str) {
        Some("sqlite") | None => Engine::Sqlite,
        Some("postgres") => Engine::Postgres,
        Some(other) => {
            tell(format_args!("no engine {other}: sqlite or postgres"));
            return ExitCode::from(2);
        }
    };
    let sizes: Vec<u64> = arguments.iter().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_400, 14_000] } else { sizes };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let missed = runtime.expect("a runtime for the bench").block_on(run(engine, &sizes));
    for (people, what) in &missed {
        tell(format_args!("MISSED with {people} people: {what}"));
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures for each number of people; gives the goals that were missed.
async fn run(engine: Engine, sizes: &[u64]) -> Vec<(u64, &'static str)> {
    tell(format_args!("{engine:?}; load {}", told::load()));
    let mut table = Table::default();
    for people in sizes {
        table.add(measured(engine, *people).await);
    }
    table.show();
    tell(format_args!("load {}", told::load()));
    table.missed()
}

/// Everything for one number of people.
async fn measured(engine: Engine, people: u64) -> Column {
    let mut column = Column::new(people);
    bringing::measure(engine, people, &mut column).await;
    let database = TestDb::durable(engine).await;
    let document_key = DocumentKey::new(&[7; 32]);
    let parts =
        Parts { config: Config::default(), db: database.db.clone(), clock: Clock::system(), document_key };
    let register = Register::new(parts).expect("the default configuration is good");
    filled(&register, people, &mut column).await;
    if engine == Engine::Postgres {
        told::analysed(&database.config.url).await;
    }
    let routes = router(register);
    asking::measure(&routes, &database.db, people, &mut column).await;
    working::measure(&routes, &database.db, people, &mut column).await;
    working::rights(&mut column);
    database.db.close().await;
    column
}

/// Fills the register, telling every ten seconds or so how far it is.
async fn filled(register: &Register, people: u64, column: &mut Column) {
    let (started, mut told) = (Instant::now(), 0);
    let progress = |progress: &directory::seed::bulk::Progress| {
        if progress.elapsed.as_secs() / 10 > told {
            told = progress.elapsed.as_secs() / 10;
            let left = progress.remaining().unwrap_or_default().as_secs();
            tell(format_args!("  {} of {} people, {left} s left", progress.people, progress.of));
        }
    };
    let done =
        fill(register, Order { people, seed: 1 }, progress).await.expect("an empty register is filled");
    column.say("organisations", done.organisations.to_string());
    column.say("assignments", done.assignments.to_string());
    column.say("filled in", format!("{:.1} s", started.elapsed().as_secs_f64()));
}
