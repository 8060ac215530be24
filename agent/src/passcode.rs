//! Asking for secrets of cards, in a dialog of the agent's own: never by the page that wants a signature, and never by the command line.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use card::piv::{Passcode, Puk};
use zeroize::Zeroizing;

use crate::system;

/// After so long without an entry nobody is there.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How often something is asked for that was clearly mistyped.
const ENTRIES: usize = 3;

/// How much later a dialog that does not close by itself is closed.
const GRACE: Duration = Duration::from_secs(2);

/// A dialog says nothing longer.
const LONGEST_LINE: usize = 1_000;

/// Why there is no passcode.
#[derive(Debug, thiserror::Error)]
pub enum NoPasscode {
    /// Who was asked said no, or nobody was there.
    #[error("the passcode was not entered")]
    Cancelled,
    /// A new one was entered in two ways.
    #[error("the passcode was not entered the same way twice")]
    NotTheSame,
    /// A new one is among the first that anybody would try.
    #[error(
        "this passcode is among the first that anybody would try: one digit throughout, or digits in their order"
    )]
    Guessable,
    /// A new one is the unblocking key.
    #[error("the new passcode is the unblocking key, which somebody else knows")]
    LikeTheKey,
    /// What was entered is none.
    #[error(transparent)]
    Malformed(#[from] card::piv::NotAPasscode),
    /// What was entered is no unblocking key.
    #[error(transparent)]
    MalformedKey(#[from] card::piv::NotAPuk),
    /// There is no dialog.
    #[error("the dialog for the passcode, {program}, could not be shown")]
    NoDialog {
        /// Its program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
}

impl NoPasscode {
    /// Whether it can be entered better.
    fn is_mistake(&self) -> bool {
        use NoPasscode::{Cancelled, Guessable, LikeTheKey, Malformed, MalformedKey, NoDialog, NotTheSame};
        match self {
            NotTheSame | Guessable | LikeTheKey | Malformed(_) | MalformedKey(_) => true,
            Cancelled | NoDialog { .. } => false,
        }
    }
}

/// Asks for the passcode with a program of the pinentry family, which speaks the Assuan protocol. The text says who asks, and for what.
pub fn ask(pinentry: &Path, text: &str, patience: Duration) -> Result<Passcode, NoPasscode> {
    Ok(Passcode::parse(&entered(pinentry, text, Question::Passcode, patience)?)?)
}

/// Asks for an unblocking key that the user was told. What is none is asked for again: it would cost a try of the card.
pub fn ask_key(pinentry: &Path, text: &str, patience: Duration) -> Result<Puk, NoPasscode> {
    until_it_can_be(text, |text| Ok(Puk::parse(&entered(pinentry, text, Question::Key, patience)?)?))
}

/// Asks for a new passcode, twice: what was not entered the same way both times was mistyped. What cannot be one is asked for again.
/// All of it together takes no longer than this, since somebody far away may wait.
pub fn choose(pinentry: &Path, text: &str, patience: Duration) -> Result<Passcode, NoPasscode> {
    let until = Instant::now() + patience;
    until_it_can_be(text, |text| entered_twice(pinentry, text, until, None))
}

/// The same, and it is none that is the unblocking key.
pub fn choose_beside(
    pinentry: &Path,
    text: &str,
    patience: Duration,
    key: &Puk,
) -> Result<Passcode, NoPasscode> {
    let until = Instant::now() + patience;
    until_it_can_be(text, |text| entered_twice(pinentry, text, until, Some(key)))
}

/// Asks whether the user agrees to something.
pub fn confirm(pinentry: &Path, text: &str, patience: Duration) -> Result<bool, NoPasscode> {
    Ok(converse_with(pinentry, text, Question::Agreement, patience)?.is_some())
}

/// How long a dialog may still be shown. Dialogs count in seconds, and take none for no end.
fn left(until: Instant) -> Result<Duration, NoPasscode> {
    let left = until.saturating_duration_since(Instant::now());
    if left < Duration::from_secs(1) { Err(NoPasscode::Cancelled) } else { Ok(left) }
}

/// Asks again, with the reason above the question, what was clearly mistyped.
fn until_it_can_be<R>(
    text: &str,
    mut ask: impl FnMut(&str) -> Result<R, NoPasscode>,
) -> Result<R, NoPasscode> {
    let mut said = text.to_owned();
    for _ in 1..ENTRIES {
        match ask(&said) {
            Err(mistake) if mistake.is_mistake() => {
                said = format!("That cannot be taken: {mistake}.\n{text}");
            }
            outcome => return outcome,
        }
    }
    ask(&said)
}

fn entered(
    pinentry: &Path,
    text: &str,
    question: Question,
    patience: Duration,
) -> Result<Zeroizing<Vec<u8>>, NoPasscode> {
    converse_with(pinentry, text, question, patience)?.ok_or(NoPasscode::Cancelled)
}

fn entered_twice(
    pinentry: &Path,
    text: &str,
    until: Instant,
    key: Option<&Puk>,
) -> Result<Passcode, NoPasscode> {
    let first = entered(pinentry, text, Question::Passcode, left(until)?)?;
    let passcode = Passcode::parse(&first)?;
    if passcode.is_guessable() {
        return Err(NoPasscode::Guessable);
    }
    if key.is_some_and(|key| passcode.is_same_as(key)) {
        return Err(NoPasscode::LikeTheKey);
    }
    let again = format!("{text}\nEnter it again, so that it is not mistyped.");
    let second = entered(pinentry, &again, Question::Passcode, left(until)?)?;
    if first == second { Ok(passcode) } else { Err(NoPasscode::NotTheSame) }
}

/// What is asked in a dialog.
#[derive(Clone, Copy)]
enum Question {
    Passcode,
    Key,
    Agreement,
}

impl Question {
    /// What stands before the place for it.
    fn prompt(self) -> &'static str {
        match self {
            Self::Key => "Unblocking key:",
            Self::Passcode | Self::Agreement => "Passcode:",
        }
    }
}

/// Shows a dialog: what was entered, which is nothing for an agreement; none where who was asked said no.
fn converse_with(
    pinentry: &Path,
    text: &str,
    question: Question,
    patience: Duration,
) -> Result<Option<Zeroizing<Vec<u8>>>, NoPasscode> {
    let no_dialog = |source| NoPasscode::NoDialog { program: pinentry.display().to_string(), source };
    let child = Command::new(pinentry).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut dialog = Dialog(child.map_err(no_dialog)?);
    let (Some(write), Some(read)) = (dialog.0.stdin.take(), dialog.0.stdout.take()) else {
        return Err(no_dialog(ErrorKind::BrokenPipe.into()));
    };
    let (said, hears) = mpsc::channel();
    let text = text.to_owned();
    std::thread::spawn(move || {
        // Nobody hears it when the time is over; what was entered is wiped with it. It is read without a buffer, which nobody would wipe.
        let _ = said.send(converse(write, read, &text, question, patience));
    });
    // One that is stuck is ended with this function, which ends the thread too.
    let entered = hears.recv_timeout(patience + GRACE).map_err(|_| NoPasscode::Cancelled)?;
    entered.map_err(no_dialog)
}

/// A dialog, which is gone when this is dropped.
struct Dialog(Child);

impl Drop for Dialog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn converse(
    mut write: impl Write,
    mut read: impl Read,
    text: &str,
    question: Question,
    patience: Duration,
) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    expect_ok(&mut read)?;
    for option in system::terminal_options() {
        writeln!(write, "OPTION {option}")?;
        // One that needs no terminal may not know of them; one that is gone is found out next.
        let _ = expect_ok(&mut read);
    }
    let orders = [
        format!("SETTIMEOUT {}", patience.as_secs()),
        "SETTITLE Lanyard".to_owned(),
        format!("SETDESC {}", escaped(text)),
        format!("SETPROMPT {}", question.prompt()),
    ];
    for order in orders {
        writeln!(write, "{order}")?;
        expect_ok(&mut read)?;
    }
    // An agreement has nothing that is entered: that nothing was is the answer.
    let (order, mut entered) = match question {
        Question::Passcode | Question::Key => ("GETPIN", None),
        Question::Agreement => ("CONFIRM", Some(Zeroizing::new(Vec::new()))),
    };
    writeln!(write, "{order}")?;
    loop {
        let line = line(&mut read)?;
        if let Some(data) = line.strip_prefix(b"D ") {
            entered = Some(Zeroizing::new(data.to_vec()));
        } else if line.starts_with(b"OK") {
            return Ok(entered);
        } else if line.starts_with(b"ERR") {
            return Ok(None);
        }
    }
}

