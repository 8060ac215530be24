//! The server's end: a card that an agent holds, as a way to a card like any other.

use crate::piv::Passcode;
use crate::transport::{Transport, TransportError};
use crate::wire::relay::{FromAgent, Octets, ToAgent, Why};
use zeroize::Zeroizing;

/// What carries messages to one agent and back. It waits no longer than a card may think.
pub trait Line: Send {
    /// Says something, and gives what the agent said next.
    fn ask(&mut self, said: ToAgent) -> Result<FromAgent, TransportError>;
}

impl<L: Line + ?Sized> Line for Box<L> {
    fn ask(&mut self, said: ToAgent) -> Result<FromAgent, TransportError> {
        (**self).ask(said)
    }
}

/// A card that an agent holds.
pub struct Relayed<L> {
    line: L,
    next: u64,
    /// An answer came that was to another question: nothing more is believed.
    broken: bool,
}

/// Why the holder has no passcode of their own.
#[derive(Debug, thiserror::Error)]
pub enum PasscodeNotChosen {
    /// Nobody chose one in time.
    #[error("nobody chose a passcode at the workstation")]
    Nobody,
    /// The card refused the one that was chosen, or the agent refused to ask.
    #[error("the card did not take the passcode that was chosen")]
    Refused,
    /// The card was not reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Why the holder's own passcode was not entered.
#[derive(Debug, thiserror::Error)]
pub enum PasscodeNotEntered {
    /// Nobody entered it in time.
    #[error("nobody entered the passcode at the workstation")]
    Nobody,
    /// The card refused it, or the agent refused to ask.
    #[error(
        "the card did not take the passcode: it is not the card's, or the card is locked and must be unlocked first"
    )]
    Refused,
    /// The card was not reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl<L: Line> Relayed<L> {
    /// A card behind this line, of which nothing was asked yet.
    pub fn new(line: L) -> Self {
        Self { line, next: 1, broken: false }
    }

    /// Has the holder choose a passcode, which takes the place of the one that was set last with the unblocking key.
    pub fn choose_passcode(&mut self) -> Result<(), PasscodeNotChosen> {
        self.choose(None)
    }

    /// The same where that one was set under secure messaging, so that the agent must be told it.
    pub fn choose_passcode_for(&mut self, own: &Passcode) -> Result<(), PasscodeNotChosen> {
        self.choose(Some(Octets(Zeroizing::new(own.octets().to_vec()))))
    }

    fn choose(&mut self, own: Option<Octets>) -> Result<(), PasscodeNotChosen> {
        let number = self.take_number();
        match self.ask(number, ToAgent::ChoosePasscode { number, own })? {
            FromAgent::PasscodeChosen { .. } => Ok(()),
            FromAgent::Failed { why: Why::NoPasscode, .. } => Err(PasscodeNotChosen::Nobody),
            FromAgent::Failed { why: Why::PasscodeRefused | Why::NotExpected, .. } => {
                Err(PasscodeNotChosen::Refused)
            }
            FromAgent::Failed { why, .. } => Err(error(why).into()),
            _ => Err(self.broken().into()),
        }
    }

    /// Has the agent enter the holder's own passcode, in the application that is selected.
    pub fn enter_passcode(&mut self) -> Result<(), PasscodeNotEntered> {
        let number = self.take_number();
        match self.ask(number, ToAgent::EnterPasscode { number })? {
            FromAgent::PasscodeEntered { .. } => Ok(()),
            FromAgent::Failed { why: Why::NoPasscode, .. } => Err(PasscodeNotEntered::Nobody),
            FromAgent::Failed { why: Why::PasscodeRefused | Why::NotExpected, .. } => {
                Err(PasscodeNotEntered::Refused)
            }
            FromAgent::Failed { why, .. } => Err(error(why).into()),
            _ => Err(self.broken().into()),
        }
    }

    /// The last that is to be said, for whoever sends it.
    pub fn end(&mut self, done: bool, words: &str) -> ToAgent {
        ToAgent::End { number: self.take_number(), done, words: words.to_owned() }
    }

    /// Gives the line back.
    pub fn into_line(self) -> L {
        self.line
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn ask(&mut self, number: u64, said: ToAgent) -> Result<FromAgent, TransportError> {
        if self.broken {
            return Err(self.broken());
        }
        // After an error an answer may still be on its way, which is none to the next question: its number tells.
        let answer = self.line.ask(said)?;
        if answer.number() == Some(number) { Ok(answer) } else { Err(self.broken()) }
    }

    fn broken(&mut self) -> TransportError {
        self.broken = true;
        TransportError::Failed("the agent answered out of order".into())
    }
}

