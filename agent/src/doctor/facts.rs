//! What is so on this workstation. Nothing is judged here, and no try of a passcode is spent.

use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use card::piv::{Error, Piv, Slot, Tries};
use pki::Certificate;

use crate::readers::{CardInReader, Content, ReaderError, Readers};
use crate::settings::Settings;

/// How long the server may take to take a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is so on this workstation.
pub struct Facts {
    /// The readers, or why they cannot be asked of.
    pub readers: Result<Vec<ReaderFacts>, ReaderError>,
    /// The server that is configured, and whether it takes connections.
    pub server: Option<(String, bool)>,
    /// Whether a port is free, or taken by a running agent or another program, at which browsers look for the agent.
    pub has_port: bool,
    /// Whether any page may ask for signatures.
    pub has_origins: bool,
}

/// A reader.
pub struct ReaderFacts {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub card: CardFacts,
}

/// What is in a reader.
pub enum CardFacts {
    /// Nothing.
    Nothing,
    /// A card that does not answer.
    Mute,
    /// Another program has it for itself.
    Busy,
    /// A card of another kind.
    NotPiv,
    /// It could not be read to its end.
    Unreadable(String),
    /// A PIV card.
    Piv(PivFacts),
}

/// A PIV card.
pub struct PivFacts {
    /// Whether and how often a wrong passcode may be entered.
    pub tries: Tries,
    /// The certificate for signing in.
    pub authentication: Option<CertificateFacts>,
    /// The certificate for signing.
    pub signature: Option<CertificateFacts>,
}

/// A certificate on a card.
pub struct CertificateFacts {
    /// Who it is of.
    pub subject: String,
    /// From when it is good.
    pub not_before_ms: i64,
    /// Until when it is good.
    pub not_after_ms: i64,
}

/// Looks at everything.
pub fn gather(settings: &Settings) -> Facts {
    let mut ports = settings.discovery_ports.iter();
    Facts {
        readers: readers(),
        server: settings.server.clone().map(|server| {
            let reached = is_reached(&server);
            (server, reached)
        }),
        has_port: ports.any(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()),
        has_origins: !settings.origins.is_empty(),
    }
}

fn is_reached(server: &str) -> bool {
    let Ok(addresses) = server.to_socket_addrs() else { return false };
    addresses.take(4).any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

fn readers() -> Result<Vec<ReaderFacts>, ReaderError> {
    let readers = Readers::open()?;
    let mut facts = Vec::new();
    for state in readers.now()? {
        let card = match state.content {
            Content::Nothing => CardFacts::Nothing,
            Content::MuteCard => CardFacts::Mute,
            Content::Card => match readers.with_card(&state.name, read) {
                Ok(Ok(piv)) => CardFacts::Piv(piv),
                Ok(Err(Error::NotPiv)) => CardFacts::NotPiv,
                Ok(Err(error)) => CardFacts::Unreadable(error.to_string()),
                Err(ReaderError::NoCard) => CardFacts::Nothing,
                Err(ReaderError::Mute) => CardFacts::Mute,
                Err(ReaderError::Busy) => CardFacts::Busy,
                Err(error) => CardFacts::Unreadable(error.to_string()),
            },
        };
        facts.push(ReaderFacts { name: state.name.to_string(), card });
    }
    Ok(facts)
}

fn read(card: &mut CardInReader<'_>) -> Result<PivFacts, Error> {
    let mut piv = Piv::select(card)?;
    Ok(PivFacts {
        tries: piv.tries()?,
        authentication: certificate(&mut piv, Slot::Authentication)?,
        signature: certificate(&mut piv, Slot::Signature)?,
    })
}

fn certificate(piv: &mut Piv<&mut CardInReader<'_>>, slot: Slot) -> Result<Option<CertificateFacts>, Error> {
    let Some(object) = piv.certificate(slot)? else { return Ok(None) };
    let unreadable = |_| Error::Unreadable { act: "reading a certificate" };
    let certificate = Certificate::from_der(&object.der).map_err(unreadable)?;
    Ok(Some(CertificateFacts {
        subject: certificate.common_name().unwrap_or_else(|| certificate.subject().to_string()),
        not_before_ms: certificate.not_before_ms(),
        not_after_ms: certificate.not_after_ms(),
    }))
}
