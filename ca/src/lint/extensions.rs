//! Lints on extensions: the exact set, and each one's content.

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5280 as oids, rfc6960::ID_PKIX_OCSP_NOCHECK};
use der::Decode;
use der::asn1::{Null, OctetString};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints,
    ExtendedKeyUsage, PrivateKeyUsagePeriod, SubjectKeyIdentifier,
};

use super::fields::period;
use super::{Case, Lint, Outcome, must};
use crate::profile::{Criticality, Kind, Purpose, RevocationChecking};
use crate::tbs::QC_STATEMENTS;

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "extensions_unique", clause: "RFC 5280 4.2", check: extensions_unique },
    Lint { id: "extensions_exact", clause: "docs/cps.md 3.4", check: extensions_exact },
    Lint { id: "key_usage", clause: "RFC 5280 4.2.1.3", check: key_usage },
    Lint { id: "extended_key_usage", clause: "RFC 5280 4.2.1.12", check: extended_key_usage },
    Lint { id: "basic_constraints", clause: "RFC 5280 4.2.1.9", check: basic_constraints },
    Lint { id: "authority_key_identifier", clause: "RFC 5280 4.2.1.1", check: authority_key_identifier },
    Lint { id: "subject_key_identifier", clause: "RFC 5280 4.2.1.2", check: subject_key_identifier },
    Lint { id: "crl_distribution_points", clause: "RFC 5280 4.2.1.13", check: crl_distribution_points },
    Lint { id: "freshest_crl", clause: "RFC 5280 4.2.1.15", check: freshest_crl },
    Lint { id: "authority_information", clause: "RFC 5280 4.2.2.1", check: authority_information },
    Lint { id: "private_key_usage_period", clause: "RFC 3280 4.2.1.4", check: private_key_usage_period },
    Lint { id: "ocsp_no_check", clause: "RFC 6960 4.2.2.2.1", check: ocsp_no_check },
    Lint { id: "places_are_plain_http", clause: "docs/cps.md 3.4, RFC 5280 8", check: places_are_plain_http },
];

/// Each extension a certificate of this intent has, and whether it is critical.
fn expected(case: &Case<'_>) -> Vec<(ObjectIdentifier, Criticality)> {
    use Criticality::{Critical, NonCritical};
    let (intent, profile) = (case.intent, &case.intent.profile);
    let mut expected =
        vec![(oids::ID_CE_KEY_USAGE, Critical), (oids::ID_CE_SUBJECT_KEY_IDENTIFIER, NonCritical)];
    let mut push = |applies: bool, id, criticality| {
        if applies {
            expected.push((id, criticality));
        }
    };
    let criticality = profile.extended.as_ref().map_or(NonCritical, |extended| extended.criticality);
    push(profile.extended.is_some(), oids::ID_CE_EXT_KEY_USAGE, criticality);
    push(intent.is_authority(), oids::ID_CE_BASIC_CONSTRAINTS, Critical);
    push(!intent.is_self_signed(), oids::ID_CE_AUTHORITY_KEY_IDENTIFIER, NonCritical);
    push(!intent.is_self_signed(), oids::ID_PE_AUTHORITY_INFO_ACCESS, NonCritical);
    let checked = profile.revocation_checking == RevocationChecking::Crl;
    push(checked && !intent.is_self_signed(), oids::ID_CE_CRL_DISTRIBUTION_POINTS, NonCritical);
    push(intent.places.freshest.is_some(), oids::ID_CE_FRESHEST_CRL, NonCritical);
    push(!checked, ID_PKIX_OCSP_NOCHECK, NonCritical);
    push(!profile.policies.is_empty(), oids::ID_CE_CERTIFICATE_POLICIES, NonCritical);
    push(profile.qualified.is_some(), QC_STATEMENTS, NonCritical);
    push(profile.name_constraints.is_some(), oids::ID_CE_NAME_CONSTRAINTS, Critical);
    push(profile.private_key_usage_percent.is_some(), oids::ID_CE_PRIVATE_KEY_USAGE_PERIOD, NonCritical);
    push(!intent.names.is_empty(), oids::ID_CE_SUBJECT_ALT_NAME, NonCritical);
    expected
}

