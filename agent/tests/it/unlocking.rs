//! A card is unlocked where no server is reached.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use agent::readers::Readers;
use card::piv::{Algorithm, Error, Passcode, Piv};

use super::issued::{PASSCODE, compress, issue};
use super::rig::{Rig, file, run};

/// What `issue` gives the card as its unblocking key.
const KEY: &str = "90817263";
/// What the holder chooses.
const NEW: &str = "86420864";

/// The command of the agent, with a dialog in which somebody enters these, one after the other, and what is said in it.
fn entering(rig: &Rig, entered: &[&str]) -> Command {
    let path = |name: &str| file(rig.folder(), name);
    let (dialog, answers, said) = (path("pinentry"), path("answers"), path("dialog"));
    std::fs::write(&answers, entered.join("\n") + "\n").unwrap();
    let _ = std::fs::remove_file(&said);
    let script = format!(
        "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  echo \"$line\" >>'{said}'\n  \
         case \"$line\" in GETPIN*) head -n 1 '{answers}' | sed 's/^/D /'; sed -i 1d '{answers}' ;; esac\n  echo OK\ndone\n"
    );
    std::fs::write(&dialog, script).unwrap();
    std::fs::set_permissions(&dialog, std::fs::Permissions::from_mode(0o700)).unwrap();
    rig.agent(&format!("pinentry = \"{dialog}\"\n"))
}

/// What was said in the dialog.
fn said(rig: &Rig) -> String {
    std::fs::read_to_string(rig.folder().join("dialog")).unwrap_or_default()
}

/// The same command where there is no network at all, not even this machine's own.
fn without_network(command: &Command) -> Command {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut alone = Command::new("unshare");
    if !root {
        alone.args(["--user", "--map-root-user"]);
    }
    alone.arg("--net").arg(command.get_program()).args(command.get_args());
    surrounded(alone, command)
}

/// The same command of somebody who sits at a terminal.
fn in_a_terminal(command: &Command) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    surrounded(terminal, command)
}

/// A command with what surrounds another one.
fn surrounded(mut outer: Command, command: &Command) -> Command {
    for (name, value) in command.get_envs() {
        outer.env(name, value.unwrap_or_default());
    }
    outer
}

/// What a card answers to a passcode.
fn verified(reader: usize, digits: &str) -> Result<(), Error> {
    let passcode = Passcode::parse(digits.as_bytes()).unwrap();
    let readers = Readers::open().unwrap();
    readers.with_card(&Rig::name(reader), |card| Piv::select(card)?.verify(&passcode)).unwrap()
}

fn lock(reader: usize) {
    for _ in 0..3 {
        verified(reader, "000000").unwrap_err();
    }
    assert!(matches!(verified(reader, PASSCODE), Err(Error::Locked(_))));
}

/// Without a network a locked card is unlocked by the key that its holder was told; they chose the passcode, and neither of the two is said
/// anywhere. The card's serial number is said, by which pages know it.
#[test]
fn card_is_unlocked_without_a_network() {
    let rig = Rig::start(1);
    let (good, told) = run(rig.agent("").arg("card"));
    assert!(!good && told.contains("No smartcard"), "{told}");
    let _card = rig.insert_chip(0, 815);
    issue(&rig, 0, Algorithm::P256);
    lock(0);
    let (good, told) = run(rig.agent("").arg("card"));
    assert!(good && told.starts_with("serial number 815, in Lanyard Test Reader 0"), "{told}");
    assert!(told.contains("A. Prescriber 9a, locked"), "{told}");
    let (_, told) = run(rig.agent("").arg("doctor"));
    assert!(told.contains("serial number 815.") && told.contains("lanyard-agent unlock"), "{told}");

    let (good, told) = run(without_network(&entering(&rig, &[KEY, NEW, NEW])).arg("unlock"));
    assert!(
        good && told.contains("The card is unlocked")
            && told.contains("have it repaired")
            && told.contains("unless an unlock with the server had broken off before"),
        "{told}"
    );
    let asked = said(&rig);
    assert_eq!(asked.matches("GETPIN").count(), 3, "{asked}");
    assert_eq!(asked.matches("the card with the serial number 815").count(), 3, "{asked}");
    for secret in [KEY, NEW] {
        assert!(!told.contains(secret) && !asked.contains(secret), "{told}{asked}");
    }
    verified(0, NEW).unwrap();
    assert!(verified(0, PASSCODE).is_err(), "the passcode before is one no more");
}

/// A card whose certificate cannot be read is named and unlocked like any other, and what is with it is said.
#[test]
fn card_with_a_compressed_certificate_is_unlocked() {
    let rig = Rig::start(1);
    let _card = rig.insert_chip(0, 815);
    issue(&rig, 0, Algorithm::P256);
    compress(0);
    lock(0);
    let (good, told) = run(rig.agent("").arg("card"));
    assert!(good && told.starts_with("serial number 815, in Lanyard Test Reader 0"), "{told}");
    assert!(told.contains("A. Prescriber 9c, locked"), "{told}");
    let (good, told) = run(rig.agent("").arg("doctor"));
    assert!(!good && told.contains("serial number 815.") && told.contains("is locked"), "{told}");
    assert!(told.contains("for signing in cannot be used: the compressed certificate"), "{told}");
    let (good, told) = run(entering(&rig, &[KEY, NEW, NEW]).arg("unlock"));
    assert!(good && told.contains("The card is unlocked"), "{told}");
    verified(0, NEW).unwrap();
}

