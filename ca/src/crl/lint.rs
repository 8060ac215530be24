//! Lints on revocation lists, on what x509-cert reads from the octets we wrote.

use std::collections::HashSet;

use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS, ID_CE_DELTA_CRL_INDICATOR,
    ID_CE_FRESHEST_CRL, ID_CE_INVALIDITY_DATE, ID_CE_ISSUING_DISTRIBUTION_POINT,
};
use der::asn1::{GeneralizedTime, OctetString};
use der::{Decode, Encode};
use platform::clock::Millis;
use x509_cert::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlDistributionPoints, CrlNumber};
use x509_cert::time::Time;

use super::list::{Cause, Covers, Form, List, issuing_distribution_point};
use crate::api::Reason;
use crate::intent::whole_second;
use crate::joining::algorithm_identifier;
use crate::lint::Finding;
use crate::profile::CrlTimes;

/// One lint: its id, the clause it enforces, and the check.
pub(crate) struct Lint {
    pub(crate) id: &'static str,
    pub(crate) clause: &'static str,
    check: fn(&Case<'_>) -> Result<(), String>,
}

/// What a lint looks at.
struct Case<'a> {
    list: &'a List<'a>,
    octets: &'a [u8],
    read: &'a TbsCertList,
    times: CrlTimes,
    /// The number of the list before.
    before: i64,
}

pub(crate) const LINTS: &[Lint] = &[
    Lint { id: "encoding_is_canonical", clause: "RFC 5280 5.1, X.690 10", check: encoding_is_canonical },
    Lint { id: "version_is_2", clause: "RFC 5280 5.1.2.1", check: version_is_2 },
    Lint { id: "signature_algorithm", clause: "RFC 5280 5.1.2.2", check: signature_algorithm },
    Lint { id: "issuer_name_bytes", clause: "RFC 5280 5.1.2.3", check: issuer_name_bytes },
    Lint { id: "update_times", clause: "RFC 5280 5.1.2.4, 5.1.2.5", check: update_times },
    Lint { id: "holds_as_profile_says", clause: "docs/cps.md 4.2", check: holds_as_profile_says },
    Lint { id: "empty_list_is_absent", clause: "RFC 5280 5.1.2.6", check: empty_list_is_absent },
    Lint { id: "entries_as_meant", clause: "docs/cps.md 4.2", check: entries_as_meant },
    Lint { id: "entries_unique", clause: "RFC 5280 5.1.2.6", check: entries_unique },
    Lint { id: "entry_times", clause: "RFC 5280 5.1.2.6", check: entry_times },
    Lint { id: "entry_extensions", clause: "RFC 5280 5.3, docs/cps.md 4.2", check: entry_extensions },
    Lint { id: "reasons", clause: "RFC 5280 5.3.1", check: reasons },
    Lint { id: "list_extensions", clause: "RFC 5280 5.2", check: list_extensions },
    Lint { id: "authority_key_identifier", clause: "RFC 5280 5.2.1", check: authority_key_identifier },
    Lint { id: "number_rises", clause: "RFC 5280 5.2.3", check: number_rises },
    Lint { id: "issuing_point", clause: "RFC 5280 5.2.5", check: issuing_point },
    Lint { id: "shard_scope", clause: "docs/cps.md 4.2, RFC 5280 8", check: shard_scope },
    Lint { id: "delta_base", clause: "RFC 5280 5.2.4", check: delta_base },
    Lint { id: "removals", clause: "RFC 5280 5.3.1", check: removals },
    Lint { id: "freshest", clause: "RFC 5280 5.2.6", check: freshest },
];

/// Runs every lint. Empty means that these octets may be signed.
pub(crate) fn check(list: &List<'_>, octets: &[u8], times: CrlTimes, before: i64) -> Vec<Finding> {
    let finding =
        |lint: &str, clause: &str, detail| Finding { lint: lint.into(), clause: clause.into(), detail };
    let read = match TbsCertList::from_der(octets) {
        Ok(read) => read,
        Err(error) => return vec![finding("parses", "RFC 5280 5.1", format!("the second decoder: {error}"))],
    };
    let case = Case { list, octets, read: &read, times, before };
    LINTS
        .iter()
        .filter_map(|lint| (lint.check)(&case).err().map(|detail| finding(lint.id, lint.clause, detail)))
        .collect()
}

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn encoded(value: &impl Encode) -> Result<Vec<u8>, String> {
    value.to_der().map_err(|error| format!("cannot be encoded again: {error}"))
}

