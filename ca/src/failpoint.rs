//! Points at which a test can stop the process, between two durable steps.
//!
//! Without the feature `fail-points` nothing of this is compiled. With it, `LANYARD_FAIL_POINT=NAME` or
//! `NAME:COUNT` aborts the process the first time it passes the point, or at the given count, and [`arm`] makes the
//! task that passes it panic, so that a test in the same process can look at what it left.

#[cfg(feature = "fail-points")]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "fail-points")]
use std::sync::{Mutex, PoisonError, mpsc};

/// Every point, in the order in which an issuance passes them; then those of a revocation, a hold and its end; then
/// those of a list, and of notices.
pub const ALL: &[&str] = &[
    "ca.written",
    "ca.reserved",
    "ca.linted",
    "ca.signed",
    "ca.stored",
    "ca.revocation-asked",
    "ca.revocation-written",
    "ca.revoked",
    "ca.crl-numbered",
    "ca.crl-part",
    "ca.crl-signed",
    "ca.crl-stored",
    "ca.renewals-written",
    "ca.renewals-given",
];

/// Every point of CMP that is its own: of giving a certificate, and of taking back one that nobody confirmed.
pub const ENROL: &[&str] = &["ca.cmp-issued", "ca.cmp-delivered", "ca.cmp-lapsing", "ca.cmp-revoked"];

/// Every point of a roll-over that is its own, in the order in which that of a root passes them.
pub const ROLLOVER: &[&str] = &[
    "ca.generation-begun",
    "ca.generation-keyed",
    "ca.generation-requested",
    "ca.generation-certified",
    "ca.generation-stored",
    "ca.generation-listed",
    "ca.cross-certified",
    "ca.cross-stored",
    "ca.generation-finishing",
];

/// Every point of an import that is its own, in the order in which one of a certificate and a list passes them.
pub const IMPORT: &[&str] = &[
    "ca.generation-certified",
    "ca.generation-stored",
    "ca.generation-listed",
    "ca.generation-finishing",
    "ca.import-numbered",
    "ca.import-taken",
    "ca.import-published",
];

/// Every point of a ceremony with a root kept elsewhere that revokes a certificate and signs a request, in this order.
pub const OFFLINE: &[&str] = &[
    "ca.offline-begun",
    "ca.revocation-written",
    "ca.offline-revoked",
    "ca.written",
    "ca.linted",
    "ca.signed",
    "ca.stored",
    "ca.offline-certified",
    "ca.crl-numbered",
    "ca.crl-signed",
    "ca.crl-stored",
    "ca.offline-listed",
    "ca.offline-told",
];

/// Every point of issuing a card, in the order in which an errand passes them.
pub const CARDS: &[&str] = &[
    "ca.card-key-chosen",
    "ca.card-key-set",
    "ca.card-puk-chosen",
    "ca.card-puk-set",
    "ca.card-keyed",
    "ca.card-first-key",
    "ca.card-first-asked",
    "ca.card-second-key",
    "ca.card-one-certified",
    "ca.card-first-written",
    "ca.card-certified",
    "ca.card-written",
    "ca.card-finishing",
    "ca.card-finished",
];

/// Every point of trying a card's management key: before its proof goes to the card, and once the card's answer is heard.
pub const CARD_KEY_TRIES: &[&str] = &["ca.card-key-trying", "ca.card-key-answered"];

/// Every point of unlocking a card, and of ending an errand, that is its own.
pub const CARD_ENDS: &[&str] = &["ca.card-unlocked", "ca.card-errand-closed", "ca.card-errand-revoked"];

/// The point of a card whose unblocking key was told to somebody, that is its own.
pub const CARD_TOLD: &[&str] = &["ca.card-told-key-changed"];

/// The points between the certificates of a card and the move that comes after them.
pub const CARD_MOVES: &[&str] = &["ca.card-moving", "ca.card-replacing", "ca.card-print-ending"];

/// The point of a renewal that is its own: from there on the card may have other keys than it had.
pub const CARD_RENEWALS: &[&str] = &["ca.card-keys-changing"];

#[cfg(feature = "fail-points")]
static ARMED: Mutex<Option<&'static str>> = Mutex::new(None);
#[cfg(feature = "fail-points")]
static HELD: Mutex<Option<Hold>> = Mutex::new(None);
#[cfg(feature = "fail-points")]
static PASSED: AtomicU64 = AtomicU64::new(0);

/// What whoever passes a point that is held tells, and waits for.
#[cfg(feature = "fail-points")]
struct Hold {
    point: &'static str,
    reached: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

/// A point at which the next task that passes it waits; it goes on when this is dropped.
#[cfg(feature = "fail-points")]
#[derive(Debug)]
pub struct Held {
    reached: mpsc::Receiver<()>,
    _go_on: mpsc::Sender<()>,
}

#[cfg(feature = "fail-points")]
impl Held {
    /// Waits, in a thread that may, until a task has come to the point; false if none will.
    pub fn wait(&self) -> bool {
        self.reached.recv().is_ok()
    }
}

/// Makes the next task that passes this point wait there. The runtime has several threads.
#[cfg(feature = "fail-points")]
pub fn hold(point: &'static str) -> Held {
    let ((reached, heard), (sender, go_on)) = (mpsc::channel(), mpsc::channel());
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Hold { point, reached, go_on });
    Held { reached: heard, _go_on: sender }
}

#[cfg(feature = "fail-points")]
fn wait_at(point: &'static str) {
    let mut wanted = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let here = wanted.take_if(|hold| hold.point == point);
    drop(wanted);
    let Some(Hold { reached, go_on, .. }) = here else { return };
    // Whoever waits for it may have gone.
    let _ = reached.send(());
    tokio::task::block_in_place(|| {
        let _ = go_on.recv();
    });
}

/// Makes the next task that passes this point panic.
#[cfg(feature = "fail-points")]
pub fn arm(point: &'static str) {
    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(point);
}

#[cfg(feature = "fail-points")]
pub(crate) fn pass(point: &'static str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    if armed.as_ref() == Some(&point) {
        *armed = None;
        drop(armed);
        panic!("stopped at the fail point {point}");
    }
    drop(armed);
    wait_at(point);
    let Ok(wanted) = std::env::var("LANYARD_FAIL_POINT") else { return };
    let (name, count) = match wanted.split_once(':') {
        Some((name, count)) => (name.to_owned(), count.parse().unwrap_or(1)),
        None => (wanted, 1u64),
    };
    if name == point && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == count {
        std::process::abort();
    }
}

#[cfg(not(feature = "fail-points"))]
#[inline]
pub(crate) fn pass(_point: &'static str) {}
