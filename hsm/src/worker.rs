//! Threads that own a session each and serve calls.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use lru::LruCache;
use metrics::{counter, histogram};

use crate::VerifySignatures;
use crate::busy::Busy;
use crate::copies::Copies;
use crate::engine::Engine;
use crate::failure::{Failure, works_with};
use crate::forgotten::Order;
use crate::session;
use crate::task::{Lane, Task};
use crate::token::{Opened, Token};

/// A session that idles this long is asked whether it still lives, so that its death is found before a call.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A wrapped key, unwrapped.
pub(crate) struct Live {
    /// Of the row it was unwrapped from: another row of the same key is unwrapped and tested by itself.
    pub(crate) fingerprint: [u8; 32],
    pub(crate) handle: ObjectHandle,
}

/// What a call finds in the thread that serves it.
pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) token: Arc<Token>,
    pub(crate) opened: Arc<Opened>,
    pub(crate) verify: VerifySignatures,
    /// Wrapped keys unwrapped in this session, by identity. They go away with it.
    pub(crate) live: LruCache<[u8; 32], Live>,
    /// Token keys copied into this session. They go away with it.
    pub(crate) copies: Copies,
    pub(crate) busy: Arc<Busy>,
    limit: Duration,
    /// Orders to forget live keys that were followed.
    followed: u64,
}

impl Bench {
    /// The next call to the token begins: the time it may take starts anew.
    pub(crate) fn pulse(&self) {
        self.busy.begin(self.limit);
    }

    /// Destroys an object, which must not fail a call whose work is done.
    pub(crate) fn destroy(&self, object: ObjectHandle) {
        if let Err(error) = self.session.destroy_object(object) {
            let error = Failure::from(error).into_error();
            tracing::warn!(error = %error, "a session object could not be destroyed: {error}");
        }
    }

    /// Keeps an unwrapped key, and destroys the one that it displaces: the least used, or the same from another row.
    pub(crate) fn keep_live(&mut self, identity: [u8; 32], key: Live) {
        match self.live.push(identity, key) {
            None => {
                self.opened.live_keys.fetch_add(1, Ordering::Relaxed);
            }
            Some((_, displaced)) => self.destroy(displaced.handle),
        }
    }

