//! Whether many certificates make the authority slow: the same acts with few rows and with many, side by side, and a
//! revocation list of a tenth of them.
//!
//! `cargo bench --bench scale -- sqlite 10000000` or `-- postgres 1000000`. Databases lie in `TMPDIR` and are removed
//! afterwards; ten million rows take about 14 GB. [`docs/performance.md`](../../docs/performance.md) says what came out.

mod rows;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use axum::Router;
use axum::body::Body;
use axum::http;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{self, CertificateQuery, Client, IssueRequest, KeySource, Reason, RevokeRequest, SubjectData};
use ca::ceremony::{self, Specification};
use ca::{Authority, Config};
use hsm::Hsm;
use hsm::testing::TestToken;
use pki::Certificate;
use pki::ocsp::{CertId, Hash, Question, Response, Status};
use platform::caller::Caller;
use platform::clock::{Clock, HighWater};
use platform::db::Engine;
use platform::db::testing::TestDb;
use platform::peer::Peer;
use rcgen::PublicKeyData as _;
use sqlx::Connection as _;
use tower::ServiceExt as _;

use rows::{ISSUER, Rows};

/// With how many rows the many are compared.
const FEW: Rows = Rows { count: 10_000 };
/// How often each act is measured; the quickest round counts, for other work on the machine only slows.
const ROUNDS: usize = 30;
/// How many requests are under way at a time while issuing.
const AT_ONCE: usize = 16;
/// More octets than an OCSP answer has.
const LARGEST_ANSWER: usize = 65_536;
/// The answer for one row in so many is verified.
const CHECKED: u64 = 50;
/// How much slower an act with many rows may be.
const SLOWER: f64 = 1.3;

