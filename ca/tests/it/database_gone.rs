//! The database goes away under the authority, again and again, and comes back.

use ca::api::{Reason, RevokeRequest};
use pki::ocsp::{Hash, Refusal, Request, Response, Status};
use platform::clock::Clock;
use platform::db::testing::{Cluster, TestDb};
use platform::db::{Config, Db, Engine};
use platform::problem::Kind;
use tokio::task::JoinSet;

use crate::full::everything_is_accounted_for;
use crate::ocsp::{answering, ask, get, id_of, issuer, post, refusal};
use crate::world::{World, config_of, prescriber, until};

const HOLD: RevokeRequest = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };

/// How many requests there are in each round, how many rounds at least, and at most until a cut has met one at work.
const REQUESTS: usize = 24;
const ROUNDS: usize = 6;
const MOST_ROUNDS: usize = 60;

/// Ends every other connection to this database, as a restart or another that takes over does; how many those were.
async fn cut(control: &Db) -> i64 {
    let others = "SELECT CAST(COUNT(pg_terminate_backend(pid)) AS BIGINT) FROM pg_stat_activity \
                  WHERE pid <> pg_backend_pid() AND datname = current_database()";
    sqlx::query_scalar(others).fetch_one(control.read()).await.unwrap()
}

/// While connections are cut in the middle of issuing each request is answered with a certificate or with when to come
/// again; afterwards there is no certificate without its row, no serial twice, nothing open, and the record is whole.
#[test]
fn a_database_that_goes_and_comes_loses_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Postgres).await;
        let world = World::new(database.db.clone()).await;
        let control = Db::connect(&database.config, world.clock.clone()).await.unwrap();
        let (mut given, mut refused, mut ended) = (Vec::new(), Vec::new(), 0);
        for round in 0..MOST_ROUNDS {
            if round >= ROUNDS && !refused.is_empty() && !given.is_empty() {
                break;
            }
            let mut asking = tokio::task::JoinSet::new();
            for number in 0..REQUESTS {
                let (client, request) = (world.client.clone(), prescriber(&format!("gone-{round}-{number}")));
                asking.spawn(async move { (client.issue(&request).await, request) });
            }
            // Each cut comes at another moment of the work: when so many have been answered.
            let mut answered = 0;
            while let Some(one) = asking.join_next().await {
                answered += 1;
                if usize::is_multiple_of(answered, round % ROUNDS + 2) {
                    ended += cut(&control).await;
                }
                match one.unwrap() {
                    (Ok(issued), _) => given.push(issued.serial),
                    (Err(problem), request) => {
                        assert_eq!(problem.kind, Kind::Unavailable, "{problem:?}");
                        assert!(problem.retry_after.is_some(), "it says when to come back");
                        refused.push(request);
                    }
                }
            }
        }
        assert!(ended > 0, "no connection was cut");
        assert!(!refused.is_empty() && !given.is_empty(), "{} given, {} refused", given.len(), refused.len());
        let after = world.prescriber("after").await.serial;
        given.push(after);
        let mut serials = given.clone();
        serials.sort_unstable();
        serials.dedup();
        assert_eq!(serials.len(), given.len(), "a serial was given twice");
        drop(control);
        everything_is_accounted_for(&world, &given, &[]).await;
        for request in refused {
            // It may have been issued, and the answer lost: then it is the same one.
            world.client.issue(&request).await.unwrap();
        }
        database.db.close().await;
    });
}

/// While the database is away no question about a certificate is answered, not even by what is kept and was good a moment
/// ago: each is told to come later, and no cache keeps that. When it is back the answer is what another process has made of
/// it in between.
#[test]
fn no_status_is_told_from_memory() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::start();
        let url = format!("postgres:///postgres?host={}&user=lanyard", cluster.socket_folder().display());
        let db = Db::connect(&Config::new(url), Clock::system()).await.unwrap();
        db.migrate().await.unwrap();
        let world = answering(db).await;
        let (_, elsewhere) = world.again(config_of(2)).await;
        let authority = issuer(&world, "remote-signing").await;
        let (gone, good) = (world.prescriber("gone").await.serial, world.prescriber("good").await.serial);
        let [gone_id, good_id] = [&gone, &good].map(|serial| id_of(Hash::Sha1, &authority, serial));
        for id in [&gone_id, &good_id] {
            assert_eq!(ask(&world, &world.authority, &authority, id).await.status(), Status::Good);
        }
        elsewhere.revoke(&gone, &HOLD).await.unwrap();
        cluster.stop();
        let mut asking = JoinSet::new();
        for id in [&gone_id, &good_id] {
            for nonce in [None, Some(vec![7; 16])] {
                let question = Request::new(vec![id.clone()], nonce).unwrap().to_der();
                let node = world.authority.clone();
                asking.spawn(async move { [get(&node, &question, &[]).await, post(&node, &question).await] });
            }
        }
        for (parts, octets) in asking.join_all().await.into_iter().flatten() {
            assert_eq!(refusal(&octets), Refusal::TryLater);
            assert_eq!(parts.headers["cache-control"], "no-store");
        }
        cluster.launch();
        let question = Request::new(vec![gone_id.clone()], None).unwrap().to_der();
        until(async || {
            let (_, octets) = post(&world.authority, &question).await;
            matches!(Response::from_der(&octets).unwrap(), Response::Answered(_))
        })
        .await;
        let status = ask(&world, &world.authority, &authority, &gone_id).await.status();
        assert!(matches!(status, Status::Revoked { .. }), "{status:?}");
        assert_eq!(ask(&world, &world.authority, &authority, &good_id).await.status(), Status::Good);
        world.db.close().await;
    });
}

platform::both_engines! {
    /// A process that has closed its database tells no status from memory either, though it has just told one.
    async fn a_process_without_a_database_tells_nothing(db: Db) {
        let world = answering(db).await;
        let (_, elsewhere) = world.again(config_of(2)).await;
        let authority = issuer(&world, "remote-signing").await;
        let serial = world.prescriber("kept").await.serial;
        let id = id_of(Hash::Sha1, &authority, &serial);
        assert_eq!(ask(&world, &world.authority, &authority, &id).await.status(), Status::Good);
        elsewhere.revoke(&serial, &HOLD).await.unwrap();
        let status = ask(&world, &world.authority, &authority, &id).await.status();
        assert!(matches!(status, Status::Revoked { .. }), "{status:?}");
        world.db.close().await;
        let question = Request::new(vec![id], None).unwrap().to_der();
        let (parts, octets) = get(&world.authority, &question, &[]).await;
        assert_eq!((refusal(&octets), parts.headers["cache-control"].as_bytes()), (Refusal::TryLater, &b"no-store"[..]));
    }
}
