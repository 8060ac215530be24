//! Listens between a reader and the card in it: what the card is asked, and how long it takes over each answer. A card's own time is
//! measured there and nowhere else.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use card::testing::CardProcess;

/// What a card is told besides commands: that its power is cut, and that it is to say its ATR. All else is answered by nothing.
const GET_ATR: u8 = 4;
/// GET DATA and PUT DATA, which the server sends and the agent does not; GET RESPONSE; and the bit of a chain that goes on.
const DATA: [u8; 2] = [0xCB, 0xDB];
const GET_RESPONSE: u8 = 0xC0;
const CHAINED: u8 = 0x10;

/// What a card was asked, and when it had answered.
#[derive(Clone, Copy)]
pub(crate) struct Exchange {
    asked: Instant,
    answered: Instant,
    what: What,
}

/// What it was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// It got power, or was reset.
    Power,
    /// A command, or the first piece of one.
    Command,
    /// A further piece of what the server asked, or of the answer to it: the server has nothing to do before it.
    Piece,
}

/// A card in a reader, which is pulled when this is dropped.
pub(crate) struct Wire {
    card: Option<CardProcess>,
    reader: TcpStream,
    seen: Arc<Mutex<Vec<Exchange>>>,
    carrying: Option<JoinHandle<()>>,
}

impl Wire {
    /// Puts a card into the reader at a port of this machine.
    pub(crate) fn insert(port: u16, folder: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let process = CardProcess::insert(listener.local_addr()?.port(), Some(folder));
        let (card, _) = listener.accept()?;
        let reader = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        for stream in [&card, &reader] {
            stream.set_nodelay(true)?;
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (from_reader, kept) = (reader.try_clone()?, Arc::clone(&seen));
        let carrying = std::thread::spawn(move || {
            // It ends when the card is pulled.
            let _ = carry(from_reader, card, &kept);
        });
        Ok(Self { card: Some(process), reader, seen, carrying: Some(carrying) })
    }

    /// What has passed since this was asked last.
    pub(crate) fn taken(&self) -> Vec<Exchange> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *seen)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.card.take());
        let _ = self.reader.shutdown(Shutdown::Both);
        if let Some(carrying) = self.carrying.take() {
            let _ = carrying.join();
        }
    }
}

fn carry(mut reader: TcpStream, mut card: TcpStream, seen: &Mutex<Vec<Exchange>>) -> std::io::Result<()> {
    let (mut powered, mut last, mut chain) = (None, 0, false);
    loop {
        let message = heard(&mut reader)?;
        let begun = Instant::now();
        card.write_all(&message)?;
        let (asked, what) = match message[2..] {
            [GET_ATR] => (powered.take().unwrap_or(begun), What::Power),
            [_] | [] => {
                powered = Some(begun);
                continue;
            }
            [class, instruction, ..] => {
                let goes_on = instruction == GET_RESPONSE || chain;
                if instruction != GET_RESPONSE {
                    last = instruction;
                }
                chain = class & CHAINED != 0;
                (begun, if goes_on && DATA.contains(&last) { What::Piece } else { What::Command })
            }
        };
        let answer = heard(&mut card)?;
        let answered = Instant::now();
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange { asked, answered, what });
        reader.write_all(&answer)?;
    }
}

/// A message with its length before it, which goes on as it came.
fn heard(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; 2];
    stream.read_exact(&mut message)?;
    let length = usize::from(u16::from_be_bytes([message[0], message[1]]));
    message.resize(2 + length, 0);
    stream.read_exact(&mut message[2..])?;
    Ok(message)
}

/// How long the card was at work.
pub(crate) fn card_time(seen: &[Exchange]) -> Duration {
    seen.iter().map(|exchange| exchange.answered - exchange.asked).sum()
}

/// How many commands it got, each piece counted.
pub(crate) fn commands(seen: &[Exchange]) -> usize {
    seen.iter().filter(|exchange| exchange.what != What::Power).count()
}

/// What the relay took for each command: from the answer to a piece until the next piece was there. The server sends that one as soon
/// as it has heard the other, so all between them is the way there and back.
pub(crate) fn relayed(seen: &[Exchange]) -> Vec<Duration> {
    let follows = seen.windows(2).filter(|two| two[1].what == What::Piece);
    follows.map(|two| two[1].asked.saturating_duration_since(two[0].answered)).collect()
}
