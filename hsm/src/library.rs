//! PKCS#11 libraries: each loaded once per process, started and restarted under one gate.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use tracing::warn;

use crate::Error;
use crate::busy::Busy;
use crate::failure::{Failure, describe};

static LIBRARIES: Mutex<Option<HashMap<PathBuf, Arc<Library>>>> = Mutex::new(None);

/// A loaded library. Every PKCS#11 call is made inside its gate.
pub(crate) struct Library {
    pkcs11: Pkcs11,
    gate: Mutex<Gate>,
    /// A thread went out, or a restart ended.
    moved: Condvar,
    /// Held across a login, so that no PIN is tried in parallel.
    pub(crate) login: Mutex<()>,
    /// Tokens that are ready through this library, in the whole process.
    pub(crate) ready: AtomicUsize,
    /// One-time keys alive, which a restart would destroy.
    pub(crate) one_time: AtomicUsize,
}

struct Gate {
    /// The threads that may be in a call.
    inside: Vec<Arc<Busy>>,
    /// A restart waits for the threads inside, or is under way.
    closed: bool,
    /// Counts starts; handles and sessions of an older start are void and may name others' objects now.
    epoch: u64,
    started: bool,
}

/// Being inside the gate: the library is started and stays so.
pub(crate) struct Inside<'a> {
    library: &'a Library,
    busy: Arc<Busy>,
}

impl Library {
    /// The library at this path, loaded and started if it was not yet.
    pub(crate) fn load(path: &Path) -> Result<Arc<Library>, Error> {
        let unloadable = |detail: String| Error::Library { module: path.display().to_string(), detail };
        let canonical = std::fs::canonicalize(path).map_err(|e| unloadable(e.to_string()))?;
        let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
        let libraries = libraries.get_or_insert_default();
        if let Some(library) = libraries.get(&canonical) {
            return Ok(library.clone());
        }
        let pkcs11 = Pkcs11::new(&canonical).map_err(|e| unloadable(e.to_string()))?;
        let library = Arc::new(Library {
            pkcs11,
            gate: Mutex::new(Gate { inside: Vec::new(), closed: false, epoch: 0, started: false }),
            moved: Condvar::new(),
            login: Mutex::new(()),
            ready: AtomicUsize::new(0),
            one_time: AtomicUsize::new(0),
        });
        libraries.insert(canonical, library.clone());
        Ok(library)
    }

    /// The function table.
    pub(crate) fn pkcs11(&self) -> &Pkcs11 {
        &self.pkcs11
    }

    /// Enters if the library is still in the start that `epoch` names.
    pub(crate) fn enter(&self, epoch: u64, busy: &Arc<Busy>) -> Result<Inside<'_>, Failure> {
        let mut gate = self.lock();
        if gate.closed || gate.epoch != epoch || !gate.started {
            return Err(Failure::Stale);
        }
        Ok(self.inside(&mut gate, busy))
    }

    /// Enters, starting the library if it is not; says which start this is. Waits while another thread restarts it.
    pub(crate) fn enter_started(
        &self,
        busy: &Arc<Busy>,
        patience: Duration,
    ) -> Result<(Inside<'_>, u64), Failure> {
        let waited = self.moved.wait_timeout_while(self.lock(), patience, |gate| gate.closed);
        let mut gate = waited.unwrap_or_else(PoisonError::into_inner).0;
        if gate.closed {
            return Err(Failure::Stale);
        }
        if !gate.started {
            self.initialize()?;
            gate.started = true;
            gate.epoch += 1;
        }
        let inside = self.inside(&mut gate, busy);
        Ok((inside, gate.epoch))
    }

    fn inside(&self, gate: &mut Gate, busy: &Arc<Busy>) -> Inside<'_> {
        gate.inside.push(busy.clone());
        Inside { library: self, busy: busy.clone() }
    }

    /// Finalises and starts the library anew, unless somebody did so since `epoch`. Waits until every thread is out, at
    /// most `patience`; if one is not, nothing is done, because to finalise a library under a call is undefined.
    ///
    /// Some libraries lose a call for ever when their device goes away under it. So a call overdue by more than `lost`
    /// is not waited for: whoever waits in it holds nothing of ours, and all else would leave the token dead until the
    /// process is restarted.
    pub(crate) fn restart(&self, epoch: u64, patience: Duration, lost: Duration) -> Result<(), Failure> {
        let mut gate = self.lock();
        if gate.epoch != epoch || gate.closed {
            return Ok(());
        }
        gate.closed = true;
        let deadline = Instant::now() + patience;
        while gate.inside.iter().any(|busy| busy.overdue() <= lost) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                gate.closed = false;
                self.moved.notify_all();
                return Err(Failure::Token(Error::TimedOut));
            }
            gate = self.moved.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if !gate.inside.is_empty() {
            let calls = gate.inside.len();
            warn!(calls, "finalising the PKCS#11 library although {calls} calls never came back");
            gate.inside.clear();
        }
        // From here on every older session and handle is void. The calls below may hang, so they are made without the
        // lock; `closed` keeps everybody out meanwhile.
        gate.epoch += 1;
        gate.started = false;
        drop(gate);
        if let Err(error) = self.pkcs11.clone().finalize() {
            let (_, error) = describe(error);
            warn!(error = %error, "the PKCS#11 library did not finalise cleanly: {error}");
        }
        let started = self.initialize();
        let mut gate = self.lock();
        gate.started = started.is_ok();
        gate.closed = false;
        self.moved.notify_all();
        started
    }

    fn initialize(&self) -> Result<(), Failure> {
        match self.pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(error) => Err(Failure::Token(describe(error).1)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut gate = self.library.lock();
        // It is not there any more if the library was restarted under it.
        gate.inside.retain(|busy| !Arc::ptr_eq(busy, &self.busy));
        if gate.closed {
            self.library.moved.notify_all();
        }
    }
}