fn expect_ok(read: &mut impl Read) -> std::io::Result<()> {
    loop {
        let line = line(read)?;
        if line.starts_with(b"OK") {
            return Ok(());
        }
        if line.starts_with(b"ERR") {
            return Err(ErrorKind::Unsupported.into());
        }
    }
}

/// One line, which may be the passcode: it is read into one place, which is wiped.
fn line(read: &mut impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
    let mut octet = Zeroizing::new([0; 1]);
    loop {
        if read.read(&mut octet[..])? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match octet[0] {
            b'\n' => return Ok(line),
            _ if line.len() == LONGEST_LINE => return Err(ErrorKind::InvalidData.into()),
            octet => line.push(octet),
        }
    }
}

/// A text in one line of the protocol.
fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '%' => "%25".to_owned(),
        '\n' => "%0A".to_owned(),
        '\r' => "%0D".to_owned(),
        letter => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A text that holds the protocol's own signs stays one line.
#[test]
fn texts_stay_one_line() {
    assert_eq!(escaped("50 % of\nGETPIN\r"), "50 %25 of%0AGETPIN%0D");
}

/// What is entered is read octet by octet: nothing reads ahead into a place that nobody wipes.
#[test]
fn entries_are_read_without_a_buffer() {
    struct Sips(std::vec::IntoIter<u8>);

    impl Read for Sips {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            assert_eq!(buffer.len(), 1, "somebody reads ahead");
            Ok(self.0.next().map_or(0, |octet| {
                buffer[0] = octet;
                1
            }))
        }
    }

    let mut dialog = Sips(b"D 24681012\nOK\n".to_vec().into_iter());
    assert_eq!(line(&mut dialog).unwrap().as_slice(), b"D 24681012");
    assert_eq!(dialog.0.as_slice(), b"OK\n");
}
