//! Systems for which nothing was written yet: they do not say, and whoever asks takes that for less, never for more.

use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;

use super::{Advice, Person};

/// What mends things where the system's own words for it are not known.
pub(crate) const ADVICE: Advice = Advice {
    no_service: "Restart the machine; if that does not help, ask your IT desk to start the service for smartcards.",
    not_allowed: "Sign in at the machine itself and not from afar, or ask your IT desk.",
    no_driver: "Install what the reader's maker offers, then unplug the reader and plug it in again.",
    no_dialog: "Install a program of the pinentry family, such as the one of GnuPG, and name it in `pinentry` of the configuration.",
    clock: "Have the machine set its clock by itself, or ask your IT desk.",
};

/// Whose program is at the other end of a connection on this machine.
pub(crate) fn person_behind(_peer: SocketAddr, _own: SocketAddr) -> Person {
    Person::Unknown
}

/// How many card readers are plugged in: none is known of but those that the system's service has.
pub(crate) fn plugged_in() -> usize {
    0
}

/// The program of a process.
#[cfg(unix)]
pub(crate) fn program_of(_process: i32) -> Option<PathBuf> {
    None
}
