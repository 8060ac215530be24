//! One reader: a port at which a card may connect, and the connection.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How long a card may think: it may be searching for prime numbers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a reader is empty between two cards: longer than pcscd looks away.
const EMPTY: Duration = Duration::from_millis(600);

/// The longest ATR. ISO/IEC 7816-3, 8.2.
pub(crate) const LONGEST_ATR: usize = 33;

/// What a card is told besides commands.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    PowerOff = 0,
    PowerOn = 1,
    Reset = 2,
    Atr = 4,
}

/// A reader, with or without a card.
pub(crate) struct Reader {
    listener: TcpListener,
    card: Option<TcpStream>,
    atr: Vec<u8>,
    /// When a card was pulled last.
    pulled: Option<Instant>,
}

impl Reader {
    /// Opens a reader for cards on this machine.
    pub(crate) fn open(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, card: None, atr: Vec::new(), pulled: None })
    }

    /// The ATR of the card that has power; empty without one.
    pub(crate) fn atr(&self) -> &[u8] {
        &self.atr
    }

    /// Looks whether a card was pulled or put in, and says whether one is there. A card that was pulled is seen to be gone for a
    /// moment, however soon there is another, as no hand is quicker: pcscd, which looks now and then, would take the new one for the old.
    pub(crate) fn has_card(&mut self) -> bool {
        if self.card.as_ref().is_some_and(|card| !is_alive(card)) {
            self.remove();
        }
        if self.pulled.is_some_and(|pulled| pulled.elapsed() < EMPTY) {
            return false;
        }
        if self.card.is_none()
            && let Ok((card, _)) = self.listener.accept()
            && prepare(&card).is_ok()
        {
            self.card = Some(card);
        }
        self.card.is_some()
    }

    /// Cuts the power.
    pub(crate) fn power_off(&mut self) -> Result<()> {
        self.atr.clear();
        self.send(&[Order::PowerOff as u8])
    }

    /// Gives power, or resets, and reads the ATR.
    pub(crate) fn power_on(&mut self, order: Order) -> Result<&[u8]> {
        self.send(&[order as u8])?;
        self.send(&[Order::Atr as u8])?;
        let atr = self.receive()?;
        if atr.is_empty() || atr.len() > LONGEST_ATR {
            self.remove();
            return Err(ErrorKind::InvalidData.into());
        }
        self.atr = atr;
        Ok(&self.atr)
    }

    /// Gives a command to the card and waits for its answer.
    pub(crate) fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        // One octet would be taken for an order.
        if command.len() < 2 {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.send(command)?;
        self.receive()
    }

    fn remove(&mut self) {
        if self.card.take().is_some() {
            self.pulled = Some(Instant::now());
        }
        self.atr.clear();
    }

    /// Sends length and octets in one piece: in two, each command would wait for a delayed acknowledgement.
    fn send(&mut self, octets: &[u8]) -> Result<()> {
        let length = u16::try_from(octets.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        let message = [&length.to_be_bytes()[..], octets].concat();
        self.with_card(|card| card.write_all(&message))
    }

    fn receive(&mut self) -> Result<Vec<u8>> {
        self.with_card(|card| {
            let mut length = [0; 2];
            card.read_exact(&mut length)?;
            let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
            card.read_exact(&mut octets)?;
            Ok(octets)
        })
    }

    /// A card that fails once is out: what it says next could be the answer to another question.
    fn with_card<T>(&mut self, act: impl FnOnce(&mut TcpStream) -> Result<T>) -> Result<T> {
        let outcome = self.card.as_mut().ok_or(ErrorKind::NotConnected)?;
        let outcome = act(outcome);
        if outcome.is_err() {
            self.remove();
        }
        outcome
    }
}

fn prepare(card: &TcpStream) -> Result<()> {
    card.set_nonblocking(false)?;
    card.set_nodelay(true)?;
    card.set_read_timeout(Some(PATIENCE))?;
    card.set_write_timeout(Some(PATIENCE))
}

/// Whether the other end is still there. Nothing is read.
fn is_alive(card: &TcpStream) -> bool {
    if card.set_nonblocking(true).is_err() {
        return false;
    }
    let seen = card.peek(&mut [0]);
    let back = card.set_nonblocking(false);
    match seen {
        Ok(0) => false,
        Ok(_) => back.is_ok(),
        Err(error) => error.kind() == ErrorKind::WouldBlock && back.is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader_with_card() -> (Reader, TcpStream) {
        let mut reader = Reader::open(0).unwrap();
        assert!(!reader.has_card());
        let card = TcpStream::connect(reader.listener.local_addr().unwrap()).unwrap();
        while !reader.has_card() {
            std::thread::yield_now();
        }
        (reader, card)
    }

    /// A card gets its orders and commands each with its length, and its answers come back.
    #[test]
    fn card_is_powered_and_asked() {
        let (mut reader, mut card) = reader_with_card();
        let answers = std::thread::spawn(move || {
            let mut heard = [0; 6];
            card.read_exact(&mut heard).unwrap();
            card.write_all(&[0, 2, 0x3B, 0x00]).unwrap();
            let mut command = [0; 7];
            card.read_exact(&mut command).unwrap();
            card.write_all(&[0, 2, 0x90, 0]).unwrap();
            (heard, command)
        });
        assert_eq!(reader.power_on(Order::PowerOn).unwrap(), [0x3B, 0x00]);
        assert_eq!(reader.atr(), [0x3B, 0x00]);
        assert_eq!(reader.transmit(&[0, 0xCB, 0x3F, 0xFF, 0]).unwrap(), [0x90, 0]);
        let (heard, command) = answers.join().unwrap();
        assert_eq!(heard, [0, 1, 1, 0, 1, 4]);
        assert_eq!(command, [0, 5, 0, 0xCB, 0x3F, 0xFF, 0]);
        assert!(reader.transmit(&[4]).is_err(), "an order is no command");
    }

    /// A card that goes away is gone, and so is one that answers with more than an ATR; the reader takes the next.
    #[test]
    fn pulled_card_is_noticed() {
        let (mut reader, card) = reader_with_card();
        drop(card);
        while reader.has_card() {
            std::thread::yield_now();
        }
        assert!(reader.transmit(&[0, 0]).is_err());
        let mut card = TcpStream::connect(reader.listener.local_addr().unwrap()).unwrap();
        while !reader.has_card() {
            std::thread::yield_now();
        }
        card.write_all(&[0, 34]).unwrap();
        card.write_all(&[0x3B; 34]).unwrap();
        assert!(reader.power_on(Order::Reset).is_err());
        let _next = TcpStream::connect(reader.listener.local_addr().unwrap()).unwrap();
        assert!(!reader.has_card(), "it is seen to be gone");
        while !reader.has_card() {
            std::thread::yield_now();
        }
    }
}
