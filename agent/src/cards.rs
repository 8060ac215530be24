//! Which cards are in the readers.

use std::fmt;

use card::piv::{Error, Piv, Slot, Tries};
use card::transport::Transport;
use pki::Certificate;

use crate::readers::{Content, ReaderError, ReaderName, Readers};

/// A card in a reader.
#[derive(Clone, Debug)]
pub struct CardPresent {
    /// Where it is.
    pub reader: ReaderName,
    /// Its serial number, by which the registration authority and its pages know it; some cards do not say one.
    pub serial: Option<u32>,
    /// Whose it is, as its certificates say.
    pub holder: Option<String>,
    /// Whether and how often a wrong passcode may be entered.
    pub tries: Tries,
    /// How often a wrong unblocking key may be entered, where the card says so without spending one.
    pub key_tries: Option<u8>,
}

impl fmt::Display for CardPresent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.serial {
            Some(serial) => write!(f, "serial number {serial}")?,
            None => write!(f, "it does not say its serial number")?,
        }
        write!(f, ", in {}, {}", self.reader, self.holder.as_deref().unwrap_or("nobody's"))?;
        match self.tries {
            Tries::Locked => write!(f, ", locked"),
            Tries::Left(tries) => write!(f, ", tries left: {tries}"),
            Tries::Verified => Ok(()),
        }
    }
}

/// The PIV cards in the readers. What cannot be read is not among them: it is the doctor who says why.
pub fn present(readers: &Readers) -> Result<Vec<CardPresent>, ReaderError> {
    let mut found = Vec::new();
    for state in readers.now()? {
        if state.content != Content::Card {
            continue;
        }
        let reader = state.name.clone();
        if let Ok(Ok(card)) = readers.with_card(&state.name, |card| read(card, reader)) {
            found.push(card);
        }
    }
    Ok(found)
}

/// The serial number of a card; none where it does not say one.
pub(crate) fn serial<T: Transport>(piv: &mut Piv<T>) -> Result<Option<u32>, Error> {
    match piv.serial() {
        Ok(serial) => Ok(Some(serial)),
        Err(error @ Error::Exchange(_)) => Err(error),
        // Cards that do not know the command say so in several ways.
        Err(_) => Ok(None),
    }
}

/// Whether an error is of what lies on a card and not of the card, which can be used for other things.
pub(crate) fn is_of_content(error: &Error) -> bool {
    matches!(error, Error::Object(_) | Error::Unreadable { .. })
}

fn read(card: &mut impl Transport, reader: ReaderName) -> Result<CardPresent, Error> {
    let mut piv = Piv::select(card)?;
    let (serial, tries) = (serial(&mut piv)?, piv.tries()?);
    let mut holder = None;
    for slot in [Slot::Authentication, Slot::Signature] {
        let object = match piv.certificate(slot) {
            // It names nobody.
            Err(error) if is_of_content(&error) => None,
            object => object?,
        };
        let certificate = object.and_then(|object| Certificate::from_der(&object.der).ok());
        holder = holder.or_else(|| certificate?.common_name());
    }
    // Few cards know the question, and those that do not say so in several ways.
    let key_tries = piv.puk_metadata().ok().flatten().and_then(|said| said.tries).map(|tries| tries.left);
    Ok(CardPresent { reader, serial, holder, tries, key_tries })
}

#[cfg(test)]
mod tests {
    use card::fuzz::Script;

    use super::*;

    /// A card is one whatever lies in the place of a certificate: a compressed one, which others write, a damaged one, or anything else. One
    /// that is pulled meanwhile is none.
    #[test]
    fn certificates_that_cannot_be_read_name_nobody() {
        let card = |further: &[&str]| {
            // PIV, serial number and tries.
            let first = ["61114f0600001000010079074f05a0000003089000", "0000032f9000", "63c2"];
            let said = first.iter().chain(further).map(|said| hex::decode(said).unwrap());
            Script::new(said.collect())
        };
        for content in ["530970023000710101fe009000", "5301309000", "53067004300070009000", "54009000"] {
            let mut card = card(&[content, "6a82", "6d00"]);
            let present = read(&mut card, ReaderName::of("R")).unwrap();
            assert_eq!((present.serial, present.holder), (Some(815), None), "{content}");
            assert_eq!((present.tries, present.key_tries), (Tries::Left(2), None), "{content}");
        }
        assert!(read(&mut card(&[]), ReaderName::of("R")).is_err());
    }
}
