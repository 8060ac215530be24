//! Reads a profile file and refuses combinations that make no sense.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use const_oid::ObjectIdentifier;
use directory::api::SystemKind;
use hsm::Alg;
use serde::{Deserialize, Serialize};

use super::constraints::NameConstraints;
use super::content::{self, Content};
use super::policies::{Policy, RawPolicy};
use super::qualified::Qualified;
use super::rules::{self, LONGEST_ISSUING, LONGEST_ROOT};
use super::{
    AcmeUse, Criticality, CrlProfile, CrlTimes, ExtendedUsage, KeyOrigin, KeyReuse, KeyUsage, Kind, Length,
    Presence, Profile, Profiles, Purpose, RevocationChecking, Spread, SubjectRules,
};
use crate::names::{IssuerId, ProfileId};
use crate::subject::template::AlternativeKind;
use crate::subject::{Field, Naming, Templates};

/// Why a profile file is refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not TOML, or a key that no profile has; the message carries the line.
    #[error("the profile file cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A combination that makes no sense.
    #[error("profile \"{profile}\": {sentence}")]
    Senseless {
        /// The profile's id.
        profile: String,
        /// What is wrong and what to do.
        sentence: String,
    },
}

const AUTHORITY_ROOT: &str = "authority-root";
const AUTHORITY_ISSUING: &str = "authority-issuing";
/// What a root certifies of another: keys and validity are those of roots.
const AUTHORITY_CROSS: &str = "authority-cross";

pub(super) fn parse(text: &str) -> Result<Profiles, FileError> {
    let file: File = toml::from_str(text)?;
    let mut seen = BTreeSet::new();
    let mut end_entity = Vec::with_capacity(file.profile.len());
    for raw in file.profile {
        let id = raw.id.clone();
        if !seen.insert(id.clone()) || ["root", "issuing", file.crl.id.as_str()].contains(&id.as_str()) {
            return Err(senseless(id.as_str(), "this id is used twice; give each profile its own"));
        }
        end_entity.push(Arc::new(raw.check()?));
    }
    let mut own = BTreeMap::new();
    for (authority, raw) in file.authority.own {
        let id = own_id(&authority);
        if authority.is_root() || authority.generation() > 1 || authority.as_str() == "issuing" {
            let sentence = "[authority.own] is for issuing authorities, by their names without a generation";
            return Err(senseless(&id, sentence));
        }
        if seen.iter().any(|taken| taken.as_str() == id) || id == AUTHORITY_CROSS {
            return Err(senseless(&id, "this id is used twice; give each profile its own"));
        }
        own.insert(authority, Arc::new(raw.check(&id, Kind::Issuing, LONGEST_ISSUING)?));
    }
    Ok(Profiles {
        end_entity,
        own,
        cross: Arc::new(file.authority.root.clone().check(AUTHORITY_CROSS, Kind::Cross, LONGEST_ROOT)?),
        root: Arc::new(file.authority.root.check(AUTHORITY_ROOT, Kind::Root, LONGEST_ROOT)?),
        issuing: Arc::new(file.authority.issuing.check(AUTHORITY_ISSUING, Kind::Issuing, LONGEST_ISSUING)?),
        crl: CrlProfile { issuing: file.crl.issuing.check("issuing")?, root: file.crl.root.check("root")? },
        source_sha256: crate::digest::sha256_hex(text.as_bytes()),
    })
}

fn senseless(profile: &str, sentence: &str) -> FileError {
    FileError::Senseless { profile: profile.to_owned(), sentence: sentence.to_owned() }
}

/// A profile file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    profile: Vec<Raw>,
    crl: RawCrl,
    authority: RawAuthorities,
}

impl File {
    /// Each profile's content.
    pub(super) fn contents(&self) -> Vec<Content> {
        let authorities =
            [(AUTHORITY_ROOT, &self.authority.root), (AUTHORITY_ISSUING, &self.authority.issuing)];
        let authorities = authorities.map(|(id, raw)| (id.to_owned(), content::text(raw)));
        let own = self.authority.own.iter().map(|(authority, raw)| (own_id(authority), content::text(raw)));
        let profiles = self.profile.iter().map(|raw| (raw.id.to_string(), content::text(raw)));
        profiles
            .chain(authorities)
            .chain(own)
            .map(|(id, text)| Content::new(id, serde_json::from_str(&text).unwrap_or_default()))
            .collect()
    }
}

