//! The relay: the server composes what goes to a card, and the agent carries it, after its user agreed.
//!
//! The agent connects to the one server that it is told of by its configuration, which must be vouched for by the certificates that it
//! was given, and lets through only what the act needs that its user agreed to ([`card::relay::Gate`]). The holder's passcode goes from
//! the agent's own dialog to the card, and nowhere else.

mod connection;

use card::piv::{Passcode, Piv};
use card::relay::{AskPasscode, Carrier, Over};
use card::transport::Transport;
use card::wire::relay::{Act, CHOOSING, Errand, VERSION};

use crate::passcode::{self, NoPasscode};
use crate::readers::{Content, ReaderError, ReaderName, Readers};
use crate::settings::Settings;
use connection::Connection;

pub use connection::ConnectionError;

/// Why an errand was not gone on with.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The errand is of another version than the agent's.
    #[error("the server speaks a newer form of the relay: bring the agent up to date")]
    OtherVersion,
    /// The errand would have the agent connect to another server.
    #[error("this errand is for another server than the one in the agent's configuration")]
    OtherServer,
    /// The configuration does not say to whom the agent relays.
    #[error("the agent's configuration has no `server` and `server_roots`, so it relays nothing")]
    NoServer,
    /// The ticket's time is over.
    #[error(
        "the ticket of this errand is too old: ask for a new one; if it stays so, look at the clock of this machine"
    )]
    TooOld,
    /// The card is in no reader.
    #[error("the card with the serial number {0} is in no reader")]
    NoCard(String),
    /// Another card is in the reader by now.
    #[error(
        "the card with the serial number {0} was taken out while you were asked; put it in and begin again"
    )]
    OtherCard(String),
    /// The user did not agree.
    #[error("it was not agreed to")]
    NotAgreed,
    /// Nobody could be asked.
    #[error(transparent)]
    NoDialog(#[from] NoPasscode),
    /// The readers cannot be used.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The server was not reached.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The server left in the middle, or said something out of order.
    #[error("the server broke off; the card is as far as it came, and a new ticket goes on with it")]
    BrokeOff,
}

/// How an errand went, as the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether all was done.
    pub done: bool,
    /// What to tell the user.
    pub words: String,
}

/// How the user is asked.
pub struct Asking<'a> {
    settings: &'a Settings,
    agree: String,
    choose: String,
    present: String,
}

impl<'a> Asking<'a> {
    /// Asks in the name of a page about an errand.
    pub fn new(settings: &'a Settings, origin: &str, errand: &Errand) -> Self {
        let (what, serial) = (told(errand.act), &errand.serial);
        let agree = format!("{origin} asks to {what} with the serial number {serial}. Do you agree?");
        let choose =
            format!("Choose the passcode of the card with the serial number {serial}: 6 to 8 digits.");
        let present = format!(
            "To {what}, its holder enters its passcode, which stays as it is. Serial number: {serial}."
        );
        Self { settings, agree, choose, present }
    }

    fn agreed(&self) -> Result<bool, NoPasscode> {
        passcode::confirm(&self.settings.pinentry, &self.agree, passcode::PATIENCE)
    }
}

/// The card's holder, who is asked in dialogs.
struct Holder<'a>(&'a Asking<'a>);

impl AskPasscode for Holder<'_> {
    fn choose(&mut self) -> Option<Passcode> {
        passcode::choose(&self.0.settings.pinentry, &self.0.choose, CHOOSING).ok()
    }

    fn present(&mut self) -> Option<Passcode> {
        passcode::ask(&self.0.settings.pinentry, &self.0.present, passcode::PATIENCE).ok()
    }
}

/// What is to be done, in the words of the question.
fn told(act: Act) -> &'static str {
    match act {
        Act::Issue => "issue the card",
        Act::Renew => "renew the card",
        Act::Unlock => "unlock the card",
        Act::Repair => "repair the card",
        Act::Clear => "take everything from the card",
    }
}

/// Goes on with an errand until it is over.
pub fn carry(
    settings: &Settings,
    errand: &Errand,
    asking: &Asking<'_>,
    now_ms: i64,
) -> Result<Ended, RelayError> {
    check(settings, errand, now_ms)?;
    let readers = Readers::open()?;
    let reader = find(&readers, &errand.serial)?.ok_or_else(|| RelayError::NoCard(errand.serial.clone()))?;
    if !asking.agreed()? {
        return Err(RelayError::NotAgreed);
    }
    // The card is nobody else's until it is over; then it is reset, so that nothing entered stays good.
    readers.with_card(&reader, |card| {
        // What was agreed to is said of one card, and there was time to put in another.
        if !is_card(card, &errand.serial) {
            return Err(RelayError::OtherCard(errand.serial.clone()));
        }
        let mut carrier = Carrier::new(errand.act);
        let mut holder = Holder(asking);
        let mut connection = Connection::open(settings, errand)?;
        connection.say(&carrier.greeting())?;
        loop {
            let said = connection.hear()?.ok_or(RelayError::BrokeOff)?;
            match carrier.answer(said, card, &mut holder) {
                Ok(answer) => connection.say(&answer)?,
                Err(Over::Ended { done, words }) => return Ok(Ended { done, words }),
                Err(Over::OutOfOrder) => return Err(RelayError::BrokeOff),
            }
        }
    })?
}