fn main() -> anyhow::Result<()> {
    platform::tls::install_crypto_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let [engine, count] = arguments.as_slice() else { bail!("say which engine and how many rows") };
    let engine = match engine.as_str() {
        "sqlite" => Engine::Sqlite,
        "postgres" => Engine::Postgres,
        other => bail!("no engine {other}"),
    };
    let many = Rows { count: count.parse().context("how many rows")? };
    let token = TestToken::new();
    let hsm = token.hsm().await;
    let (few, many) = (Place::make(&hsm, engine, FEW).await?, Place::make(&hsm, engine, many).await?);
    let mut slow = Vec::new();
    tell(format_args!("load before: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    tell(format_args!("{:<24}{:>14}{:>14}   times   from disk", "", few.rows.count, many.rows.count));
    for act in ACTS {
        let (mut with_few, mut with_many) = (Duration::MAX, Duration::MAX);
        let mut from_disk = 0;
        for round in 0..ROUNDS {
            with_few = with_few.min(act.time(&few, round).await?);
            let before = read_from_disk()?;
            with_many = with_many.min(act.time(&many, round).await?);
            from_disk += read_from_disk()? - before;
        }
        let times = with_many.as_secs_f64() / with_few.as_secs_f64();
        tell(format_args!(
            "{:<24}{:>11} us{:>11} us{times:>8.2}{:>8} KB",
            act.name,
            with_few.as_micros(),
            with_many.as_micros(),
            from_disk / 1024 / (act.times * ROUNDS as u64),
        ));
        if times > SLOWER {
            slow.push(act.name);
        }
    }
    list(&many).await?;
    tell(format_args!("load at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    ensure!(slow.is_empty(), "more than {SLOWER} times slower: {slow:?}");
    Ok(())
}

/// An authority with so many rows.
struct Place {
    rows: Rows,
    _database: TestDb,
    authority: Authority,
    client: Client,
    /// What the plain port serves.
    public: Router,
    /// Of the rows.
    issuer: Certificate,
}

impl Place {
    async fn make(hsm: &Hsm, engine: Engine, rows: Rows) -> anyhow::Result<Place> {
        let (database, clock, begun) = (TestDb::new(engine).await, Clock::system(), Instant::now());
        let db = database.db.clone();
        let high_water = HighWater::open(&db).await?;
        let specification = Specification::parse(Specification::STANDARD)?;
        ceremony::hold(&specification, config()?, hsm, db.clone(), clock.clone(), high_water.clone(), |_| {})
            .await?;
        let authority = Authority::open(config()?, hsm, db.clone(), clock, high_water).await?;
        let caller = Caller::module("bench", &[api::ISSUE, api::REVOKE, api::READ]);
        let client = Client::new(Peer::local(ca::router(authority.clone()), caller));
        let sample =
            client.issue(&request("sample".to_owned())?).await.map_err(|it| anyhow::anyhow!(it.detail))?;
        let issuers = client.certificate(&sample.serial).await.map_err(|it| anyhow::anyhow!(it.detail))?;
        let pem = issuers.certificate.context("the sample has its certificate")?;
        let certificate = STANDARD.decode(pem)?;
        let issuer = STANDARD.decode(sample.chain.first().context("the sample has a chain")?)?;
        let issuer = Certificate::from_der(&issuer)?;
        rows.write(&db, &certificate).await?;
        if engine == Engine::Postgres {
            // What autovacuum has done long before a table is this old; else it does it during the measurement.
            let mut connection = sqlx::AnyConnection::connect(&database.config.url).await?;
            sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
        }
        tell(format_args!("wrote {} rows in {:.0} s", rows.count, begun.elapsed().as_secs_f64()));
        // The responder's certificate is made before anybody measures.
        let public = ca::public_router(authority.clone());
        ensure!(authority.renew_responders().await > 0, "no responder was made");
        Ok(Place { rows, _database: database, authority, client, public, issuer })
    }

    /// A row for a measurement: another for each of them, for each round and for each act that does not meet rows again.
    fn row(&self, what: What, round: usize, at: u64) -> u64 {
        // Primes far apart from each other, so that rows are met in no order.
        let round = u64::try_from(round).unwrap_or(0);
        (at * 7_919 + round * 104_729 + (what as u64) * 1_299_709 + 1) % self.rows.count
    }
}

fn config() -> anyhow::Result<Config> {
    let url = "http://pki.example".to_owned().try_into().map_err(anyhow::Error::msg)?;
    let statement = "https://pki.example/cps".to_owned().try_into().map_err(anyhow::Error::msg)?;
    Ok(Config::new(url, statement))
}

fn request(id: String) -> anyhow::Result<IssueRequest> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let subject = SubjectData {
        common_name: "555021942107_Aisha_Rahman".to_owned(),
        user_id: Some("555021942107".to_owned()),
        ..SubjectData::default()
    };
    let key = KeySource::public_key(&key.subject_public_key_info());
    Ok(IssueRequest::new(id, "prescriber-remote-signing", subject, key))
}

/// Something that is measured, and how often in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Issue,
    Ocsp,
    BySerial,
    ByPerson,
    Revoke,
}

struct Act {
    name: &'static str,
    what: What,
    times: u64,
}

/// Reading is measured twice: rows that nobody has read for long, and the same rows again, which are in memory then.
const ACTS: [Act; 8] = [
    Act { name: "issue, 16 at once", what: What::Issue, times: 160 },
    Act { name: "OCSP, freshly signed", what: What::Ocsp, times: 300 },
    Act { name: "  the same again", what: What::Ocsp, times: 300 },
    Act { name: "search by serial", what: What::BySerial, times: 200 },
    Act { name: "  the same again", what: What::BySerial, times: 200 },
    Act { name: "search by person", what: What::ByPerson, times: 200 },
    Act { name: "  the same again", what: What::ByPerson, times: 200 },
    Act { name: "revoke", what: What::Revoke, times: 60 },
];

impl Act {
    /// How long one takes, over a round.
    async fn time(&self, place: &Place, round: usize) -> anyhow::Result<Duration> {
        if self.what == What::Issue {
            return issue(place, round, self.times).await;
        }
        let begun = Instant::now();
        for at in 0..self.times {
            self.once(place, place.row(self.what, round, at)).await?;
        }
        Ok(begun.elapsed() / u32::try_from(self.times)?)
    }

    async fn once(&self, place: &Place, row: u64) -> anyhow::Result<()> {
        let serial = place.rows.serial(row);
        match self.what {
            What::Issue => {}
            What::Ocsp => ocsp(place, &serial, row).await?,
            What::BySerial => {
                let found =
                    place.client.certificate(&serial).await.map_err(|it| anyhow::anyhow!(it.detail))?;
                ensure!(found.serial == serial, "another certificate");
            }
            What::ByPerson => {
                let user_id = Some(Rows::person(row));
                let query = CertificateQuery { user_id, ..CertificateQuery::default() };
                let found =
                    place.client.certificates(&query).await.map_err(|it| anyhow::anyhow!(it.detail))?;
                ensure!(found.certificates.iter().any(|one| one.serial == serial), "another person");
            }
            What::Revoke => {
                let request = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };
                let done = place.client.revoke(&serial, &request).await;
                // A tenth is revoked already, for other reasons: that is read and refused as quickly.
                ensure!(done.is_ok() || Rows::is_revoked(row), "{serial} was not revoked: {done:?}");
            }
        }
        Ok(())
    }
}

/// Has one certificate answered for, with a nonce, so that the answer is read for and signed now.
async fn ocsp(place: &Place, serial: &str, row: u64) -> anyhow::Result<()> {
    let id = CertId::new(Hash::Sha1, &place.issuer, serial.parse()?)?;
    let nonce = [&[0xa7; 24][..], &row.to_be_bytes()].concat();
    let question = pki::ocsp::Request::new(vec![id.clone()], Some(nonce.clone()))?;
    let asked = http::Request::post("/ocsp")
        .header(http::header::CONTENT_TYPE, "application/ocsp-request")
        .body(Body::from(question.to_der()))?;
    let answer = place.public.clone().oneshot(asked).await.context("the router answers")?;
    let der = axum::body::to_bytes(answer.into_body(), LARGEST_ANSWER).await?;
    let Response::Answered(answer) = Response::from_der(&der)? else { bail!("no answer for {serial}") };
    // To verify takes longer than to answer, so that is done for some.
    if !row.is_multiple_of(CHECKED) {
        return Ok(());
    }
    let at_ms = answer.produced_at_ms();
    let question = Question { id: &id, issuer: &place.issuer, nonce: Some(&nonce), at_ms };
    let status = answer.check(&question)?.status();
    let good = matches!(status, Status::Good);
    ensure!(good != Rows::is_revoked(row), "{serial} is said to be {status:?}");
    Ok(())
}

/// Issues, several at once, and says how long each took of the whole.
async fn issue(place: &Place, round: usize, times: u64) -> anyhow::Result<Duration> {
    let requests: Result<Vec<_>, _> = (0..times).map(|at| request(format!("{round}-{at}"))).collect();
    let requests = Arc::new(std::sync::Mutex::new(requests?));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (client, requests) = (place.client.clone(), Arc::clone(&requests));
            tokio::spawn(async move {
                let next = || requests.lock().map(|mut waiting| waiting.pop()).ok().flatten();
                while let Some(request) = next() {
                    client.issue(&request).await.map_err(|it| anyhow::anyhow!(it.detail))?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(begun.elapsed() / u32::try_from(times)?)
}

/// Makes the list of all that are revoked, and says how long it took and how much memory.
async fn list(place: &Place) -> anyhow::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("the high-water mark could not be reset")?;
    let (before, begun) = (memory("VmRSS")?, Instant::now());
    let processor = processor()?;
    ensure!(place.authority.make_due_crls().await >= 1, "no list was due");
    let (took, used) = (begun.elapsed(), self::processor()? - processor);
    let peak = memory("VmHWM")?;
    let lists = place.client.lists(ISSUER).await.map_err(|it| anyhow::anyhow!(it.detail))?;
    let list = lists.first().context("the list")?;
    ensure!(list.entries >= i64::try_from(place.rows.revoked())?, "{} entries", list.entries);
    tell(format_args!(
        "list of {} certificates, {} MB: {:.1} s, {used:.1} s of processor; resident {before} MB before, {peak} MB at most",
        list.entries,
        list.size / 1_000_000,
        took.as_secs_f64(),
    ));
    Ok(())
}

/// Octets that this process has had read from the disk: what the memory of the machine did not hold. The server of
/// `PostgreSQL` is another process, so of its reading this tells nothing.
fn read_from_disk() -> anyhow::Result<u64> {
    let told = std::fs::read_to_string("/proc/self/io")?;
    let line = told.lines().find_map(|line| line.strip_prefix("read_bytes: ")).context("no read_bytes")?;
    Ok(line.trim().parse()?)
}

/// One line of the report.
fn tell(text: impl std::fmt::Display) {
    // A reader that went away needs no report.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A size of this process, in MB.
fn memory(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such size")?;
    let kilobytes = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>()?;
    Ok(kilobytes / 1024)
}

/// Processor seconds that this process has used.
fn processor() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("no fields")?.1.split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
