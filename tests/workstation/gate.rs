//! What stands between a card and its reader: it passes on what both say, and holds the command that a test waits for.

use std::io::{Read, Result, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a command may be waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A command by its instruction, and by what it is done with: P2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted(pub(crate) u8, pub(crate) u8);

/// What becomes of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Pass,
    HoldAt(Wanted),
    Held,
}

/// The gate of one reader. What is done at it is under one lock, which is held for the length of a look; a held command waits for a change.
#[derive(Clone)]
pub(crate) struct Gate {
    port: u16,
    order: Arc<(Mutex<Order>, Condvar)>,
}

impl Gate {
    /// One before the reader at a port; cards come to a port of its own.
    pub(crate) fn before(reader: u16) -> Self {
        let cards = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = cards.local_addr().expect("it listens").port();
        let gate = Self { port, order: Arc::new((Mutex::new(Order::Pass), Condvar::new())) };
        let own = gate.clone();
        std::thread::spawn(move || {
            for card in cards.incoming().map_while(Result::ok) {
                // A reader that is gone takes no cards.
                let Ok(reader) = TcpStream::connect((Ipv4Addr::LOCALHOST, reader)) else { return };
                let own = own.clone();
                std::thread::spawn(move || own.stand(&card, &reader));
            }
        });
        gate
    }

    /// Where cards are put in.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next such command is held.
    pub(crate) fn hold_at(&self, wanted: Wanted) {
        *self.lock() = Order::HoldAt(wanted);
    }

    /// Waits until it is.
    pub(crate) fn reached(&self) {
        let waiting = |order: &mut Order| *order != Order::Held;
        let waited = self.order.1.wait_timeout_while(self.lock(), PATIENCE, waiting);
        let (order, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*order, Order::Held, "the card was never told this");
    }

    /// Lets it, and all others, through.
    pub(crate) fn let_through(&self) {
        *self.lock() = Order::Pass;
        self.order.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Between these two, until one of them is gone.
    fn stand(&self, card: &TcpStream, reader: &TcpStream) {
        for end in [card, reader] {
            let _set = end.set_nodelay(true);
        }
        std::thread::scope(|scope| {
            // Whichever of the two ends it.
            scope.spawn(|| {
                let _ended = answers(card, reader);
                close(card, reader);
            });
            let _ended = self.commands(reader, card);
            close(card, reader);
        });
    }

    fn commands(&self, mut reader: &TcpStream, mut card: &TcpStream) -> Result<()> {
        loop {
            let message = message(&mut reader)?;
            self.pass(&message);
            card.write_all(&message)?;
        }
    }

    /// Comes back once a message may pass. Orders of one octet are the reader's own: power and reset.
    fn pass(&self, message: &[u8]) {
        let mut order = self.lock();
        if let ([_, _, _, instruction, _, reference, ..], Order::HoldAt(wanted)) = (message, *order)
            && wanted == Wanted(*instruction, *reference)
        {
            *order = Order::Held;
            self.order.1.notify_all();
            let held = self.order.1.wait_while(order, |order| *order == Order::Held);
            drop(held);
        }
    }
}

fn answers(mut card: &TcpStream, mut reader: &TcpStream) -> Result<()> {
    loop {
        let message = message(&mut card)?;
        reader.write_all(&message)?;
    }
}

fn close(card: &TcpStream, reader: &TcpStream) {
    for end in [card, reader] {
        let _gone = end.shutdown(Shutdown::Both);
    }
}

/// A message with its length before it, as both write it.
fn message(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut message = vec![0; 2];
    from.read_exact(&mut message)?;
    let length = usize::from(u16::from_be_bytes([message[0], message[1]]));
    message.resize(2 + length, 0);
    from.read_exact(&mut message[2..])?;
    Ok(message)
}