fn extensions_unique(case: &Case<'_>) -> Outcome {
    let ids: Vec<_> =
        case.tbs.extensions().into_iter().flatten().map(|extension| extension.extn_id).collect();
    match (1..ids.len()).find(|at| ids[..*at].contains(&ids[*at])) {
        Some(at) => Err(format!("{} is there twice", ids[at])),
        None => Ok(()),
    }
}

fn extensions_exact(case: &Case<'_>) -> Outcome {
    let expected = expected(case);
    for extension in case.tbs.extensions().into_iter().flatten() {
        let Some((id, criticality)) = expected.iter().find(|(id, _)| *id == extension.extn_id) else {
            return Err(format!("{} has no place in this profile", extension.extn_id));
        };
        must(extension.critical == criticality.is_critical(), || format!("{id} is not {criticality:?}"))?;
    }
    match expected.iter().find(|(id, _)| value(case, id).is_none()) {
        Some((id, _)) => Err(format!("{id} is missing")),
        None => Ok(()),
    }
}

pub(super) fn value<'a>(case: &Case<'a>, id: &ObjectIdentifier) -> Option<&'a [u8]> {
    let extensions = case.tbs.extensions().into_iter().flatten();
    extensions
        .into_iter()
        .find(|extension| extension.extn_id == *id)
        .map(|extension| extension.extn_value.as_bytes())
}

