//! The agent's end: it answers what the server says, with the card in the reader.

use super::gate::Gate;
use crate::apdu::Command;
use crate::piv::{Passcode, Piv};
use crate::transport::{Transport, TransportError};
use crate::wire::relay::{Act, FromAgent, Octets, ToAgent, VERSION, Why};

/// How the holder is asked for a passcode: by a dialog of the agent's own.
pub trait AskPasscode {
    /// The passcode that the holder chose; none where nobody did.
    fn choose(&mut self) -> Option<Passcode>;

    /// The passcode that the card has, from its holder; none where nobody entered it.
    fn present(&mut self) -> Option<Passcode>;
}

/// Who answers both questions alike.
impl<F: FnMut() -> Option<Passcode>> AskPasscode for F {
    fn choose(&mut self) -> Option<Passcode> {
        self()
    }

    fn present(&mut self) -> Option<Passcode> {
        self()
    }
}

/// The conversation is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// The server said so, and how it went.
    Ended {
        /// Whether all was done.
        done: bool,
        /// What to tell the user.
        words: String,
    },
    /// What the server said was not the next that it could say: it, or somebody in between, says something again or leaves something
    /// out.
    OutOfOrder,
}

/// The agent's end of one conversation.
pub struct Carrier {
    gate: Gate,
    next: u64,
    /// The holder's own passcode, for this conversation alone; gone once the card refuses it.
    held: Option<Passcode>,
    /// Why it is entered no more in this conversation.
    not_entered: Option<Why>,
}

impl Carrier {
    /// One for the act that the user agreed to.
    pub fn new(act: Act) -> Self {
        Self { gate: Gate::new(act), next: 1, held: None, not_entered: None }
    }

    /// What the agent says first.
    pub fn greeting(&self) -> FromAgent {
        FromAgent::Ready { version: VERSION }
    }

    /// Does what the server says, and gives the answer to it.
    pub fn answer<T: Transport>(
        &mut self,
        said: ToAgent,
        card: &mut T,
        ask: &mut impl AskPasscode,
    ) -> Result<FromAgent, Over> {
        let number = said.number();
        if number != self.next {
            return Err(Over::OutOfOrder);
        }
        self.next += 1;
        match said {
            ToAgent::End { done, words, .. } => Err(Over::Ended { done, words }),
            ToAgent::Apdu { octets, .. } => Ok(match self.carry(&octets, card) {
                Ok(octets) => FromAgent::Answer { number, octets },
                Err(why) => FromAgent::Failed { number, why },
            }),
            ToAgent::ChoosePasscode { own, .. } => Ok(match self.choose(own.as_ref(), card, ask) {
                Ok(()) => FromAgent::PasscodeChosen { number },
                Err(why) => FromAgent::Failed { number, why },
            }),
            ToAgent::EnterPasscode { .. } => Ok(match self.enter(card, ask) {
                Ok(()) => FromAgent::PasscodeEntered { number },
                Err(why) => FromAgent::Failed { number, why },
            }),
        }
    }

    fn carry<T: Transport>(&mut self, octets: &Octets, card: &mut T) -> Result<Octets, Why> {
        let command = Command::parse(&octets.0).map_err(|_| Why::NotExpected)?;
        self.gate.pass(&command).map_err(|_| Why::NotExpected)?;
        let answer = card.transmit(&octets.0).map_err(|error| why(&error))?;
        self.gate.answered(&command, &answer);
        Ok(Octets(answer.into()))
    }

    /// The holder's passcode takes the place of the server's. It goes from the dialog to the card, and nowhere else.
    fn choose<T: Transport>(
        &mut self,
        told: Option<&Octets>,
        card: &mut T,
        ask: &mut impl AskPasscode,
    ) -> Result<(), Why> {
        let own = self.gate.take_own_passcode(told).ok_or(Why::NotExpected)?;
        let chosen = ask.choose().ok_or(Why::NoPasscode)?;
        let changed = Piv::select(card).and_then(|mut piv| piv.change_passcode(&own, &chosen));
        changed.map_err(|error| match error {
            crate::piv::Error::Exchange(crate::apdu::ExchangeError::Transport(error)) => why(&error),
            _ => Why::PasscodeRefused,
        })
    }

