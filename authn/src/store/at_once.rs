//! Two machines on one PostgreSQL do what must not be done twice, or one while the other does: tests alone.

use aws_lc_rs::rand::SystemRandom;
use platform::clock::{Clock, Millis};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine, JobFuture, Tx};
use platform::id::UserId;
use tokio::sync::oneshot;

use super::authenticators::{self, New};
use super::enrolments;
use crate::authenticator::{Authenticator, AuthenticatorId, Bound};
use crate::enrolment::{Enrolment, EnrolmentId, Purpose, enrolled_in};
use crate::error::Error;
use crate::interaction::{Level, Method};
use crate::session::{Concurrent, Opened, Opening, Refusal, Sessions, open_in};

fn person() -> UserId {
    "555021942107".parse().unwrap()
}

fn key(number: i64) -> Authenticator {
    Authenticator {
        id: AuthenticatorId::new(Millis(number)),
        person: person(),
        method: Method::SecurityKey,
        name: format!("number {number}"),
        version: 1,
        aaguid: None,
        created_at: Millis(number),
        created_by: "desk".to_owned(),
        last_used_at: None,
        suspended_at: None,
    }
}

fn link(number: i64, purpose: Purpose) -> Enrolment {
    Enrolment {
        id: EnrolmentId::new(Millis(number)),
        person: person(),
        purpose,
        most_level: Level::Three,
        made_by: "desk".to_owned(),
        session: None,
        browser: None,
        expires_at: Millis(1_000),
    }
}

fn opening(bound: Bound) -> Opening {
    Opening { person: person(), method: Method::SecurityKey, bound, before: None, address: None, agent: None }
}

async fn store(tx: &mut Tx, made: &Authenticator, credential: &str) -> Result<bool, Error> {
    let new = New { authenticator: made, credential: Some((credential, "{}")), seed: None };
    authenticators::insert(tx, &new).await
}

/// One database and two machines.
async fn two_machines() -> (TestDb, Db, Db) {
    let database = TestDb::new(Engine::Postgres).await;
    let first = database.db.clone();
    let second = Db::connect(&database.config, Clock::system()).await.unwrap();
    (database, first, second)
}

/// Runs a job on one machine, and before it commits one on the other, until that has ended or waits for the first.
async fn meanwhile<A, B, F, G>(
    (first, second): (&Db, &Db),
    job: F,
    other: G,
) -> (Result<A, Error>, Result<B, Error>)
where
    A: Send + 'static,
    B: Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, A, Error> + Send + 'static,
    G: for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, B, Error> + Send + 'static,
{
    let ((reached, at), (go, gone)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let writing = first.clone();
    let one = tokio::spawn(async move {
        writing
            .write(move |tx| {
                Box::pin(async move {
                    let done = job(tx).await;
                    reached.send(()).unwrap();
                    gone.await.unwrap();
                    done
                })
            })
            .await
    });
    at.await.unwrap();
    let writing = second.clone();
    let two = tokio::spawn(async move { writing.write(other).await });
    while !two.is_finished() && !waits(second).await {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    (one.await.unwrap(), two.await.unwrap())
}

/// Whether somebody waits for a lock in this database.
async fn waits(db: &Db) -> bool {
    let waiting: i64 = sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE NOT l.granted AND a.datname = current_database()",
    )
    .fetch_one(db.read())
    .await
    .unwrap();
    waiting > 0
}

/// Signs in where the first session keeps others out.
fn signing_in(
    bound: Bound,
    at: i64,
) -> impl for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, Option<Refusal>, Error> + Send + 'static {
    move |tx| {
        Box::pin(async move {
            let settings = Sessions { concurrent: Concurrent::First, ..Sessions::default() };
            let random = SystemRandom::new();
            Ok(match open_in(tx, (&settings, &random), &opening(bound), Millis(at)).await? {
                Opened::Session(_) => None,
                Opened::Refused(refusal) => Some(refusal),
            })
        })
    }
}

/// While somebody recovers on one machine, a link of before enrols nothing on another: what is left is the new key alone.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_enrolled_beside_a_recovery() {
    let (_database, first, second) = two_machines().await;
    let (older, recovery) = (link(1, Purpose::Issue), link(2, Purpose::Recovery));
    let kept = (older.clone(), recovery.clone());
    first
        .write(move |tx| {
            Box::pin(async move {
                enrolments::insert(tx, &kept.0, &[1; 32], Millis(1)).await?;
                enrolments::insert(tx, &kept.1, &[2; 32], Millis(1)).await
            })
        })
        .await
        .unwrap();
    let (new, stolen) = (key(10), key(11));
    let recovered = new.id.clone();
    let (one, two) = meanwhile(
        (&first, &second),
        move |tx| {
            Box::pin(async move {
                enrolled_in(tx, &Sessions::default(), &recovery, &new, Millis(20)).await?;
                store(tx, &new, "new").await
            })
        },
        move |tx| {
            Box::pin(async move {
                enrolled_in(tx, &Sessions::default(), &older, &stolen, Millis(20)).await?;
                store(tx, &stolen, "thief").await
            })
        },
    )
    .await;
    assert!(one.unwrap());
    assert!(matches!(two, Err(Error::Conflict { code: "enrolment-used", .. })), "{two:?}");
    let kept = authenticators::of_person(first.read(), &person()).await.unwrap();
    assert_eq!(kept.into_iter().map(|kept| kept.id).collect::<Vec<_>>(), [recovered]);
}

/// Where the first session keeps others out, of two sign-ins on two machines one is let in.
#[tokio::test(flavor = "multi_thread")]
async fn one_session_stays_one() {
    let (_database, first, second) = two_machines().await;
    let kept = key(1);
    let bound = Bound::Kept(kept.id.clone());
    first.write(move |tx| Box::pin(async move { store(tx, &kept, "key").await })).await.unwrap();
    let (one, two) = meanwhile((&first, &second), signing_in(bound.clone(), 10), signing_in(bound, 11)).await;
    assert_eq!((one.unwrap(), two.unwrap()), (None, Some(Refusal::Elsewhere)));
}

/// A key that is taken away on one machine while it signs in on another leaves no open session.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_with_what_is_taken_away() {
    let (_database, first, second) = two_machines().await;
    let kept = key(1);
    let (id, bound) = (kept.id.clone(), Bound::Kept(kept.id.clone()));
    first.write(move |tx| Box::pin(async move { store(tx, &kept, "key").await })).await.unwrap();
    let (one, two) = meanwhile(
        (&first, &second),
        move |tx| {
            Box::pin(async move {
                let (settings, random) = (Sessions::default(), SystemRandom::new());
                let opened = open_in(tx, (&settings, &random), &opening(bound), Millis(10)).await?;
                Ok(matches!(opened, Opened::Session(_)))
            })
        },
        move |tx| {
            Box::pin(async move {
                let by = audit::Actor::system("test");
                let why = crate::authenticator::RemovedBy::Authority;
                crate::authenticator::remove_in(tx, (&person(), &id), why, (&by, Millis(11))).await
            })
        },
    )
    .await;
    assert!(one.unwrap() && two.unwrap());
    let open = first
        .write(|tx| Box::pin(async move { super::sessions::open_of_person(tx, &person()).await }))
        .await
        .unwrap();
    assert!(open.is_empty(), "{open:?}");
}
