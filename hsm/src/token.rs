//! One token: what it holds while it is open, its state, and who may change it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use cryptoki::object::ObjectHandle;
use cryptoki::slot::Slot;
use metrics::counter;
use tracing::{info, warn};

use crate::busy::Busy;
use crate::config::{Pin, TokenConfig};
use crate::forgotten::Forgotten;
use crate::library::Library;
use crate::task::{KeyId, Needs, Task};
use crate::{Alg, TokenHealth, TokenState, WrapMechanism};

/// The first pause after a token failed; it doubles up to [`LONGEST_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A configured token. Its keeper thread opens it and opens it again; everybody else may only report failures.
pub(crate) struct Token {
    pub(crate) index: usize,
    /// Its label, as measurements carry it.
    pub(crate) name: Arc<str>,
    pub(crate) config: TokenConfig,
    pub(crate) pin: Pin,
    pub(crate) library: Arc<Library>,
    /// What the open token holds. `None` while no call may be sent to it.
    opened: RwLock<Option<Arc<Opened>>>,
    status: Mutex<Status>,
    changed: Condvar,
    /// The epoch in which its workers serve, or 0 while it is not ready.
    serving: AtomicU64,
    threads: Mutex<Vec<Weak<Busy>>>,
    /// Wrapped keys that were destroyed and must not stay live.
    pub(crate) forgotten: Forgotten,
    /// Calls that only this token can serve.
    pub(crate) pinned: Channel<Task>,
    /// Calls for its slow session.
    pub(crate) slow: Channel<Task>,
    /// One-time keys to destroy, with the epoch they were made in. Unbounded, since dropping a key must not wait; its
    /// length is bounded by the keys that were made.
    pub(crate) disposal: Channel<(u64, ObjectHandle)>,
}

/// Both ends of a channel.
pub(crate) struct Channel<T> {
    pub(crate) sender: Sender<T>,
    pub(crate) receiver: Receiver<T>,
}

impl<T> Channel<T> {
    pub(crate) fn bounded(capacity: usize) -> Channel<T> {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        Channel { sender, receiver }
    }

    pub(crate) fn unbounded() -> Channel<T> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Channel { sender, receiver }
    }
}

/// What was found when the token was opened. Handles are void in every other epoch.
pub(crate) struct Opened {
    pub(crate) epoch: u64,
    pub(crate) library_epoch: u64,
    pub(crate) slot: Slot,
    /// The algorithms it signs with.
    pub(crate) signs: Vec<Alg>,
    /// Those of them that it makes keys of.
    pub(crate) algs: Vec<Alg>,
    pub(crate) wrapping: Option<WrapMechanism>,
    /// Handles of the wrapping keys by version.
    pub(crate) wrapping_keys: RwLock<BTreeMap<u32, ObjectHandle>>,
    /// Handles of the master keys that were asked for, by version.
    pub(crate) diversifying_keys: RwLock<BTreeMap<u32, ObjectHandle>>,
    /// Handles of the token keys that were asked for.
    pub(crate) token_keys: RwLock<HashMap<KeyId, ObjectHandle>>,
    /// Wrapped keys live in the sessions of this epoch.
    pub(crate) live_keys: AtomicUsize,
    /// How many token keys were destroyed by this process.
    destroyed: AtomicU64,
}

impl Opened {
    /// An open token of which no key was asked for yet.
    pub(crate) fn new(
        (epoch, library_epoch, slot): (u64, u64, Slot),
        (signs, algs): (Vec<Alg>, Vec<Alg>),
        wrapping: Option<WrapMechanism>,
        wrapping_keys: Vec<(u32, ObjectHandle)>,
    ) -> Opened {
        Opened {
            epoch,
            library_epoch,
            slot,
            signs,
            algs,
            wrapping,
            wrapping_keys: RwLock::new(wrapping_keys.into_iter().collect()),
            diversifying_keys: RwLock::default(),
            token_keys: RwLock::default(),
            live_keys: AtomicUsize::new(0),
            destroyed: AtomicU64::new(0),
        }
    }

    /// How many token keys were destroyed by this process since it was opened.
    pub(crate) fn destroyed(&self) -> u64 {
        self.destroyed.load(Ordering::Acquire)
    }

