//! Signatures on their way into the ledger: those that wait are stored together.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::db::{self, Db, Tx};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::events::{Event, SignedDigest};
use crate::line::Line;
use crate::share::Sharer;
use crate::store::signings::{self, NewSignature, Signing, Under};

/// The signatures of one request, and what has to hold when they are stored.
pub(crate) struct Deposit {
    /// Whose it is among those that wait.
    pub(crate) who: Sharer,
    pub(crate) signing: Signing,
    pub(crate) under: Under,
    pub(crate) made: Vec<NewSignature>,
    pub(crate) actor: Actor,
    /// Whose credential it is.
    pub(crate) user: String,
    /// To what the person agreed on our page, where they did: the request of an application, or what a client of the API of the Cloud
    /// Signature Consortium had them asked.
    pub(crate) request: Option<String>,
}

/// What became of a deposit. Its rows and its audit event are durable, or there are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Every signature is stored.
    Stored,
    /// Another request had stored some or all of them first; the rest is stored.
    OthersFirst,
    /// The credential or its authorisation, or the secret of that, is not what it was when it was read.
    Changed,
    /// The certificate is revoked or on hold.
    NotInForce,
    /// The person has left.
    Left,
}

/// Where deposits wait. Clones share it.
///
/// Whoever finds the queue empty has a job sent to the writer, and the job takes all that wait when it runs: alone a deposit
/// waits for nobody, and under load many share their statements and the way there and back, those of each application in turn. The lock
/// is held to put in and to take out.
#[derive(Clone)]
pub(crate) struct Deposits {
    db: Db,
    waiting: Arc<Mutex<Line<Waiting>>>,
}

struct Waiting {
    deposit: Arc<Deposit>,
    reply: oneshot::Sender<Result<Outcome, Error>>,
}

/// How many may wait; further ones are refused as the writer's queue refuses them.
const MOST_WAITING: usize = 1024;
/// How many share a job.
const TOGETHER: usize = 64;
/// How many signatures share a job, unless one request alone has more.
const SIGNATURES_TOGETHER: usize = 500;

impl Deposits {
    /// Nothing waits yet.
    pub(crate) fn into(db: Db) -> Self {
        Self { db, waiting: Arc::default() }
    }

    /// Stores the signatures of a request with their audit event.
    ///
    /// A caller that goes away before the job has begun takes the deposit with it; later it is stored.
    pub(crate) async fn store(&self, deposit: Arc<Deposit>) -> Result<Outcome, Error> {
        let (reply, answer) = oneshot::channel();
        if self.add(Waiting { deposit, reply })? == 1 {
            // In a task of its own: the others' must not end with the request that happened to come first.
            tokio::spawn(self.clone().carry());
        }
        answer.await.unwrap_or_else(|_| Err(db::Error::Closed.into()))
    }

    /// Puts one in, and says how many wait now.
    fn add(&self, waiting: Waiting) -> Result<usize, Error> {
        let mut queue = self.queue();
        if queue.len() >= MOST_WAITING {
            return Err(db::Error::Busy.into());
        }
        let who = waiting.deposit.who.clone();
        queue.join(&who, waiting);
        Ok(queue.len())
    }