    /// The holder's own passcode goes to the card, where PIV is selected: the gate lets the server select nothing else. It is asked for once
    /// and entered as often as the act needs it. Once the card has refused it, or nobody entered one, this conversation asks for none any
    /// more: a server could have the holder spend all tries.
    fn enter<T: Transport>(&mut self, card: &mut T, ask: &mut impl AskPasscode) -> Result<(), Why> {
        if !self.gate.takes_holders() {
            return Err(Why::NotExpected);
        }
        if let Some(why) = self.not_entered {
            return Err(why);
        }
        let passcode = match self.held.take() {
            Some(held) => held,
            None => ask.present().ok_or_else(|| self.never_again(Why::NoPasscode))?,
        };
        let answer = card.transmit(&passcode.entry()).map_err(|error| why(&error))?;
        if answer != [0x90, 0x00] {
            return Err(self.never_again(Why::PasscodeRefused));
        }
        self.held = Some(passcode);
        self.gate.holder_entered();
        Ok(())
    }

    fn never_again(&mut self, why: Why) -> Why {
        self.not_entered = Some(why);
        why
    }
}

fn why(error: &TransportError) -> Why {
    match error {
        TransportError::Removed => Why::Removed,
        TransportError::Reset => Why::Reset,
        TransportError::TimedOut => Why::TimedOut,
        TransportError::Failed(_) => Why::Reader,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Script;

    fn apdu(number: u64, octets: &str) -> ToAgent {
        ToAgent::Apdu { number, octets: Octets(hex::decode(octets).unwrap().into()) }
    }

    fn choose(number: u64, own: Option<&[u8]>) -> ToAgent {
        ToAgent::ChoosePasscode { number, own: own.map(|own| Octets(own.to_vec().into())) }
    }

    /// A passcode that was set under secure messaging is told to the agent, which takes it once the card has said that it was set.
    #[test]
    fn hidden_passcode_is_exchanged() {
        let unlock = "0c2c00802d872101989571153e57c0132d8b0ed153c33d126c801dc677086f535f8f6659d8c1ad168e08cb3fbba8c53c7f7800";
        for (status, taken) in [("9000", true), ("63c2", false)] {
            let said = [
                format!("9902{status}8e08fb53b9764777fafb9000"),
                "61114f0600001000010079074f05a0000003089000".to_owned(),
                "9000".to_owned(),
            ];
            let mut card = Script::new(said.iter().map(|said| hex::decode(said).unwrap()).collect());
            let mut carrier = Carrier::new(Act::Unlock);
            carrier.answer(apdu(1, unlock), &mut card, &mut || None).unwrap();
            let told = choose(2, Some(b"11223344"));
            let chosen = carrier.answer(told, &mut card, &mut || Some(Passcode::factory()));
            let expected = if taken {
                FromAgent::PasscodeChosen { number: 2 }
            } else {
                FromAgent::Failed { number: 2, why: Why::NotExpected }
            };
            assert_eq!(chosen, Ok(expected), "{status}");
            let changed = card.heard.last().unwrap();
            assert_eq!(changed.starts_with(b"\x00\x24\x00\x80\x1011223344"), taken, "{status}");
        }
    }

    /// A passcode that the card did not take is not exchanged for the holder's: a wrong unblocking key would have the server's guess compared
    /// with the passcode that the card has.
    #[test]
    fn refused_passcode_is_not_exchanged() {
        let mut card = Script::new(vec![vec![0x63, 0xC2], vec![0x90, 0], vec![0x90, 0]]);
        let mut carrier = Carrier::new(Act::Unlock);
        let unlock = apdu(1, "002c00801030303030303030303234363831303132");
        let said = carrier.answer(unlock, &mut card, &mut || None);
        assert!(matches!(said, Ok(FromAgent::Answer { .. })), "{said:?}");
        let mut asked = 0;
        let mut ask = || {
            asked += 1;
            Some(Passcode::factory())
        };
        let chosen = carrier.answer(choose(2, None), &mut card, &mut ask);
        assert_eq!(chosen, Ok(FromAgent::Failed { number: 2, why: Why::NotExpected }));
        assert_eq!((asked, card.heard.len()), (0, 1), "nobody was asked, and the card heard one command");
    }

    /// A command that was said before, or after one that never came, ends the conversation and does not reach the card.
    #[test]
    fn commands_are_not_replayed() {
        let card = || Script::new(vec![vec![0x90, 0]; 9]);
        for numbers in [&[1, 1][..], &[1, 3], &[2], &[0], &[1, 2, 1]] {
            let (mut carrier, mut card) = (Carrier::new(Act::Unlock), card());
            let mut last = None;
            for number in numbers {
                last = Some(carrier.answer(apdu(*number, "00cb3fff00"), &mut card, &mut || None));
            }
            assert_eq!(last, Some(Err(Over::OutOfOrder)), "{numbers:?}");
            assert_eq!(card.heard.len(), numbers.len() - 1);
        }
    }

    /// The holder's passcode is asked for once, entered as often as the server says, and neither asked for nor entered any more once the card
    /// has refused it or nobody entered one; in another act than a renewal nobody is asked for it.
    #[test]
    fn holders_passcode_is_asked_for_once() {
        let answers = [&[0x90, 0][..], &[0x90, 0], &[0x63, 0xC2], &[0x90, 0]].map(<[u8]>::to_vec);
        let mut card = Script::new(answers.into());
        let mut carrier = Carrier::new(Act::Renew);
        let mut asked = 0;
        let mut enter = |number: u64, card: &mut Script| {
            let mut ask = || {
                asked += 1;
                Some(Passcode::factory())
            };
            carrier.answer(ToAgent::EnterPasscode { number }, card, &mut ask)
        };
        assert_eq!(enter(1, &mut card), Ok(FromAgent::PasscodeEntered { number: 1 }));
        assert_eq!(enter(2, &mut card), Ok(FromAgent::PasscodeEntered { number: 2 }));
        for number in 3..6 {
            let refused = Ok(FromAgent::Failed { number, why: Why::PasscodeRefused });
            assert_eq!(enter(number, &mut card), refused);
        }
        assert_eq!((asked, card.heard.len()), (1, 3), "what was refused is not asked for again");
        assert!(card.heard.iter().all(|heard| heard == b"\x00\x20\x00\x80\x08123456\xFF\xFF"));

        let (mut carrier, mut card) = (Carrier::new(Act::Renew), Script::new(vec![vec![0x90, 0]]));
        for (number, entered) in [(1, None), (2, Some(Passcode::factory()))] {
            let said = ToAgent::EnterPasscode { number };
            let nobody = Ok(FromAgent::Failed { number, why: Why::NoPasscode });
            assert_eq!(carrier.answer(said, &mut card, &mut || entered.clone()), nobody);
        }
        assert!(card.heard.is_empty());

        let (mut carrier, mut card) = (Carrier::new(Act::Unlock), Script::new(vec![vec![0x90, 0]]));
        let said = carrier
            .answer(ToAgent::EnterPasscode { number: 1 }, &mut card, &mut || Some(Passcode::factory()));
        assert_eq!(said, Ok(FromAgent::Failed { number: 1, why: Why::NotExpected }));
        assert!(card.heard.is_empty());
    }

    /// What the act does not need does not reach the card, and a passcode is not chosen where the server has set none.
    #[test]
    fn unexpected_commands_stay_here() {
        let (mut carrier, mut card) = (Carrier::new(Act::Unlock), Script::new(vec![vec![0x90, 0]]));
        let said = carrier.answer(apdu(1, "00ffffff030c9b00"), &mut card, &mut || None);
        assert_eq!(said, Ok(FromAgent::Failed { number: 1, why: Why::NotExpected }));
        let chosen = carrier.answer(choose(2, None), &mut card, &mut || Some(Passcode::factory()));
        assert_eq!(chosen, Ok(FromAgent::Failed { number: 2, why: Why::NotExpected }));
        // Nor one in place of what the server only says to have set.
        let chosen =
            carrier.answer(choose(3, Some(b"11223344")), &mut card, &mut || Some(Passcode::factory()));
        assert_eq!(chosen, Ok(FromAgent::Failed { number: 3, why: Why::NotExpected }));
        assert!(card.heard.is_empty());
    }
}
