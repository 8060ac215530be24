//! A release of organisations brought in over HTTP while it is sent, through the port as the server has it: whoever sends and
//! whoever writes share the machine.

use std::io::Read as _;
use std::time::{Duration, Instant};

use axum::Extension;
use directory::api::{IMPORT, STREAMED};
use directory::seed::bulk::BLOCK;
use directory::{Config, DocumentKey, Parts, Register, router};
use platform::caller::CallerKind;
use platform::clock::Clock;
use platform::db::Engine;
use platform::db::testing::TestDb;
use platform::web::{Limits, Lines, Listener, ListenerConfig, Streams, Told, stack};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::asking::caller;
use crate::release::Release;
use crate::told::{Column, tell};

/// How many organisations the nation has.
const NATION: u64 = 300_000;
/// So many are in within this time.
const GOAL: Duration = Duration::from_mins(2);

/// Measures it with as many organisations as these people have.
pub(crate) async fn measure(engine: Engine, people: u64, column: &mut Column) {
    let records = people * 300 / BLOCK;
    let database = TestDb::durable(engine).await;
    let document_key = DocumentKey::new(&[7; 32]);
    let parts =
        Parts { config: Config::default(), db: database.db.clone(), clock: Clock::system(), document_key };
    let register = Register::new(parts).expect("the default configuration is good");
    let importer = caller(CallerKind::System, "importer", IMPORT);
    let routes = stack(
        router(register).layer(Extension(importer)),
        &limits(),
        Told { port: "bench", lines: Lines::Failures },
    );
    let at = "127.0.0.1:0".parse().expect("an address");
    let listener = Listener::bind(&ListenerConfig::new(at, None)).await.expect("a port");
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve(routes, std::future::pending()));
    let started = Instant::now();
    let (reading, writing) = TcpStream::connect(address).await.expect("the port answers").into_split();
    let sending = tokio::spawn(send(writing, Release { records, edition: 1 }));
    let report = told(reading, records).await;
    let took = started.elapsed();
    drop(sending.await.expect("the release is sent"));
    assert_eq!(report["progress"]["created"], records, "{report}");
    let rate = f64::from(u32::try_from(records).unwrap_or(u32::MAX)) / took.as_secs_f64();
    let what = "organisations brought in over HTTP";
    let verdict = if records < NATION { "" } else { column.verdict(what, took <= GOAL) };
    column.say(what, format!("{records} in {:.1} s, {rate:.0}/s{verdict}", took.as_secs_f64()));
    serving.abort();
    database.db.close().await;
}

/// As the server has them, but for how often somebody may ask.
fn limits() -> Limits {
    Limits {
        body_bytes: 16 << 20,
        body_time_out_ms: 15_000,
        request_time_out_ms: 30_000,
        in_flight: 1024,
        bodies_per_address: 256,
        per_client: None,
        streams: Streams { routes: &STREAMED, bytes: 4 << 30 },
    }
}

/// Sends a release in pieces, as whoever reads takes them. Gives back its half of the connection: who lets go of it early has
/// hung up.
async fn send(mut writing: OwnedWriteHalf, release: Release) -> OwnedWriteHalf {
    let head = "POST /directory/organisations/import HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/xml\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    writing.write_all(head.as_bytes()).await.expect("the head is sent");
    let (mut file, mut piece) = (release.reader(), vec![0; 64 * 1024]);
    loop {
        let many = file.read(&mut piece).expect("an invented file is read");
        writing.write_all(format!("{many:x}\r\n").as_bytes()).await.expect("a piece is sent");
        writing.write_all(&piece[..many]).await.expect("a piece is sent");
        writing.write_all(b"\r\n").await.expect("a piece is sent");
        if many == 0 {
            return writing;
        }
    }
}

/// The report, which comes last; before it, how far it is, told every ten seconds or so.
async fn told(reading: OwnedReadHalf, records: u64) -> Value {
    let mut lines = BufReader::new(reading).lines();
    let (mut last, mut head) = (0, String::new());
    while let Some(line) = lines.next_line().await.expect("the answer is read") {
        if head.len() < 4_096 {
            head.push_str(&line);
            head.push('\n');
        }
        // Between the lines of the answer are those of its transfer.
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        if let Some(problem) = line.get("problem") {
            unreachable!("the import was stopped: {problem}");
        }
        if let Some(report) = line.get("report") {
            return report.clone();
        }
        let Some(progress) = line.get("progress") else { continue };
        let seconds = progress["elapsed_ms"].as_u64().unwrap_or(0) / 10_000;
        if seconds > last {
            last = seconds;
            tell(format_args!("  {} of {records} organisations", progress["read"]));
        }
    }
    unreachable!("the answer has no report: {head}")
}
