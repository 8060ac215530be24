//! The ticket, in the form in which agents and applications of CIS1 have always passed it on: the id of an `OpenSSO` session.

use aws_lc_rs::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::Secret;

/// With what tickets begin: twelve octets that say nothing.
const BEFORE: &str = "AQIC5wM2LY4SfcAA";
/// With what they end: octets 0002 `SI` 0002 `01`, the number of a server.
const AFTER: &str = "=@AAJTSQACMDE=#";

/// A name of a session: 256 random bits, of which the row has the SHA-256. It is never the secret of a browser.
pub(crate) struct Ticket(Secret);

impl Ticket {
    /// A new one.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        Secret::generate(random).map(Self)
    }

    /// Reads what somebody presents; none where it cannot be one of ours. Where it was put into an address without being encoded, a plus
    /// has become a blank, and everything from the number sign on is missing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix(BEFORE)?;
        let inner = inner.strip_suffix(AFTER).or_else(|| inner.strip_suffix(AFTER.strip_suffix('#')?))?;
        let inner = Zeroizing::new(inner.replace(['+', ' '], "-").replace('/', "_"));
        Secret::parse(&inner).map(Self)
    }

    /// As it travels.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let inner = Zeroizing::new(self.0.text().replace('-', "+").replace('_', "/"));
        Zeroizing::new(format!("{BEFORE}{}{AFTER}", inner.as_str()))
    }

    /// What lies in a row.
    pub(crate) fn hash(&self) -> Vec<u8> {
        self.0.hash()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// A ticket has the form that agents know, reads back, and reads back too after an address has spoiled it; nothing else does.
    #[test]
    fn tickets_read_back() {
        for _ in 0..64 {
            let ticket = Ticket::generate(&SystemRandom::new()).unwrap();
            let text = ticket.text();
            assert!(
                text.starts_with("AQIC5wM2LY4Sfc") && text.ends_with("=@AAJTSQACMDE=#"),
                "{}",
                text.as_str()
            );
            assert_eq!(STANDARD.decode(text.split('@').next().unwrap()).unwrap().len(), 44);
            let spoiled = text.replace('+', " ");
            let spoiled = spoiled.trim_end_matches('#');
            for presented in [text.as_str(), spoiled] {
                assert_eq!(Ticket::parse(presented).unwrap().hash(), ticket.hash(), "{presented}");
            }
            for wrong in [&text[1..], &text[..text.len() - 2], "", "AQIC5wM2LY4SfcAA=@AAJTSQACMDE=#"] {
                assert!(Ticket::parse(wrong).is_none(), "{wrong}");
            }
        }
    }
}