fn millis(time: &Time) -> Millis {
    Millis(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

fn encoding_is_canonical(case: &Case<'_>) -> Result<(), String> {
    must(encoded(case.read)? == case.octets, || {
        "the second decoder writes other bytes than it read".to_owned()
    })
}

fn version_is_2(case: &Case<'_>) -> Result<(), String> {
    must(case.read.version == Version::V2, || format!("{:?}", case.read.version))
}

fn signature_algorithm(case: &Case<'_>) -> Result<(), String> {
    let expected = algorithm_identifier(case.list.issuer.alg);
    must(encoded(&case.read.signature)? == expected, || "not the issuer's".to_owned())
}

fn issuer_name_bytes(case: &Case<'_>) -> Result<(), String> {
    must(encoded(&case.read.issuer)? == case.list.issuer.name_der, || {
        "not the very bytes of the issuer's subject".to_owned()
    })
}

fn update_times(case: &Case<'_>) -> Result<(), String> {
    let (this, next) = (&case.read.this_update, case.read.next_update.as_ref().ok_or("has no nextUpdate")?);
    for time in [this, next] {
        let early = time.to_date_time().year() < 2050;
        must(early == matches!(time, Time::UtcTime(_)), || {
            "UTCTime through 2049, then GeneralizedTime".to_owned()
        })?;
    }
    must(millis(this) < millis(next), || "nextUpdate is not after thisUpdate".to_owned())?;
    let meant = (whole_second(case.list.this_update), whole_second(case.list.next_update));
    must((millis(this), millis(next)) == meant, || "other times than were decided".to_owned())
}

fn holds_as_profile_says(case: &Case<'_>) -> Result<(), String> {
    let next = case.read.next_update.as_ref().map_or(Millis(i64::MAX), millis);
    let held = (next.0.saturating_sub(millis(&case.read.this_update).0)) / 1000;
    must(held <= case.times.hold.seconds, || format!("holds {held} s, {} at most", case.times.hold.seconds))
}

fn empty_list_is_absent(case: &Case<'_>) -> Result<(), String> {
    let empty = case.read.revoked_certificates.as_ref().is_some_and(Vec::is_empty);
    must(!empty, || "an empty sequence instead of none".to_owned())
}

fn entries<'a>(case: &Case<'a>) -> &'a [RevokedCert] {
    case.read.revoked_certificates.as_deref().unwrap_or_default()
}

fn entries_as_meant(case: &Case<'_>) -> Result<(), String> {
    must(entries(case).len() == case.list.entries.len(), || {
        "other certificates than are revoked".to_owned()
    })?;
    for (read, meant) in entries(case).iter().zip(case.list.entries) {
        let same = read.serial_number.as_bytes() == meant.serial.octets()
            && millis(&read.revocation_date) == whole_second(meant.revoked_at)
            && reason(read)? == meant.cause.code()
            && invalidity_date(read)? == meant.invalidity_date.map(whole_second);
        must(same, || format!("{} is not listed as it was revoked", meant.serial))?;
    }
    Ok(())
}

fn entries_unique(case: &Case<'_>) -> Result<(), String> {
    // What rises all the way never repeats.
    let rises = |pair: &[RevokedCert]| pair[0].serial_number.as_bytes() < pair[1].serial_number.as_bytes();
    if entries(case).windows(2).all(rises) {
        return Ok(());
    }
    let different: HashSet<_> = entries(case).iter().map(|entry| entry.serial_number.as_bytes()).collect();
    must(different.len() == entries(case).len(), || "a certificate is listed twice".to_owned())
}

fn entry_times(case: &Case<'_>) -> Result<(), String> {
    let this_update = millis(&case.read.this_update);
    for entry in entries(case) {
        let revoked = millis(&entry.revocation_date);
        must(revoked <= this_update, || "a revocation after thisUpdate".to_owned())?;
        let invalid = invalidity_date(entry)?;
        must(invalid.is_none_or(|invalid| invalid <= this_update), || {
            "an invalidity after thisUpdate".to_owned()
        })?;
    }
    Ok(())
}

fn entry_extensions(case: &Case<'_>) -> Result<(), String> {
    for extension in entries(case).iter().flat_map(|entry| entry.crl_entry_extensions.iter().flatten()) {
        let known = [ID_CE_CRL_REASONS, ID_CE_INVALIDITY_DATE].contains(&extension.extn_id);
        must(known && !extension.critical, || format!("{} has no place here", extension.extn_id))?;
    }
    let empty =
        entries(case).iter().any(|entry| entry.crl_entry_extensions.as_ref().is_some_and(Vec::is_empty));
    must(!empty, || "an empty sequence of extensions".to_owned())
}

