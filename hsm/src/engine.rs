//! The queue in front of all tokens: where a call goes, and who is told when it can go nowhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TrySendError};
use metrics::gauge;

use crate::failure::Failure;
use crate::registry::Registry;
use crate::task::{Lane, Needs, Task, Work};
use crate::token::{Channel, Token};
use crate::worker::Bench;
use crate::{Error, TokenState, VerifySignatures, wrap};

/// How many tokens, or reopenings of one, a call is tried on.
const MOST_ATTEMPTS: u8 = 4;
/// How often the watch looks, at most.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);
/// How long dropping the last handle waits for the threads to close their sessions: an RSA key that is just being made takes seconds on
/// a machine that is busy, and one that the process's exit meets in the library ends it with SIGSEGV.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// What all threads of one [`crate::Hsm`] share.
pub(crate) struct Engine {
    pub(crate) tokens: Vec<Arc<Token>>,
    /// Calls that every open token can serve: the bounded queue.
    pub(crate) shared: Channel<Task>,
    /// Calls that a failing token gave back. At most one per session, so the channel needs no bound.
    pub(crate) again: Channel<Task>,
    pub(crate) limits: Limits,
    pub(crate) verify: VerifySignatures,
    /// The token keys that were asked for; a token that opens looks each of them up.
    pub(crate) registry: Mutex<Registry>,
    threads: Mutex<Vec<Thread>>,
    thread_ended: Condvar,
}

/// A thread that was started.
struct Thread {
    handle: JoinHandle<()>,
    /// Nothing of ours is left to run in it; the libraries may still clean up after it.
    ended: Arc<AtomicBool>,
}

/// How long the token may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) call: Duration,
    pub(crate) generate: Duration,
}

enum Route {
    Shared,
    Token(usize),
    /// So many tokens are open, and none has what it needs.
    Nowhere {
        open: usize,
    },
}

impl Engine {
    pub(crate) fn new(
        tokens: Vec<Arc<Token>>,
        queue: usize,
        limits: Limits,
        verify: VerifySignatures,
    ) -> Engine {
        Engine {
            tokens,
            shared: Channel::bounded(queue.max(1)),
            again: Channel::unbounded(),
            limits,
            verify,
            registry: Mutex::new(Registry::default()),
            threads: Mutex::default(),
            thread_ended: Condvar::new(),
        }
    }

    /// Sends work to a session and waits for the answer, at most as long as the token may take. What comes later is
    /// thrown away.
    pub(crate) async fn call<T, F>(
        &self,
        lane: Lane,
        needs: Needs,
        limit: Duration,
        work: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&mut Bench) -> Result<T, Failure> + Send + 'static,
    {
        if matches!(self.reachable(&needs), Err(Error::WrappingKeyMissing { .. })) {
            self.look_for_wrapping_keys(limit).await;
        }
        self.dispatch(lane, needs, limit, work).await
    }

    /// Another process may have made the wrapping key since the tokens were opened. What fails here fails again in the
    /// call that needs the key.
    pub(crate) async fn look_for_wrapping_keys(&self, limit: Duration) {
        for token in self.tokens.iter().filter(|token| token.opened().is_some()) {
            let needs = Needs::Token { index: token.index, epoch: None };
            let look = |bench: &mut Bench| wrap::learn_wrapping_keys(&bench.session, &bench.opened);
            if let Err(error) = self.dispatch(Lane::Slow, needs, limit, look).await {
                tracing::info!(error = %error, "a token could not be searched for wrapping keys: {error}");
            }
        }
    }