    /// Takes out what one job stores. As long as something is left, somebody is on the way for it.
    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let (mut taken, mut signatures) = (Vec::new(), 0);
        while let Some(next) = queue.next() {
            let more = signatures + next.deposit.made.len();
            if !taken.is_empty() && (taken.len() == TOGETHER || more > SIGNATURES_TOGETHER) {
                tokio::spawn(self.clone().carry());
                break;
            }
            // Whoever has gone would not hear the answer.
            taken.extend(queue.leave().filter(|waiting| !waiting.reply.is_closed()));
            signatures = more;
        }
        taken
    }

    /// Has one job run, and answers those whose deposits it took.
    async fn carry(self) {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (waiting, told) = (self.clone(), Arc::clone(&taken));
        let done: Result<Vec<Outcome>, Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let now = waiting.take();
                    let deposits: Vec<Arc<Deposit>> =
                        now.iter().map(|waiting| Arc::clone(&waiting.deposit)).collect();
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = now;
                    write(tx, &deposits).await
                })
            })
            .await;
        let taken = std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
        match done {
            Ok(outcomes) => {
                let together = u32::try_from(outcomes.len()).unwrap_or(u32::MAX);
                metrics::histogram!("signer_deposits_together").record(f64::from(together));
                for (waiting, outcome) in taken.into_iter().zip(outcomes) {
                    waiting.answer(Ok(outcome));
                }
            }
            // The job did not run, and nobody else is on the way.
            Err(error) if taken.is_empty() => {
                let mut all = std::mem::take(&mut *self.queue());
                self.failed(std::iter::from_fn(|| all.leave()).collect(), error).await;
            }
            Err(error) => self.failed(taken, error).await,
        }
    }

    /// Tells those whose job failed. Where one of them may be the cause, each is stored alone, so that its neighbours do not
    /// notice: nothing of the job is there.
    async fn failed(&self, mut taken: Vec<Waiting>, error: Error) {
        if taken.len() == 1 {
            return taken.remove(0).answer(Err(error));
        }
        for waiting in taken {
            let shared = match &error {
                Error::Db(error) => error.shared(),
                _ => None,
            };
            let outcome = if let Some(error) = shared {
                Err(error.into())
            } else {
                self.alone(Arc::clone(&waiting.deposit)).await
            };
            waiting.answer(outcome);
        }
    }

    async fn alone(&self, deposit: Arc<Deposit>) -> Result<Outcome, Error> {
        let outcomes = self.db.write(move |tx| Box::pin(async move { write(tx, &[deposit]).await })).await?;
        outcomes.first().copied().ok_or(Error::StoredRow { what: "signature" })
    }

    fn queue(&self) -> MutexGuard<'_, Line<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn answer(self, outcome: Result<Outcome, Error>) {
        // A caller that has gone does not mind.
        let _gone = self.reply.send(outcome);
    }
}

/// Stores deposits in one transaction, each if it still may be: what was suspended, revoked or renewed since it was read,
/// in this process or another, at the authority or here, is seen in the transaction itself.
async fn write(tx: &mut Tx, deposits: &[Arc<Deposit>]) -> Result<Vec<Outcome>, Error> {
    let serials: BTreeSet<&str> = deposits.iter().map(|deposit| deposit.signing.serial.as_str()).collect();
    let in_force = ca::api::in_force(tx, &Vec::from_iter(serials)).await?;
    let users: BTreeSet<&str> = deposits.iter().map(|deposit| deposit.user.as_str()).collect();
    let left = directory::api::closed(tx, &Vec::from_iter(users)).await?;
    let able: Vec<(&Signing, &Under)> = deposits
        .iter()
        .filter(|deposit| in_force.contains(&deposit.signing.serial) && !left.contains(&deposit.user))
        .map(|deposit| (&deposit.signing, &deposit.under))
        .collect();
    let active = signings::insert(tx, &able).await?;
    let inserted = insert_signatures(tx, deposits, &active).await?;
    let mut acts = Vec::with_capacity(active.len());
    let mut outcomes = Vec::with_capacity(deposits.len());
    for deposit in deposits {
        let id = deposit.signing.signing_id.as_str();
        outcomes.push(match inserted.get(id).map(Vec::as_slice).unwrap_or_default() {
            [] if left.contains(&deposit.user) => Outcome::Left,
            [] if !in_force.contains(&deposit.signing.serial) => Outcome::NotInForce,
            [] if !active.contains(id) => Outcome::Changed,
            [] => {
                // There is no request without a signature.
                signings::delete(tx, &deposit.signing.signing_id).await?;
                Outcome::OthersFirst
            }
            positions => {
                acts.push((deposit.signing.signed_at, &deposit.actor, signed(deposit, positions)));
                let all = positions.len() == deposit.made.len();
                if all { Outcome::Stored } else { Outcome::OthersFirst }
            }
        });
    }
    audit::record_each(tx, &acts).await?;
    Ok(outcomes)
}

/// Stores the signatures of the requests that have their row, and says by request which positions were free.
async fn insert_signatures(
    tx: &mut Tx,
    deposits: &[Arc<Deposit>],
    active: &HashSet<String>,
) -> Result<HashMap<String, Vec<usize>>, Error> {
    let mut rows: Vec<(&Signing, &NewSignature)> = deposits
        .iter()
        .filter(|deposit| active.contains(deposit.signing.signing_id.as_str()))
        .flat_map(|deposit| deposit.made.iter().map(|made| (&deposit.signing, made)))
        .collect();
    // One order for everybody, so that two machines at the same rows wait for each other and do not lock up.
    rows.sort_by(|(one, left), (other, right)| {
        let authorisations = one.authorisation_id.as_str().cmp(other.authorisation_id.as_str());
        authorisations.then(left.position.cmp(&right.position))
    });
    signings::insert_signatures(tx, &rows).await
}