/// One profile as it is written. What is at its default is left out of its content.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) id: ProfileId,
    title: String,
    pub(super) issuers: Vec<IssuerId>,
    pub(super) validity_days: u32,
    pub(super) key_usage: Vec<KeyUsage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) extended_key_usage: Vec<Purpose>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) extended_key_usage_critical: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<ObjectIdentifierText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) private_key_usage_percent: Option<u8>,
    pub(super) keys: Vec<Alg>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) ocsp_no_check: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    key_reuse: KeyReuse,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) acme: Option<AcmeUse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spread: Option<Spread>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) subject: SubjectRules,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    policies: Vec<RawPolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) names: Option<Templates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) qualified: Option<Qualified>,
    #[serde(default, skip_serializing_if = "is_default")]
    key_origin: KeyOrigin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<SystemKind>,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Raw {
    fn check(self) -> Result<Profile, FileError> {
        if let Some(sentence) = rules::broken(&self) {
            return Err(senseless(self.id.as_str(), sentence));
        }
        if let Some(sentence) = self.names.as_ref().and_then(Templates::fault) {
            return Err(senseless(self.id.as_str(), &sentence));
        }
        let content = content::text(&self).into();
        let criticality =
            if self.extended_key_usage_critical { Criticality::Critical } else { Criticality::NonCritical };
        let extended = (!self.extended_key_usage.is_empty())
            .then_some(ExtendedUsage { purposes: self.extended_key_usage, criticality });
        let own = self.policy.map(|policy| Policy::configured(policy.0)).into_iter();
        Ok(Profile {
            id: self.id,
            title: self.title,
            kind: Kind::EndEntity { issuers: self.issuers },
            validity: Length::days(i64::from(self.validity_days)),
            key_usage: self.key_usage,
            extended,
            policies: own.chain(self.policies.into_iter().map(RawPolicy::check)).collect(),
            private_key_usage_percent: self.private_key_usage_percent,
            keys: self.keys,
            revocation_checking: if self.ocsp_no_check {
                RevocationChecking::NoCheck
            } else {
                RevocationChecking::Crl
            },
            naming: self.names.map_or(Naming::Plain(self.subject), Naming::Templates),
            qualified: self.qualified,
            name_constraints: None,
            key_reuse: self.key_reuse,
            acme: self.acme,
            spread: self.spread,
            key_origin: self.key_origin,
            system: self.system,
            version: 0,
            content,
        })
    }

    /// Every policy it names, in their order.
    pub(super) fn policy_ids(&self) -> Vec<ObjectIdentifier> {
        let further = self.policies.iter().map(|policy| policy.id.0);
        self.policy.iter().map(|policy| policy.0).chain(further).collect()
    }

    /// Whether its certificates can have alternative names of this kind.
    pub(super) fn may_name(&self, field: Field, kind: AlternativeKind) -> bool {
        match &self.names {
            Some(templates) => templates.makes(kind),
            None => self.subject.presence(field) != Presence::Forbidden,
        }
    }

    pub(super) fn uses(&self, usage: KeyUsage) -> bool {
        self.key_usage.contains(&usage)
    }

    pub(super) fn is_for(&self, purpose: Purpose) -> bool {
        self.extended_key_usage.contains(&purpose)
    }

    pub(super) fn longer_than(&self, longest: Length) -> bool {
        Length::days(i64::from(self.validity_days)) > longest
    }
}

/// The keys that an authority may have: docs/cps.md 3.5.
const AUTHORITY_KEYS: [Alg; 7] =
    [Alg::P256, Alg::P384, Alg::Rsa3072, Alg::Rsa4096, Alg::MlDsa44, Alg::MlDsa65, Alg::MlDsa87];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAuthorities {
    root: RawAuthority,
    issuing: RawAuthority,
    /// Those of issuing authorities that have one of their own.
    #[serde(default)]
    own: BTreeMap<IssuerId, RawAuthority>,
}

