//! Lints on certificate policies and their qualifiers.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280 as oids;
use der::Sequence;
use der::asn1::{Ia5StringRef, Utf8StringRef};
use x509_cert::ext::pkix::CertificatePolicies;
use x509_cert::ext::pkix::certpolicy::{PolicyInformation, PolicyQualifierInfo};

use super::extensions::read;
use super::{Case, Lint, Outcome, must};
use crate::profile::policies::{Statement, notice_fault};

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "policies", clause: "RFC 5280 4.2.1.4", check: policies },
    Lint { id: "policies_unique", clause: "RFC 5280 4.2.1.4", check: policies_unique },
    Lint { id: "policy_notice_text", clause: "RFC 5280 4.2.1.4", check: notice_text },
];

/// A policy with its pointer and its notice, as both sides have it.
type Plain = (ObjectIdentifier, Option<String>, Option<String>);

/// A userNotice with an explicit text alone. RFC 5280 4.2.1.4: `UTF8String`, and no noticeRef.
#[derive(Sequence)]
struct Notice<'a> {
    explicit_text: Utf8StringRef<'a>,
}

fn policies(case: &Case<'_>) -> Outcome {
    let read = plain(case)?;
    let configured = &case.intent.places.practice_statement;
    let expected: Vec<Plain> = case
        .intent
        .profile
        .policies
        .iter()
        .map(|policy| {
            let statement = match &policy.statement {
                Statement::Unsaid => None,
                Statement::Configured => Some(configured.clone()),
                Statement::At(url) => Some(url.clone()),
            };
            (policy.id, statement, policy.notice.clone())
        })
        .collect();
    must(read == expected, || format!("{read:?} instead of {expected:?}"))
}

fn policies_unique(case: &Case<'_>) -> Outcome {
    let ids: Vec<_> = plain(case)?.into_iter().map(|(id, _, _)| id).collect();
    match (1..ids.len()).find(|at| ids[..*at].contains(&ids[*at])) {
        Some(at) => Err(format!("{} is there twice", ids[at])),
        None => Ok(()),
    }
}

fn notice_text(case: &Case<'_>) -> Outcome {
    let fault =
        plain(case)?.into_iter().filter_map(|(_, _, notice)| notice).find_map(|text| notice_fault(&text));
    fault.map_or(Ok(()), Err)
}

fn plain(case: &Case<'_>) -> Result<Vec<Plain>, String> {
    let read = read::<CertificatePolicies>(case, &oids::ID_CE_CERTIFICATE_POLICIES)?;
    read.iter().flat_map(|policies| &policies.0).map(one).collect()
}

fn one(policy: &PolicyInformation) -> Result<Plain, String> {
    let id = policy.policy_identifier;
    let (mut statement, mut notice) = (None, None);
    for qualifier in policy.policy_qualifiers.iter().flatten() {
        let place = match qualifier.policy_qualifier_id {
            oids::ID_QT_CPS => &mut statement,
            oids::ID_QT_UNOTICE => &mut notice,
            other => return Err(format!("the policy {id} has the qualifier {other}")),
        };
        if place.replace(text(qualifier)?).is_some() {
            return Err(format!("the policy {id} has a qualifier twice"));
        }
    }
    must(policy.policy_qualifiers.as_ref().is_none_or(|all| !all.is_empty()), || {
        format!("the policy {id} has an empty list of qualifiers")
    })?;
    Ok((id, statement, notice))
}

fn text(qualifier: &PolicyQualifierInfo) -> Result<String, String> {
    let any = qualifier.qualifier.as_ref().ok_or("a qualifier without a value")?;
    let unreadable = |error: der::Error| format!("a qualifier that cannot be read: {error}");
    if qualifier.policy_qualifier_id == oids::ID_QT_CPS {
        return any.decode_as::<Ia5StringRef<'_>>().map(|uri| uri.as_str().to_owned()).map_err(unreadable);
    }
    any.decode_as::<Notice<'_>>().map(|notice| notice.explicit_text.as_str().to_owned()).map_err(unreadable)
}
