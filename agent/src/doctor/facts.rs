//! What is so on this workstation. Nothing is judged here, and no try of a passcode is spent.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use card::piv::{Error, Piv, Slot, Tries};
use card::transport::Transport;
use pki::Certificate;

use crate::readers::{CardInReader, Content, ReaderError, Readers};
use crate::server::{self, Patience, Roots, ServerError};
use crate::settings::Settings;
use crate::{cards, clock, system};

/// How long the server may take to take a connection, and to answer.
const PATIENCE: Patience = Patience { connecting: Duration::from_secs(3), hearing: Duration::from_secs(3) };

/// What is so on this workstation.
pub struct Facts {
    /// The readers, or why they cannot be asked of.
    pub readers: Result<Vec<ReaderFacts>, ReaderError>,
    /// How many readers are plugged in, whether or not the system's service has a driver for them; 0 where the machine does not say so.
    pub plugged_in: usize,
    /// The server that is configured.
    pub server: Option<ServerFacts>,
    /// The program that asks for the passcode, and whether it is there.
    pub dialog: (PathBuf, bool),
    /// Whether a port is free, or taken by a running agent or another program, at which browsers look for the agent.
    pub has_port: bool,
    /// Whether any page may ask for signatures.
    pub has_origins: bool,
}

/// The server.
pub struct ServerFacts {
    /// Its name and port.
    pub name: String,
    /// What came of speaking to it.
    pub state: ServerState,
}

/// What came of speaking to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It takes connections. More is not known, since no certificates are configured, or it does not say its time.
    Reached,
    /// It is vouched for, and this machine's clock is so many milliseconds before its own, or behind it where that is negative.
    InTime(i64),
    /// Its name is not known here.
    Unnamed,
    /// It takes no connection.
    Unreached,
    /// Somebody else answers in its place, or the certificates are not its own.
    Untrusted,
    /// The certificates that are configured cannot be read.
    NoRoots(PathBuf),
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
    /// Its serial number, by which the registration authority knows it; some cards do not say one.
    pub serial: Option<u32>,
    /// Whether and how often a wrong passcode may be entered.
    pub tries: Tries,
    /// The certificate for signing in.
    pub authentication: KeyCertificate,
    /// The certificate for signing.
    pub signature: KeyCertificate,
}

/// What lies on a card as the certificate of a key.
pub enum KeyCertificate {
    /// Nothing.
    Missing,
    /// Something that cannot be read, and why.
    Unreadable(String),
    /// A certificate.
    There(CertificateFacts),
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
        plugged_in: system::plugged_in(),
        server: settings.server.clone().map(|name| {
            let state = spoken_to(&name, settings.roots().as_ref());
            ServerFacts { name, state }
        }),
        dialog: (settings.pinentry.clone(), is_there(&settings.pinentry)),
        has_port: ports.any(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()),
        has_origins: !settings.origins.is_empty(),
    }
}

/// Asks the server for anything at all: that it is itself, and what its clock says, is seen by whatever it answers.
fn spoken_to(server: &str, roots: Option<&Roots>) -> ServerState {
    let outcome = match roots {
        Some(roots) => server::ask(roots, server, "/", None, PATIENCE).map(|answered| answered.date_ms),
        None => server::reach(server, PATIENCE).map(|_| None),
    };
    match outcome {
        Ok(Some(date_ms)) => ServerState::InTime(clock::now_ms() - date_ms),
        // Whatever speaks TLS with the right certificate is the server, even where its answer is none.
        Ok(None) | Err(ServerError::Unreadable) => ServerState::Reached,
        Err(ServerError::NotNamed(_)) => ServerState::Unnamed,
        Err(ServerError::NotReached(_)) => ServerState::Unreached,
        Err(ServerError::NotTrusted(_)) => ServerState::Untrusted,
        Err(ServerError::Roots(path)) => ServerState::NoRoots(path),
    }
}

/// Whether a program is there: at its path, or in one of the folders in which programs are looked for.
fn is_there(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
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
    in_card(Piv::select(card)?)
}

fn in_card<T: Transport>(mut piv: Piv<T>) -> Result<PivFacts, Error> {
    Ok(PivFacts {
        serial: cards::serial(&mut piv)?,
        tries: piv.tries()?,
        authentication: certificate(&mut piv, Slot::Authentication)?,
        signature: certificate(&mut piv, Slot::Signature)?,
    })
}

fn certificate<T: Transport>(piv: &mut Piv<T>, slot: Slot) -> Result<KeyCertificate, Error> {
    let object = match piv.certificate(slot) {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(KeyCertificate::Missing),
        Err(error) if cards::is_of_content(&error) => {
            return Ok(KeyCertificate::Unreadable(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    Ok(match Certificate::from_der(&object.der) {
        Ok(certificate) => KeyCertificate::There(CertificateFacts {
            subject: certificate.common_name().unwrap_or_else(|| certificate.subject().to_string()),
            not_before_ms: certificate.not_before_ms(),
            not_after_ms: certificate.not_after_ms(),
        }),
        Err(_) => KeyCertificate::Unreadable("what lies in its place is no certificate".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use card::fuzz::Script;

    use super::*;

    /// A card whose certificates cannot be read still says its serial number and its tries, and why each cannot be read.
    #[test]
    fn unreadable_certificates_are_told_beside_the_rest() {
        let said = [
            "61114f0600001000010079074f05a0000003089000",
            "0000032f9000",
            "63c2",
            "530970023000710101fe009000",
            "530970023000710100fe009000",
        ];
        let card = Script::new(said.iter().map(|said| hex::decode(said).unwrap()).collect());
        let piv = in_card(Piv::select(card).unwrap()).unwrap();
        assert_eq!((piv.serial, piv.tries), (Some(815), Tries::Left(2)));
        for (certificate, words) in [(piv.authentication, "compressed"), (piv.signature, "is no certificate")]
        {
            let KeyCertificate::Unreadable(why) = certificate else { panic!("{words}") };
            assert!(why.contains(words), "{why}");
        }
    }

    /// A program is found by its path or by its name, and is not where there is none.
    #[test]
    fn programs_are_found() {
        assert!(is_there(Path::new("/bin/sh")) && is_there(Path::new("sh")));
        assert!(!is_there(Path::new("/bin/no-such-dialog")) && !is_there(Path::new("no-such-dialog")));
    }

    /// A server whose name is not known, one that takes no connection, and certificates that cannot be read are told apart.
    #[test]
    fn what_keeps_from_a_server_is_told_apart() {
        assert_eq!(spoken_to("a name without a port", None), ServerState::Unnamed);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap().to_string();
        assert_eq!(spoken_to(&server, None), ServerState::Reached);
        let nowhere = Roots { path: PathBuf::from("/nowhere/roots.pem"), sha256: None };
        assert_eq!(spoken_to(&server, Some(&nowhere)), ServerState::NoRoots(nowhere.path));
        // A file that is there, and is not the one that was meant.
        let other = tempfile::NamedTempFile::new().unwrap();
        let other = Roots { path: other.path().to_owned(), sha256: Some([7; 32]) };
        assert_eq!(spoken_to(&server, Some(&other)), ServerState::NoRoots(other.path));
        drop(listener);
        assert_eq!(spoken_to(&server, None), ServerState::Unreached);
    }
}
