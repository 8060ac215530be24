//! The threads that hash passwords.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::settings::Passwords;
use super::{LONGEST, Password};
use crate::error::Error;

/// The threads. Dropping the last clone ends them. A job waits in a bounded queue; when that is full the caller is told at once
/// and nothing was done.
#[derive(Clone)]
pub(crate) struct Pool {
    jobs: SyncSender<Job>,
    hasher: Arc<Argon2<'static>>,
    /// What a password is held against where there is no account, so that it takes as long.
    decoy: Arc<str>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Pool {
    /// Starts the threads.
    pub(crate) fn start(settings: &Passwords) -> Result<Self, Error> {
        let params = Params::new(settings.memory_kib, settings.passes, 1, None)
            .map_err(|source| Error::Hashing { reason: source.to_string() })?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&hasher, &random::<32>()?, &random::<16>()?)?;
        let (jobs, queue) = sync_channel::<Job>(settings.queue);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..settings.threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&queue))
                .map_err(|source| Error::Hashing { reason: source.to_string() })?;
        }
        Ok(Self { jobs, hasher: Arc::new(hasher), decoy: decoy.into() })
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Error> {
        let (hasher, salt) = (Arc::clone(&self.hasher), random::<16>()?);
        self.run(move || hash(&hasher, password.0.as_bytes(), &salt)).await?
    }

    /// Whether a password is the one that was hashed; where there is none it is wrong, after the same work.
    pub(crate) async fn verify(&self, text: Zeroizing<String>, kept: Option<String>) -> Result<bool, Error> {
        // Longer than any password can be: wrong, whoever's it is.
        if text.len() > 4 * LONGEST {
            return Ok(false);
        }
        let hasher = Arc::clone(&self.hasher);
        let decoy = Arc::clone(&self.decoy);
        self.run(move || {
            // The cost comes from the stored string, so that changing the settings locks nobody out.
            let held = kept.as_deref().unwrap_or(&decoy);
            let held =
                PasswordHash::new(held).map_err(|_| Error::Stored { what: "authn_person.password" })?;
            let right = hasher.verify_password(text.as_bytes(), &held).is_ok();
            Ok(right && kept.is_some())
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody waits any more when the caller went away.
            if !answer.is_closed() {
                let _gone = answer.send(work());
            }
        });
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Error::Busy,
        })?;
        answered.await.map_err(|_| Error::Busy)
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

fn hash(hasher: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<String, Error> {
    let reason = |source: &dyn std::fmt::Display| Error::Hashing { reason: source.to_string() };
    let mut output = [0; 32];
    hasher.hash_password_into(password, salt, &mut output).map_err(|source| reason(&source))?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(hasher.params()).map_err(|source| reason(&source))?,
        salt: Some(Salt::new(salt).map_err(|source| reason(&source))?),
        hash: Some(Output::new(&output).map_err(|source| reason(&source))?),
    };
    Ok(hash.to_string())
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: one idle thread waits for a job, the others for the lock.
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(threads: usize, queue: usize) -> Pool {
        Pool::start(&Passwords { memory_kib: 64, passes: 1, threads, queue }).unwrap()
    }

    fn text(value: &str) -> Zeroizing<String> {
        Zeroizing::new(value.to_owned())
    }

    /// A hashed password is recognised, another one and any without an account are not, and the string names our cost.
    #[tokio::test]
    async fn hashed_password_is_recognised() {
        let pool = cheap(2, 8);
        let password = Password::parse(text("correct horse battery"), "jo@example.org").unwrap();
        let kept = pool.hash(password).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{kept}");
        for (given, kept, right) in [
            ("correct horse battery".to_owned(), Some(kept.clone()), true),
            ("correct horse batterz".to_owned(), Some(kept.clone()), false),
            ("x".repeat(100_000), Some(kept.clone()), false),
            ("correct horse battery".to_owned(), None, false),
        ] {
            assert_eq!(pool.verify(text(&given), kept).await.unwrap(), right, "{given}");
        }
    }

    /// A full queue refuses at once instead of piling up work.
    #[tokio::test]
    async fn full_queue_refuses() {
        let pool = cheap(1, 1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut busy = Box::pin(pool.run(move || held.recv()));
        assert!(now(&mut busy).is_none());
        let mut waiting = Vec::new();
        // One job is held by the thread, one waits; sooner or later the next one is refused.
        let refused = loop {
            let mut attempt = Box::pin(pool.run(|| ()));
            match now(&mut attempt) {
                Some(answer) => break answer,
                None => waiting.push(attempt),
            }
            tokio::task::yield_now().await;
        };
        assert!(matches!(refused, Err(Error::Busy)));
        release.send(()).unwrap();
        assert!(busy.await.is_ok());
    }

    fn now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
