//! Keys of a conversation, and how they come from what both ends agreed on. NIST SP 800-73-5 part 2, 4.1.6 and 4.1.7.

use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

use super::Suite;
use super::blocks::{self, BLOCK};

/// How both call themselves in it, in octets.
pub(crate) const NAME_LENGTH: usize = 8;

/// The keys of one conversation. They are wiped when they go, and cannot be printed.
pub(crate) struct SessionKeys {
    pub(crate) suite: Suite,
    /// Of codes of commands.
    pub(crate) command: Zeroizing<Vec<u8>>,
    /// Of data, both ways.
    pub(crate) encryption: Zeroizing<Vec<u8>>,
    /// Of codes of answers.
    pub(crate) answer: Zeroizing<Vec<u8>>,
}

/// What both ends know of each other before they have keys.
pub(crate) struct Parties<'a> {
    /// The server.
    pub(crate) host: [u8; NAME_LENGTH],
    /// Its point for this once, uncompressed.
    pub(crate) point: &'a [u8],
    /// The card.
    pub(crate) card: [u8; NAME_LENGTH],
    /// The card's random octets.
    pub(crate) nonce: &'a [u8],
}

impl<'a> Parties<'a> {
    /// The point without the octet that says how it is written.
    fn coordinates(&self) -> &'a [u8] {
        self.point.get(1..).unwrap_or_default()
    }

    /// `OtherInfo`: each part behind its length.
    fn info(&self, suite: Suite) -> Vec<u8> {
        // Neither end keeps anything for another conversation.
        const CONTROL: &[u8] = &[0];
        let first = self.coordinates().get(..BLOCK).unwrap_or_default();
        let suite = [suite.octet(); 4];
        let parts: [&[u8]; 7] = [&suite, &self.host, CONTROL, first, &self.card, self.nonce, CONTROL];
        let mut info = Vec::new();
        for part in parts {
            let [.., length] = part.len().to_be_bytes();
            info.push(length);
            info.extend_from_slice(part);
        }
        info
    }
}

/// How a card is called: the first octets of the hash of its certificate. NIST SP 800-73-5 part 2, 4.1.1, H6.
pub(crate) fn name_of(certificate: &[u8]) -> [u8; NAME_LENGTH] {
    let mut name = [0; NAME_LENGTH];
    name.copy_from_slice(&digest::digest(&digest::SHA256, certificate).as_ref()[..NAME_LENGTH]);
    name
}

/// The keys that come of a shared secret, and the card's proof that it has them. NIST SP 800-56A, 5.8.1 and 5.9.1.1.
pub(crate) fn derive(
    suite: Suite,
    secret: &[u8],
    parties: &Parties<'_>,
) -> Result<(SessionKeys, [u8; BLOCK]), Unspecified> {
    let (length, info) = (suite.key_length(), parties.info(suite));
    let mut material = Zeroizing::new(Vec::<u8>::with_capacity(4 * length + digest::MAX_OUTPUT_LEN));
    let mut round = 0_u32;
    while material.len() < 4 * length {
        round += 1;
        let mut context = digest::Context::new(suite.hash());
        context.update(&round.to_be_bytes());
        context.update(secret);
        context.update(&info);
        material.extend_from_slice(context.finish().as_ref());
    }
    let key = |at: usize| Zeroizing::new(material[at * length..(at + 1) * length].to_vec());
    let proof =
        blocks::code(suite, &key(0), &[b"KC_1_V", &parties.card, &parties.host, parties.coordinates()])?;
    Ok((SessionKeys { suite, command: key(1), encryption: key(2), answer: key(3) }, proof))
}
