//! How long the import of a release of organisations takes, and how much memory: a first release, the same one again, and
//! the next one.
//!
//! `cargo bench -p directory --bench organisations -- sqlite 300000` or `-- postgres 300000`. `TMPDIR` says where the
//! database lies; it is removed afterwards.

use std::io::Write as _;
use std::time::{Duration, Instant};

use directory::organisation::{Mode, Report, import};
use directory::{Config, DocumentKey, Parts, Register};
use platform::clock::Clock;
use platform::db::Engine;
use platform::db::testing::TestDb;

mod release;

use release::Release;

/// Below this a release of 300,000 organisations is in.
const BOUND: Duration = Duration::from_mins(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let engine = match arguments.first().map(String::as_str) {
        Some("sqlite") | None => Engine::Sqlite,
        Some("postgres") => Engine::Postgres,
        Some(other) => return tell(format_args!("no engine {other}: sqlite or postgres")),
    };
    let records = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(300_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime for the bench").block_on(run(engine, records));
}

async fn run(engine: Engine, records: u64) {
    let database = TestDb::new(engine).await;
    let document_key = DocumentKey::new(&[7; 32]);
    let parts =
        Parts { config: Config::default(), db: database.db.clone(), clock: Clock::system(), document_key };
    let register = Register::new(parts).expect("the default configuration is good");
    tell(format_args!("{engine:?}, {records} organisations; memory before: {}", memory()));
    let first = Release { records, edition: 1 };
    let dry = step(&register, "dry run", first, Mode::DryRun).await;
    assert_eq!((dry.progress.created, dry.progress.read), (records, records));
    let report = step(&register, "first release", first, Mode::Apply).await;
    assert_eq!(report.progress.created, records);
    if records >= 300_000 {
        let slow = report.progress.elapsed > BOUND;
        tell(format_args!("  {} within {BOUND:?}", if slow { "NOT" } else { "is" }));
    }
    let report = step(&register, "the same again", first, Mode::Apply).await;
    assert_eq!((report.progress.created, report.progress.changed), (0, 0));
    let report = step(&register, "next release", Release { records, edition: 2 }, Mode::Apply).await;
    assert_eq!(report.progress.created, 0);
    tell(format_args!("  {} changed", report.progress.changed));
}

async fn step(register: &Register, what: &str, release: Release, mode: Mode) -> Report {
    let started = Instant::now();
    let actor = audit::Actor::system("directory");
    let report = import(register, release.reader(), mode, |_| {}, &actor).await.expect("the release is good");
    let elapsed = started.elapsed();
    let many = f64::from(u32::try_from(release.records).unwrap_or(u32::MAX)) / elapsed.as_secs_f64();
    tell(format_args!("{what:<16}{:>9.1} s {many:>9.0}/s   memory: {}", elapsed.as_secs_f64(), memory()));
    report
}

/// The most memory this process has had.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap_or("unknown").trim().to_owned()
}

fn tell(line: std::fmt::Arguments<'_>) {
    // Nobody reads on when it cannot be written.
    let _written = writeln!(std::io::stdout(), "{line}");
}
