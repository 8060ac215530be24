//! Which commands the agent lets through: what the act needs that its user agreed to, and nothing else.
//!
//! A server that was taken over could otherwise use an errand to guess the holder's passcode, to have the card sign something, or to
//! give it another owner. What is not in the table is refused.
//!
//! Of a command under secure messaging the agent sees what it is and not what it bears. Its head says for what it is, and is in its
//! code: the card takes no other for it. What the agent would look for inside it learns from the card, whose status is not encrypted.

use zeroize::Zeroizing;

use crate::apdu::Command;
use crate::piv::secure::{REFERENCE, SECURED};
use crate::piv::{NAME, Passcode};
use crate::tlv;
use crate::wire::relay::{Act, Octets};

/// A command that the act does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a command that this act does not need")]
pub struct NotExpected;

/// What a command is for, as far as the rule goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It reads, asks for a counter, or fetches the rest of an answer.
    Harmless,
    /// It selects PIV. Any other application could have a passcode of its own, with tries of its own.
    Select,
    /// A proof by the management key, which shows no secret.
    Management,
    /// A passcode goes to the card that the server knows: one of its own.
    OwnPasscode,
    /// The unblocking key sets a passcode of the server's.
    Unlock,
    /// The unblocking key is changed.
    ChangePuk,
    /// The management key is changed.
    ChangeManagement,
    /// How many tries there are is set, which gives the card the passcode that all have from the factory.
    SetTries,
    /// A key is made.
    Generate,
    /// An object is written.
    Write,
    /// A private key signs.
    Sign,
}

/// What each act needs beside what is harmless and the selection of PIV, which every act begins with.
fn needs(act: Act) -> &'static [Kind] {
    use Kind::{
        ChangeManagement, ChangePuk, Generate, Management, OwnPasscode, SetTries, Sign, Unlock, Write,
    };
    match act {
        Act::Issue => {
            &[Management, OwnPasscode, Unlock, ChangePuk, ChangeManagement, SetTries, Generate, Write, Sign]
        }
        // The passcode is its holder's and stays so: the agent enters it, and the server none.
        Act::Renew => &[Management, ChangePuk, ChangeManagement, Generate, Write, Sign],
        Act::Unlock => &[Unlock, ChangePuk],
        Act::Repair => &[Management, ChangePuk, ChangeManagement, Write],
        Act::Clear => &[Management, OwnPasscode, Unlock, ChangePuk, ChangeManagement, Generate, Write],
    }
}

/// The passcode that the server set last.
enum Own {
    /// The agent has seen it.
    Seen(Zeroizing<[u8; 8]>),
    /// It went under secure messaging.
    Hidden,
}

/// The rule of one errand. It keeps the passcode that the server set last, which is the only one that the server may enter.
pub struct Gate {
    act: Act,
    own: Option<Own>,
    /// The card said that it took that passcode, so it has none of its holder's.
    taken: bool,
    /// The keys that were made in this errand and have not signed yet: no other signs, and each once.
    made: Vec<u8>,
    /// Nothing more is signed: the passcode is the holder's, or what was certified is being written.
    closed: bool,
    /// The holder has entered their own passcode.
    entered: bool,
}

impl Gate {
    /// The rule of an act.
    pub fn new(act: Act) -> Self {
        Self { act, own: None, taken: false, made: Vec::new(), closed: false, entered: false }
    }