    /// A token key is about to be destroyed: its handle is forgotten, and each session ends its copy.
    pub(crate) fn forget_token_key(&self, id: KeyId) {
        self.token_keys.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.destroyed.fetch_add(1, Ordering::AcqRel);
    }

    /// The handle of a token key, if it is here.
    pub(crate) fn token_key(&self, id: KeyId) -> Option<ObjectHandle> {
        self.token_keys.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// The handle of a wrapping key, if it is here.
    pub(crate) fn wrapping_key(&self, version: u32) -> Option<ObjectHandle> {
        self.wrapping_keys.read().unwrap_or_else(PoisonError::into_inner).get(&version).copied()
    }

    /// The newest wrapping key's version.
    pub(crate) fn newest_wrapping_version(&self) -> Option<u32> {
        self.wrapping_keys.read().unwrap_or_else(PoisonError::into_inner).keys().next_back().copied()
    }
}

struct Status {
    state: TokenState,
    epoch: u64,
    /// When a sick token is tried again.
    next_attempt: Instant,
    pause: Duration,
    stopping: bool,
    /// Dropped at the end of an epoch, which wakes its workers.
    workers: Option<Sender<std::convert::Infallible>>,
}

/// What the keeper has to do next.
pub(crate) enum Duty {
    /// Open the token.
    Open,
    /// Nothing happened for a while: see whether the session still lives.
    Probe,
    /// End.
    Stop,
}

impl Token {
    pub(crate) fn new(
        index: usize,
        config: TokenConfig,
        pin: Pin,
        library: Arc<Library>,
        queue: usize,
    ) -> Token {
        Token {
            index,
            name: config.label.as_str().into(),
            config,
            pin,
            library,
            opened: RwLock::new(None),
            status: Mutex::new(Status {
                state: TokenState::Opening,
                epoch: 0,
                next_attempt: Instant::now(),
                pause: FIRST_PAUSE,
                stopping: false,
                workers: None,
            }),
            changed: Condvar::new(),
            serving: AtomicU64::new(0),
            threads: Mutex::new(Vec::new()),
            forgotten: Forgotten::default(),
            pinned: Channel::bounded(queue.max(1)),
            slow: Channel::bounded(queue.max(1)),
            disposal: Channel::unbounded(),
        }
    }

    /// What the token holds, while calls may be sent to it.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the token is open, and if so whether it has what a call needs.
    pub(crate) fn has(&self, needs: &Needs) -> Option<bool> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.as_ref()?;
        Some(match needs {
            Needs::Nothing => true,
            Needs::Makes(alg) => opened.algs.contains(alg),
            Needs::Wraps => opened.wrapping.is_some(),
            Needs::TokenKey { id, .. } => opened.token_key(*id).is_some(),
            Needs::Wrapping(version) => opened.wrapping_key(*version).is_some(),
            Needs::Token { index, epoch } => {
                *index == self.index && epoch.is_none_or(|epoch| epoch == opened.epoch)
            }
        })
    }

    /// Whether this epoch's workers still serve.
    pub(crate) fn serves(&self, epoch: u64) -> bool {
        self.serving.load(Ordering::Acquire) == epoch
    }

    /// A session of this epoch failed. Its workers end and the keeper opens the token again at once; calls wait.
    pub(crate) fn fail(&self, epoch: u64, why: &str) {
        let mut status = self.status();
        if status.epoch != epoch || status.state != TokenState::Ready {
            return;
        }
        counter!("hsm_token_failures_total", "token" => self.name.clone()).increment(1);
        warn!(token = %self.config.label, error = %why, "token {} failed: {why}", self.config.label);
        self.leave_ready(&mut status);
        status.state = TokenState::Opening;
        status.next_attempt = Instant::now();
    }

    /// The token hangs or cannot be opened. Nothing is sent to it until an attempt of its keeper succeeds.
    pub(crate) fn sicken(&self, why: &str) {
        let mut status = self.status();
        if matches!(status.state, TokenState::PinRefused | TokenState::PinLocked) {
            return;
        }
        let since = if let TokenState::Sick { since, .. } = &status.state {
            *since
        } else {
            counter!("hsm_token_failures_total", "token" => self.name.clone()).increment(1);
            warn!(token = %self.config.label, error = %why, "token {} is drained: {why}", self.config.label);
            Instant::now()
        };
        self.leave_ready(&mut status);
        self.close(&mut status);
        let pause = status.pause;
        status.pause = (pause * 2).min(LONGEST_PAUSE);
        status.next_attempt = Instant::now() + pause;
        status.state = TokenState::Sick { since, why: why.to_owned(), retry_in: pause };
    }

