//! The application, selected.

use crate::apdu::{Answer, Command, Response, Status, exchange};
use crate::tlv;
use crate::transport::Transport;

use super::Error;
use super::secure::Protection;

/// SELECT. NIST SP 800-73-5 part 2, 3.1.1.
const SELECT: u8 = 0xA4;

/// The application's name, without its version. NIST SP 800-73-5 part 1, 2.2.
pub(crate) const NAME: [u8; 9] = [0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0];

/// NIST's part of it, which some cards leave out where they name themselves.
const REGISTERED: [u8; 5] = [0xA0, 0, 0, 3, 8];

/// What the application says of itself. NIST SP 800-73-5 part 2, table 3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// Its name for people, as some cards have it.
    pub label: Option<String>,
    /// The algorithms that it names, by their identifiers; cards of the first kinds name none.
    pub algorithms: Vec<u8>,
}

/// A card whose PIV application is selected. Another program that selects another application takes it away: hold the card for
/// yourself as long as an act lasts.
pub struct Piv<T: Transport> {
    transport: T,
    application: Application,
    pub(super) protection: Protection,
}

impl<T: Transport> Piv<T> {
    /// Selects the application.
    pub fn select(mut transport: T) -> Result<Self, Error> {
        let act = "selecting PIV";
        let command = Command::new(SELECT, 0x04, 0x00).with_data(NAME.to_vec()).expecting(Answer::ANY);
        let Response { data, status } = exchange(&mut transport, &command)?;
        match status {
            Status::Success => {}
            Status::NotFound => return Err(Error::NotPiv),
            status if status.is_unsupported() => return Err(Error::NotPiv),
            status => return Err(Error::of(act, status)),
        }
        let application = Application::parse(&data).map_err(Error::unreadable(act))?;
        Ok(Self { transport, application, protection: Protection::Bare })
    }

    /// What the application said of itself.
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// Gives the way to the card back.
    pub fn into_transport(self) -> T {
        self.transport
    }

    pub(crate) fn exchange(&mut self, command: &Command) -> Result<Response, Error> {
        Ok(exchange(&mut self.transport, command)?)
    }

    /// Gives a command that either succeeds or fails.
    pub(crate) fn obey(&mut self, act: &'static str, command: &Command) -> Result<Vec<u8>, Error> {
        let Response { data, status } = self.exchange(command)?;
        match status {
            Status::Success => Ok(data),
            status => Err(Error::of(act, status)),
        }
    }
}

impl Application {
    /// Reads the application property template. NIST SP 800-73-5 part 2, tables 3 to 5.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, tlv::Malformed> {
        let template = tlv::only(octets, 0x61)?;
        // The name, or what follows NIST's part of it.
        let name = tlv::find(template, 0x4F)?.ok_or(tlv::Malformed)?;
        let own = name.strip_prefix(&REGISTERED).unwrap_or(name);
        if !own.starts_with(&NAME[5..]) {
            return Err(tlv::Malformed);
        }
        let label = tlv::find(template, 0x50)?;
        let label = label.and_then(|label| std::str::from_utf8(label).ok());
        let label = label.filter(|label| label.len() <= 64 && !label.contains(char::is_control));
        let mut algorithms = Vec::new();
        // Some cards have one list for each algorithm.
        for value in tlv::values(template) {
            let (0xAC, listed) = value? else { continue };
            for value in tlv::values(listed) {
                if let (0x80, &[algorithm]) = value? {
                    algorithms.push(algorithm);
                }
            }
        }
        Ok(Self { label: label.map(str::to_owned), algorithms })
    }
}
