//! The thread that opens a token, keeps it open, and opens it again.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cryptoki::mechanism::MechanismType;
use cryptoki::session::Session;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::busy::Busy;
use crate::engine::Engine;
use crate::failure::{Failure, works_with};
use crate::key::{KeyInner, KeyKind};
use crate::login::{Refused, log_in};
use crate::task::{KeyId, Lane};
use crate::token::{Duty, Opened, Token};
use crate::{Alg, Error, find, session, worker, wrap};

/// How often an idle session is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Failures in a row before the library is restarted although another token works through it.
const FAILURES_BEFORE_DISTURBING: u32 = 4;
/// How long a restart of the library waits for calls under way.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
/// In multiples of a call's time-out, after how much more time a call counts as lost for ever.
const LOST_AFTER: u32 = 2;
/// Threads hanging in given-up calls beyond which no more are started.
const MOST_ABANDONED: usize = 64;

/// Keeps one token open.
pub(crate) struct Keeper {
    engine: Arc<Engine>,
    token: Arc<Token>,
    busy: Arc<Busy>,
    /// Holds the login. Valid in this start of the library only.
    session: Option<(Session, u64)>,
    /// The library's start that was seen last.
    library_epoch: u64,
    /// Keys that were here; that one is gone is a sign of a token that is not itself.
    known: HashSet<KeyId>,
    failures: u32,
}

impl Keeper {
    pub(crate) fn new(engine: Arc<Engine>, token: Arc<Token>) -> Keeper {
        let busy = token.register();
        Keeper { engine, token, busy, session: None, library_epoch: 0, known: HashSet::new(), failures: 0 }
    }

    /// Runs until the token is stopped. Reports how the first attempt went.
    pub(crate) fn run(mut self, first: oneshot::Sender<Result<(), Error>>) {
        works_with(&self.token.name);
        let mut first = Some(first);
        loop {
            match self.token.duty(KEEP_ALIVE) {
                Duty::Stop => return self.close(),
                Duty::Probe => self.probe(),
                Duty::Open => {
                    let outcome = self.attempt();
                    self.busy.end();
                    if let Some(first) = first.take() {
                        // Nobody listens any more when opening was given up.
                        drop(first.send(outcome));
                    }
                }
            }
        }
    }

    fn attempt(&mut self) -> Result<(), Error> {
        let opened = match self.open(Missing::Fails) {
            Err(Refused::Failed(failure)) if self.may_restart() => {
                let error = failure.into_error();
                warn!(token = %self.token.config.label, error = %error, "restarting the PKCS#11 library: {error}");
                self.restart().and_then(|()| self.open(Missing::Passes))
            }
            outcome => outcome,
        };
        let refused = match opened.and_then(|opened| self.go_live(opened)) {
            Ok(()) => {
                self.failures = 0;
                return Ok(());
            }
            Err(refused) => refused,
        };
        self.failures += 1;
        let error = match refused {
            Refused::Failed(failure) => {
                let error = failure.into_error();
                self.token.sicken(&error.to_string());
                error
            }
            Refused::Pin { state, error } => {
                error!(token = %self.token.config.label, error = %error, "{error}");
                self.token.give_up(state);
                error
            }
        };
        self.engine.sweep();
        Err(error)
    }

    /// Restarting takes every token of the library down for a moment and destroys one-time keys.
    fn may_restart(&self) -> bool {
        let library = &self.token.library;
        library.ready.load(Ordering::Acquire) == 0
            || (self.failures >= FAILURES_BEFORE_DISTURBING && library.one_time.load(Ordering::Acquire) == 0)
    }

    fn restart(&mut self) -> Result<(), Refused> {
        self.session = None;
        self.busy.begin(self.engine.limits.call + DRAIN_PATIENCE);
        let lost = self.engine.limits.call * LOST_AFTER;
        Ok(self.token.library.restart(self.library_epoch, DRAIN_PATIENCE, lost)?)
    }

    fn open(&mut self, missing: Missing) -> Result<Opened, Refused> {
        if self.token.abandoned() >= MOST_ABANDONED {
            return Err(Failure::Token(Error::TimedOut).into());
        }
        self.close();
        self.busy.begin(2 * self.engine.limits.call);
        let library = self.token.library.clone();
        let (_inside, library_epoch) = library.enter_started(&self.busy, self.engine.limits.call)?;
        self.library_epoch = library_epoch;
        self.pulse();
        let slot = session::slot(&library, &self.token.config.label)?;
        let session = session::open(&library, slot)?;
        self.pulse();
        log_in(&self.token, slot, &session)?;
        let mechanisms = library.pkcs11().get_mechanism_list(slot).map_err(Failure::from)?;
        let signs = signs(&mechanisms);
        let algs: Vec<Alg> = signs.iter().copied().filter(|alg| mechanisms.contains(&making(*alg))).collect();
        self.pulse();
        let wrapping = wrap::trial(&session, &algs)?;
        self.pulse();
        // A key that the way to the token cannot use is as good as not there: another token may have it too.
        let wrapping_keys = if wrapping.is_some() { find::wrapping_keys(&session)? } else { Vec::new() };
        let opened = Opened::new(
            (self.token.next_epoch(), library_epoch, slot),
            (signs, algs),
            wrapping,
            wrapping_keys,
        );
        let (registry, _) = self.registry();
        self.resolve(&session, &opened, &registry, missing)?;
        self.session = Some((session, library_epoch));
        Ok(opened)
    }