/// The audit event of the signatures that were stored.
fn signed(deposit: &Deposit, positions: &[usize]) -> Event {
    let Deposit { signing, made, user, request, .. } = deposit;
    let signatures = made
        .iter()
        .filter(|new| made.len() == positions.len() || positions.contains(&new.position))
        .map(|new| SignedDigest {
            id: format!("{}.{}", signing.signing_id, new.position),
            form: new.form,
            digest: new.digest.to_base64(),
            hashed: new.hashed.as_ref().map(|hashed| STANDARD.encode(hashed)),
        })
        .collect();
    Event::DocumentsSigned {
        signing: signing.signing_id.to_string(),
        authorisation: signing.authorisation_id.to_string(),
        credential: signing.credential_id.to_string(),
        user: user.clone(),
        serial: signing.serial.clone(),
        client: signing.client.clone(),
        request: request.clone(),
        signed_at: signing.signed_at.0,
        signatures,
    }
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;
    use crate::api::SignatureForm;
    use crate::digest::Digest;
    use crate::ids::{AuthorisationId, CredentialId, SigningId};
    use crate::share::{of_person, sharer};
    use crate::store::signings::testing::{leave, make_ready, revoke, stored};

    const NOW: Millis = Millis(1_000);
    const LATER: i64 = 2_000;

    /// Signatures at these positions under an authorisation of their own, for which nothing is there yet.
    fn deposit(positions: &[usize]) -> Deposit {
        let signing = Signing {
            signing_id: SigningId::new(NOW),
            authorisation_id: AuthorisationId::new(NOW),
            credential_id: CredentialId::new(NOW),
            serial: CredentialId::new(NOW).to_string(),
            client: "practice-system".to_owned(),
            signed_at: NOW,
        };
        let made = |position: &usize| NewSignature {
            position: *position,
            form: SignatureForm::Hash,
            digest: Digest([0; 32]),
            hashed: None,
            signature: vec![1],
        };
        Deposit {
            who: sharer("practice-system"),
            signing,
            under: Under { version: 7, ..Under::default() },
            made: positions.iter().map(made).collect(),
            actor: Actor::system("signer"),
            user: "555021942107".to_owned(),
            request: None,
        }
    }

    /// Another request under the same authorisation.
    fn beside(other: &Deposit, positions: &[usize]) -> Deposit {
        let mut deposit = deposit(positions);
        deposit.signing = Signing { signing_id: deposit.signing.signing_id, ..other.signing.clone() };
        deposit
    }

    async fn ready(db: &Db, positions: &[usize]) -> Deposit {
        let deposit = deposit(positions);
        make_ready(db, &deposit.signing, LATER).await;
        deposit
    }

    platform::both_engines! {
        /// Of those that are stored together each has its own outcome, and leaves exactly the rows of that.
        async fn deposits_do_not_notice_each_other(db: Db) {
            let deposits = Deposits::into(db.clone());
            let good = ready(&db, &[0, 1]).await;
            let again = beside(&good, &[0, 1]);
            let more = beside(&good, &[1, 2]);
            let mut changed = ready(&db, &[0]).await;
            changed.under.version = 6;
            let revoked = ready(&db, &[0]).await;
            revoke(&db, &revoked.signing).await;
            let ended = deposit(&[0]);
            make_ready(&db, &ended.signing, NOW.0).await;
            let other = ready(&db, &[0]).await;
            let store = |deposit: Deposit| deposits.store(Arc::new(deposit));
            let outcomes = tokio::join!(
                store(good), store(again), store(more), store(changed), store(revoked), store(ended), store(other),
            );
            let (good, again, more, changed, revoked, ended, other) = outcomes;
            assert_eq!(good.unwrap(), Outcome::Stored);
            assert_eq!((again.unwrap(), more.unwrap()), (Outcome::OthersFirst, Outcome::OthersFirst));
            assert_eq!((changed.unwrap(), ended.unwrap()), (Outcome::Changed, Outcome::Changed));
            assert_eq!(revoked.unwrap(), Outcome::NotInForce);
            assert_eq!(other.unwrap(), Outcome::Stored);
            assert_eq!(stored(&db).await, (3, 4, 3), "a request without a signature has no row and no event");
        }
    }

    /// What one job takes is of each application in turn, and of each person in it, however much of one came before.
    #[tokio::test]
    async fn applications_take_turns() {
        let test = platform::db::testing::TestDb::new(platform::db::Engine::Sqlite).await;
        let deposits = Deposits::into(test.db.clone());
        let mut answers = Vec::new();
        let mut wait = |who: Sharer| {
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            let deposit = Arc::new(Deposit { who, ..deposit(&[0]) });
            deposits.add(Waiting { deposit, reply }).unwrap();
        };
        for _ in 0..TOGETHER {
            wait(of_person("many", "one"));
        }
        wait(of_person("many", "two"));
        wait(sharer("other"));
        let taken: Vec<Sharer> = {
            let mut queue = deposits.queue();
            std::iter::from_fn(|| queue.leave()).take(4).map(|one| one.deposit.who.clone()).collect()
        };
        let one = of_person("many", "one");
        assert_eq!(taken, [one.clone(), sharer("other"), of_person("many", "two"), one]);
    }

    platform::both_engines! {
        /// A statement that fails for one of those that share it fails for that one alone.
        async fn a_failure_is_not_shared(db: Db) {
            let deposits = Deposits::into(db.clone());
            let (one, other, third) =
                (ready(&db, &[0]).await, ready(&db, &[0]).await, ready(&db, &[0]).await);
            let mut same = other;
            same.signing.signing_id = one.signing.signing_id.clone();
            let store = |deposit: Deposit| deposits.store(Arc::new(deposit));
            let (one, same, third) = tokio::join!(store(one), store(same), store(third));
            assert_eq!((one.unwrap(), third.unwrap()), (Outcome::Stored, Outcome::Stored));
            assert!(matches!(same, Err(Error::Db(error)) if error.is_unique_violation()));
            assert_eq!(stored(&db).await, (2, 2, 2));
        }
    }

    platform::both_engines! {
        /// More than one job takes are all stored, and who goes away before the job begins leaves nothing.
        async fn all_that_wait_are_stored(db: Db) {
            let deposits = Deposits::into(db.clone());
            let given_up = Arc::new(ready(&db, &[0]).await);
            let (begun, begins) = oneshot::channel();
            let (release, released) = oneshot::channel::<()>();
            // The writer is busy until it is told otherwise.
            let busy = tokio::spawn({
                let db = db.clone();
                async move {
                    let wait = db.write(move |_| Box::pin(async move {
                        begun.send(()).unwrap();
                        released.await.unwrap();
                        Ok::<_, db::Error>(())
                    }));
                    wait.await.unwrap();
                }
            });
            begins.await.unwrap();
            let mut given_up = Box::pin(deposits.store(given_up));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(given_up.as_mut().poll(&mut context).is_pending());
            drop(given_up);
            release.send(()).unwrap();
            busy.await.unwrap();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..TOGETHER * 2 + 3 {
                let (deposits, deposit) = (deposits.clone(), Arc::new(ready(&db, &[0]).await));
                tasks.spawn(async move { deposits.store(deposit).await.unwrap() });
            }
            assert!(tasks.join_all().await.into_iter().all(|outcome| outcome == Outcome::Stored));
            assert_eq!(stored(&db).await.0, i64::try_from(TOGETHER * 2 + 3).unwrap());
            assert!(deposits.queue().is_empty());
        }
    }

    platform::both_engines! {
        /// Whoever has left signs nothing from then on, whatever was authorised before; their neighbours do not notice.
        async fn who_has_left_signs_nothing(db: Db) {
            let deposits = Deposits::into(db.clone());
            let mut other = ready(&db, &[0]).await;
            other.user = "555021942115".to_owned();
            let (before, left) = (ready(&db, &[0]).await, ready(&db, &[0]).await);
            assert_eq!(deposits.store(Arc::new(before)).await.unwrap(), Outcome::Stored);
            leave(&db, &left.user).await;
            let store = |deposit: Deposit| deposits.store(Arc::new(deposit));
            let (left, other) = tokio::join!(store(left), store(other));
            assert_eq!((left.unwrap(), other.unwrap()), (Outcome::Left, Outcome::Stored));
            assert_eq!(stored(&db).await, (2, 2, 2), "what was signed before stays, and nothing else is there");
        }
    }

    platform::both_engines! {
        /// A closed database answers everybody, and keeps nobody waiting.
        async fn a_closed_database_is_told(db: Db) {
            let deposits = Deposits::into(db.clone());
            let (one, other) = (ready(&db, &[0]).await, ready(&db, &[0]).await);
            db.close().await;
            let (one, other) =
                tokio::join!(deposits.store(Arc::new(one)), deposits.store(Arc::new(other)));
            for outcome in [one, other] {
                assert!(matches!(outcome, Err(Error::Db(db::Error::Closed))), "{outcome:?}");
            }
            assert!(deposits.queue().is_empty());
        }
    }
}