/// The profile of an issuing authority that has one of its own.
fn own_id(authority: &IssuerId) -> String {
    format!("authority-{authority}")
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawAuthority {
    validity_days: u32,
    keys: Vec<Alg>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_constraints: Option<NameConstraints>,
}

impl RawAuthority {
    fn check(self, id: &str, kind: Kind, longest: Length) -> Result<Profile, FileError> {
        let content = content::text(&self).into();
        let validity = Length::days(i64::from(self.validity_days));
        if self.validity_days == 0 || validity > longest {
            let days = longest.seconds / 86_400;
            return Err(senseless(id, &format!("validity_days is between 1 and {days}")));
        }
        if self.keys.is_empty() || self.keys.iter().any(|alg| !AUTHORITY_KEYS.contains(alg)) {
            let names = AUTHORITY_KEYS.map(Alg::as_str).join(", ");
            return Err(senseless(id, &format!("an authority's key is one of {names}")));
        }
        if let Some(sentence) = self.name_constraints.as_ref().and_then(NameConstraints::fault) {
            return Err(senseless(id, sentence));
        }
        if self.name_constraints.is_some() && kind == Kind::Root {
            // RFC 5280 6.1 takes name and key of an anchor: what else it says binds nobody.
            return Err(senseless(
                id,
                "name_constraints of a root bind nobody; give them to [authority.issuing]",
            ));
        }
        let subject = SubjectRules { organisation: Presence::Optional, ..SubjectRules::default() };
        // RFC 5280 4.2.1.4: below an authority that asserts anyPolicy any policy can be valid.
        let any = (kind != Kind::Root).then(|| Policy::bare(const_oid::db::rfc5280::ANY_POLICY));
        Ok(Profile {
            id: id.parse().map_err(|_| senseless(id, "this id is not allowed"))?,
            title: "An authority".to_owned(),
            kind,
            validity,
            key_usage: vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign],
            extended: None,
            policies: any.into_iter().collect(),
            private_key_usage_percent: None,
            keys: self.keys,
            revocation_checking: RevocationChecking::Crl,
            naming: Naming::Plain(subject),
            qualified: None,
            name_constraints: self.name_constraints,
            key_reuse: KeyReuse::Renewal,
            acme: None,
            spread: None,
            key_origin: KeyOrigin::default(),
            system: None,
            version: 0,
            content,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCrl {
    id: ProfileId,
    issuing: RawCrlTimes,
    root: RawCrlTimes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCrlTimes {
    hold_hours: u32,
    every_hours: u32,
}

impl RawCrlTimes {
    fn check(&self, whose: &str) -> Result<CrlTimes, FileError> {
        if self.every_hours == 0 || self.every_hours.saturating_mul(2) > self.hold_hours {
            let sentence = format!(
                "{whose}: a list must hold at least twice as long as the time between lists, \
                 so that one that fails can be made good (hold_hours, every_hours)"
            );
            return Err(senseless("crl", &sentence));
        }
        if self.hold_hours > 366 * 24 {
            return Err(senseless("crl", &format!("{whose}: a list holds a year at most (hold_hours)")));
        }
        Ok(CrlTimes {
            hold: Length::hours(i64::from(self.hold_hours)),
            every: Length::hours(i64::from(self.every_hours)),
        })
    }
}

/// An object identifier in dotted form.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct ObjectIdentifierText(pub(super) ObjectIdentifier);

impl From<ObjectIdentifierText> for String {
    fn from(text: ObjectIdentifierText) -> String {
        text.0.to_string()
    }
}

impl TryFrom<String> for ObjectIdentifierText {
    type Error = String;

    fn try_from(text: String) -> Result<ObjectIdentifierText, String> {
        ObjectIdentifier::new(&text)
            .map(ObjectIdentifierText)
            .map_err(|_| format!("\"{text}\" is not an object identifier such as 1.3.6.1.4.1.32473.1"))
    }
}