impl<L: Line> Transport for Relayed<L> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let number = self.take_number();
        let octets = Octets(Zeroizing::new(command.to_vec()));
        match self.ask(number, ToAgent::Apdu { number, octets })? {
            FromAgent::Answer { octets, .. } => Ok(octets.0.to_vec()),
            FromAgent::Failed { why, .. } => Err(error(why)),
            FromAgent::Ready { .. }
            | FromAgent::PasscodeChosen { .. }
            | FromAgent::PasscodeEntered { .. } => Err(self.broken()),
        }
    }
}

fn error(why: Why) -> TransportError {
    match why {
        Why::Removed => TransportError::Removed,
        Why::Reset => TransportError::Reset,
        Why::TimedOut => TransportError::TimedOut,
        Why::Reader => TransportError::Failed("the reader failed".into()),
        Why::NotExpected => TransportError::Failed("the agent refused a command".into()),
        Why::NoPasscode | Why::PasscodeRefused => {
            TransportError::Failed("the agent answered something else than it was asked".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Script;
    use crate::relay::Carrier;
    use crate::wire::relay::Act;

    /// An agent in the same thread, whose answers somebody in between may change.
    struct Between<C> {
        carrier: Carrier,
        card: Script,
        change: C,
    }

    impl<C: FnMut(FromAgent) -> FromAgent + Send> Line for Between<C> {
        fn ask(&mut self, said: ToAgent) -> Result<FromAgent, TransportError> {
            let answer = self.carrier.answer(said, &mut self.card, &mut || None);
            Ok((self.change)(answer.map_err(|_| TransportError::Removed)?))
        }
    }

    fn relayed(change: impl FnMut(FromAgent) -> FromAgent + Send) -> Relayed<impl Line> {
        let card = Script::new(vec![vec![0x90, 0], vec![0x6A, 0x82]]);
        Relayed::new(Between { carrier: Carrier::new(Act::Unlock), card, change })
    }

    /// Answers come through as the card gave them, and its removal as removal.
    #[test]
    fn answers_come_through() {
        let mut card = relayed(|said| said);
        assert_eq!(card.transmit(&[0, 0xCB, 0x3F, 0xFF]).unwrap(), [0x90, 0]);
        assert_eq!(card.transmit(&[0, 0xCB, 0x3F, 0xFF]).unwrap(), [0x6A, 0x82]);
        assert!(matches!(card.transmit(&[0, 0xCB, 0x3F, 0xFF]), Err(TransportError::Removed)));
        assert!(
            matches!(card.transmit(&[0, 0xFB, 0, 0]), Err(TransportError::Failed(_))),
            "the agent refuses"
        );
    }

    /// An answer that was given before is not taken for the answer to the next command, and nothing is asked after it.
    #[test]
    fn replayed_answers_are_refused() {
        let mut kept = None;
        let mut card = relayed(move |said| kept.get_or_insert(said).clone());
        assert!(card.transmit(&[0, 0xCB, 0x3F, 0xFF]).is_ok());
        for _ in 0..2 {
            assert!(matches!(card.transmit(&[0, 0xCB, 0x3F, 0xFF]), Err(TransportError::Failed(_))));
        }
    }
}
