//! What may be issued: profiles as data, made into types that cannot be wrong when the process starts.

pub(crate) mod constraints;
mod content;
mod file;
mod origin;
pub(crate) mod policies;
pub(crate) mod qualified;
mod rules;
mod spread;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;

use const_oid::ObjectIdentifier;
use directory::api::SystemKind;
use hsm::Alg;
use platform::clock::Millis;

use crate::api::{FieldInfo, ProfileInfo};
pub(crate) use crate::names::{IssuerId, ProfileId};
use crate::subject::{AttributeKind, Field, Naming};
use constraints::NameConstraints;
pub use content::{Content, Difference, differences, differences_of};
pub use file::FileError;
pub use origin::KeyOrigin;
use policies::Policy;
use qualified::Qualified;
#[cfg(test)]
pub(crate) use spread::Weekends;
pub(crate) use spread::{Counts, DAY_MS, Spread, Window, day};
pub(crate) use versions::number;

/// Every profile this authority knows.
#[derive(Clone, Debug)]
pub struct Profiles {
    pub(crate) end_entity: Vec<Arc<Profile>>,
    pub(crate) root: Arc<Profile>,
    pub(crate) issuing: Arc<Profile>,
    pub(crate) cross: Arc<Profile>,
    /// Those of issuing authorities that have one of their own.
    pub(crate) own: BTreeMap<IssuerId, Arc<Profile>>,
    pub(crate) crl: CrlProfile,
    /// SHA-256 of the file they came from, for the audit record.
    pub(crate) source_sha256: String,
}

impl Profiles {
    /// The profiles that come with the program.
    pub fn built_in() -> Result<Profiles, FileError> {
        Profiles::parse(include_str!("../../profiles.toml"))
    }

    /// Reads a profile file, and says in a sentence what in it makes no sense.
    pub fn parse(text: &str) -> Result<Profiles, FileError> {
        file::parse(text)
    }

    /// The profiles that can be asked for, as others see them.
    pub(crate) fn infos(&self) -> Vec<ProfileInfo> {
        self.end_entity.iter().map(|profile| profile.info()).collect()
    }

    /// The end-entity profile with this id. Those of authorities are not asked for by id.
    pub fn find(&self, id: &str) -> Option<&Arc<Profile>> {
        self.end_entity.iter().find(|profile| profile.id.as_str() == id)
    }

    /// The profile of this issuer's OCSP responder, whatever its generation. An issuer without one has no OCSP.
    pub(crate) fn responder(&self, issuer: &IssuerId) -> Option<&Arc<Profile>> {
        let line = issuer.line();
        self.end_entity.iter().find(|profile| {
            let signs = |extended: &ExtendedUsage| extended.purposes.contains(&Purpose::OcspSigning);
            let named = matches!(&profile.kind, Kind::EndEntity { issuers } if issuers.contains(&line));
            named && profile.extended.as_ref().is_some_and(signs)
        })
    }

    /// The profiles of every OCSP responder.
    pub(crate) fn responders(&self) -> Arc<[ProfileId]> {
        let signs = |profile: &&Arc<Profile>| {
            profile
                .extended
                .as_ref()
                .is_some_and(|extended| extended.purposes.contains(&Purpose::OcspSigning))
        };
        self.end_entity.iter().filter(signs).map(|profile| profile.id.clone()).collect()
    }

    /// The profile of an issuing authority's own certificate, whatever its generation: its own, or that of them all.
    pub(crate) fn issuing_of(&self, authority: &IssuerId) -> &Arc<Profile> {
        self.own.get(&authority.line()).unwrap_or(&self.issuing)
    }

    /// The attribute that is a field, as one that names a person or a system, in a certificate with these policies from an authority of this line:
    /// the profiles that it may be of agree on it, and are known by their policies, whatever their ids were when it was made.
    pub(crate) fn place_of(
        &self,
        field: Field,
        line: &IssuerId,
        policies: &[ObjectIdentifier],
    ) -> Option<AttributeKind> {
        let may_be = |profile: &&Arc<Profile>| {
            let is_from_there =
                matches!(&profile.kind, Kind::EndEntity { issuers } if issuers.contains(line));
            is_from_there && profile.policies.iter().any(|policy| policies.contains(&policy.id))
        };
        let mut places = self.end_entity.iter().filter(may_be).map(|profile| profile.naming.place(field));
        let place = places.next()??;
        places.all(|other| other == Some(place)).then_some(place)
    }

