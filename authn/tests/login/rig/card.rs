//! A smartcard with an RSA key: what it signs, openssl makes, as the agents of CIS1 send it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::Authority;

/// A card.
pub(crate) struct Card {
    folder: TempDir,
    pub(crate) serial: String,
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Card {
    /// A card of a person, of this profile.
    pub(crate) async fn issued(rig: &super::Rig, authority: &Authority, user: &str, profile: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        openssl(
            folder.path(),
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"],
        );
        let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(folder.path().join("key.pem")).unwrap())
            .unwrap();
        let (leaf, serial) = authority.certificate(user, profile, &key, (rig.now(), None)).await;
        let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for line in STANDARD.encode(leaf).as_bytes().chunks(64) {
            writeln!(pem, "{}", str::from_utf8(line).unwrap()).unwrap();
        }
        std::fs::write(folder.path().join("card.pem"), pem + "-----END CERTIFICATE-----\n").unwrap();
        Self { folder, serial }
    }

    /// A card that no authority of ours has issued.
    pub(crate) fn foreign() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "card.pem",
            "-subj",
            "/CN=Nobody",
        ];
        openssl(folder.path(), &made);
        Self { folder, serial: String::new() }
    }

    /// What an agent sends of what the card has signed: base64 of an S/MIME part, folded as a Linux agent does it.
    pub(crate) fn sign(&self, challenge: &[u8], digest: &str) -> String {
        std::fs::write(self.folder.path().join("challenge"), challenge).unwrap();
        let plain =
            ["cms", "-sign", "-binary", "-noattr", "-nodetach", "-outform", "DER", "-in", "challenge"];
        let by = ["-md", digest, "-signer", "card.pem", "-inkey", "key.pem", "-out", "signed"];
        openssl(self.folder.path(), &[&plain[..], &by[..]].concat());
        let signed = STANDARD.encode(std::fs::read(self.folder.path().join("signed")).unwrap());
        STANDARD.encode(format!(
            "MIME-Version: 1.0\n        Content-Disposition: attachment; filename=\"smime.p7m\"\n        Content-Type: \
             application/x-pkcs7-mime; name=\"smime.p7m\"\n        Content-Transfer-Encoding: base64\n        \n        {signed}"
        ))
    }
}
