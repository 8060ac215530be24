//! The seed of an app: how it is made, shown once, and sealed.

use std::collections::BTreeMap;

use audit::Actor;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use hsm::{Hsm, Rewrapped, Sealed};
use platform::clock::Clock;
use platform::db::Db;
use zeroize::Zeroizing;

use crate::authenticator::events::AuthenticatorEvent;
use crate::error::Error;
use crate::store::authenticators::{SealedSeed, replace_seed, seeds};

/// RFC 4226 4, R6: 160 bits.
const LENGTH: usize = 20;
/// How many seeds are moved in one transaction.
const PAGE: i64 = 64;

/// A seed. Wiped when dropped, never shown but once.
pub(crate) struct Seed(pub(super) Zeroizing<Vec<u8>>);

impl Seed {
    /// A new one.
    pub(crate) fn new() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new(vec![0; LENGTH]);
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Seals it for a place.
    pub(crate) async fn seal(&self, hsm: &Hsm, place: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(hsm.seal(self.0.clone(), place).await?.to_bytes())
    }

    /// Opens what was sealed for a place.
    pub(crate) async fn open(hsm: &Hsm, sealed: &[u8], place: &[u8]) -> Result<Self, Error> {
        let sealed =
            Sealed::from_bytes(sealed).map_err(|_| Error::Stored { what: "authn_authenticator.secret" })?;
        Ok(Self(hsm.unseal(&sealed, place).await?))
    }

    /// In letters and digits, as people type it. RFC 4648 6, without padding.
    pub(crate) fn base32(&self) -> Zeroizing<String> {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let (mut text, mut bits, mut held) = (Zeroizing::new(String::new()), 0_u32, 0);
        for byte in self.0.iter() {
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                text.push(char::from(ALPHABET[((bits >> held) & 31) as usize]));
            }
        }
        if held > 0 {
            text.push(char::from(ALPHABET[((bits << (5 - held)) & 31) as usize]));
        }
        text
    }

    /// The address that an app reads from a picture.
    pub(crate) fn address(&self, site: &str, account: &str) -> Zeroizing<String> {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (site, account) = (encoded(site).replace('+', "%20"), encoded(account));
        let secret = self.base32();
        Zeroizing::new(format!("otpauth://totp/{site}:{account}?secret={}&issuer={site}", secret.as_str()))
    }
}

/// How many seeds are under each version of the wrapping key, oldest first.
pub async fn sealed_seeds(db: &Db) -> Result<Vec<(u32, u64)>, Error> {
    let (mut versions, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = seeds(db.read(), &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for row in &page {
            *versions.entry(read(row)?.wrapping_version()).or_insert(0) += 1;
        }
    }
    Ok(versions.into_iter().collect())
}

/// Moves every seed under this version of the wrapping key, and tells how many more after each page. It needs no
/// [`crate::Provider`], and goes on beside those that run: what it has moved when it fails stays moved.
pub async fn rewrap(
    db: &Db,
    hsm: &Hsm,
    clock: &Clock,
    version: u32,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<Rewrapped, Error> {
    let (mut done, mut after) = (Rewrapped::default(), String::new());
    loop {
        let page = seeds(db.read(), &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(done) };
        after.clone_from(&last.id);
        let mut pairs = Vec::with_capacity(page.len());
        for old in page {
            let kept = read(&old)?;
            if kept.wrapping_version() == version {
                continue;
            }
            match hsm.rewrap_sealed(&kept, version).await {
                Ok(new) => pairs.push((old, new.to_bytes())),
                Err(error @ (hsm::Error::SealBroken | hsm::Error::WrappingKeyMissing { .. })) => {
                    done.refuse(format!("authn_authenticator {}: {error}", old.id));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let moved = store(db, clock, version, pairs).await?;
        done.moved += moved;
        tell(moved);
    }
}

async fn store(
    db: &Db,
    clock: &Clock,
    version: u32,
    pairs: Vec<(SealedSeed, Vec<u8>)>,
) -> Result<u64, Error> {
    let now = clock.now();
    db.write(move |tx| {
        Box::pin(async move {
            let mut moved = Vec::new();
            for (old, new) in &pairs {
                if replace_seed(tx, old, new).await? {
                    moved.push(old.id.clone());
                }
            }
            let count = moved.len() as u64;
            if count > 0 {
                let event =
                    AuthenticatorEvent::SeedsRewrapped { wrapping_version: version, authenticators: moved };
                audit::record(tx, now, &Actor::system("authn"), &event).await?;
            }
            Ok(count)
        })
    })
    .await
}

fn read(row: &SealedSeed) -> Result<Sealed, Error> {
    Sealed::from_bytes(&row.sealed).map_err(|_| Error::Stored { what: "authn_authenticator.secret" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 4648, section 10, and the address as apps read it.
    #[test]
    fn seeds_are_shown_as_apps_read_them() {
        let shown = |bytes: &[u8]| Seed(Zeroizing::new(bytes.to_vec())).base32().to_string();
        for (bytes, expected) in [
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(shown(bytes.as_bytes()), expected);
        }
        let seed = Seed(Zeroizing::new(b"foobar".to_vec()));
        insta::assert_snapshot!(seed.address("Care sign-in", "jo@example.org").as_str(), @"otpauth://totp/Care%20sign-in:jo%40example.org?secret=MZXW6YTBOI&issuer=Care%20sign-in");
    }
}