    /// Forgets a live key whose handle the token knows no more.
    pub(crate) fn forget_live(&mut self, identity: &[u8; 32]) {
        if self.live.pop(identity).is_some() {
            self.opened.live_keys.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Destroys the live keys that were ordered destroyed, and copies of keys that were.
    fn forget_ordered(&mut self) {
        self.forget_copies_of_destroyed();
        match self.token.forgotten.since(&mut self.followed) {
            None => {}
            Some(Order::These(identities)) => {
                for identity in identities {
                    if let Some(key) = self.live.pop(&identity) {
                        self.opened.live_keys.fetch_sub(1, Ordering::Relaxed);
                        self.destroy(key.handle);
                    }
                }
            }
            Some(Order::All) => {
                while let Some((_, key)) = self.live.pop_lru() {
                    self.opened.live_keys.fetch_sub(1, Ordering::Relaxed);
                    self.destroy(key.handle);
                }
            }
        }
    }

    fn replace_session(&mut self) -> Result<(), Failure> {
        self.opened.live_keys.fetch_sub(self.live.len(), Ordering::Relaxed);
        self.live.clear();
        self.copies = Copies::default();
        counter!("hsm_sessions_replaced_total", "token" => self.token.name.clone()).increment(1);
        let fresh = session::open(&self.token.library, self.opened.slot)?;
        let broken = std::mem::replace(&mut self.session, fresh);
        // It is broken: that closing it fails says nothing new.
        drop(broken.close());
        Ok(())
    }
}

/// Runs until its epoch ends.
pub(crate) fn run(
    engine: &Arc<Engine>,
    token: &Arc<Token>,
    opened: &Arc<Opened>,
    lane: Lane,
    end: &Receiver<Infallible>,
) {
    works_with(&token.name);
    let busy = token.register();
    let Some(mut bench) = set_up(engine, token, opened, busy) else { return };
    let alarm = Alarm { token, epoch: opened.epoch };
    match lane {
        Lane::Fast => serve_fast(engine, &mut bench, end),
        Lane::Slow => serve_slow(engine, &mut bench, end),
    }
    drop(alarm);
    if let Ok(_inside) = token.library.enter(opened.library_epoch, &bench.busy.clone()) {
        bench.busy.begin(bench.limit);
        drop(bench.session.close());
        bench.busy.end();
    }
}

fn set_up(engine: &Engine, token: &Arc<Token>, opened: &Arc<Opened>, busy: Arc<Busy>) -> Option<Bench> {
    let limit = engine.limits.call;
    busy.begin(limit);
    let session = token
        .library
        .enter(opened.library_epoch, &busy)
        .and_then(|_inside| session::open(&token.library, opened.slot));
    busy.end();
    let session = match session {
        Ok(session) => session,
        Err(failure) => {
            token.fail(opened.epoch, &failure.into_error().to_string());
            return None;
        }
    };
    let share = token.config.live_keys / token.config.sessions.max(1);
    Some(Bench {
        session,
        token: token.clone(),
        opened: opened.clone(),
        verify: engine.verify,
        live: LruCache::new(NonZeroUsize::new(share).unwrap_or(NonZeroUsize::MIN)),
        copies: Copies::default(),
        busy,
        limit,
        followed: token.forgotten.given(),
    })
}

fn serve_fast(engine: &Arc<Engine>, bench: &mut Bench, end: &Receiver<Infallible>) {
    let token = bench.token.clone();
    while token.serves(bench.opened.epoch) {
        select! {
            recv(end) -> _ => return,
            recv(engine.again.receiver) -> task => { if let Ok(task) = task { serve(engine, bench, task); } }
            recv(token.pinned.receiver) -> task => { if let Ok(task) = task { serve(engine, bench, task); } }
            recv(engine.shared.receiver) -> task => { if let Ok(task) = task { serve(engine, bench, task); } }
            recv(token.disposal.receiver) -> key => { if let Ok((epoch, key)) = key { dispose(bench, epoch, key); } }
            default(KEEP_ALIVE) => probe(bench),
        }
    }
}

fn serve_slow(engine: &Arc<Engine>, bench: &mut Bench, end: &Receiver<Infallible>) {
    let token = bench.token.clone();
    let none = never::<()>();
    while token.serves(bench.opened.epoch) {
        select! {
            recv(end) -> _ => return,
            recv(none) -> _ => {}
            recv(token.slow.receiver) -> task => { if let Ok(task) = task { serve(engine, bench, task); } }
            default(KEEP_ALIVE) => probe(bench),
        }
    }
}

fn serve(engine: &Arc<Engine>, bench: &mut Bench, mut task: Task) {
    if task.job.given_up() {
        return;
    }
    let token = bench.token.clone();
    let epoch = bench.opened.epoch;
    // Taken in the moment in which the token failed: no blame on this call.
    if !token.serves(epoch) {
        engine.send_again(task, None);
        return;
    }
    let Ok(inside) = token.library.enter(bench.opened.library_epoch, &bench.busy) else {
        token.fail(epoch, "the library was restarted");
        engine.send_again(task, None);
        return;
    };
    histogram!("hsm_wait_seconds", "token" => token.name.clone()).record(task.sent_at.elapsed());
    // Only this call may take as long as it says: probing and closing the session may not.
    let usual = std::mem::replace(&mut bench.limit, task.limit);
    bench.pulse();
    bench.forget_ordered();
    let outcome = attempt(bench, &mut task);
    let late = bench.busy.end();
    bench.limit = usual;
    drop(inside);
    if let Err(failure) = outcome {
        let absent = matches!(failure, Failure::Absent);
        let error = failure.into_error();
        if !absent {
            token.fail(epoch, &error.to_string());
        }
        engine.send_again(task, Some(error));
    }
    if late {
        tracing::warn!(token = %token.config.label, "an abandoned call to token {} came back", token.config.label);
    }
}

/// Runs the job, once more in a fresh session if the session was at fault.
fn attempt(bench: &mut Bench, task: &mut Task) -> Result<(), Failure> {
    match task.job.run(bench) {
        Err(Failure::Session(error)) => {
            tracing::info!(error = %error, "replacing a session: {error}");
            bench.replace_session()?;
            bench.pulse();
            task.job.run(bench)
        }
        outcome => outcome,
    }
}

fn dispose(bench: &Bench, epoch: u64, key: ObjectHandle) {
    if epoch != bench.opened.epoch {
        return;
    }
    if let Ok(_inside) = bench.token.library.enter(bench.opened.library_epoch, &bench.busy) {
        bench.pulse();
        bench.destroy(key);
        bench.busy.end();
    }
}

fn probe(bench: &mut Bench) {
    let (token, busy) = (bench.token.clone(), bench.busy.clone());
    let Ok(_inside) = token.library.enter(bench.opened.library_epoch, &busy) else {
        token.fail(bench.opened.epoch, "the library was restarted");
        return;
    };
    bench.busy.begin(bench.limit);
    bench.forget_ordered();
    let answer = bench.session.get_session_info();
    bench.busy.end();
    if let Err(error) = answer {
        bench.token.fail(bench.opened.epoch, &Failure::from(error).into_error().to_string());
    }
}

/// Reports the token when its thread panics, so that the thread is replaced.
struct Alarm<'a> {
    token: &'a Token,
    epoch: u64,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.token.fail(self.epoch, "a thread panicked");
        }
    }
}