    async fn dispatch<T, F>(&self, lane: Lane, needs: Needs, limit: Duration, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&mut Bench) -> Result<T, Failure> + Send + 'static,
    {
        let (work, answer) = Work::new(work);
        self.submit(Task { job: Box::new(work), needs, lane, limit, attempts: 0, sent_at: Instant::now() })?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(unavailable("the thread that served the call ended")),
            Err(_) => Err(Error::TimedOut),
        }
    }

    fn submit(&self, task: Task) -> Result<(), Error> {
        let sent = match self.route(&task) {
            Route::Shared => self.shared.sender.try_send(task),
            Route::Token(index) => self.tokens[index].lane(task.lane).sender.try_send(task),
            Route::Nowhere { open } => return Err(self.nowhere(&task.needs, open)),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Error::Busy),
            Err(TrySendError::Disconnected(_)) => Err(unavailable("the tokens are closed")),
        }
    }

    /// Sends a call once more, after a token gave it back.
    pub(crate) fn send_again(&self, mut task: Task, failed: Option<Error>) {
        if task.job.given_up() {
            return;
        }
        task.attempts += u8::from(failed.is_some());
        if let Some(error) = failed
            && task.attempts >= MOST_ATTEMPTS
        {
            return task.job.refuse(unavailable(&error.to_string()));
        }
        let sent = match self.route(&task) {
            Route::Shared => self.again.sender.try_send(task),
            Route::Token(index) => self.tokens[index].lane(task.lane).sender.try_send(task),
            Route::Nowhere { open } => {
                let error = self.nowhere(&task.needs, open);
                return task.job.refuse(error);
            }
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(mut task)) => task.job.refuse(Error::Busy),
            Err(TrySendError::Disconnected(mut task)) => {
                task.job.refuse(unavailable("the tokens are closed"));
            }
        }
    }

    fn route(&self, task: &Task) -> Route {
        let (mut open, mut fit, mut best) = (0_usize, 0_usize, None);
        for token in &self.tokens {
            let Some(has) = token.has(&task.needs) else { continue };
            open += 1;
            if has {
                fit += 1;
                let length = token.lane(task.lane).receiver.len();
                if best.is_none_or(|(shortest, _)| length < shortest) {
                    best = Some((length, token.index));
                }
            }
        }
        match best {
            None => Route::Nowhere { open },
            Some(_)
                if fit == open && task.lane == Lane::Fast && !matches!(task.needs, Needs::Token { .. }) =>
            {
                Route::Shared
            }
            Some((_, index)) => Route::Token(index),
        }
    }

    /// Whether a token that is open has what a call needs; the error is the one that the call would get.
    pub(crate) fn reachable(&self, needs: &Needs) -> Result<(), Error> {
        let has: Vec<bool> = self.tokens.iter().filter_map(|token| token.has(needs)).collect();
        if has.contains(&true) { Ok(()) } else { Err(self.nowhere(needs, has.len())) }
    }

    /// Why a call can go nowhere. Only when every token was open is it known that none has the key.
    pub(crate) fn nowhere(&self, needs: &Needs, open: usize) -> Error {
        let all_open = open == self.tokens.len();
        let states: Vec<TokenState> = self.tokens.iter().map(|token| token.state()).collect();
        match needs {
            Needs::Token { epoch: Some(_), .. } => return Error::OneTimeKeyLost,
            Needs::TokenKey { label, .. } if all_open => {
                return Error::KeyNotFound { label: label.to_string() };
            }
            Needs::Makes(alg) if all_open => return Error::NotSupported { what: format!("{alg} keys") },
            Needs::Wraps if all_open => {
                return Error::NotSupported { what: "wrapping private keys".to_owned() };
            }
            Needs::Wrapping(version) if all_open => return Error::WrappingKeyMissing { version: *version },
            _ => {}
        }
        if let [token] = &self.tokens[..] {
            let label = token.config.label.clone();
            match states[0] {
                TokenState::PinRefused => return Error::PinRefused { label },
                TokenState::PinLocked => return Error::PinLocked { label },
                _ => {}
            }
        }
        let waiting = self.tokens.iter().zip(&states).filter(|(_, state)| {
            matches!(state, TokenState::Opening | TokenState::Sick { .. } | TokenState::Ready)
        });
        let retry_after = waiting.map(|(token, _)| token.retry_after()).min();
        let why = self.tokens.iter().zip(&states).map(|(token, state)| describe(&token.config.label, state));
        Error::Unavailable {
            retry_after: retry_after.unwrap_or(Duration::from_mins(1)).max(Duration::from_secs(1)),
            why: why.collect::<Vec<_>>().join("; "),
        }
    }

    /// Tells the callers whose calls wait for tokens that will not serve them.
    pub(crate) fn sweep(&self) {
        let is_open = |token: &Arc<Token>| token.opened().is_some();
        if !self.tokens.iter().any(is_open) {
            for queue in [&self.shared, &self.again] {
                while let Ok(mut task) = queue.receiver.try_recv() {
                    let error = self.nowhere(&task.needs, 0);
                    task.job.refuse(error);
                }
            }
        }
        for token in self.tokens.iter().filter(|token| !is_open(token)) {
            for queue in [&token.pinned, &token.slow] {
                while let Ok(task) = queue.receiver.try_recv() {
                    self.send_again(task, None);
                }
            }
        }
    }

    /// Watches for calls that outlive their time until the stop channel closes. It makes no call to a token.
    pub(crate) fn watch(&self, stop: &Receiver<std::convert::Infallible>) {
        let interval = WATCH_INTERVAL.min(self.limits.call / 10).max(Duration::from_millis(5));
        while let Err(crossbeam_channel::RecvTimeoutError::Timeout) = stop.recv_timeout(interval) {
            for token in &self.tokens {
                if token.newly_overdue() {
                    token.sicken("a call did not come back in time");
                }
            }
            self.sweep();
            self.measure();
        }
    }

    /// Starts a thread that [`Engine::stop`] waits for.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        name: String,
        body: impl FnOnce(&Arc<Engine>) + Send + 'static,
    ) -> std::io::Result<()> {
        let ended = Arc::new(AtomicBool::new(false));
        let guard = Ended { engine: self.clone(), flag: ended.clone() };
        let handle = std::thread::Builder::new().name(name).spawn(move || body(&guard.engine))?;
        let mut threads = self.threads();
        join_ended(&mut threads);
        threads.push(Thread { handle, ended });
        Ok(())
    }

    /// Ends all threads; waits a little for those that can end. So no session is left to the process's exit, and no
    /// thread's own cleaning up in the libraries meets theirs at the exit, which would free the same memory twice.
    pub(crate) fn stop(&self) {
        for token in &self.tokens {
            token.stop();
        }
        let left = |threads: &mut Vec<Thread>| {
            let abandoned: usize = self.tokens.iter().map(|token| token.abandoned()).sum();
            threads.iter().filter(|thread| !thread.ended.load(Ordering::Acquire)).count() > abandoned
        };
        let waited = self.thread_ended.wait_timeout_while(self.threads(), STOP_PATIENCE, left);
        join_ended(&mut waited.unwrap_or_else(PoisonError::into_inner).0);
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self) {
        let queued = self.shared.receiver.len() + self.again.receiver.len();
        gauge!("hsm_queue_depth").set(float(queued));
        for token in &self.tokens {
            let label = token.name.clone();
            let health = token.health();
            let waiting = token.pinned.receiver.len() + token.slow.receiver.len();
            gauge!("hsm_token_queue_depth", "token" => label.clone()).set(float(waiting));
            gauge!("hsm_sessions", "token" => label.clone()).set(float(token.sessions()));
            gauge!("hsm_live_keys", "token" => label.clone()).set(float(health.live_keys));
            gauge!("hsm_abandoned_threads", "token" => label.clone()).set(float(health.abandoned_threads));
            let ready = usize::from(health.state == TokenState::Ready);
            gauge!("hsm_token_ready", "token" => label).set(float(ready));
        }
    }
}