    /// Looks up every token key that was asked for.
    fn resolve(
        &mut self,
        session: &Session,
        opened: &Opened,
        keys: &[Arc<KeyInner>],
        missing: Missing,
    ) -> Result<(), Failure> {
        for key in keys {
            let KeyKind::Token { id, object_id } = &key.kind else { continue };
            if opened.token_key(*id).is_some() || !opened.signs.contains(&key.public.alg()) {
                continue;
            }
            self.pulse();
            let handle = find::private_key_handle(session, &key.label, object_id)?;
            match (handle, missing) {
                (Some(handle), _) => {
                    self.known.insert(*id);
                    opened.token_keys.write().unwrap_or_else(PoisonError::into_inner).insert(*id, handle);
                }
                (None, Missing::Fails) if self.known.contains(id) => {
                    return Err(Failure::Token(Error::KeyNotFound { label: key.label.to_string() }));
                }
                (None, _) => {
                    warn!(token = %self.token.config.label, key = %key.label,
                        "token {} has no key {}", self.token.config.label, key.label);
                    self.known.remove(id);
                }
            }
        }
        Ok(())
    }

    /// Lets calls come. Keys that were asked for while the token was being opened are looked up first: under the
    /// registry's lock, which is not held across a call to the token, none is added, so none is missed.
    fn go_live(&mut self, opened: Opened) -> Result<(), Refused> {
        let engine = self.engine.clone();
        let opened = Arc::new(opened);
        let end = loop {
            let (keys, seen) = self.registry();
            self.resolve_late(&opened, &keys)?;
            let registry = engine.registry.lock().unwrap_or_else(PoisonError::into_inner);
            if registry.made() == seen {
                break self.token.publish(opened.clone());
            }
        };
        let lanes = std::iter::repeat_n(Lane::Fast, self.token.config.sessions.max(1)).chain([Lane::Slow]);
        for (number, lane) in lanes.enumerate() {
            let (token, opened, end) = (self.token.clone(), opened.clone(), end.clone());
            let name = format!("hsm-{}-{number}", self.token.index);
            let spawned = engine.spawn(name, move |engine| worker::run(engine, &token, &opened, lane, &end));
            if let Err(error) = spawned {
                error!(error = %error, "no thread could be started: {error}");
                return Err(Failure::Token(Error::NoThread(error)).into());
            }
        }
        Ok(())
    }

    fn resolve_late(&mut self, opened: &Opened, keys: &[Arc<KeyInner>]) -> Result<(), Failure> {
        let Some((session, library_epoch)) = self.session.take() else { return Err(Failure::Stale) };
        let library = self.token.library.clone();
        let _inside = library.enter(library_epoch, &self.busy)?;
        let resolved = self.resolve(&session, opened, keys, Missing::Passes);
        self.session = Some((session, library_epoch));
        resolved
    }

    fn probe(&mut self) {
        let Some((session, library_epoch)) = &self.session else { return };
        let epoch = self.token.opened().map_or(0, |opened| opened.epoch);
        let Ok(_inside) = self.token.library.enter(*library_epoch, &self.busy) else {
            return self.token.fail(epoch, "the library was restarted");
        };
        self.pulse();
        let answer = session.get_session_info();
        if let (Ok(_), Some(opened)) = (&answer, self.token.opened()) {
            self.pulse();
            // New keys are to go under the newest wrapping key soon after another process made it.
            if let Err(failure) = wrap::learn_wrapping_keys(session, &opened) {
                let error = failure.into_error();
                info!(error = %error, "the wrapping keys could not be looked up: {error}");
            }
        }
        self.busy.end();
        if let Err(error) = answer {
            self.token.fail(epoch, &Failure::from(error).into_error().to_string());
        }
    }

    fn close(&mut self) {
        let Some((session, library_epoch)) = self.session.take() else { return };
        if let Ok(_inside) = self.token.library.enter(library_epoch, &self.busy) {
            self.pulse();
            // It is given up either way.
            drop(session.close());
            self.busy.end();
        }
    }

    fn registry(&self) -> (Vec<Arc<KeyInner>>, KeyId) {
        self.engine.registry.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    fn pulse(&self) {
        self.busy.begin(self.engine.limits.call);
    }
}

/// What it means that a key is gone that was here.
#[derive(Clone, Copy)]
enum Missing {
    /// The token is not itself: restart the library before believing it.
    Fails,
    /// It was deleted.
    Passes,
}

/// The key algorithms that these mechanisms sign with, whether or not they make such keys.
fn signs(mechanisms: &[MechanismType]) -> Vec<Alg> {
    let mut algs = Vec::new();
    for (mechanism, served) in [
        (MechanismType::RSA_PKCS, &[Alg::Rsa2048, Alg::Rsa3072, Alg::Rsa4096][..]),
        (MechanismType::ECDSA, &[Alg::P256, Alg::P384]),
        (MechanismType::EDDSA, &[Alg::Ed25519]),
        (MechanismType::ML_DSA, &[Alg::MlDsa44, Alg::MlDsa65, Alg::MlDsa87]),
    ] {
        if mechanisms.contains(&mechanism) {
            algs.extend(served);
        }
    }
    algs
}

/// What makes keys of an algorithm.
fn making(alg: Alg) -> MechanismType {
    match alg {
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => MechanismType::RSA_PKCS_KEY_PAIR_GEN,
        Alg::P256 | Alg::P384 => MechanismType::ECC_KEY_PAIR_GEN,
        Alg::Ed25519 => MechanismType::ECC_EDWARDS_KEY_PAIR_GEN,
        Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => MechanismType::ML_DSA_KEY_PAIR_GEN,
    }
}