fn reasons(case: &Case<'_>) -> Result<(), String> {
    for code in entries(case).iter().filter_map(|entry| reason(entry).transpose()) {
        let code = code?;
        must(code != Reason::Unspecified.code(), || "unspecified is said by leaving it out".to_owned())?;
        let resumed = Cause::Resumed.code() == Some(code);
        must(resumed || Reason::from_code(code).is_some(), || format!("{code} is no reason"))?;
    }
    Ok(())
}

fn entry_value<'a>(entry: &'a RevokedCert, id: &const_oid::ObjectIdentifier) -> Option<&'a [u8]> {
    let mut extensions = entry.crl_entry_extensions.iter().flatten();
    extensions.find(|extension| extension.extn_id == *id).map(|extension| extension.extn_value.as_bytes())
}

/// Read by hand: the type of x509-cert takes codes that no full list may carry.
fn reason(entry: &RevokedCert) -> Result<Option<u8>, String> {
    match entry_value(entry, &ID_CE_CRL_REASONS) {
        None => Ok(None),
        Some([crate::asn1::ENUMERATED, 1, code]) => Ok(Some(*code)),
        Some(_) => Err("a reason that is not one octet".to_owned()),
    }
}

fn invalidity_date(entry: &RevokedCert) -> Result<Option<Millis>, String> {
    let Some(der) = entry_value(entry, &ID_CE_INVALIDITY_DATE) else { return Ok(None) };
    let time = GeneralizedTime::from_der(der).map_err(|error| error.to_string())?;
    Ok(Some(millis(&Time::GeneralTime(time))))
}

/// Only what has to be there, and what must be understood is critical: RFC 5280 5.2.4, 5.2.5.
fn list_extensions(case: &Case<'_>) -> Result<(), String> {
    let mut expected = vec![(ID_CE_AUTHORITY_KEY_IDENTIFIER, false), (ID_CE_CRL_NUMBER, false)];
    if let Form::Delta { .. } = case.list.form {
        expected.push((ID_CE_DELTA_CRL_INDICATOR, true));
    }
    if case.list.url.is_some() || case.list.covers == Covers::Authorities {
        expected.push((ID_CE_ISSUING_DISTRIBUTION_POINT, true));
    }
    if let Form::Complete { freshest: Some(_) } = case.list.form {
        expected.push((ID_CE_FRESHEST_CRL, false));
    }
    let read = case.read.crl_extensions.iter().flatten();
    let read: Vec<_> = read.map(|extension| (extension.extn_id, extension.critical)).collect();
    must(read == expected, || format!("{read:?} instead of {expected:?}"))
}

fn list_value<'a>(case: &Case<'a>, id: &const_oid::ObjectIdentifier) -> Result<&'a [u8], String> {
    let mut extensions = case.read.crl_extensions.iter().flatten();
    extensions
        .find(|extension: &&Extension| extension.extn_id == *id)
        .map(|extension| extension.extn_value.as_bytes())
        .ok_or_else(|| format!("{id} is missing"))
}

fn authority_key_identifier(case: &Case<'_>) -> Result<(), String> {
    let der = list_value(case, &ID_CE_AUTHORITY_KEY_IDENTIFIER)?;
    let read = AuthorityKeyIdentifier::from_der(der).map_err(|error| error.to_string())?;
    let key_id = read.key_identifier.as_ref().map(OctetString::as_bytes);
    must(key_id == Some(&case.list.issuer.key_id), || "not the issuer's key identifier".to_owned())
}

fn number_rises(case: &Case<'_>) -> Result<(), String> {
    let number = number_in(list_value(case, &ID_CE_CRL_NUMBER)?)?;
    must(number == case.list.number, || format!("{number} instead of {}", case.list.number))?;
    must(number > case.before, || format!("{number} does not follow {}", case.before))
}

fn number_in(der: &[u8]) -> Result<i64, String> {
    let read = CrlNumber::from_der(der).map_err(|error| error.to_string())?;
    let octets = read.0.as_bytes();
    must(octets.len() <= 8, || "too long a number".to_owned())?;
    Ok(octets.iter().fold(0i64, |number, octet| number << 8 | i64::from(*octet)))
}

/// The extension's value, where the list has it.
fn list_value_if<'a>(case: &Case<'a>, id: &const_oid::ObjectIdentifier) -> Option<&'a [u8]> {
    list_value(case, id).ok()
}

