//! What each operating system does in its own way: whose program a connection is from, what is plugged in, where the terminal is, and
//! what mends things. All else goes by the standard library, by PC/SC, which every system has, and by sockets.
//!
//! Linux is what there is now; `docs/agent.md` says what is left to write for others. The socket for systems of the desktop
//! (`http::local`) is there on every Unix.

use std::io::IsTerminal as _;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(crate) use linux::{ADVICE, person_behind, plugged_in, program_of};
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) use other::program_of;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{ADVICE, person_behind, plugged_in};

/// Whose program is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Person {
    /// The agent's own user's.
    Own,
    /// Somebody else's.
    Foreign,
    /// This system does not say it.
    Unknown,
}

/// The public key by which configurations of this machine must be signed, where there is one: only who looks after it can put it there.
pub(crate) const MACHINE_KEY: &str =
    if cfg!(windows) { r"C:\ProgramData\Lanyard\agent.pem" } else { "/etc/lanyard/agent.pem" };

/// What mends what is wrong, in the words of this system.
pub(crate) struct Advice {
    /// The service for card readers does not run.
    pub(crate) no_service: &'static str,
    /// The user may not use readers.
    pub(crate) not_allowed: &'static str,
    /// A reader is plugged in that the service does not know.
    pub(crate) no_driver: &'static str,
    /// There is no program that asks for the passcode.
    pub(crate) no_dialog: &'static str,
    /// The clock is wrong.
    pub(crate) clock: &'static str,
}

/// What a dialog is told that draws itself in the terminal of whoever started the agent. Nothing where there is no terminal: a dialog
/// that needs none does not look.
pub(crate) fn terminal_options() -> Vec<String> {
    if cfg!(unix) && std::io::stdin().is_terminal() {
        terminal(std::env::var("TERM").ok())
    } else {
        Vec::new()
    }
}

/// The dialog's own input and output are ours to speak by, so it is told of the terminal by its name.
fn terminal(kind: Option<String>) -> Vec<String> {
    let kind = kind.filter(|kind| !kind.is_empty() && !kind.contains(char::is_control));
    let kind = kind.map(|kind| format!("ttytype={kind}"));
    std::iter::once("ttyname=/dev/tty".to_owned()).chain(kind).collect()
}

/// A dialog is told of the terminal and of its kind, and of nothing that would be another order.
#[test]
fn terminals_are_told() {
    let kind = |kind: &str| Some(kind.to_owned());
    assert_eq!(terminal(kind("xterm")), ["ttyname=/dev/tty", "ttytype=xterm"]);
    for odd in [None, kind(""), kind("xterm\nGETPIN")] {
        assert_eq!(terminal(odd), ["ttyname=/dev/tty"]);
    }
}