    /// Those of authorities.
    fn authorities(&self) -> impl Iterator<Item = &Arc<Profile>> {
        [&self.root, &self.issuing, &self.cross].into_iter().chain(self.own.values())
    }

    /// Any profile by id, those of the authorities too.
    pub(crate) fn any(&self, id: &str) -> Option<&Arc<Profile>> {
        self.find(id).or_else(|| self.authorities().find(|profile| profile.id.as_str() == id))
    }
}

/// One shape of certificate. Made only from a profile file, which refuses what makes no sense.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(crate) id: ProfileId,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) validity: Length,
    pub(crate) key_usage: Vec<KeyUsage>,
    pub(crate) extended: Option<ExtendedUsage>,
    pub(crate) policies: Vec<Policy>,
    /// How much of the validity the private key may sign, in percent.
    pub(crate) private_key_usage_percent: Option<u8>,
    pub(crate) keys: Vec<Alg>,
    pub(crate) revocation_checking: RevocationChecking,
    pub(crate) naming: Naming,
    /// What it states as a qualified certificate.
    pub(crate) qualified: Option<Qualified>,
    /// Which names may stand below; only an authority has any.
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) key_reuse: KeyReuse,
    /// How ACME issues of it, if it does.
    pub(crate) acme: Option<AcmeUse>,
    /// How the ends of its certificates are spread; absent where each lasts as long as it may.
    pub(crate) spread: Option<Spread>,
    /// What vouches for it that its keys were made on a card; another than the workstation is for certificates of cards alone.
    pub(crate) key_origin: KeyOrigin,
    /// Of which kind the system is that its certificates name; absent where any will do.
    pub(crate) system: Option<SystemKind>,
    /// Its number in the database; zero until a process has started with it.
    pub(crate) version: i64,
    /// What the file says of it, as JSON.
    pub(crate) content: Arc<str>,
}

impl Profile {
    /// SHA-256 of its content in hexadecimal.
    pub(crate) fn content_sha256(&self) -> String {
        crate::digest::sha256_hex(self.content.as_bytes())
    }

    /// Whether it is of one of our own responders.
    pub(crate) fn is_responder(&self) -> bool {
        let answers = [Purpose::OcspSigning, Purpose::CmcCa];
        let extended = self.extended.as_ref();
        extended.is_some_and(|extended| extended.purposes.iter().any(|purpose| answers.contains(purpose)))
    }

    /// What a request for it must and may say of its subject.
    fn fields(&self) -> Vec<FieldInfo> {
        let said = Field::ALL.into_iter().filter_map(|field| {
            let needed = match self.naming.presence(field) {
                Presence::Required => true,
                Presence::Optional => false,
                Presence::Forbidden => return None,
            };
            Some(FieldInfo { field: field.name().to_owned(), needed })
        });
        said.collect()
    }

    fn info(&self) -> ProfileInfo {
        let issuers = match &self.kind {
            Kind::EndEntity { issuers } => issuers.iter().map(ToString::to_string).collect(),
            Kind::Root | Kind::Issuing | Kind::Cross => Vec::new(),
        };
        ProfileInfo {
            id: self.id.to_string(),
            title: self.title.clone(),
            version: self.version,
            issuers,
            validity_days: self.validity.seconds / 86_400,
            spread_days: self.spread.map(|spread| spread.days),
            most_per_day: self.spread.and_then(|spread| spread.most_per_day),
            keys: self.keys.iter().map(ToString::to_string).collect(),
            policy: self.policies.first().map(|policy| policy.id.to_string()),
            policies: self.policies.iter().map(|policy| policy.id.to_string()).collect(),
            subject: self.fields(),
        }
    }
}

/// For whom ACME issues of a profile that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AcmeUse {
    /// Servers with names that are validated over the network.
    Server,
    /// Devices that attest their key.
    Device,
}

