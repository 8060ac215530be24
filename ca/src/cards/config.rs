//! The `[ca.cards]` section of the configuration.

use std::path::PathBuf;

use card::piv::{Algorithm, ManagementAlgorithm};
use serde::Deserialize;

use super::content_signers::SecureMessaging;
use super::keys;
use crate::profile::KeyOrigin;

/// How cards are issued.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardsConfig {
    /// Where agents reach this server, such as `https://care.example:8443`; without it nothing is done with a card in a reader.
    pub address: Option<String>,
    /// The version of the master key in the token from which cards get their keys now: `lanyard-diversify-<version>`.
    pub master_key: u32,
    /// The algorithm of the management key that cards get: `aes-256`, `aes-192`, `aes-128`, or `triple-des` for cards that know no
    /// other.
    pub management: ManagementKind,
    /// The kind of key that is made on cards: `p-256`, `p-384` or `rsa-2048`.
    pub key: KeyKind,
    /// The profile of the certificate for signing in.
    pub authentication_profile: String,
    /// The profile of the certificate for signing.
    pub signing_profile: String,
    /// The organisation that is printed on cards, 20 letters at most.
    pub organisation: String,
    /// The template of the face of cards, in SVG; without it, ours.
    pub face_template: Option<PathBuf>,
    /// The program that draws faces: librsvg's, or one with the same arguments.
    pub face_renderer: PathBuf,
    /// The queue at this machine's CUPS to which faces go, such as `ipp://localhost:631/printers/desk`; without it none is printed.
    pub printer: Option<String>,
    /// For how many seconds a face may be on its way until it counts as not printed.
    pub print_seconds: u32,
    /// How many wrong passcodes lock a card, and how many wrong unblocking keys, where the card lets that be set.
    pub tries: (u8, u8),
    /// After how many minutes an errand that is not done ends by itself, and its certificates are revoked; later where an agent came to it
    /// shortly before.
    pub errand_minutes: u32,
    /// For how many seconds a ticket of the relay is good.
    pub ticket_seconds: u32,
    /// How many seconds a card may think, or its holder over a passcode.
    pub patience_seconds: u32,
    /// How many agents are relayed at the same time by this process.
    pub relays: usize,
    /// For how many hours an answer is given again for the same idempotency key.
    pub idempotency_hours: u32,
    /// How many days before the end of its certificates a card can be renewed.
    pub renewal_days: u32,
    /// For how many days after that end it still can, by whoever may renew what has ended.
    pub grace_days: u32,
    /// For how many hours after an address was shown to be somebody's no code to unlock a card is sent there.
    pub contact_rest_hours: u32,
    /// What vouches for it that keys were made on a card: `workstation`, the workstation alone; `two-persons`, a second person besides;
    /// `attested`, the card itself, without which no certificate is made.
    pub key_origin: KeyOrigin,
    /// PEM file of the certificates to which the attestation of a card may lead; without it no card is asked for one.
    pub attestation_anchors: Option<PathBuf>,
    /// The profiles for keys that their card has attested: for signing in, and for signing. Those of other keys if it is left out.
    pub attested_profiles: Option<(String, String)>,
    /// PEM file of the certificates of those who sign cards' certificates for secure messaging; without it no card is spoken to under it.
    pub content_signers: Option<PathBuf>,
    /// Whether a secret goes to a card in clear where the card takes it in no other way: `where-offered`, or `required`, where it does
    /// not.
    pub secure_messaging: SecureMessaging,
}

impl Default for CardsConfig {
    fn default() -> Self {
        Self {
            address: None,
            master_key: 1,
            management: ManagementKind(ManagementAlgorithm::Aes256),
            key: KeyKind(Algorithm::P256),
            authentication_profile: "card-authentication".to_owned(),
            signing_profile: "card-signing".to_owned(),
            organisation: String::new(),
            face_template: None,
            face_renderer: PathBuf::from("rsvg-convert"),
            printer: None,
            print_seconds: 180,
            tries: (3, 5),
            errand_minutes: 60,
            ticket_seconds: 300,
            patience_seconds: 90,
            relays: 64,
            idempotency_hours: 24,
            renewal_days: 90,
            grace_days: 30,
            contact_rest_hours: 48,
            key_origin: KeyOrigin::Workstation,
            attestation_anchors: None,
            attested_profiles: None,
            content_signers: None,
            secure_messaging: SecureMessaging::WhereOffered,
        }
    }
}

/// The algorithm of a management key, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ManagementKind(pub(crate) ManagementAlgorithm);

impl TryFrom<String> for ManagementKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let known = keys::algorithm(&word).map(Self);
        known.ok_or_else(|| format!("\"{word}\" is none of aes-256, aes-192, aes-128 and triple-des"))
    }
}

/// The kind of a key on a card, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyKind(pub(crate) Algorithm);

impl TryFrom<String> for KeyKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "p-256" => Ok(Self(Algorithm::P256)),
            "p-384" => Ok(Self(Algorithm::P384)),
            "rsa-2048" => Ok(Self(Algorithm::Rsa2048)),
            _ => Err(format!("\"{word}\" is none of p-256, p-384 and rsa-2048")),
        }
    }
}

impl CardsConfig {
    /// Where agents connect: an address of a WebSocket.
    pub(crate) fn relay_address(&self) -> Option<String> {
        let address = self.address.as_deref()?.trim_end_matches('/');
        let rest = address.strip_prefix("https://")?;
        Some(format!("wss://{rest}/ca/cards/relay"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words are read, unknown ones refused, and the address of the relay is that of the server.
    #[test]
    fn section_is_read() {
        let read = |text: &str| toml::from_str::<CardsConfig>(text);
        let config =
            read("address = \"https://care.example:8443/\"\nmanagement = \"aes-192\"\nkey = \"rsa-2048\"")
                .unwrap();
        assert_eq!(config.relay_address().as_deref(), Some("wss://care.example:8443/ca/cards/relay"));
        assert_eq!((config.management.0, config.key.0), (ManagementAlgorithm::Aes192, Algorithm::Rsa2048));
        assert_eq!(read("address = \"http://care.example\"").unwrap().relay_address(), None);
        for bad in ["management = \"des\"", "key = \"p-521\"", "masterkey = 2"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
