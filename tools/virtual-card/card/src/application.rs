//! What lies between the reader and the PIV application: chained commands are put together, long answers cut to pieces, and a
//! SELECT finds the application by any beginning of its name.

use heapless::Vec;
use iso7816::command::{CommandView, class::Chain};
use iso7816::{Command, Instruction, Status};
use piv_authenticator::{Authenticator, Client, Options};

type Octets = std::vec::Vec<u8>;

/// The longest command and answer.
const LONGEST: usize = 7609;

/// NIST SP 800-73-5 part 1, 2.2.
const AID: [u8; 11] = [0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0];

/// NIST's own part of it; a shorter name belongs to nobody.
const SHORTEST_NAME: usize = 5;

/// GET SERIAL of `YubiKeys`. The application gives every card the same number.
const GET_SERIAL: u8 = 0xF8;

/// The card's side of one time of power.
pub(crate) struct Application<T: Client> {
    piv: Authenticator<T>,
    /// The card's own serial number, where it was given one.
    serial: Option<u32>,
    /// The command of which not everything has come yet.
    chain: Option<Command<LONGEST>>,
    /// What of the last answer was not fetched.
    rest: Octets,
    power: bool,
}

impl<T: Client> Application<T> {
    pub(crate) fn new(client: T, serial: Option<u32>) -> Self {
        let piv = Authenticator::new(client, Options::default());
        Self { piv, serial, chain: None, rest: Octets::new(), power: true }
    }

    /// Whether the power was cut, or the card reset. The application's own deselection forgets nothing, a verified PIN among it: so it is
    /// dropped and made anew.
    pub(crate) fn lost_power(&self) -> bool {
        !self.power
    }

    /// Answers a whole command; its status last.
    fn answer(&mut self, command: CommandView<'_>) -> Result<Octets, Status> {
        let mut reply = Vec::<u8, LONGEST>::new();
        if command.instruction() == Instruction::Select {
            let name = command.data();
            if name.len() < SHORTEST_NAME || !AID.starts_with(name) {
                return Err(Status::NotFound);
            }
            let whole = [&[0, 0xA4, 4, 0, 11][..], &AID].concat();
            let select = CommandView::try_from(&whole[..]).map_err(|_| Status::WrongLength)?;
            self.piv.respond(select, reply.as_mut_view())?;
        } else if let (GET_SERIAL, Some(serial)) = (u8::from(command.instruction()), self.serial) {
            return Ok(serial.to_be_bytes().to_vec());
        } else {
            self.piv.respond(command, reply.as_mut_view())?;
        }
        Ok(reply.to_vec())
    }

    /// Gives as much of what is left as the reader asked for.
    fn piece(&mut self, expected: usize) -> Octets {
        // Without Le the case is one without an answer; yubico-piv-tool leaves it out and then does not fetch the rest.
        let most = if expected == 0 { 256 } else { expected };
        let rest = self.rest.split_off(self.rest.len().min(most));
        let mut piece = std::mem::replace(&mut self.rest, rest);
        // ISO/IEC 7816-4, 5.6: how much is left, and 0 where it is 256 or more.
        let status = match self.rest.len() {
            0 => 0x9000,
            left => 0x6100 | u16::try_from(left).ok().filter(|left| *left < 256).unwrap_or(0),
        };
        piece.extend(status.to_be_bytes());
        piece
    }

    fn command(&mut self, message: &[u8]) -> Result<Octets, Status> {
        let command = CommandView::try_from(message).map_err(|_| Status::WrongLength)?;
        if command.instruction() == Instruction::GetResponse {
            if self.rest.is_empty() {
                return Err(Status::ConditionsOfUseNotSatisfied);
            }
            return Ok(self.piece(command.expected()));
        }
        self.rest.clear();
        let whole = match self.chain.take() {
            None => command.to_owned::<LONGEST>().map_err(|_| Status::WrongLength)?,
            Some(mut begun) => {
                let same = begun.instruction() == command.instruction()
                    && (begun.p1, begun.p2) == (command.p1, command.p2);
                if !same {
                    return Err(Status::LastCommandOfChainExpected);
                }
                begun.extend_from_command_view(command).map_err(|_| Status::NotEnoughMemory)?;
                begun
            }
        };
        if command.class().chain() == Chain::NotTheLast {
            self.chain = Some(whole);
            return Ok(0x9000_u16.to_be_bytes().to_vec());
        }
        self.rest = self.answer(whole.as_view())?;
        Ok(self.piece(command.expected()))
    }
}

impl<T: Client> vpicc::VSmartCard for Application<T> {
    fn power_off(&mut self) {
        self.power = false;
    }

    fn reset(&mut self) {
        self.power = false;
    }

    fn execute(&mut self, message: &[u8]) -> Octets {
        self.command(message).unwrap_or_else(|status| <[u8; 2]>::from(status).to_vec())
    }
}
