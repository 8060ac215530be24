//! The database goes away under the authority, again and again, and comes back.

use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use platform::problem::Kind;

use crate::full::everything_is_accounted_for;
use crate::world::{World, prescriber};

/// How many requests there are in each round, and how many rounds.
const REQUESTS: usize = 24;
const ROUNDS: usize = 6;

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
        for round in 0..ROUNDS {
            let mut asking = tokio::task::JoinSet::new();
            for number in 0..REQUESTS {
                let (client, request) = (world.client.clone(), prescriber(&format!("gone-{round}-{number}")));
                asking.spawn(async move { (client.issue(&request).await, request) });
            }
            // Each cut comes at another moment of the work: when so many have been answered.
            let mut answered = 0;
            while let Some(one) = asking.join_next().await {
                answered += 1;
                if usize::is_multiple_of(answered, round + 2) {
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
