//! Keys that a client makes for itself: they never leave its folder, only the request does.

use std::path::{Path, PathBuf};

use anyhow::Context;
use pki::Certificate;
use platform::clock::Millis;
use zeroize::Zeroizing;

use crate::files::{self, Readers};

/// A certificate this close to its end is replaced: a week before `docs/alerts.yml` tells of it.
const RENEWED_BEFORE_END_MS: i64 = 21 * 24 * 60 * 60 * 1000;

/// Where a key and its certificate lie.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate and its chain, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM, for its owner only.
    pub key: PathBuf,
}

impl Pair {
    /// `NAME.pem` and `NAME.key` in a folder.
    pub fn in_folder(folder: &Path, name: &str) -> Self {
        Self { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
    }

    /// The certificate, if it is there and good for a while yet: three weeks, or a third of its life where that is less.
    pub fn in_force(&self, now: Millis) -> Option<Certificate> {
        let chain = crate::client::certificates(&self.certificate).ok()?;
        let leaf = Certificate::from_der(chain.first()?).ok()?;
        let renewed_before_end = RENEWED_BEFORE_END_MS.min((leaf.not_after_ms() - leaf.not_before_ms()) / 3);
        let good = self.key.is_file() && now.0 + renewed_before_end < leaf.not_after_ms();
        good.then_some(leaf)
    }

    /// A PKCS#10 request for the key, which is made and stored first if there is none yet: after a crash
    /// between the request and its certificate, the same key is asked for again.
    pub fn request(&self, common_name: &str) -> anyhow::Result<String> {
        let key = if self.key.is_file() {
            let pem = Zeroizing::new(files::read_text(&self.key)?);
            rcgen::KeyPair::from_pem(&pem)
                .with_context(|| format!("{} holds no usable key", self.key.display()))?
        } else {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            let pem = Zeroizing::new(key.serialize_pem());
            files::write(&self.key, pem.as_bytes(), Readers::Owner)?;
            key
        };
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        let request = parameters.serialize_request(&key).context("could not sign the request")?;
        request.pem().context("could not write the request")
    }

    /// Stores what was issued: the certificate, then the authorities between it and the root.
    pub fn store(&self, issued: &ca::api::Issued) -> anyhow::Result<()> {
        let between = &issued.chain[..issued.chain.len().saturating_sub(1)];
        let pem: String = std::iter::once(&issued.certificate)
            .chain(between)
            .map(|text| pem("CERTIFICATE", text))
            .collect();
        files::write(&self.certificate, pem.as_bytes(), Readers::Everyone)
    }
}

/// PEM around what is base64 already.
pub fn pem(label: &str, base64: &str) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in base64.chars().filter(|c| !c.is_whitespace()).enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + &format!("\n-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PEM has lines of 64 and reads back.
    #[test]
    fn pem_reads_back() {
        use base64::Engine as _;
        let der: Vec<u8> = (0..200).collect();
        let text = pem("X509 CRL", &base64::engine::general_purpose::STANDARD.encode(&der));
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(der::pem::decode_vec(text.as_bytes()).unwrap(), ("X509 CRL", der));
    }

    /// Asking twice asks for the same key, and the key is its owner's alone.
    #[test]
    fn a_request_is_repeated_with_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let pair = Pair::in_folder(dir.path(), "desk");
        pair.request("desk").unwrap();
        let first = std::fs::read(&pair.key).unwrap();
        pair.request("desk").unwrap();
        assert_eq!(std::fs::read(&pair.key).unwrap(), first);
        assert_eq!(files::open_to_others(&pair.key).unwrap(), None);
        assert!(pair.in_force(Millis(0)).is_none());
    }

    /// A certificate is in force until three weeks before its end, and a short one until a third of its life is left.
    #[test]
    fn what_ends_soon_is_not_in_force() {
        const DAY: i64 = 24 * 60 * 60;
        let dir = tempfile::tempdir().unwrap();
        let pair = Pair::in_folder(dir.path(), "desk");
        pair.request("desk").unwrap();
        let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(&pair.key).unwrap()).unwrap();
        let start = rcgen::date_time_ymd(2026, 1, 1);
        for (life, left, expected) in [
            (397, 22, true),
            (397, 20, false),
            (397, 13, false),
            (30, 11, true),
            (30, 9, false),
            (7, 3, true),
            (7, 2, false),
        ] {
            let mut parameters = rcgen::CertificateParams::new(vec!["desk.example".to_owned()]).unwrap();
            parameters.not_before = start;
            parameters.not_after = start + time::Duration::days(life);
            let end = parameters.not_after.unix_timestamp() * 1000;
            std::fs::write(&pair.certificate, parameters.self_signed(&key).unwrap().pem()).unwrap();
            let in_force = pair.in_force(Millis(end - left * DAY * 1000)).is_some();
            assert_eq!(in_force, expected, "{left} of {life} days left");
        }
    }
}
