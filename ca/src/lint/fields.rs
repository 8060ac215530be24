//! Lints on the basic fields: version, serial, algorithm, issuer, validity.

use std::collections::HashSet;

use platform::clock::Millis;
use x509_cert::TbsCertificate;
use x509_cert::certificate::Version;
use x509_cert::time::Time;

use super::{Case, Lint, Outcome, encoded, must};
use crate::intent::{AHEAD, BACKDATING, Period, signature_algorithm, whole_second};

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "encoding_is_canonical", clause: "RFC 5280 4.1, X.690 10", check: encoding_is_canonical },
    Lint { id: "version_is_3", clause: "RFC 5280 4.1.2.1", check: version_is_3 },
    Lint { id: "serial_size", clause: "RFC 5280 4.1.2.2", check: serial_size },
    Lint { id: "serial_is_random", clause: "docs/cps.md 3.3", check: serial_is_random },
    Lint { id: "serial_is_reserved", clause: "docs/cps.md 3.3", check: serial_is_reserved },
    Lint {
        id: "signature_algorithm",
        clause: "RFC 5280 4.1.2.3, RFC 5758 3.2, RFC 9881 2",
        check: signature_algorithm_fits,
    },
    Lint { id: "issuer_name_bytes", clause: "RFC 5280 4.1.2.4, 6.1.3", check: issuer_name_bytes },
    Lint { id: "time_form", clause: "RFC 5280 4.1.2.5", check: time_form },
    Lint { id: "validity_order", clause: "RFC 5280 4.1.2.5", check: validity_order },
    Lint { id: "validity_as_meant", clause: "docs/cps.md 3.2", check: validity_as_meant },
    Lint { id: "validity_length", clause: "docs/cps.md 3.2", check: validity_length },
    Lint { id: "validity_inside_issuer", clause: "docs/cps.md 3.2", check: validity_inside_issuer },
    Lint { id: "not_backdated", clause: "docs/cps.md 3.2", check: not_backdated },
    Lint { id: "no_unique_identifiers", clause: "RFC 5280 4.1.2.8", check: no_unique_identifiers },
];

fn encoding_is_canonical(case: &Case<'_>) -> Outcome {
    must(encoded(case.tbs)? == case.bytes, || "the second decoder writes other bytes than it read".to_owned())
}

fn version_is_3(case: &Case<'_>) -> Outcome {
    must(case.tbs.version() == Version::V3, || format!("{:?}", case.tbs.version()))
}

fn serial_size(case: &Case<'_>) -> Outcome {
    let octets = case.tbs.serial_number().as_bytes();
    must((1..=20).contains(&octets.len()), || format!("{} octets", octets.len()))?;
    must(octets[0] & 0x80 == 0, || "negative".to_owned())?;
    must(octets.iter().any(|octet| *octet != 0), || "zero".to_owned())
}

/// Seventeen random octets have fewer than eight different values once in 10^14 serials.
fn serial_is_random(case: &Case<'_>) -> Outcome {
    let random = case.tbs.serial_number().as_bytes().get(1..).unwrap_or_default();
    must(random.len() >= 16, || format!("{} octets after the instance's", random.len()))?;
    let different = random.iter().collect::<HashSet<_>>().len();
    must(different >= 8, || format!("only {different} different octets"))
}

fn serial_is_reserved(case: &Case<'_>) -> Outcome {
    must(case.tbs.serial_number().as_bytes() == case.intent.serial.octets(), || {
        format!("not the reserved {}", case.intent.serial)
    })
}

fn signature_algorithm_fits(case: &Case<'_>) -> Outcome {
    let algorithm = case.tbs.signature();
    let expected = signature_algorithm(case.intent.issuer.alg);
    must(algorithm.oid == expected, || format!("{} instead of {expected}", algorithm.oid))?;
    let parameters = encoded(&algorithm.parameters)?;
    let is_rsa = expected == const_oid::db::rfc5912::SHA_256_WITH_RSA_ENCRYPTION;
    // RFC 4055 5: NULL with RSA. RFC 5758 3.2, RFC 8410 3, RFC 9881 2: none with the others.
    let fits = if is_rsa { parameters == [5, 0] } else { parameters.is_empty() };
    must(fits, || "wrong parameters".to_owned())
}

fn issuer_name_bytes(case: &Case<'_>) -> Outcome {
    must(encoded(case.tbs.issuer())? == case.intent.issuer.name_der, || {
        "not the very bytes of the issuer's subject".to_owned()
    })
}

fn time_form(case: &Case<'_>) -> Outcome {
    let validity = case.tbs.validity();
    for time in [&validity.not_before, &validity.not_after] {
        let early = time.to_date_time().year() < 2050;
        must(early == matches!(time, Time::UtcTime(_)), || {
            "UTCTime through 2049, then GeneralizedTime".to_owned()
        })?;
    }
    Ok(())
}

fn validity_order(case: &Case<'_>) -> Outcome {
    let period = period(case.tbs);
    must(period.not_before < period.not_after, || "ends before it starts".to_owned())
}

fn validity_as_meant(case: &Case<'_>) -> Outcome {
    must(period(case.tbs) == case.intent.period, || "other times than were decided".to_owned())
}

/// Both ends count: a year that ends on the second it began is one second too long.
fn validity_length(case: &Case<'_>) -> Outcome {
    let (length, most) = (period(case.tbs).length(), case.intent.profile.validity);
    must(length <= most, || format!("{} s, {} s at most", length.seconds, most.seconds))
}

fn validity_inside_issuer(case: &Case<'_>) -> Outcome {
    let inside = case.intent.is_self_signed() || case.intent.issuer.period.contains(&period(case.tbs));
    must(inside, || "reaches outside the issuer's validity".to_owned())
}

fn not_backdated(case: &Case<'_>) -> Outcome {
    let start = period(case.tbs).not_before;
    let earliest = Millis(whole_second(case.intent.now).0 - BACKDATING.seconds * 1000);
    must(start >= earliest, || "starts more than five minutes before it is signed".to_owned())?;
    must(start <= AHEAD.after(case.intent.now), || "starts more than 30 days after it is signed".to_owned())
}

fn no_unique_identifiers(case: &Case<'_>) -> Outcome {
    let absent = case.tbs.issuer_unique_id().is_none() && case.tbs.subject_unique_id().is_none();
    must(absent, || "has a unique identifier".to_owned())
}

pub(super) fn period(tbs: &TbsCertificate) -> Period {
    let millis = |time: &Time| Millis(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX));
    let validity = tbs.validity();
    Period { not_before: millis(&validity.not_before), not_after: millis(&validity.not_after) }
}
