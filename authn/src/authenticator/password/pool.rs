//! The threads that hash passwords.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use platform::argon2id::{self, Busy, Cost, Memory, Threads};
use zeroize::Zeroizing;

use super::settings::Passwords;
use super::{LONGEST, Password};
use crate::error::Error;

/// The threads. Dropping the last clone ends them. A job waits in a bounded queue; when that is full the caller is told at once
/// and nothing was done.
#[derive(Clone)]
pub(crate) struct Pool {
    threads: Threads,
    cost: Cost,
    /// What a password is held against where there is no account, so that it takes as long.
    decoy: Arc<str>,
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn start(settings: &Passwords) -> Result<Self, Error> {
        let cost = Cost::new(settings.memory_kib, settings.passes, 1).map_err(|error| unusable(&error))?;
        let decoy = Memory::default()
            .hash(&cost, &random::<32>()?, &random::<16>()?)
            .map_err(|error| unusable(&error))?;
        let threads = Threads::start("password", settings.threads, settings.queue)
            .map_err(|source| Error::Hashing { reason: source.to_string() })?;
        Ok(Self { threads, cost, decoy: decoy.into() })
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Error> {
        let (cost, salt) = (self.cost.clone(), random::<16>()?);
        self.run(move |memory| memory.hash(&cost, password.0.as_bytes(), &salt))
            .await?
            .map_err(|error| unusable(&error))
    }

    /// Whether a password is the one that was hashed; where there is none it is wrong, after the same work.
    pub(crate) async fn verify(&self, text: Zeroizing<String>, kept: Option<String>) -> Result<bool, Error> {
        // Longer than any password can be: wrong, whoever's it is.
        if text.len() > 4 * LONGEST {
            return Ok(false);
        }
        let decoy = Arc::clone(&self.decoy);
        self.run(move |memory| {
            let held = kept.as_deref().unwrap_or(&decoy);
            let right = memory
                .verify(text.as_bytes(), held)
                .map_err(|_| Error::Stored { what: "authn_person.password" })?;
            Ok(right && kept.is_some())
        })
        .await?
    }

    /// The PHC string of a right password at the cost of today, where it was hashed when that was lower; none where it was not.
    pub(crate) async fn renewed(&self, text: Zeroizing<String>, kept: &str) -> Result<Option<String>, Error> {
        if work_of(kept) >= work_of(&self.decoy) {
            return Ok(None);
        }
        self.hash(Password(text)).await.map(Some)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.threads.run(work).await.map_err(|Busy| Error::Busy)
    }
}

/// How much work a PHC string says that it was: memory times passes.
fn work_of(stored: &str) -> Option<u64> {
    let parameters = stored.split('$').nth(3)?;
    let value = |name: &str| {
        let found = parameters.split(',').find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|text| text.parse::<u64>().ok())
    };
    value("m")?.checked_mul(value("t")?)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

fn unusable(error: &argon2id::Error) -> Error {
    Error::Hashing { reason: error.to_string() }
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

    /// What was hashed at a lower cost is hashed anew at that of today, and nothing is at a lower one.
    #[tokio::test]
    async fn cheap_hashes_are_renewed() {
        let pool = cheap(1, 8);
        let dear = Pool::start(&Passwords { memory_kib: 128, passes: 1, threads: 1, queue: 8 }).unwrap();
        let known = "correct horse battery";
        let kept = pool.hash(Password::parse(text(known), "jo@example.org").unwrap()).await.unwrap();
        assert_eq!(pool.renewed(text(known), &kept).await.unwrap(), None);
        let renewed = dear.renewed(text(known), &kept).await.unwrap().unwrap();
        assert!(renewed.starts_with("$argon2id$v=19$m=128,t=1,p=1$"), "{renewed}");
        assert!(pool.verify(text(known), Some(renewed.clone())).await.unwrap());
        assert_eq!(pool.renewed(text(known), &renewed).await.unwrap(), None, "never cheaper");
    }

    /// A full queue refuses at once instead of piling up work.
    #[tokio::test]
    async fn full_queue_refuses() {
        let pool = cheap(1, 1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut busy = Box::pin(pool.run(move |_| held.recv()));
        assert!(now(&mut busy).is_none());
        let mut waiting = Vec::new();
        // One job is held by the thread, one waits; sooner or later the next one is refused.
        let refused = loop {
            let mut attempt = Box::pin(pool.run(|_| ()));
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