    /// Lets a command through, or does not.
    pub fn pass(&mut self, command: &Command) -> Result<(), NotExpected> {
        let kind = kind(command).ok_or(NotExpected)?;
        if kind == Kind::Select {
            // What was entered or set before is not said of what is selected now.
            (self.own, self.taken, self.entered) = (None, false, false);
            return Ok(());
        }
        if kind != Kind::Harmless && !needs(self.act).contains(&kind) {
            return Err(NotExpected);
        }
        // Whoever has a card in the reader and does not know its passcode does not have it renewed.
        if kind != Kind::Harmless && self.takes_holders() && !self.entered {
            return Err(NotExpected);
        }
        let (_, p2) = command.parameters();
        match kind {
            // Whatever it bears: the card has the server's passcode, so no entry tries the holder's.
            Kind::OwnPasscode if is_secured(command) && self.taken => Ok(()),
            Kind::OwnPasscode if !self.is_own(command.data()) => Err(NotExpected),
            // Whether it set one the card's answer says.
            Kind::Unlock if is_secured(command) => {
                (self.own, self.taken) = (Some(Own::Hidden), false);
                Ok(())
            }
            Kind::Sign if self.closed || !self.made.contains(&p2) => Err(NotExpected),
            Kind::Sign => {
                // Once: what proves the key. The pieces before the last belong to it.
                self.made.retain(|key| command.is_chained() || *key != p2);
                Ok(())
            }
            Kind::Write => {
                self.closed = true;
                Ok(())
            }
            Kind::Unlock => {
                // RESET RETRY COUNTER: the unblocking key, then the new passcode. NIST SP 800-73-5 part 2, 3.2.3.
                let passcode = command.data().get(8..16).filter(|_| command.data().len() == 16);
                let passcode: [u8; 8] = passcode.and_then(|it| it.try_into().ok()).ok_or(NotExpected)?;
                (self.own, self.taken) = (Some(Own::Seen(Zeroizing::new(passcode))), false);
                Ok(())
            }
            Kind::Generate => {
                self.made.push(p2);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes note of what the card answered to a command that passed.
    pub fn answered(&mut self, command: &Command, answer: &[u8]) {
        if kind(command) == Some(Kind::Unlock) {
            self.taken = if is_secured(command) { took(answer) } else { answer == [0x90, 0x00] };
        }
    }

    /// Whether the act is one in which the agent enters the holder's own passcode.
    pub fn takes_holders(&self) -> bool {
        self.act == Act::Renew
    }

    /// Takes note that the card has taken the holder's own passcode: from then on commands of the act pass.
    pub fn holder_entered(&mut self) {
        self.entered = true;
    }

    /// The passcode that the server set last, for the holder's to take its place, if the card has taken it: the one that was seen, or the
    /// one that the server tells where it went unseen. After that nothing is signed any more.
    pub fn take_own_passcode(&mut self, told: Option<&Octets>) -> Option<Passcode> {
        self.closed = true;
        let taken = std::mem::take(&mut self.taken);
        match self.own.take().filter(|_| taken)? {
            Own::Seen(own) => Passcode::of_octets(&own[..]).ok(),
            Own::Hidden => Passcode::of_octets(&told?.0).ok(),
        }
    }

    /// The server's own, which the card has taken, or the one that every card has from the factory where it may still have that.
    fn is_own(&self, data: &[u8]) -> bool {
        let factory = self.act == Act::Issue && data == b"123456\xFF\xFF";
        let own = matches!(&self.own, Some(Own::Seen(own)) if own[..] == *data);
        factory || (own && self.taken)
    }
}

/// Whether a command goes under secure messaging.
fn is_secured(command: &Command) -> bool {
    command.class() & SECURED == SECURED
}

/// Whether an answer under secure messaging says success. NIST SP 800-73-5 part 2, 4.2.6.
fn took(answer: &[u8]) -> bool {
    let body = answer.strip_suffix(&[0x90, 0x00]).unwrap_or_default();
    matches!(tlv::find(body, 0x99), Ok(Some([0x90, 0x00])))
}

/// NIST SP 800-73-5 part 2, table 2, and the extensions of `YubiKeys`.
fn kind(command: &Command) -> Option<Kind> {
    let (p1, p2) = command.parameters();
    let chained = command.is_chained();
    let empty = match command.class() & !0x10 {
        0 => command.data().is_empty(),
        // Its data are in tag 87, where it has any.
        SECURED => tlv::find(command.data(), 0x87) == Ok(None),
        _ => return None,
    };
    let kind = match (command.instruction(), p1, p2) {
        (0xA4, 0x04, 0x00) if command.class() == 0 && command.data() == NAME => Kind::Select,
        (0x20, 0x00 | 0xFF, 0x80) if empty => Kind::Harmless,
        // The last are serial number, version, metadata and attestation of a key, and what card and server agree on keys by, for which nothing
        // of the holder's is used.
        (0xCB, 0x3F, 0xFF)
        | (0xC0 | 0xF8 | 0xFD, 0, 0)
        | (0xF7 | 0xF9, _, _)
        | (0x87, 0x27 | 0x2E, REFERENCE) => Kind::Harmless,
        (0x20, 0x00, 0x80) => Kind::OwnPasscode,
        (0x24, 0x00, 0x81) => Kind::ChangePuk,
        (0x2C, 0x00, 0x80) => Kind::Unlock,
        (0x87, 0x03 | 0x08 | 0x0A | 0x0C, 0x9B) => Kind::Management,
        (0x87, 0x07 | 0x11 | 0x14, 0x9A | 0x9C) => Kind::Sign,
        (0x47, 0x00, 0x9A | 0x9C) => Kind::Generate,
        (0xDB, 0x3F, 0xFF) => Kind::Write,
        (0xFF, 0xFF, 0xFF) => Kind::ChangeManagement,
        (0xFA, _, _) => Kind::SetTries,
        _ => return None,
    };
    // Only what is long goes in pieces; what bears a secret never does.
    let long = matches!(kind, Kind::Write | Kind::Sign);
    if chained && !long { None } else { Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(head: [u8; 4], data: &[u8]) -> Command {
        let length = u8::try_from(data.len()).unwrap();
        let octets = if data.is_empty() { head.to_vec() } else { [&head[..], &[length], data].concat() };
        Command::parse(&octets).unwrap()
    }

    /// The rule once the holder has entered their passcode, where they have to.
    fn entered(act: Act) -> Gate {
        let mut gate = Gate::new(act);
        gate.holder_entered();
        gate
    }

    /// Each kind of command against each act: what an act does not need does not pass.
    #[test]
    fn acts_need_what_they_need() {
        let unlock = command([0, 0x2C, 0, 0x80], b"9081726387654321");
        let cases = [
            (command([0, 0xA4, 4, 0], &NAME), [true; 5]),
            // OpenPGP, whose passcode has another counter; any application that begins so; PIV in the middle of a chain.
            (command([0, 0xA4, 4, 0], &[0xD2, 0x76, 0, 1, 0x24, 1]), [false; 5]),
            (command([0, 0xA4, 4, 0], &[0xA0]), [false; 5]),
            (command([0, 0xA4, 4, 0], &[]), [false; 5]),
            (command([0x10, 0xA4, 4, 0], &NAME), [false; 5]),
            (command([0x0C, 0xA4, 4, 0], &NAME), [false; 5]),
            (command([0, 0x20, 0, 0x80], &[]), [true; 5]),
            (command([0, 0x87, 0x0C, 0x9B], &[0x7C, 0]), [true, true, false, true, true]),
            (unlock.clone(), [true, false, true, false, true]),
            (command([0, 0x24, 0, 0x81], b"1234567887654321"), [true; 5]),
            (command([0, 0xFF, 0xFF, 0xFF], &[0x0C, 0x9B, 0]), [true, true, false, true, true]),
            (command([0, 0xFA, 3, 5], &[]), [true, false, false, false, false]),
            (command([0, 0x20, 0, 0x80], b"123456\xFF\xFF"), [true, false, false, false, false]),
            (command([0, 0x47, 0, 0x9A], &[0xAC, 0]), [true, true, false, false, true]),
            (command([0, 0xDB, 0x3F, 0xFF], &[0x5C, 0]), [true, true, false, true, true]),
            // The holder's passcode is the agent's to enter and to change; a reset, another slot, another application.
            (command([0, 0x24, 0, 0x80], b"1234567887654321"), [false; 5]),
            (command([0, 0xFB, 0, 0], &[]), [false; 5]),
            (command([0, 0x47, 0, 0xF9], &[0xAC, 0]), [false; 5]),
            (command([0x80, 0x20, 0, 0x80], &[]), [false; 5]),
            (command([0x10, 0x2C, 0, 0x80], b"9081726387654321"), [false; 5]),
            (command([0, 0x2C, 0, 0x80], b"90817263876543"), [false; 5]),
        ];
        for (command, expected) in cases {
            let passed = Act::ALL.map(|act| entered(act).pass(&command).is_ok());
            assert_eq!(passed, expected, "{:02X} {:02X?}", command.instruction(), command.parameters());
        }
    }

    /// Nothing of a renewal passes before the holder has entered their passcode, but what only reads.
    #[test]
    fn renewals_wait_for_the_holder() {
        let mut gate = Gate::new(Act::Renew);
        let harmless = command([0, 0xCB, 0x3F, 0xFF], &[0x5C, 0]);
        let others = [
            command([0, 0x87, 0x0C, 0x9B], &[0x7C, 0]),
            command([0, 0x24, 0, 0x81], b"1234567887654321"),
            command([0, 0xFF, 0xFF, 0xFF], &[0x0C, 0x9B, 0]),
            command([0, 0x47, 0, 0x9A], &[0xAC, 0]),
            command([0, 0xDB, 0x3F, 0xFF], &[0x5C, 0]),
        ];
        assert!(gate.takes_holders());
        gate.pass(&harmless).unwrap();
        assert!(others.iter().all(|other| gate.pass(other) == Err(NotExpected)));
        gate.holder_entered();
        assert!(others.iter().all(|other| gate.pass(other).is_ok()));
        assert!(
            Act::ALL.into_iter().filter(|act| *act != Act::Renew).all(|act| !Gate::new(act).takes_holders())
        );
    }

    /// What was entered or set holds until PIV is selected anew: then the holder enters theirs again, and the server's is set again.
    #[test]
    fn selecting_forgets_what_was_entered() {
        let select = command([0, 0xA4, 4, 0], &NAME);
        let write = command([0, 0xDB, 0x3F, 0xFF], &[0x5C, 0]);
        let mut gate = entered(Act::Renew);
        gate.pass(&write).unwrap();
        gate.pass(&select).unwrap();
        assert_eq!(gate.pass(&write), Err(NotExpected));
        gate.holder_entered();
        gate.pass(&write).unwrap();
        let unlock = command([0, 0x2C, 0, 0x80], b"9081726387654321");
        let enter = command([0, 0x20, 0, 0x80], b"87654321");
        let mut gate = Gate::new(Act::Issue);
        gate.pass(&unlock).unwrap();
        gate.answered(&unlock, &[0x90, 0x00]);
        gate.pass(&enter).unwrap();
        gate.pass(&select).unwrap();
        assert_eq!(gate.pass(&enter), Err(NotExpected));
        let body = [&tlv::tagged(0x87, &[1; 17])[..], &tlv::tagged(0x8E, &[7; 8])].concat();
        assert_eq!(gate.pass(&command([0x0C, 0x20, 0, 0x80], &body)), Err(NotExpected));
        assert!(gate.take_own_passcode(None).is_none());
    }

    /// The server enters its own passcode and no other, and only once the card has taken it, so it cannot guess the holder's.
    #[test]
    fn passcodes_are_not_guessed() {
        let enter = |digits: &[u8]| command([0, 0x20, 0, 0x80], digits);
        let unlock = command([0, 0x2C, 0, 0x80], b"9081726387654321");
        let mut gate = Gate::new(Act::Issue);
        assert_eq!(gate.pass(&enter(b"87654321")), Err(NotExpected));
        gate.pass(&unlock).unwrap();
        assert_eq!(gate.pass(&enter(b"87654321")), Err(NotExpected), "the card has not answered");
        for refused in [&[0x63, 0xC2][..], &[0x69, 0x83], &[]] {
            gate.pass(&unlock).unwrap();
            gate.answered(&unlock, refused);
            assert_eq!(gate.pass(&enter(b"87654321")), Err(NotExpected), "{refused:02X?}");
            assert!(gate.take_own_passcode(None).is_none(), "{refused:02X?}");
        }
        gate.pass(&unlock).unwrap();
        gate.answered(&unlock, &[0x90, 0x00]);
        gate.pass(&enter(b"87654321")).unwrap();
        assert_eq!(gate.pass(&enter(b"87654320")), Err(NotExpected));
        assert!(gate.take_own_passcode(None).is_some() && gate.take_own_passcode(None).is_none());
        assert_eq!(gate.pass(&enter(b"87654321")), Err(NotExpected), "it is the holder's turn");
    }

    /// Under secure messaging the same acts need the same; a passcode is entered only once the card has said that it has one of the
    /// server's, and only until it is the holder's turn.
    #[test]
    fn secured_commands_need_the_same() {
        let secured = |head: [u8; 4], data: &[u8]| {
            let body = [&tlv::tagged(0x87, data)[..], &tlv::tagged(0x8E, &[7; 8])].concat();
            command(head, &body)
        };
        let cases = [
            (command([0, 0x87, 0x27, 0x04], &[0x7C, 0]), [true; 5]),
            (secured([0x0C, 0xCB, 0x3F, 0xFF], &[1; 17]), [true; 5]),
            (command([0x0C, 0x20, 0, 0x80], &[0x8E, 0]), [true; 5]),
            (secured([0x0C, 0x2C, 0, 0x80], &[1; 33]), [true, false, true, false, true]),
            (secured([0x0C, 0x24, 0, 0x81], &[1; 33]), [true; 5]),
            (secured([0x0C, 0xFF, 0xFF, 0xFF], &[1; 49]), [true, true, false, true, true]),
            (secured([0x0C, 0x20, 0, 0x80], &[1; 17]), [false; 5]),
            (secured([0x0C, 0x24, 0, 0x80], &[1; 33]), [false; 5]),
            (secured([0x0C, 0x87, 0x11, 0x9A], &[1; 49]), [false; 5]),
            (secured([0x1C, 0x2C, 0, 0x80], &[1; 33]), [false; 5]),
            (secured([0x04, 0x2C, 0, 0x80], &[1; 33]), [false; 5]),
            (secured([0x0C, 0xFB, 0, 0], &[1; 17]), [false; 5]),
        ];
        for (command, expected) in cases {
            let passed = Act::ALL.map(|act| entered(act).pass(&command).is_ok());
            assert_eq!(passed, expected, "{:02X} {:02X?}", command.instruction(), command.parameters());
        }
        let (unlock, enter) =
            (secured([0x0C, 0x2C, 0, 0x80], &[1; 33]), secured([0x0C, 0x20, 0, 0x80], &[1; 17]));
        let told = Octets(Zeroizing::new(b"11223344".to_vec()));
        let mut gate = Gate::new(Act::Issue);
        for refused in ["990263c28e0800000000000000009000", "6982", "9000", ""] {
            gate.pass(&unlock).unwrap();
            gate.answered(&unlock, &hex::decode(refused).unwrap());
            assert_eq!(gate.pass(&enter), Err(NotExpected), "{refused}");
            assert!(gate.take_own_passcode(Some(&told)).is_none(), "{refused}");
        }
        gate.pass(&unlock).unwrap();
        assert_eq!(gate.pass(&enter), Err(NotExpected), "the card has not answered");
        gate.answered(&unlock, &hex::decode("990290008e0800000000000000009000").unwrap());
        gate.pass(&enter).unwrap();
        assert_eq!(gate.pass(&command([0, 0x20, 0, 0x80], b"11223344")), Err(NotExpected), "in clear");
        assert!(gate.take_own_passcode(Some(&told)).is_some());
        assert_eq!(gate.pass(&enter), Err(NotExpected), "it is the holder's turn");
        // One that was set in clear is entered under secure messaging too, once the card has it.
        let bare = command([0, 0x2C, 0, 0x80], b"9081726387654321");
        for (answer, passes) in [([0x63, 0xC2], false), ([0x90, 0x00], true)] {
            gate.pass(&bare).unwrap();
            gate.answered(&bare, &answer);
            assert_eq!(gate.pass(&enter).is_ok(), passes);
        }
    }

    /// A key that was there before does not sign; one that was made signs once, however many pieces that has.
    #[test]
    fn only_new_keys_sign_and_once() {
        let sign = command([0, 0x87, 0x11, 0x9A], &[0x7C, 0]);
        let piece = command([0x10, 0x87, 0x07, 0x9A], &[0x7C, 0]);
        let make = command([0, 0x47, 0, 0x9A], &[0xAC, 0]);
        let mut gate = entered(Act::Renew);
        assert_eq!(gate.pass(&sign), Err(NotExpected));
        gate.pass(&make).unwrap();
        gate.pass(&piece).unwrap();
        gate.pass(&sign).unwrap();
        assert_eq!(gate.pass(&sign), Err(NotExpected), "it has proved itself");
        assert_eq!(gate.pass(&piece), Err(NotExpected));
        assert_eq!(gate.pass(&command([0, 0x87, 0x11, 0x9C], &[0x7C, 0])), Err(NotExpected));
        gate.pass(&make).unwrap();
        gate.pass(&sign).unwrap();
    }

    /// Once certificates are written, or the holder has chosen a passcode, no key signs, not even a new one.
    #[test]
    fn nothing_signs_after_what_was_certified() {
        let sign = command([0, 0x87, 0x11, 0x9C], &[0x7C, 0]);
        let make = command([0, 0x47, 0, 0x9C], &[0xAC, 0]);
        let mut written = Gate::new(Act::Issue);
        written.pass(&command([0, 0xDB, 0x3F, 0xFF], &[0x5C, 0])).unwrap();
        let mut chosen = Gate::new(Act::Issue);
        let unlock = command([0, 0x2C, 0, 0x80], b"9081726387654321");
        chosen.pass(&unlock).unwrap();
        chosen.answered(&unlock, &[0x90, 0x00]);
        assert!(chosen.take_own_passcode(None).is_some());
        for mut gate in [written, chosen] {
            gate.pass(&make).unwrap();
            assert_eq!(gate.pass(&sign), Err(NotExpected));
        }
    }
}
