//! Passphrases: what may be one, and argon2id on a bounded pool of threads.

use platform::argon2id::{self, Busy, Cost, Memory, Threads};
use zeroize::Zeroizing;

use crate::config;
use crate::error::Error;
use crate::share::{Sharer, Shares};

/// Fewest characters of a passphrase.
pub(crate) const SHORTEST: usize = 12;
/// Most characters of a passphrase.
pub(crate) const LONGEST: usize = 128;

/// A passphrase that obeys the rules. Wiped when dropped, never shown.
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a new passphrase: 12 to 128 characters, at least four different ones, no control characters.
    pub(crate) fn parse(text: Zeroizing<String>) -> Result<Self, Error> {
        let length = text.chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(Error::PassphraseRules { rule: "A passphrase has 12 to 128 characters." });
        }
        if text.chars().any(char::is_control) {
            return Err(Error::PassphraseRules { rule: "A passphrase has no control characters." });
        }
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        if characters.len() < 4 {
            return Err(Error::PassphraseRules {
                rule: "A passphrase has at least four different characters.",
            });
        }
        Ok(Self(text))
    }
}

/// The threads that hash passphrases. Dropping the last clone ends them.
///
/// A job waits in a bounded queue; when that is full, or its client's share of it, the caller is told at once and nothing
/// was done.
#[derive(Clone)]
pub(crate) struct Pool {
    threads: Threads,
    shares: Shares,
    cost: Cost,
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn start(config: config::Argon2) -> Result<Self, Error> {
        let cost =
            Cost::new(config.memory_kib, config.passes, config.lanes).map_err(|error| unusable(&error))?;
        let threads = Threads::start("argon2", config.threads.max(1), config.queue.max(1))
            .map_err(|source| Error::Argon2Threads { source })?;
        Ok(Self { threads, shares: Shares::of(config.per_client), cost })
    }

    /// The PHC string of a new passphrase.
    pub(crate) async fn hash(
        &self,
        who: &Sharer,
        passphrase: Passphrase,
        salt: [u8; 16],
    ) -> Result<String, Error> {
        let cost = self.cost.clone();
        let hashing = move |memory: &mut Memory| memory.hash(&cost, passphrase.0.as_bytes(), &salt);
        self.run(who, hashing).await?.map_err(|error| unusable(&error))
    }

    /// Whether a passphrase is the one that was hashed.
    pub(crate) async fn verify(
        &self,
        who: &Sharer,
        text: Zeroizing<String>,
        stored: String,
    ) -> Result<Verdict, Error> {
        // Longer than any passphrase can be: wrong, without the work.
        if text.len() > 4 * LONGEST {
            return Ok(Verdict::Wrong);
        }
        let right = self.run(who, move |memory| memory.verify(text.as_bytes(), &stored)).await?;
        let right = right.map_err(|_| Error::StoredRow { what: "passphrase" })?;
        Ok(if right { Verdict::Right } else { Verdict::Wrong })
    }

    async fn run<T: Send + 'static>(
        &self,
        who: &Sharer,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.shares.take(who)?;
        let work = move |memory: &mut Memory| {
            // Held until the job leaves the queue, also when nobody waits for it any more.
            let _place = place;
            work(memory)
        };
        self.threads.run(work).await.map_err(|Busy| Error::PassphrasesBusy)
    }
}

/// Whether a passphrase was the right one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It was.
    Right,
    /// It was not.
    Wrong,
}

fn unusable(error: &argon2id::Error) -> Error {
    Error::Argon2Parameters { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::sharer;

    fn cheap() -> Pool {
        Pool::start(config::Argon2 { memory_kib: 64, passes: 1, ..config::Argon2::default() }).unwrap()
    }

    fn text(value: &str) -> Zeroizing<String> {
        Zeroizing::new(value.to_owned())
    }

    /// Short, long, monotonous and control-ridden passphrases are refused with the rule they break.
    #[test]
    fn rules() {
        let long = "ab1 ".repeat(32);
        for (value, accepted) in [
            ("correct horse", true),
            ("correct hor", false),
            ("aaaaaaaaaaaabc", false),
            ("correct\u{7}horse", false),
            ("ééééèèèèààààçç", true),
            (long.as_str(), true),
            (&format!("{long}x"), false),
        ] {
            assert_eq!(Passphrase::parse(text(value)).is_ok(), accepted, "{value}");
        }
    }

    /// A hashed passphrase is recognised, another one is not, and the string says argon2id with our cost.
    #[tokio::test]
    async fn hashed_passphrase_is_recognised() {
        let pool = cheap();
        let who = sharer("practice-system");
        let passphrase = Passphrase::parse(text("correct horse")).unwrap();
        let stored = pool.hash(&who, passphrase, [7; 16]).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        for (given, verdict) in [
            ("correct horse".to_owned(), Verdict::Right),
            ("correct hoarse".to_owned(), Verdict::Wrong),
            ("x".repeat(100_000), Verdict::Wrong),
        ] {
            assert_eq!(pool.verify(&who, text(&given), stored.clone()).await.unwrap(), verdict, "{given}");
        }
    }

    /// A full queue refuses at once instead of piling up work.
    #[tokio::test]
    async fn full_queue_refuses() {
        let pool = Pool::start(config::Argon2 { threads: 1, queue: 1, ..config::Argon2::default() }).unwrap();
        let who = sharer("practice-system");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut busy = Box::pin(pool.run(&who, move |_| held.recv()));
        assert!(now(&mut busy).is_none());
        let mut waiting = Vec::new();
        // One job is held by the thread, one waits; sooner or later the next one is refused.
        let refused = loop {
            let mut attempt = Box::pin(pool.run(&who, |_| ()));
            match now(&mut attempt) {
                Some(answer) => break answer,
                None => waiting.push(attempt),
            }
            tokio::task::yield_now().await;
        };
        assert!(matches!(refused, Err(Error::PassphrasesBusy)));
        release.send(()).unwrap();
        assert!(busy.await.is_ok());
    }

    /// One client can fill its share of the queue and no more, also with requests that it gave up; others are served.
    #[tokio::test]
    async fn one_client_cannot_fill_the_queue() {
        let config = config::Argon2 { threads: 1, queue: 64, per_client: 4, ..config::Argon2::default() };
        let pool = Pool::start(config).unwrap();
        let (hostile, other) = (sharer("hostile"), sharer("other"));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut first = Box::pin(pool.run(&hostile, move |_| held.recv()));
        assert!(now(&mut first).is_none());
        for _ in 0..3 {
            assert!(now(&mut Box::pin(pool.run(&hostile, |_| ()))).is_none(), "given up while it waits");
        }
        assert!(matches!(pool.run(&hostile, |_| ()).await, Err(Error::ShareTaken)));
        let mut served = Box::pin(pool.run(&other, |_| "served"));
        assert!(now(&mut served).is_none());
        release.send(()).unwrap();
        assert_eq!(served.await.unwrap(), "served");
        assert!(first.await.is_ok());
        assert!(pool.run(&hostile, |_| ()).await.is_ok(), "its places are free again");
    }

    fn now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