/// The extension read as its type. Whether it has to be there is `extensions_exact`'s to say.
pub(super) fn read<'a, T: Decode<'a>>(case: &Case<'a>, id: &ObjectIdentifier) -> Result<Option<T>, String>
where
    T::Error: std::fmt::Display,
{
    value(case, id).map(|der| T::from_der(der).map_err(|error| error.to_string())).transpose()
}

fn key_usage(case: &Case<'_>) -> Outcome {
    // Compared as DER, so that the padding is judged too: X.690 11.2.2 drops trailing zero bits.
    let bits = case.intent.profile.key_usage.iter().fold(0u8, |bits, usage| bits | 0x80 >> usage.bit());
    let unused = u8::try_from(bits.trailing_zeros()).unwrap_or(0);
    let expected = [3, 2, unused, bits];
    let read = value(case, &oids::ID_CE_KEY_USAGE);
    must(bits != 0 && read == Some(&expected), || format!("{read:02x?} instead of {expected:02x?}"))
}

fn extended_key_usage(case: &Case<'_>) -> Outcome {
    let read = read::<ExtendedKeyUsage>(case, &oids::ID_CE_EXT_KEY_USAGE)?.map(|usage| usage.0);
    let purposes = case.intent.profile.extended.as_ref().map(|extended| &extended.purposes);
    let expected = purposes.map(|purposes| purposes.iter().map(|p: &Purpose| p.oid()).collect::<Vec<_>>());
    must(read == expected, || format!("{read:?} instead of {expected:?}"))
}

fn basic_constraints(case: &Case<'_>) -> Outcome {
    let read = read::<BasicConstraints>(case, &oids::ID_CE_BASIC_CONSTRAINTS)?;
    let read = read.map(|constraints| (constraints.ca, constraints.path_len_constraint));
    let expected = match case.intent.profile.kind {
        Kind::Root => Some((true, None)),
        Kind::Issuing => Some((true, Some(0))),
        Kind::Cross => Some((true, Some(1))),
        Kind::EndEntity { .. } => None,
    };
    must(read == expected, || format!("{read:?} instead of {expected:?}"))
}

fn authority_key_identifier(case: &Case<'_>) -> Outcome {
    let Some(read) = read::<AuthorityKeyIdentifier>(case, &oids::ID_CE_AUTHORITY_KEY_IDENTIFIER)? else {
        return Ok(());
    };
    let key_id = read.key_identifier.as_ref().map(OctetString::as_bytes);
    must(key_id == Some(&case.intent.issuer.key_id), || "not the issuer's key identifier".to_owned())?;
    let bare = read.authority_cert_issuer.is_none() && read.authority_cert_serial_number.is_none();
    must(bare, || "names the issuer's certificate, which ties it to one certificate of its key".to_owned())
}

fn subject_key_identifier(case: &Case<'_>) -> Outcome {
    let Some(read) = read::<SubjectKeyIdentifier>(case, &oids::ID_CE_SUBJECT_KEY_IDENTIFIER)? else {
        return Ok(());
    };
    must(read.0.as_bytes() == case.intent.key.key_id(), || "not the key's identifier".to_owned())
}

fn crl_distribution_points(case: &Case<'_>) -> Outcome {
    one_point(case, &oids::ID_CE_CRL_DISTRIBUTION_POINTS, &case.intent.places.crl)
}

fn freshest_crl(case: &Case<'_>) -> Outcome {
    one_point(case, &oids::ID_CE_FRESHEST_CRL, case.intent.places.freshest.as_deref().unwrap_or_default())
}

/// One distribution point, at this address, where the extension is there.
fn one_point(case: &Case<'_>, id: &ObjectIdentifier, url: &str) -> Outcome {
    let Some(read) = read::<CrlDistributionPoints>(case, id)? else {
        return Ok(());
    };
    let [point] = read.0.as_slice() else { return Err(format!("{} points, not one", read.0.len())) };
    // Lists for all reasons, signed by the issuer itself, need neither.
    must(point.reasons.is_none() && point.crl_issuer.is_none(), || "has reasons or an issuer".to_owned())?;
    let Some(DistributionPointName::FullName(names)) = &point.distribution_point else {
        return Err("has no full name".to_owned());
    };
    must(is_the_uri(names, url), || "not the list of this certificate".to_owned())
}

fn is_the_uri(names: &[GeneralName], expected: &str) -> bool {
    matches!(names, [GeneralName::UniformResourceIdentifier(uri)] if uri.as_str() == expected)
}

fn authority_information(case: &Case<'_>) -> Outcome {
    let Some(read) = read::<AuthorityInfoAccessSyntax>(case, &oids::ID_PE_AUTHORITY_INFO_ACCESS)? else {
        return Ok(());
    };
    let issuers = (oids::ID_AD_CA_ISSUERS, case.intent.places.issuer_certificate.as_str());
    let ocsp = case.intent.ocsp().map(|uri| (oids::ID_AD_OCSP, uri));
    let expected: Vec<_> = ocsp.into_iter().chain([issuers]).collect();
    must(read.0.len() == expected.len(), || format!("{} entries, not {}", read.0.len(), expected.len()))?;
    for (access, (method, uri)) in read.0.iter().zip(expected) {
        must(access.access_method == method, || access.access_method.to_string())?;
        let location = std::slice::from_ref(&access.access_location);
        must(is_the_uri(location, uri), || format!("{method} is not at this issuer's {uri}"))?;
    }
    Ok(())
}

fn private_key_usage_period(case: &Case<'_>) -> Outcome {
    let Some(read) = read::<PrivateKeyUsagePeriod>(case, &oids::ID_CE_PRIVATE_KEY_USAGE_PERIOD)? else {
        return Ok(());
    };
    let millis = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let from = read.not_before.map(|time| millis(time.to_unix_duration().as_secs()));
    let until = read.not_after.map(|time| millis(time.to_unix_duration().as_secs()));
    let validity = period(case.tbs);
    must(from == Some(validity.not_before.0), || "does not start with the validity".to_owned())?;
    must(until.is_some_and(|until| until < validity.not_after.0), || {
        "does not end before the validity".to_owned()
    })?;
    let meant = case.intent.private_key_until().map(|until| until.0);
    must(until == meant, || "not the share of the validity that the profile says".to_owned())
}

fn ocsp_no_check(case: &Case<'_>) -> Outcome {
    read::<Null>(case, &ID_PKIX_OCSP_NOCHECK).map(|_| ())
}

/// A list fetched over TLS can need the very list to check the server: RFC 5280 8.
fn places_are_plain_http(case: &Case<'_>) -> Outcome {
    let places = &case.intent.places;
    let plain = |uri: &str| uri.starts_with("http://") && uri.chars().all(|c| c.is_ascii_graphic());
    let ocsp = places.ocsp.as_deref().is_none_or(plain);
    must(plain(&places.crl) && plain(&places.issuer_certificate) && ocsp, || {
        "list, issuer's certificate and OCSP responder are found by plain http".to_owned()
    })?;
    let statement = &places.practice_statement;
    let web = statement.starts_with("http://") || statement.starts_with("https://");
    must(web && statement.chars().all(|c| c.is_ascii_graphic()), || {
        "the practice statement is found by http or https".to_owned()
    })
}