/// Says that a thread ended, also when it panics.
struct Ended {
    engine: Arc<Engine>,
    flag: Arc<AtomicBool>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _threads = self.engine.threads();
        self.flag.store(true, Ordering::Release);
        self.engine.thread_ended.notify_all();
    }
}

/// Waits for the threads that ended, as nothing but the libraries' cleaning up is left to them.
fn join_ended(threads: &mut Vec<Thread>) {
    for thread in threads.extract_if(.., |thread| thread.ended.load(Ordering::Acquire)) {
        // A panic has said what it had to say.
        drop(thread.handle.join());
    }
}

impl Token {
    fn lane(&self, lane: Lane) -> &Channel<Task> {
        match lane {
            Lane::Fast => &self.pinned,
            Lane::Slow => &self.slow,
        }
    }
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable { retry_after: Duration::from_secs(1), why: why.to_owned() }
}

fn describe(label: &str, state: &TokenState) -> String {
    match state {
        TokenState::Ready => format!("token {label} is ready but has not got the key"),
        TokenState::Opening => format!("token {label} is being opened"),
        TokenState::Sick { why, .. } => format!("token {label}: {why}"),
        TokenState::PinRefused => format!("token {label} refused the PIN"),
        TokenState::PinLocked => format!("the PIN of token {label} is locked"),
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
