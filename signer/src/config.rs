//! The `[signer]` section of the configuration file.

use std::collections::HashMap;

use pki::ObjectIdentifier;
use platform::id::ClientId;
use serde::{Deserialize, Deserializer};

use crate::error::Error;
use crate::suite::Hash;
use crate::time_stamp;

/// What one multi-row statement takes on both engines, with room to spare.
pub(crate) const MOST_DOCUMENTS: usize = 1000;
const LONGEST_SAD_S: u32 = 3600;
const SLOWEST_PROOFS_S: u32 = 120;

/// How prescription signing behaves on this machine. Every key has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The commercial name `/csc/v2/info` shows.
    pub name: String,
    /// A sentence `/csc/v2/info` shows.
    pub description: String,
    /// Address of the logo `/csc/v2/info` shows; without it that of ours, where people sign in.
    pub logo: Option<String>,
    /// ISO 3166-1 alpha-2 code of the country.
    pub region: String,
    /// For how many seconds an authorisation can be used.
    pub sad_lifetime_s: u32,
    /// How many documents one authorisation may cover.
    pub max_documents: usize,
    /// Largest body of `signDoc` in octets, which may hold documents; a larger one is answered with 413. Other bodies
    /// have 256 KiB at most.
    pub max_body_bytes: usize,
    /// The certificate profile of new credentials.
    pub profile: String,
    /// For how many seconds a prepared prescription is kept, to be shown to whoever is asked to sign it; for an hour at most after they
    /// decided.
    pub prepared_lifetime_s: u32,
    /// How many octets of prepared prescriptions are kept for one client; more are answered with 429.
    pub prepared_octets_per_client: u64,
    /// How often, in seconds, what was signed since is proved by one time-stamp: 1 to 120, which is short beside the ten minutes of a one-time key.
    pub proof_interval_s: u32,
    /// The hash of proofs. Those that are in a shorter one get a new chain in it (RFC 4998 5.3): set it before theirs ages.
    pub proof_hash: ProofHash,
    /// Clients whose prescriptions are prepared for SHA-1, and whose signatures with it are not held against them: those that cannot do
    /// better yet. Each use is logged.
    pub sha1_clients: Vec<ClientId>,
    /// Policies, as object identifiers, of one of which a certificate must be for its signature to be called valid; none: those of `profile` and of
    /// the profiles of cards that sign, in every version that the authority keeps.
    pub required_policies: Vec<String>,
    /// How many credentials are kept in memory, ready to sign.
    pub live_credentials: usize,
    /// How many calls of one client may be at the token or on their way through it before its answer is 429, of which one of its people has
    /// half at most: a request is one call for each sixteen signatures. Keep it below `[hsm] queue`, which all clients share.
    pub calls_per_client: usize,
    /// Of which clients calls go before or behind those of others that wait at the token; of all others single requests go before batches.
    pub priorities: HashMap<ClientId, Standing>,
    /// How passphrases are hashed.
    pub argon2: Argon2,
    /// What follows on wrong passphrases.
    pub attempts: Attempts,
    /// Keys made in advance.
    pub key_pool: KeyPool,
    /// The Digital Signature Service, which runs where sign-in does.
    pub dss: Dss,
    /// How time-stamps are given; without it none are.
    pub time_stamps: Option<time_stamp::Settings>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Lanyard".to_owned(),
            description: "Remote signing of prescriptions with keys held in a hardware security module"
                .to_owned(),
            logo: None,
            region: "GB".to_owned(),
            sad_lifetime_s: 300,
            max_documents: 250,
            max_body_bytes: 16 * 1024 * 1024,
            profile: ca::api::REMOTE_SIGNING.to_owned(),
            prepared_lifetime_s: 2 * 3600,
            prepared_octets_per_client: 16 * 1024 * 1024 * 1024,
            proof_interval_s: 30,
            proof_hash: ProofHash::default(),
            sha1_clients: Vec::new(),
            required_policies: Vec::new(),
            live_credentials: 4096,
            calls_per_client: 128,
            priorities: HashMap::new(),
            argon2: Argon2::default(),
            attempts: Attempts::default(),
            key_pool: KeyPool::default(),
            dss: Dss::default(),
            time_stamps: None,
        }
    }
}

impl Config {
    /// Refuses what would make signing unsafe or impossible.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=MOST_DOCUMENTS).contains(&self.max_documents) {
            return Err(Error::Setting { sentence: "signer.max_documents is between 1 and 1000" });
        }
        // An authorisation stands for a person who is there.
        if !(1..=LONGEST_SAD_S).contains(&self.sad_lifetime_s) {
            return Err(Error::Setting { sentence: "signer.sad_lifetime_s is between 1 and 3600" });
        }
        if !(1..=SLOWEST_PROOFS_S).contains(&self.proof_interval_s) {
            return Err(Error::Setting { sentence: "signer.proof_interval_s is between 1 and 120" });
        }
        self.dss.check()?;
        if let Some(time_stamps) = &self.time_stamps {
            time_stamps.check()?;
        }
        self.policies().map(drop)
    }

    /// The policies that certificates of signatures must have.
    pub(crate) fn policies(&self) -> Result<Vec<ObjectIdentifier>, Error> {
        let read = self.required_policies.iter().map(|text| ObjectIdentifier::new(text));
        read.collect::<Result<_, _>>().map_err(|_| Error::Setting {
            sentence: "signer.required_policies are object identifiers such as 1.3.6.1",
        })
    }
}