    /// The PIN was refused or is locked: the keeper gives up for good.
    pub(crate) fn give_up(&self, state: TokenState) {
        let mut status = self.status();
        self.leave_ready(&mut status);
        self.close(&mut status);
        status.state = state;
    }

    /// The number of the next epoch.
    pub(crate) fn next_epoch(&self) -> u64 {
        let mut status = self.status();
        status.epoch += 1;
        status.epoch
    }

    /// The token is open: calls may come. Returns what ends the workers of this epoch.
    pub(crate) fn publish(&self, opened: Arc<Opened>) -> Receiver<std::convert::Infallible> {
        let (sender, receiver) = crossbeam_channel::bounded(0);
        let mut status = self.status();
        info!(token = %self.config.label, "token {} is ready", self.config.label);
        self.library.ready.fetch_add(1, Ordering::AcqRel);
        let epoch = opened.epoch;
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        status.state = TokenState::Ready;
        status.pause = FIRST_PAUSE;
        status.workers = Some(sender);
        self.serving.store(epoch, Ordering::Release);
        receiver
    }

    /// Ends the workers and the keeper.
    pub(crate) fn stop(&self) {
        let mut status = self.status();
        status.stopping = true;
        self.leave_ready(&mut status);
        self.changed.notify_all();
    }

    /// Waits until the keeper has something to do.
    pub(crate) fn duty(&self, keep_alive: Duration) -> Duty {
        let mut status = self.status();
        let probe_at = Instant::now() + keep_alive;
        loop {
            let now = Instant::now();
            let until = match &status.state {
                _ if status.stopping => return Duty::Stop,
                TokenState::Opening => return Duty::Open,
                TokenState::Sick { .. } if now >= status.next_attempt => return Duty::Open,
                TokenState::Sick { .. } => status.next_attempt,
                TokenState::Ready if now >= probe_at => return Duty::Probe,
                TokenState::Ready => probe_at,
                TokenState::PinRefused | TokenState::PinLocked => now + keep_alive,
            };
            let wait = until.saturating_duration_since(now);
            status = self.changed.wait_timeout(status, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A thread that makes calls to this token, for the watch.
    pub(crate) fn register(&self) -> Arc<Busy> {
        let busy = Busy::new();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| thread.strong_count() > 0);
        threads.push(Arc::downgrade(&busy));
        busy
    }

    /// Whether a thread's call became overdue since last asked.
    pub(crate) fn newly_overdue(&self) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // No short cut: every overdue thread is marked.
        threads.iter().filter_map(Weak::upgrade).filter(|busy| busy.newly_overdue()).count() > 0
    }

    /// Threads that hang in a call that was given up.
    pub(crate) fn abandoned(&self) -> usize {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().filter_map(Weak::upgrade).filter(|busy| busy.is_abandoned()).count()
    }

    pub(crate) fn state(&self) -> TokenState {
        self.status().state.clone()
    }

    /// How long until the next attempt, for `Retry-After`.
    pub(crate) fn retry_after(&self) -> Duration {
        self.status().next_attempt.saturating_duration_since(Instant::now())
    }

    /// How many sessions serve, or are being opened or closed.
    pub(crate) fn sessions(&self) -> usize {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().filter(|thread| thread.strong_count() > 0).count()
    }

    pub(crate) fn health(&self) -> TokenHealth {
        let opened = self.opened();
        TokenHealth {
            label: self.config.label.clone(),
            module: self.config.module.clone(),
            state: self.state(),
            wrapping: opened.as_ref().and_then(|opened| opened.wrapping),
            algs: opened.as_ref().map(|opened| opened.algs.clone()).unwrap_or_default(),
            live_keys: opened.map_or(0, |opened| opened.live_keys.load(Ordering::Relaxed)),
            abandoned_threads: self.abandoned(),
        }
    }

    fn leave_ready(&self, status: &mut Status) {
        self.serving.store(0, Ordering::Release);
        status.workers = None;
        if status.state == TokenState::Ready {
            self.library.ready.fetch_sub(1, Ordering::AcqRel);
        }
        self.changed.notify_all();
    }

    fn close(&self, _held: &mut Status) {
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
