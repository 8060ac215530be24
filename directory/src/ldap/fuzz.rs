//! What strangers send over LDAP, for mutation and fuzzing: each function takes any octets and must come back.

use bytes::BytesMut;
use ldap3_proto::proto::LdapOp;

use super::controls::{Controls, LIST_VIEW, MATCHED_VALUES, PAGED, PERSISTENT, SORT, SYNC};
use super::delta::Point;
use super::dn::Dn;
use super::filter::{Filter, Matching};
use super::framing::decode;
use super::root::of_the_server;
use super::walk::Position;

/// A message, with what is done before the register is asked: its controls and its filter are read, and asked of an entry.
pub fn message(octets: &[u8]) {
    let Ok(received) = decode(BytesMut::from(octets), 1 << 20) else { return };
    let known = [PAGED, SORT, LIST_VIEW, MATCHED_VALUES, SYNC, PERSISTENT];
    let _controls = Controls::read(received.message.ctrl, &received.critical, &known, Matching::Lenient);
    if let LdapOp::SearchRequest(request) = received.message.op {
        let root = of_the_server(&Dn::default());
        for matching in [Matching::Strict, Matching::Lenient] {
            if let (Ok(filter), Some(root)) = (Filter::compile(&request.filter, matching), &root) {
                let _truth = filter.of(root);
            }
        }
    }
}

/// A name; one that reads is shown as one that reads back as it.
///
/// # Panics
///
/// If it does not.
pub fn name(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(dn) = Dn::parse(text) {
        let shown = dn.to_string();
        // What is shown may be longer than what is read: everything can stand escaped in it.
        if let Ok(again) = Dn::parse(&shown) {
            assert_eq!(again.normal(), dn.normal());
        }
    }
    let _position = Position::read(text);
    let _point = Point::read(text);
}
