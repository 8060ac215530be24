//! Which combinations in a profile make sense.

use const_oid::db::rfc5280::ANY_POLICY;
use hsm::{Alg, Family};

use super::file::{Raw, is_default};
use super::qualified::{QcType, Qualified, Semantics, is_national};
use super::{AcmeUse, KeyUsage, Length, Presence, Purpose, SubjectRules};
use crate::names::IssuerId;
use crate::subject::template::AlternativeKind;
use crate::subject::{AttributeKind, Field};

/// Longest validities, docs/cps.md 3.2.
const LONGEST_END_ENTITY: Length = Length::days(5 * 366);
pub(super) const LONGEST_ISSUING: Length = Length::days(10 * 366);
pub(super) const LONGEST_ROOT: Length = Length::days(25 * 366);
/// A certificate that cannot be revoked must end soon by itself, docs/cps.md 3.4.
const LONGEST_UNCHECKED: Length = Length::days(90);

/// The one purpose of what ACME issues.
fn purpose(of: AcmeUse) -> Purpose {
    match of {
        AcmeUse::Server => Purpose::ServerAuth,
        AcmeUse::Device => Purpose::ClientAuth,
    }
}

/// Whether a subject may name a person or a system of the register, or must name an organisation.
fn names_others(rules: &SubjectRules) -> bool {
    let somebody = [rules.user_id, rules.given_name, rules.family_name, rules.upn, rules.system_id];
    let needed = [rules.organisation, rules.organisation_id];
    somebody.iter().any(|part| *part != Presence::Forbidden) || needed.contains(&Presence::Required)
}

/// What to tell the person who wrote a profile that makes no sense.
pub(super) fn broken(raw: &Raw) -> Option<&'static str> {
    let broken = RULES.iter().find(|(broken, _)| broken(raw)).map(|(_, sentence)| *sentence);
    broken.or_else(|| raw.qualified.as_ref().and_then(Qualified::fault))
}

/// True when the rule is broken.
type Broken = fn(&Raw) -> bool;