/// What is clearly mistyped is asked for again and does not reach the card, which then has all its tries; who goes on like that, or says no,
/// has changed nothing.
#[test]
fn clear_mistakes_spend_no_try() {
    let rig = Rig::start(1);
    let _card = rig.insert_chip(0, 815);
    issue(&rig, 0, Algorithm::P256);
    lock(0);
    let unlock = |entered: &[&str]| {
        let (good, told) = run(entering(&rig, entered).arg("unlock"));
        assert!(!good && told.contains("the card is not unlocked"), "{told}");
        (told, said(&rig))
    };
    let (told, asked) = unlock(&["9081726", "9081726x", ""]);
    assert!(told.contains("an unblocking key has 8 digits"), "{told}");
    assert_eq!(asked.matches("That cannot be taken: an unblocking key has 8 digits").count(), 2, "{asked}");
    let (told, asked) = unlock(&[KEY, "8642", "123456", KEY]);
    assert!(told.contains("the new passcode is the unblocking key"), "{told}");
    for words in ["a passcode has 6 to 8 digits", "this passcode is among the first that anybody would try"] {
        assert!(asked.contains(&format!("That cannot be taken: {words}")), "{asked}");
    }
    assert_eq!(asked.matches("GETPIN").count(), 4, "{asked}");
    let (told, _) = unlock(&[KEY, NEW, "86420865", NEW, "86420865", NEW, "86420865"]);
    assert!(told.contains("not entered the same way twice"), "{told}");
    let (told, _) = unlock(&[KEY]);
    assert!(told.contains("was not entered"), "{told}");
    assert!(matches!(verified(0, PASSCODE), Err(Error::Locked(_))), "nothing was unlocked");
    let (told, _) = unlock(&["11111111", NEW, NEW]);
    assert!(told.contains("tries left: 2"), "not one of three tries was spent before: {told}");
}

/// A wrong key costs one try, of which is said how many are left, and the rest is left as it was; a key that is locked is told with what to do
/// then, and the right one opens nothing any more.
#[test]
fn wrong_and_locked_unblocking_keys_are_told() {
    let rig = Rig::start(1);
    let _card = rig.insert_chip(0, 815);
    issue(&rig, 0, Algorithm::P256);
    let unlock = |key: &str| {
        let (good, told) = run(entering(&rig, &[key, NEW, NEW]).arg("unlock"));
        assert_eq!(said(&rig).matches("GETPIN").count(), 3);
        for secret in [key, NEW] {
            assert!(!told.contains(secret), "{told}");
        }
        (good, told)
    };
    // The virtual card gives its unblocking key three tries.
    for left in (1..=2).rev() {
        let (good, told) = unlock("12345679");
        assert!(!good && told.contains(&format!("(tries left: {left})")), "{told}");
        assert!(told.contains("the passcode is as it was"), "{told}");
        verified(0, PASSCODE).unwrap();
    }
    for key in ["12345679", KEY] {
        let (good, told) = unlock(key);
        assert!(!good && told.contains("unblocking key is locked"), "{told}");
        assert!(told.contains("your registration authority, which cancels it as damaged"), "{told}");
    }
    verified(0, PASSCODE).unwrap();
    assert!(verified(0, NEW).is_err(), "it was not set");
}

/// A dialog that draws itself in the terminal of whoever started the command is told which that is, and where there is none, nothing.
#[test]
fn dialogs_are_told_of_the_terminal() {
    let rig = Rig::start(1);
    let _card = rig.insert_chip(0, 815);
    issue(&rig, 0, Algorithm::P256);
    let mut command = entering(&rig, &[KEY, NEW, NEW]);
    let (good, told) = run(in_a_terminal(command.arg("unlock")).env("TERM", "xterm"));
    assert!(good && told.contains("The card is unlocked"), "{told}");
    assert!(!told.contains(KEY) && !told.contains(NEW), "{told}");
    let asked = said(&rig);
    let option = "OPTION ttyname=/dev/tty\nOPTION ttytype=xterm\n";
    assert_eq!(asked.matches(option).count(), 3, "one for each dialog: {asked}");
    assert!(run(entering(&rig, &[KEY, NEW, NEW]).arg("unlock")).0);
    assert!(!said(&rig).contains("OPTION"), "{}", said(&rig));
}

/// Of two cards the one is unlocked that was named by its serial number; where none was, or another, nobody is asked for anything.
#[test]
fn named_card_is_unlocked() {
    let rig = Rig::start(2);
    let _cards = [rig.insert_chip(0, 815), rig.insert_chip(1, 816)];
    issue(&rig, 0, Algorithm::P256);
    issue(&rig, 1, Algorithm::P256);
    for (named, words) in [(&[][..], "more than one"), (&["--serial", "817"][..], "817 is in no reader")] {
        let (good, told) = run(entering(&rig, &[KEY, NEW, NEW]).arg("unlock").args(named));
        assert!(!good && told.contains(words), "{told}");
        assert_eq!(said(&rig), "");
    }
    let (good, told) = run(entering(&rig, &[KEY, NEW, NEW]).args(["unlock", "--serial", "816"]));
    assert!(good && told.contains(&Rig::name(1).to_string()), "{told}");
    verified(1, NEW).unwrap();
    verified(0, PASSCODE).unwrap();
}