/// The errand is for the server that the configuration names, and can still be gone on with.
fn check(settings: &Settings, errand: &Errand, now_ms: i64) -> Result<(), RelayError> {
    if errand.version != VERSION {
        return Err(RelayError::OtherVersion);
    }
    let (Some(server), Some(_)) = (&settings.server, &settings.server_roots) else {
        return Err(RelayError::NoServer);
    };
    if !is_of(&errand.address, server) {
        return Err(RelayError::OtherServer);
    }
    if errand.expires_at < now_ms { Err(RelayError::TooOld) } else { Ok(()) }
}

/// Whether an address is that of the relay at a server, given as `host:port`.
fn is_of(address: &str, server: &str) -> bool {
    let named = address.strip_prefix("wss://").and_then(|rest| rest.strip_suffix("/ca/cards/relay"));
    named.is_some_and(|named| without_usual_port(named) == without_usual_port(server))
}

/// A server without the port that it has where none is named. RFC 6455 3
fn without_usual_port(server: &str) -> &str {
    server.strip_suffix(":443").unwrap_or(server)
}

/// The reader in which the card is that says this serial number.
fn find(readers: &Readers, serial: &str) -> Result<Option<ReaderName>, ReaderError> {
    for state in readers.now()? {
        if state.content != Content::Card {
            continue;
        }
        if readers.with_card(&state.name, |card| is_card(card, serial)).unwrap_or_default() {
            return Ok(Some(state.name));
        }
    }
    Ok(None)
}

/// Whether a card says this serial number. One that cannot be read is not the one.
fn is_card(card: &mut impl Transport, serial: &str) -> bool {
    let said = Piv::select(card).and_then(|mut piv| piv.serial());
    said.is_ok_and(|said| said.to_string() == serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only an errand of our version, for the configured server and in time, is gone on with.
    #[test]
    fn errands_are_checked() {
        let settings = Settings {
            server: Some("care.example:8443".to_owned()),
            server_roots: Some("roots.pem".into()),
            ..Settings::default()
        };
        let errand = Errand {
            version: VERSION,
            address: "wss://care.example:8443/ca/cards/relay".to_owned(),
            act: Act::Unlock,
            serial: "7".to_owned(),
            ticket: "t".to_owned(),
            expires_at: 1000,
        };
        assert!(check(&settings, &errand, 1000).is_ok());
        let outcome = |change: fn(&mut Errand), now_ms| {
            let mut other = errand.clone();
            change(&mut other);
            check(&settings, &other, now_ms)
        };
        assert!(matches!(outcome(|it| it.version = VERSION - 1, 0), Err(RelayError::OtherVersion)));
        let late = outcome(|_| (), 1001).unwrap_err();
        assert!(
            matches!(late, RelayError::TooOld) && late.to_string().contains("clock of this machine"),
            "{late}"
        );
        for address in [
            "ws://care.example:8443/ca/cards/relay",
            "wss://care.example/ca/cards/relay",
            "wss://evil.example:8443/ca/cards/relay",
        ] {
            let other = Errand { address: address.to_owned(), ..errand.clone() };
            assert!(matches!(check(&settings, &other, 0), Err(RelayError::OtherServer)), "{address}");
        }
        assert!(matches!(check(&Settings::default(), &errand, 0), Err(RelayError::NoServer)));
    }

    /// The usual port may stand there or not, on either side; any other is another server.
    #[test]
    fn usual_port_may_be_left_out() {
        let cases = [
            ("care.example:443", "wss://care.example/ca/cards/relay", true),
            ("care.example:443", "wss://care.example:443/ca/cards/relay", true),
            ("care.example", "wss://care.example:443/ca/cards/relay", true),
            ("[2001:db8::1]:443", "wss://[2001:db8::1]/ca/cards/relay", true),
            ("care.example:443", "wss://care.example:8443/ca/cards/relay", false),
            ("care.example:8443", "wss://care.example/ca/cards/relay", false),
            ("care.example:443", "wss://care.example.evil.example/ca/cards/relay", false),
            ("care.example:443", "wss://care.example/ca/cards/relay/", false),
            ("care.example:443", "ws://care.example/ca/cards/relay", false),
        ];
        for (server, address, expected) in cases {
            assert_eq!(is_of(address, server), expected, "{server} {address}");
        }
    }
}