/// The hash of proofs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
pub enum ProofHash {
    /// SHA-256.
    #[default]
    #[serde(rename = "sha-256")]
    Sha256,
    /// SHA-384.
    #[serde(rename = "sha-384")]
    Sha384,
    /// SHA-512.
    #[serde(rename = "sha-512")]
    Sha512,
}

impl ProofHash {
    pub(crate) fn hash(self) -> Hash {
        match self {
            Self::Sha256 => Hash::Sha256,
            Self::Sha384 => Hash::Sha384,
            Self::Sha512 => Hash::Sha512,
        }
    }
}

/// How soon the calls of an application are served where others wait too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Its batches wait no longer than single requests do: somebody waits for each.
    First,
    /// Its single requests wait like batches do: nobody waits for them.
    Last,
}

/// How applications have people sign.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dss {
    /// For how many seconds a request waits for its person: 60 to 3600.
    pub request_seconds: u32,
    /// For how many seconds after consent an application can fetch the signatures: 60 to 604800.
    pub result_seconds: u32,
    /// What sign-in and the authenticator of a person who signs have to be worth at least: 2 or 3.
    pub level: u8,
    /// Whether people may sign with their smartcard, by the agent on their workstation.
    pub cards: bool,
    /// The certificate profiles of smartcards that sign: one by its id or a list, as where cards that attest their keys have one of their own.
    #[serde(deserialize_with = "one_or_several")]
    pub card_profile: Vec<String>,
}

impl Default for Dss {
    fn default() -> Self {
        let card_profile = vec!["card-signing".to_owned()];
        Self { request_seconds: 600, result_seconds: 24 * 3600, level: 3, cards: false, card_profile }
    }
}

impl Dss {
    fn check(&self) -> Result<(), Error> {
        if !(60..=3600).contains(&self.request_seconds) {
            return Err(Error::Setting { sentence: "signer.dss.request_seconds is between 60 and 3600" });
        }
        if !(60..=604_800).contains(&self.result_seconds) {
            return Err(Error::Setting { sentence: "signer.dss.result_seconds is between 60 and 604800" });
        }
        if !(2..=3).contains(&self.level) {
            return Err(Error::Setting { sentence: "signer.dss.level is 2 or 3" });
        }
        if self.cards && self.card_profile.is_empty() {
            return Err(Error::Setting {
                sentence: "signer.dss.card_profile names a profile where cards sign",
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "the id of a profile, or a list of them")]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

fn one_or_several<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrSeveral::deserialize(reader)? {
        OneOrSeveral::One(profile) => vec![profile],
        OneOrSeveral::Several(profiles) => profiles,
    })
}

/// Cost of argon2id (RFC 9106) and how many passphrases are worked on at a time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Argon2 {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Threads that hash; memory in use is at most this many times `memory_kib`.
    pub threads: usize,
    /// How many passphrases may wait for a thread before the answer is 503.
    pub queue: usize,
    /// How many of them may be one client's, half of these one of its people's, those being hashed included, before its answer is 429.
    pub per_client: usize,
}

impl Default for Argon2 {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1, threads: 2, queue: 64, per_client: 16 }
    }
}

/// The growing delay after wrong passphrases, counted for one credential and one client.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attempts {
    /// How many wrong passphrases in a row have no delay.
    pub free: u32,
    /// The first delay in milliseconds; each further wrong passphrase doubles it.
    pub first_delay_ms: u32,
    /// The longest delay in milliseconds.
    pub longest_delay_ms: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { free: 3, first_delay_ms: 2_000, longest_delay_ms: 3_600_000 }
    }
}

/// Keys made before anybody asks for them, because they take long to make.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyPool {
    /// RSA-2048 keys to hold ready.
    pub rsa_2048: u32,
}

impl Default for KeyPool {
    fn default() -> Self {
        Self { rsa_2048: 4 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Clients are ranked by their ids, by the two words that there are.
    #[test]
    fn priorities_are_read() {
        let read = |priorities: serde_json::Value| {
            serde_json::from_value::<Config>(json!({ "priorities": priorities }))
        };
        let config = read(json!({"night-import": "last", "triage": "first"})).unwrap();
        for (client, standing) in
            [("night-import", Some(Standing::Last)), ("triage", Some(Standing::First)), ("other", None)]
        {
            let client: ClientId = client.parse().unwrap();
            assert_eq!(config.priorities.get(&client).copied(), standing, "{client}");
        }
        for wrong in [json!({"night-import": "fast"}), json!({"Night import": "last"})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    /// The profiles of cards are one or a list; where cards sign there is one at least.
    #[test]
    fn card_profiles_are_one_or_several() {
        let read = |dss: serde_json::Value| serde_json::from_value::<Config>(json!({ "dss": dss }));
        for (written, profiles) in [
            (json!({}), &["card-signing"][..]),
            (json!({"card_profile": "own-signing"}), &["own-signing"]),
            (
                json!({"card_profile": ["card-signing", "attested-signing"]}),
                &["card-signing", "attested-signing"],
            ),
        ] {
            let config = read(written.clone()).unwrap();
            assert_eq!(config.dss.card_profile, profiles, "{written}");
            config.check().unwrap();
        }
        for wrong in [json!({"card_profile": 7}), json!({"card_profile": ["card-signing", 7]})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(read(json!({"cards": true, "card_profile": []})).unwrap().check().is_err());
        read(json!({"card_profile": []})).unwrap().check().unwrap();
    }
}
