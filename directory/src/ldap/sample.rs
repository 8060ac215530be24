//! Requests for tests.

use ldap3_proto::parse_ldap_filter_str;
use ldap3_proto::proto::{LdapDerefAliases, LdapMsg, LdapOp, LdapSearchRequest, LdapSearchScope};

/// A search below `o=nhs`, with the number 1.
pub(super) fn search_request(filter: &str) -> LdapMsg {
    let op = LdapOp::SearchRequest(LdapSearchRequest {
        base: "o=nhs".to_owned(),
        scope: LdapSearchScope::Subtree,
        aliases: LdapDerefAliases::Never,
        sizelimit: 0,
        timelimit: 0,
        typesonly: false,
        filter: parse_ldap_filter_str(filter).unwrap(),
        attrs: Vec::new(),
    });
    LdapMsg { msgid: 1, op, ctrl: Vec::new() }
}

/// A value of BER.
fn value(tag: u8, inner: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, inner].concat()
}

/// The same search with a filter of so many negations, one in the other.
pub(super) fn nested(depth: usize) -> Vec<u8> {
    let mut filter = vec![0x87, 1, b'o'];
    for _ in 0..depth {
        filter = value(0xa2, &filter);
    }
    let head = [4, 5, b'o', b'=', b'n', b'h', b's', 10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let search = value(0x63, &[&head[..], &filter, &[0x30, 0]].concat());
    value(0x30, &[&[2, 1, 1][..], &search].concat())
}