/// The list names the place that its certificates name, and the kind of certificates it is of; nothing else.
fn issuing_point(case: &Case<'_>) -> Result<(), String> {
    let Some(der) = list_value_if(case, &ID_CE_ISSUING_DISTRIBUTION_POINT) else {
        let whole = case.list.url.is_none() && case.list.covers == Covers::All;
        return must(whole, || "does not say what it is of".to_owned());
    };
    let read = IssuingDistributionPoint::from_der(der).map_err(|error| error.to_string())?;
    let authorities = case.list.covers == Covers::Authorities;
    must(read.only_contains_ca_certs == authorities, || "another kind of certificates".to_owned())?;
    let narrower = read.only_contains_user_certs
        || read.only_contains_attribute_certs
        || read.indirect_crl
        || read.only_some_reasons.is_some();
    must(!narrower, || "narrower than its certificates".to_owned())?;
    let url = match &read.distribution_point {
        None => None,
        Some(DistributionPointName::FullName(names)) => match names.as_slice() {
            [GeneralName::UniformResourceIdentifier(uri)] => Some(uri.as_str()),
            _ => return Err("not one address".to_owned()),
        },
        Some(_) => return Err("a name relative to its issuer".to_owned()),
    };
    must(url == case.list.url, || "another place than its certificates name".to_owned())?;
    // RFC 5280 5.2.5: at least one field is there, and what is FALSE is left out.
    let expected = issuing_distribution_point(case.list.url, case.list.covers);
    must(expected.as_deref() == Some(der), || "not the octets of the certificates".to_owned())
}

/// A shard's list is found below its issuer's own, so that no two lists of one issuer name one place.
fn shard_scope(case: &Case<'_>) -> Result<(), String> {
    let Some(url) = case.list.url else { return Ok(()) };
    let id = &case.list.issuer.id;
    let own = url.ends_with(&format!("/crl/{id}.crl")) || url.contains(&format!("/crl/{id}/"));
    must(own && url.strip_suffix(".crl").is_some(), || format!("{url} is not a list of {id}"))?;
    must(url.starts_with("http://") && url.chars().all(|c| c.is_ascii_graphic()), || {
        "not found by plain http".to_owned()
    })
}

/// RFC 5280 5.2.4: the base came before, and is a complete list of the same numbers.
fn delta_base(case: &Case<'_>) -> Result<(), String> {
    let read = list_value_if(case, &ID_CE_DELTA_CRL_INDICATOR).map(number_in).transpose()?;
    let meant = if let Form::Delta { base } = case.list.form { Some(base) } else { None };
    must(read == meant, || format!("goes back to {read:?} instead of {meant:?}"))?;
    must(read.is_none_or(|base| (1..=case.list.number).contains(&base)), || {
        "goes back to a list that was not made yet".to_owned()
    })
}

/// RFC 5280 5.3.1: only a delta list takes an entry back.
fn removals(case: &Case<'_>) -> Result<(), String> {
    let delta = matches!(case.list.form, Form::Delta { .. });
    for entry in entries(case) {
        let removes = reason(entry)? == Cause::Resumed.code();
        must(!removes || delta, || "removeFromCRL on a complete list".to_owned())?;
        must(!removes || invalidity_date(entry)?.is_none(), || {
            "an invalidity of a good certificate".to_owned()
        })?;
    }
    Ok(())
}

/// RFC 5280 5.2.6: a complete list says where its delta list is, and a delta list says nothing of the kind.
fn freshest(case: &Case<'_>) -> Result<(), String> {
    let meant = if let Form::Complete { freshest } = case.list.form { freshest } else { None };
    let Some(der) = list_value_if(case, &ID_CE_FRESHEST_CRL) else {
        return must(meant.is_none(), || "does not say where its delta list is".to_owned());
    };
    let read = CrlDistributionPoints::from_der(der).map_err(|error| error.to_string())?;
    let [point] = read.0.as_slice() else { return Err(format!("{} points, not one", read.0.len())) };
    // RFC 5280 5.2.6: no reasons and no issuer.
    must(point.reasons.is_none() && point.crl_issuer.is_none(), || "has reasons or an issuer".to_owned())?;
    let Some(DistributionPointName::FullName(names)) = &point.distribution_point else {
        return Err("has no full name".to_owned());
    };
    let url = match names.as_slice() {
        [GeneralName::UniformResourceIdentifier(uri)] => Some(uri.as_str()),
        _ => None,
    };
    must(url.is_some() && url == meant, || "another place than the delta list's".to_owned())
}

#[cfg(test)]
mod tests;
