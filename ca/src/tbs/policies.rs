//! The certificate policies extension, RFC 5280 4.2.1.4.

use const_oid::db::rfc5280::{ID_QT_CPS, ID_QT_UNOTICE};

use crate::asn1::{IA5_STRING, SEQUENCE, UTF8_STRING, oid, tlv};
use crate::profile::policies::{Policy, Statement};

/// The extension's value.
pub(super) fn write(policies: &[Policy], configured: &str) -> Vec<u8> {
    let all: Vec<u8> = policies.iter().flat_map(|policy| information(policy, configured)).collect();
    tlv(SEQUENCE, &[&all])
}

fn information(policy: &Policy, configured: &str) -> Vec<u8> {
    let mut qualifiers = Vec::new();
    let statement = match &policy.statement {
        Statement::Unsaid => None,
        Statement::Configured => Some(configured),
        Statement::At(url) => Some(url.as_str()),
    };
    if let Some(url) = statement {
        qualifiers.extend(tlv(SEQUENCE, &[&oid(&ID_QT_CPS), &tlv(IA5_STRING, &[url.as_bytes()])]));
    }
    if let Some(notice) = &policy.notice {
        // explicitText alone, as UTF8String; noticeRef should not be used.
        let text = tlv(SEQUENCE, &[&tlv(UTF8_STRING, &[notice.as_bytes()])]);
        qualifiers.extend(tlv(SEQUENCE, &[&oid(&ID_QT_UNOTICE), &text]));
    }
    if qualifiers.is_empty() {
        return tlv(SEQUENCE, &[&oid(&policy.id)]);
    }
    tlv(SEQUENCE, &[&oid(&policy.id), &tlv(SEQUENCE, &[&qualifiers])])
}