/// What a certificate is for in the hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Signs itself.
    Root,
    /// Signed by the root; signs end entities only (path length 0).
    Issuing,
    /// A root's key, signed by another root (path length 1).
    Cross,
    /// Signs no certificates; one of these issuers makes it.
    EndEntity { issuers: Vec<IssuerId> },
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Length {
    pub(crate) seconds: i64,
}

impl Length {
    pub(crate) const fn days(days: i64) -> Length {
        Length { seconds: days * 86_400 }
    }

    pub(crate) const fn hours(hours: i64) -> Length {
        Length { seconds: hours * 3_600 }
    }

    /// The instant this long after `from`.
    pub(crate) fn after(self, from: Millis) -> Millis {
        Millis(from.0 + self.seconds * 1000)
    }

    /// The last second of a validity of this length that starts at `from`.
    ///
    /// Both ends belong to the validity (RFC 5280 4.1.2.5), so it ends one second early.
    pub(crate) fn last_second(self, from: Millis) -> Millis {
        Millis(self.after(from).0 - 1000)
    }
}

/// Bits of the key usage extension, RFC 5280 4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyUsage {
    DigitalSignature,
    /// Called nonRepudiation in older editions of X.509.
    ContentCommitment,
    KeyEncipherment,
    KeyAgreement,
    KeyCertSign,
    CrlSign,
}

impl KeyUsage {
    /// The bit's number in the extension.
    pub(crate) fn bit(self) -> u8 {
        match self {
            KeyUsage::DigitalSignature => 0,
            KeyUsage::ContentCommitment => 1,
            KeyUsage::KeyEncipherment => 2,
            KeyUsage::KeyAgreement => 4,
            KeyUsage::KeyCertSign => 5,
            KeyUsage::CrlSign => 6,
        }
    }
}

/// The extended key usage extension, RFC 5280 4.2.1.12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtendedUsage {
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) criticality: Criticality,
}

/// Whether who does not know an extension must refuse the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Criticality {
    Critical,
    NonCritical,
}

impl Criticality {
    pub(crate) fn is_critical(self) -> bool {
        self == Criticality::Critical
    }
}

/// Purposes we issue for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    ServerAuth,
    ClientAuth,
    TimeStamping,
    OcspSigning,
    /// Answering for an authority in management protocols, RFC 6402 2.10.
    CmcCa,
}

impl Purpose {
    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Purpose::ServerAuth => const_oid::db::rfc5280::ID_KP_SERVER_AUTH,
            Purpose::ClientAuth => const_oid::db::rfc5280::ID_KP_CLIENT_AUTH,
            Purpose::TimeStamping => const_oid::db::rfc5280::ID_KP_TIME_STAMPING,
            Purpose::OcspSigning => const_oid::db::rfc5280::ID_KP_OCSP_SIGNING,
            Purpose::CmcCa => ID_KP_CMC_CA,
        }
    }
}

/// id-kp-cmcCA, RFC 6402 2.10.
const ID_KP_CMC_CA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.27");

/// How a reader learns that a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevocationChecking {
    /// By the list its distribution point names.
    Crl,
    /// Not at all: it is short-lived and says so (id-pkix-ocsp-nocheck, RFC 6960 4.2.2.2.1).
    NoCheck,
}

/// Whether a person's key is certified again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyReuse {
    /// For the same person under the same profile.
    #[default]
    Renewal,
    /// Each certificate has a new key.
    Never,
}

/// Whether a part of the subject must, may or must not be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Presence {
    Required,
    Optional,
    #[default]
    Forbidden,
}

/// Which parts of a subject a profile takes. The common name is always required.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SubjectRules {
    /// A fixed organisational unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) user_id: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) system_id: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) given_name: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) family_name: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) organisation: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) organisation_id: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) dns_names: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) ip_addresses: Presence,
    #[serde(skip_serializing_if = "file::is_default")]
    pub(crate) upn: Presence,
}

/// The shape of revocation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrlProfile {
    pub(crate) issuing: CrlTimes,
    pub(crate) root: CrlTimes,
}

impl CrlProfile {
    pub(crate) fn times(&self, issuer: &IssuerId) -> CrlTimes {
        if issuer.is_root() { self.root } else { self.issuing }
    }
}

/// How long a list holds, and how often a new one is made anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrlTimes {
    pub(crate) hold: Length,
    pub(crate) every: Length,
}
