//! A PIN in shares: some of its holders together give it back, fewer learn nothing (Shamir).
//!
//! What is shared out is the PIN with 32 random octets before it, so that nothing that is kept lets anybody try PINs: the
//! description of the shares has a hash of the whole, and one of each share. By them a share is known before it is used and
//! the PIN before it goes to a token, which counts wrong ones.

mod gathering;
mod text;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::fill;
use serde::{Deserialize, Serialize};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::Pin;

pub use gathering::{Gathered, Gathering};
pub use text::{Sealed, Share};

/// How many random octets stand before the PIN.
const BLIND: usize = 32;
/// Every shared secret has this length, so that shares do not tell that of the PIN.
const LENGTH: usize = BLIND + 1 + LONGEST_PIN;
/// The longest PIN.
const LONGEST_PIN: usize = 64;
/// The most holders.
pub const MOST_HOLDERS: usize = 32;

/// What may be known of shares: kept beside the configuration. Whoever has it learns neither the PIN nor any share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareSet {
    /// Names this set among others; hexadecimal.
    pub set: String,
    /// The label of the token whose PIN it is.
    pub token: String,
    /// How many holders are needed.
    pub threshold: u8,
    /// SHA-256 of the shared secret, hexadecimal.
    secret_sha256: String,
    /// Who holds the shares, by number.
    pub holders: Vec<Holder>,
}

/// Who holds a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The number of the share.
    pub number: u8,
    /// The holder's name.
    pub name: String,
    /// SHA-256 of the share, hexadecimal.
    sha256: String,
}

/// Why shares are not made or not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Too few or too many holders, or a threshold that makes no sense.
    #[error("shares need 2 to 32 holders and a threshold between 2 and their number")]
    Numbers,
    /// A name that is empty, too long, of several lines, or there twice.
    #[error("each holder has a name of one line and 64 characters at most, which no other has")]
    Name,
    /// The PIN is empty or too long.
    #[error("a PIN in shares has 1 to 64 octets")]
    PinLength,
    /// No random octets, or the sharing itself failed.
    #[error("the shares could not be made")]
    NotMade,
    /// The text is no share, or a letter of it was changed.
    #[error("this is no share, or it was changed: its checksum does not fit")]
    Changed,
    /// The share is sealed and no passphrase was given, or the wrong one.
    #[error("the share of {holder} needs the passphrase of its holder, and this is not it")]
    Passphrase {
        /// Whose it is.
        holder: String,
    },
    /// The share is of another set.
    #[error("the share of {holder} is of the set {set}, not of this one")]
    Foreign {
        /// Whose it is.
        holder: String,
        /// The set it says it is of.
        set: String,
    },
    /// The share says it is of this set and is not what was given out.
    #[error("the share of {holder} is not the one that was given out")]
    Wrong {
        /// Whose it is.
        holder: String,
    },
    /// The holder has given it already.
    #[error("the share of {holder} was given already")]
    Again {
        /// Whose it is.
        holder: String,
    },
    /// Together they do not make the PIN that was shared out.
    #[error("the shares do not make the PIN that was shared out; nothing was sent to the token")]
    NotThePin,
}

/// Makes the shares of a PIN, one for each holder.
pub fn split(
    pin: &Pin,
    token: &str,
    threshold: u8,
    holders: &[String],
) -> Result<(ShareSet, Vec<Share>), ShareError> {
    check(threshold, holders)?;
    let secret = secret(pin)?;
    let mut random = SystemRandom { failed: false };
    let made = Gf256::split_bytes(usize::from(threshold), holders.len(), secret.as_slice(), &mut random);
    let made: Vec<_> = made.map_err(|_| ShareError::NotMade)?.into_iter().map(Zeroizing::new).collect();
    let mut id = [0; 8];
    fill(&mut id).map_err(|_| ShareError::NotMade)?;
    if random.failed || made.len() != holders.len() {
        return Err(ShareError::NotMade);
    }
    let set = hex::encode(id);
    let shares: Vec<_> = made
        .into_iter()
        .zip(holders)
        .zip(1..)
        .map(|((octets, holder), number)| Share {
            set: set.clone(),
            token: token.to_owned(),
            holder: holder.clone(),
            number,
            threshold,
            octets,
        })
        .collect();
    let holders = shares.iter().map(|share| Holder {
        number: share.number,
        name: share.holder.clone(),
        sha256: sha256(&share.octets),
    });
    let description = ShareSet {
        set,
        token: token.to_owned(),
        threshold,
        secret_sha256: sha256(&secret),
        holders: holders.collect(),
    };
    Ok((description, shares))
}

fn check(threshold: u8, holders: &[String]) -> Result<(), ShareError> {
    if !(2..=MOST_HOLDERS).contains(&holders.len()) || !(2..=holders.len()).contains(&usize::from(threshold))
    {
        return Err(ShareError::Numbers);
    }
    let fits = |name: &String| {
        (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(char::is_control)
    };
    let once = |(at, name): (usize, &String)| !holders[..at].contains(name);
    if holders.iter().all(fits) && holders.iter().enumerate().all(once) {
        Ok(())
    } else {
        Err(ShareError::Name)
    }
}

/// Random octets, the PIN's length, the PIN, zeros.
fn secret(pin: &Pin) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let pin = pin.as_bytes();
    let length =
        u8::try_from(pin.len()).ok().filter(|length| (1..=LONGEST_PIN).contains(&usize::from(*length)));
    let length = length.ok_or(ShareError::PinLength)?;
    // Its whole length at once: growing would leave copies behind.
    let mut secret = Zeroizing::new(vec![0; LENGTH]);
    fill(&mut secret[..BLIND]).map_err(|_| ShareError::NotMade)?;
    secret[BLIND] = length;
    secret[BLIND + 1..][..pin.len()].copy_from_slice(pin);
    Ok(secret)
}

/// The PIN in a secret that was put together.
fn pin(secret: &[u8]) -> Option<Pin> {
    let length = usize::from(*secret.get(BLIND)?);
    let text = std::str::from_utf8(secret.get(BLIND + 1..)?.get(..length)?).ok()?;
    (secret.len() == LENGTH && length > 0).then(|| Pin::new(text.to_owned()))
}

fn sha256(octets: &[u8]) -> String {
    hex::encode(digest(&SHA256, octets))
}

/// The system's random numbers, as the sharing asks for them. A failure is remembered, and nothing is made of what came.
struct SystemRandom {
    failed: bool,
}

impl rand_core_for_shares::TryRng for SystemRandom {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut octets = [0; 4];
        self.try_fill_bytes(&mut octets)?;
        Ok(u32::from_le_bytes(octets))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut octets = [0; 8];
        self.try_fill_bytes(&mut octets)?;
        Ok(u64::from_le_bytes(octets))
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        if fill(octets).is_err() {
            self.failed = true;
            // Not zeros: a search for a number that is not zero must end.
            octets.fill(0x5a);
        }
        Ok(())
    }
}

impl rand_core_for_shares::TryCryptoRng for SystemRandom {}
