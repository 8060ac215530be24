//! A card that is a process, for tests: the third way to a card, besides a reader and a relay. It is the PIV application of Nitrokey's
//! firmware, which `tools/setup-test` builds, and this is its reader: it speaks what `vpcd` of vsmartcard speaks.

mod secured;

pub use secured::{SecureIdentity, SecuredCard, Takes, certificate};

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::transport::{Transport, TransportError};

/// The card's program.
pub const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/virtual-card/virtual-card");

/// A driver by which pcscd takes the card's process for a card in a reader.
pub const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/virtual-card/libvirtual_reader.so");

/// How long a card may think: it may be searching for prime numbers.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest ATR. ISO/IEC 7816-3, 8.2.
const LONGEST_ATR: usize = 33;

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

/// The process of a card. It ends, which is how a card is pulled, when this is dropped.
#[derive(Debug)]
pub struct CardProcess(Child);

impl CardProcess {
    /// Puts a card into the reader at a port of this machine. What it knows is in the folder; without one it is as from the factory.
    ///
    /// # Panics
    ///
    /// When the card was not built.
    pub fn insert(port: u16, folder: Option<&Path>) -> Self {
        assert!(Path::new(PROGRAM).exists(), "the virtual card is not there; run: make setup");
        let child = Command::new(PROGRAM)
            .arg(port.to_string())
            .args(folder)
            .stdin(Stdio::null())
            .spawn()
            .expect("the card's program runs");
        Self(child)
    }
}

impl Drop for CardProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A card in a reader of its own.
#[derive(Debug)]
pub struct VirtualCard {
    stream: TcpStream,
    process: CardProcess,
}

impl VirtualCard {
    /// Puts a card in and gives it power. What it knows is in the folder; without one it is as from the factory.
    ///
    /// # Panics
    ///
    /// When the card was not built, or does not come up.
    pub fn insert(folder: Option<&Path>) -> Self {
        let reader = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = reader.local_addr().expect("the reader listens").port();
        let process = CardProcess::insert(port, folder);
        let (stream, _) = reader.accept().expect("the card connects");
        stream.set_nodelay(true).expect("the connection is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("the connection is open");
        let mut card = Self { stream, process };
        card.power(POWER_ON).expect("the card comes up");
        card
    }

    /// Resets the card: whatever was entered no longer holds.
    ///
    /// # Panics
    ///
    /// When the card is gone.
    pub fn reset(&mut self) {
        self.power(RESET).expect("the card is there");
    }

    /// Cuts the power and gives it again.
    ///
    /// # Panics
    ///
    /// When the card is gone.
    pub fn cut_power(&mut self) {
        self.send(&[POWER_OFF]).expect("the card is there");
        self.power(POWER_ON).expect("the card is there");
    }

    /// Pulls the card: its process ends.
    pub fn pull(self) {
        drop(self.process);
    }

    fn power(&mut self, order: u8) -> Result<()> {
        self.send(&[order])?;
        self.send(&[GET_ATR])?;
        let atr = self.receive()?;
        if atr.is_empty() || atr.len() > LONGEST_ATR { Err(ErrorKind::InvalidData.into()) } else { Ok(()) }
    }

    /// Sends length and octets in one piece: in two, each command would wait for a delayed acknowledgement.
    fn send(&mut self, octets: &[u8]) -> Result<()> {
        let length = u16::try_from(octets.len()).map_err(|_| ErrorKind::InvalidInput)?;
        self.stream.write_all(&[&length.to_be_bytes()[..], octets].concat())
    }

    fn receive(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length)?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut octets)?;
        Ok(octets)
    }
}

impl Transport for VirtualCard {
    fn transmit(&mut self, command: &[u8]) -> std::result::Result<Vec<u8>, TransportError> {
        let outcome = self.send(command).and_then(|()| self.receive());
        outcome.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => TransportError::TimedOut,
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                TransportError::Removed
            }
            _ => TransportError::Failed(Box::new(error)),
        })
    }
}