/// Each rule with what to tell the person who wrote the file.
const RULES: &[(Broken, &str)] = &[
    (|raw| raw.issuers.is_empty(), "name at least one issuer"),
    (
        |raw| raw.issuers.iter().any(IssuerId::is_root),
        "the root issues only authorities; name an issuing authority",
    ),
    (
        |raw| raw.issuers.iter().any(|issuer| issuer.generation() > 1),
        "a profile names an authority without a generation; the newest one signs",
    ),
    (|raw| raw.validity_days == 0, "validity_days must be 1 or more"),
    (
        |raw| raw.longer_than(LONGEST_END_ENTITY),
        "a certificate that is no authority lasts five years at most",
    ),
    (|raw| raw.key_usage.is_empty(), "key_usage must name at least one use"),
    (|raw| has_duplicates(&raw.key_usage), "key_usage names a use twice"),
    (|raw| has_duplicates(&raw.extended_key_usage), "extended_key_usage names a purpose twice"),
    (
        |raw| raw.uses(KeyUsage::KeyCertSign) || raw.uses(KeyUsage::CrlSign),
        "only an authority signs certificates and lists; authorities are made in a ceremony",
    ),
    (
        // ETSI EN 319 412-2 4.3.2: commitment to content stands alone.
        |raw| raw.uses(KeyUsage::ContentCommitment) && raw.key_usage.len() > 1,
        "content-commitment stands alone: a key that signs documents must not also sign challenges",
    ),
    (
        |raw| raw.uses(KeyUsage::ContentCommitment) && !raw.extended_key_usage.is_empty(),
        "a key for signing documents has no extended key usage",
    ),
    (
        |raw| raw.extended_key_usage_critical && raw.extended_key_usage.is_empty(),
        "extended_key_usage_critical needs an extended_key_usage",
    ),
    (
        // RFC 3161 2.3
        |raw| raw.is_for(Purpose::TimeStamping) && raw.extended_key_usage.len() > 1,
        "a time-stamping key does nothing else",
    ),
    (
        // RFC 3161 2.3
        |raw| raw.is_for(Purpose::TimeStamping) && !raw.extended_key_usage_critical,
        "time-stamping must be critical: set extended_key_usage_critical = true",
    ),
    (
        |raw| raw.is_for(Purpose::OcspSigning) && raw.extended_key_usage.len() > 1,
        "a key that signs OCSP answers does nothing else",
    ),
    (
        // RFC 6960 4.2.2.2.1
        |raw| raw.ocsp_no_check && !raw.is_for(Purpose::OcspSigning),
        "ocsp_no_check is for OCSP responders only",
    ),
    (
        |raw| raw.ocsp_no_check && raw.longer_than(LONGEST_UNCHECKED),
        "a certificate that is not checked for revocation lasts 90 days at most",
    ),
    (
        // RFC 5280 4.2.1.12
        |raw| !raw.extended_key_usage.is_empty() && !raw.uses(KeyUsage::DigitalSignature),
        "these purposes need digital-signature in key_usage",
    ),
    (
        |raw| raw.is_for(Purpose::ServerAuth) && !raw.may_name(Field::DnsNames, AlternativeKind::Dns),
        "a TLS server is known by its host names: set dns_names = \"required\", or \"optional\" beside addresses",
    ),
    (
        |raw| {
            let tls = raw.is_for(Purpose::ServerAuth) || raw.is_for(Purpose::ClientAuth);
            !tls && (raw.may_name(Field::DnsNames, AlternativeKind::Dns)
                || raw.may_name(Field::IpAddresses, AlternativeKind::Ip))
        },
        "host names and addresses belong to TLS certificates only",
    ),
    (
        |raw| raw.may_name(Field::Upn, AlternativeKind::Upn) && !raw.is_for(Purpose::ClientAuth),
        "a user principal name is for signing in: it needs the purpose client-auth",
    ),
    (
        |raw| raw.acme.is_some_and(|of| raw.extended_key_usage != [purpose(of)]),
        "acme = \"server\" is for the purpose server-auth alone, acme = \"device\" for client-auth alone",
    ),
    (
        // Names by template are not those that a request of ACME says.
        |raw| raw.acme.is_some() && (raw.names.is_some() || names_others(&raw.subject)),
        "ACME names no person and asks for no organisation, and takes no names by template: leave acme out",
    ),
    (
        |raw| raw.names.is_some() && !is_default(&raw.subject),
        "\"subject\" and \"names\" are two ways to say the same; keep one",
    ),
    (
        |raw| [raw.subject.user_id, raw.subject.system_id].iter().all(|part| *part != Presence::Forbidden),
        "a certificate names a person or a system: leave user_id or system_id out of subject",
    ),
    (
        |raw| raw.system.is_some() && raw.names.is_none() && raw.subject.system_id == Presence::Forbidden,
        "system says of which kind the system is that system_id names: let subject have system_id, or leave system out",
    ),
    (|raw| raw.policy_ids().is_empty(), "name a policy"),
    (|raw| has_duplicates(&raw.policy_ids()), "a policy is named twice"),
    (
        // RFC 5280 4.2.1.4: an end-entity certificate says under which policy it was issued.
        |raw| raw.policy_ids().contains(&ANY_POLICY),
        "anyPolicy is for authorities; name the policy itself",
    ),
    (
        |raw| {
            raw.qualified.as_ref().is_some_and(|qualified| {
                let web = qualified.kind == Some(QcType::Web);
                qualified.kind.is_some() && web != raw.is_for(Purpose::ServerAuth)
            })
        },
        "qualified.type is \"web\" for TLS servers and nothing else",
    ),
    (
        // EN 319 412-1 5.1.3, 5.1.4
        semantics_without_identifier,
        "qualified.semantics says what an identifier means: names.subject needs serialNumber (natural) or \
         organizationIdentifier (legal) that begins like PNOGB- or NTRGB-",
    ),
    (
        // EN 319 412-1 5.1.3
        national_without_authorities,
        "an identifier of a national scheme such as SD:GB- needs qualified.registration_authorities",
    ),
    (
        |raw| raw.private_key_usage_percent.is_some_and(|percent| !(1..=99).contains(&percent)),
        "private_key_usage_percent is between 1 and 99; leave it out to use the whole validity",
    ),
    (
        |raw| raw.spread.is_some_and(|spread| !(1..=366).contains(&spread.days)),
        "spread.days is between 1 and 366; leave spread out for certificates that all last as long as they may",
    ),
    (
        |raw| raw.spread.is_some_and(|spread| u32::from(spread.days) >= raw.validity_days),
        "spread.days must be less than validity_days",
    ),
    (
        |raw| raw.spread.is_some_and(|spread| spread.most_per_day == Some(0)),
        "spread.most_per_day is 1 or more; leave it out for no limit",
    ),
    (
        |raw| raw.spread.is_some() && (raw.is_for(Purpose::OcspSigning) || raw.is_for(Purpose::CmcCa)),
        "certificates of responders renew themselves and are not spread",
    ),
    (|raw| raw.keys.is_empty(), "name at least one kind of key"),
    (|raw| raw.keys.contains(&Alg::Ed25519), "ed25519 is not certified here; remove it from keys"),
    (
        // RFC 9881 5, RFC 8410 5: keys that only sign are not for enciphering.
        |raw| raw.uses(KeyUsage::KeyEncipherment) && !all_of(&raw.keys, Family::Rsa),
        "key-encipherment is for RSA keys only",
    ),
    (
        |raw| raw.uses(KeyUsage::KeyAgreement) && !all_of(&raw.keys, Family::Ecdsa),
        "key-agreement is for elliptic-curve keys only",
    ),
];

fn semantics_without_identifier(raw: &Raw) -> bool {
    let Some((semantics, begins)) = identifier(raw) else { return false };
    // What a field holds is not known here, so it stands for any identifier.
    !begins.is_some_and(|begins| semantics.fits(&format!("{begins}1")))
}

fn national_without_authorities(raw: &Raw) -> bool {
    let named = raw.qualified.as_ref().is_some_and(|it| !it.registration_authorities.is_empty());
    let begins = identifier(raw).and_then(|(_, begins)| begins);
    begins.is_some_and(is_national) && !named
}

/// The semantics that are stated, and how the identifier begins in every subject.
fn identifier(raw: &Raw) -> Option<(Semantics, Option<&str>)> {
    let semantics = raw.qualified.as_ref()?.semantics?;
    let kind = match semantics {
        Semantics::Natural => AttributeKind::SerialNumber,
        Semantics::Legal => AttributeKind::OrganisationIdentifier,
    };
    Some((semantics, raw.names.as_ref().and_then(|names| names.begins_with(kind))))
}

fn all_of(keys: &[Alg], family: Family) -> bool {
    keys.iter().all(|alg| alg.family() == family)
}

fn has_duplicates<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().any(|(at, item)| items[..at].contains(item))
}
