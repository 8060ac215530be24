//! Controls of requests and answers.

use std::collections::BTreeSet;

use bytes::BytesMut;
use ldap3_lber::Parser;
use ldap3_lber::common::TagClass;
use ldap3_lber::structure::{PL, StructureTag};
use ldap3_lber::structures::{ASNTag as _, Enumerated, Integer, OctetString, Sequence, Tag};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapFilter, LdapResultCode as Code};

use super::answer::Refusal;
use super::filter::{Filter, Matching};
use super::schema::{AttributeType, Rule, attribute};
use super::sync::{Reload, SyncRequest};

/// RFC 2696.
pub(super) const PAGED: &str = "1.2.840.113556.1.4.319";
/// RFC 2891.
pub(super) const SORT: &str = "1.2.840.113556.1.4.473";
const SORTED: &str = "1.2.840.113556.1.4.474";
/// draft-ietf-ldapext-ldapv3-vlv-09.
pub(super) const LIST_VIEW: &str = "2.16.840.1.113730.3.4.9";
const VIEWED: &str = "2.16.840.1.113730.3.4.10";
/// RFC 3876.
pub(super) const MATCHED_VALUES: &str = "1.2.826.0.1.3344810.2.3";
/// RFC 3296.
pub(super) const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";
/// RFC 4533 2.2.
pub(super) const SYNC: &str = "1.3.6.1.4.1.4203.1.9.1.1";
/// draft-ietf-ldapext-psearch-03.
pub(super) const PERSISTENT: &str = "2.16.840.1.113730.3.4.3";
const NOTIFIED: &str = "2.16.840.1.113730.3.4.7";
/// RFC 4528.
pub(super) const ASSERTION: &str = "1.3.6.1.1.12";

/// How many keys a sort has at most.
const MOST_KEYS: usize = 8;
/// How many filters say which values are returned, at most.
const MOST_FILTERS: usize = 64;

/// What is asked for beside the request itself.
#[derive(Debug, Default)]
pub(super) struct Controls {
    pub(super) paged: Option<Paged>,
    pub(super) sort: Option<Sort>,
    pub(super) view: Option<View>,
    /// Which values are returned.
    pub(super) values: Option<Vec<Filter>>,
    /// What must be true of the entry for the request to be done.
    pub(super) assertion: Option<Filter>,
    /// A copy is kept up to date.
    pub(super) sync: Option<SyncRequest>,
    /// Changes are sent as they come.
    pub(super) persistent: Option<Persistent>,
}

/// What a persistent search asks for. Section 4 of the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Persistent {
    /// Which kinds of changes: the bits 1, 2, 4 and 8.
    pub(super) kinds: u8,
    pub(super) at_first: AtFirst,
    pub(super) notices: Notices,
}

/// What a persistent search begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtFirst {
    /// What is found now.
    Found,
    /// Nothing: changes alone.
    Nothing,
}

/// Whether it is said of an entry what was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notices {
    Asked,
    Unasked,
}

/// How much is answered at once, and from where on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Paged {
    pub(super) size: usize,
    pub(super) cookie: Vec<u8>,
}

/// In what order entries are answered; or why they cannot be.
#[derive(Debug)]
pub(super) struct Sort {
    pub(super) keys: Result<Vec<Key>, (Code, String)>,
    pub(super) critical: bool,
}

/// One key of an order.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) of: &'static AttributeType,
    pub(super) rule: Rule,
    pub(super) backward: bool,
}

/// Which part of an ordered list is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) before: usize,
    pub(super) after: usize,
    pub(super) target: Target,
}

/// Around which entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The one at this place of so many, as the client believes; of as many as there are if it believes nothing.
    Place(usize, usize),
    /// The first whose key is not before this value.
    Value(String),
}

impl Controls {
    /// Refuses a critical control of a request that knows none. RFC 4511 4.1.11.
    pub(super) fn demand_none(critical: &BTreeSet<String>) -> Result<(), Refusal> {
        demand_known(critical, &[])
    }

    /// Reads the controls of a request for which these are known; a critical one that is not is refused. RFC 4511 4.1.11.
    pub(super) fn read(
        controls: Vec<LdapControl>,
        critical: &BTreeSet<String>,
        known: &[&str],
        matching: Matching,
    ) -> Result<Self, Refusal> {
        demand_known(critical, known)?;
        let mut read = Self::default();
        for control in controls {
            match control {
                LdapControl::SimplePagedResults { size, cookie } if known.contains(&PAGED) => {
                    let size = usize::try_from(size).map_err(|_| malformed("the page has no size"))?;
                    read.paged = Some(Paged { size, cookie });
                }
                LdapControl::ServerSort { sort_requests } if known.contains(&SORT) => {
                    let keys = sort_requests.into_iter().map(|key| {
                        sort_key(
                            &key.attribute_name,
                            key.ordering_rule.as_deref(),
                            key.reverse_order,
                            matching,
                        )
                    });
                    let keys: Result<Vec<Key>, _> = keys.take(MOST_KEYS + 1).collect();
                    if keys.as_ref().is_ok_and(|keys| keys.len() > MOST_KEYS) {
                        return Err(malformed("a sort has more than eight keys"));
                    }
                    read.sort = Some(Sort { keys, critical: critical.contains(SORT) });
                }
                LdapControl::SyncRequest { mode, cookie, reload_hint, .. } if known.contains(&SYNC) => {
                    let reload = if reload_hint { Reload::Wanted } else { Reload::Unwanted };
                    read.sync = Some(SyncRequest { mode, cookie, reload });
                }
                LdapControl::Unknown { oid, value, .. } if known.contains(&oid.as_str()) => {
                    read.put(&oid, value.as_deref().unwrap_or_default(), matching)?;
                }
                _ => {}
            }
        }
        if read.view.is_some() && read.sort.is_none() {
            return Err(Refusal::new(
                Code::VirtualListViewError,
                "A list view needs an order: send a sort with it.",
            ));
        }
        let is_a_part = read.paged.is_some() || read.sort.is_some();
        if read.follows() && (is_a_part || read.sync.is_some() && read.persistent.is_some()) {
            return Err(Refusal::new(
                Code::UnwillingToPerform,
                "What is followed comes whole and in no order: neither in pages nor sorted, and in one way.",
            ));
        }
        Ok(read)
    }

    /// Whether a copy is kept up to date, or changes are waited for.
    pub(super) fn follows(&self) -> bool {
        self.sync.is_some() || self.persistent.is_some()
    }

    fn put(&mut self, oid: &str, value: &[u8], matching: Matching) -> Result<(), Refusal> {
        match oid {
            LIST_VIEW => {
                self.view = Some(view(value).ok_or_else(|| malformed("a list view cannot be read"))?);
            }
            PERSISTENT => {
                let read = persistent(value);
                self.persistent = Some(read.ok_or_else(|| malformed("a persistent search cannot be read"))?);
            }
            ASSERTION => {
                let tag = parsed(value).ok_or_else(|| malformed("an assertion cannot be read"))?;
                self.assertion = Some(filter(tag, matching)?);
            }
            MATCHED_VALUES => {
                let items = parsed(value).and_then(StructureTag::expect_constructed);
                let items = items.filter(|items| (1..=MOST_FILTERS).contains(&items.len()));
                let items = items.ok_or_else(|| malformed("the filters for values cannot be read"))?;
                let filters: Result<_, _> = items.into_iter().map(|item| filter(item, matching)).collect();
                self.values = Some(filters?);
            }
            _ => {}
        }
        Ok(())
    }
}

fn demand_known(critical: &BTreeSet<String>, known: &[&str]) -> Result<(), Refusal> {
    match critical.iter().find(|oid| !known.contains(&oid.as_str())) {
        None => Ok(()),
        Some(oid) => {
            let sentence = format!("The control {oid} is not known for this request.");
            Err(Refusal::new(Code::UnavailableCriticalExtension, sentence))
        }
    }
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(Code::ProtocolError, format!("A control is not right: {what}."))
}

fn filter(tag: StructureTag, matching: Matching) -> Result<Filter, Refusal> {
    let read = LdapFilter::try_from(tag).map_err(|_| malformed("a filter cannot be read"))?;
    Filter::compile(&read, matching)
        .map_err(|error| Refusal::new(Code::AdminLimitExceeded, error.to_string()))
}

/// RFC 2891 1.1: an attribute without a rule for its order needs one that is named.
fn sort_key(
    name: &str,
    rule: Option<&str>,
    backward: bool,
    matching: Matching,
) -> Result<Key, (Code, String)> {
    let Some(of) = attribute(name) else { return Err((Code::NoSuchAttribute, name.to_owned())) };
    let rule = match rule {
        Some(rule) => Rule::ordering(rule),
        None => of
            .equality
            .filter(|_| of.ordered)
            .or_else(|| (matching == Matching::Lenient).then(|| of.lenient())),
    };
    let rule = rule.ok_or_else(|| (Code::InappropriateMatching, name.to_owned()))?;
    Ok(Key { of, rule, backward })
}

fn parsed(octets: &[u8]) -> Option<StructureTag> {
    let (_, tag) = Parser::default().parse(octets).ok()?;
    Some(tag)
}

/// `VirtualListViewRequest`, section 6.1 of the draft.
fn view(octets: &[u8]) -> Option<View> {
    let mut parts = parsed(octets)?.expect_constructed()?.into_iter();
    let (before, after) = (number(parts.next()?)?, number(parts.next()?)?);
    let target = parts.next()?;
    if target.class != TagClass::Context {
        return None;
    }
    let target = match (target.id, target.payload) {
        (0, PL::C(place)) => {
            let mut place = place.into_iter();
            Target::Place(number(place.next()?)?, number(place.next()?)?)
        }
        (1, PL::P(value)) => Target::Value(String::from_utf8(value).ok()?),
        _ => return None,
    };
    Some(View { before, after, target })
}

/// `PersistentSearch`, section 4 of the draft.
fn persistent(octets: &[u8]) -> Option<Persistent> {
    let mut parts = parsed(octets)?.expect_constructed()?.into_iter();
    let kinds = number(parts.next()?).and_then(|kinds| u8::try_from(kinds).ok())?;
    let mut truth = || Some(parts.next()?.expect_primitive()?.first().is_some_and(|octet| *octet != 0));
    let at_first = if truth()? { AtFirst::Nothing } else { AtFirst::Found };
    let notices = if truth()? { Notices::Asked } else { Notices::Unasked };
    (1..16).contains(&kinds).then_some(Persistent { kinds, at_first, notices })
}

/// An INTEGER that is not below zero.
pub(super) fn number(tag: StructureTag) -> Option<usize> {
    let octets = tag.expect_primitive()?;
    let is_number = (1..=8).contains(&octets.len()) && octets.first().is_some_and(|first| first & 0x80 == 0);
    is_number.then(|| octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
}

/// The number that an extended operation names. RFC 3909 2.1.
pub(super) fn cancelled(value: &[u8]) -> Option<i32> {
    let mut parts = parsed(value)?.expect_constructed()?.into_iter();
    number(parts.next()?).and_then(|number| i32::try_from(number).ok())
}

fn integer(number: usize) -> Tag {
    Tag::Integer(Integer { inner: i64::try_from(number).unwrap_or(i64::MAX), ..Integer::default() })
}

fn enumerated(code: Code) -> Tag {
    Tag::Enumerated(Enumerated { inner: code as i64, ..Enumerated::default() })
}

fn control(oid: &str, inner: Vec<Tag>) -> LdapControl {
    let mut octets = BytesMut::new();
    let tag = Tag::Sequence(Sequence { inner, ..Sequence::default() });
    // Into memory, which never fails.
    let value =
        ldap3_lber::write::encode_into(&mut octets, tag.into_structure()).ok().map(|()| octets.to_vec());
    LdapControl::Unknown { oid: oid.to_owned(), criticality: false, value }
}

/// What came of a sort; with the attribute that was in the way.
pub(super) fn sorted(code: Code, attribute: Option<&str>) -> LdapControl {
    let name = attribute.map(|name| {
        Tag::OctetString(OctetString { id: 0, class: TagClass::Context, inner: name.as_bytes().to_vec() })
    });
    control(SORTED, [enumerated(code)].into_iter().chain(name).collect())
}

/// What was done to an entry, and the number of the change up to which it is known. Section 5 of the draft.
pub(super) fn notified(kind: u8, number: u64) -> LdapControl {
    let kind = Tag::Enumerated(Enumerated { inner: i64::from(kind), ..Enumerated::default() });
    let number = Integer { inner: i64::try_from(number).unwrap_or(i64::MAX), ..Integer::default() };
    control(NOTIFIED, vec![kind, Tag::Integer(number)])
}

/// Which part of a list was answered.
pub(super) fn viewed(place: usize, of: usize, code: Code) -> LdapControl {
    control(VIEWED, vec![integer(place), integer(of), enumerated(code)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A critical control that is not known for a request refuses it; another one is passed over.
    #[test]
    fn critical_controls_are_known_or_refused() {
        let control = LdapControl::Unknown { oid: "1.2.3".to_owned(), criticality: true, value: None };
        let critical = BTreeSet::from(["1.2.3".to_owned()]);
        let read = |critical| Controls::read(vec![control.clone()], critical, &[PAGED], Matching::Strict);
        assert_eq!(read(&critical).unwrap_err().code, Code::UnavailableCriticalExtension);
        assert!(read(&BTreeSet::new()).is_ok());
    }

    /// A list view is read by place and by value, and needs an order.
    #[test]
    fn list_views_are_read() {
        let by_place = [0x30, 14, 2, 1, 1, 2, 1, 2, 0xa0, 6, 2, 1, 5, 2, 1, 0];
        assert_eq!(view(&by_place), Some(View { before: 1, after: 2, target: Target::Place(5, 0) }));
        let by_value = [0x30, 9, 2, 1, 0, 2, 1, 9, 0x81, 1, b'm'];
        assert_eq!(
            view(&by_value),
            Some(View { before: 0, after: 9, target: Target::Value("m".to_owned()) })
        );
        for bad in [&[][..], &[0x30, 0], &[0x30, 3, 2, 1, 0x80], &by_place[..12]] {
            assert_eq!(view(bad), None, "{bad:?}");
        }
        let alone = LdapControl::Unknown {
            oid: LIST_VIEW.to_owned(),
            criticality: true,
            value: Some(by_value.to_vec()),
        };
        let read = Controls::read(vec![alone], &BTreeSet::new(), &[LIST_VIEW, SORT], Matching::Strict);
        assert_eq!(read.unwrap_err().code, Code::VirtualListViewError);
    }

    /// A persistent search says which kinds of changes it is after, and nothing that is followed comes in pages.
    #[test]
    fn persistent_searches_are_read() {
        let value = [0x30, 9, 2, 1, 15, 1, 1, 0xff, 1, 1, 0];
        let all = Persistent { kinds: 15, at_first: AtFirst::Nothing, notices: Notices::Unasked };
        assert_eq!(persistent(&value), Some(all));
        for bad in [&[][..], &[0x30, 0], &[0x30, 9, 2, 1, 0, 1, 1, 0, 1, 1, 0], &value[..8]] {
            assert_eq!(persistent(bad), None, "{bad:?}");
        }
        let follows = || LdapControl::Unknown {
            oid: PERSISTENT.to_owned(),
            criticality: true,
            value: Some(value.to_vec()),
        };
        let read =
            |controls| Controls::read(controls, &BTreeSet::new(), &[PERSISTENT, PAGED], Matching::Strict);
        assert_eq!(read(vec![follows()]).unwrap().persistent, Some(all));
        let paged = LdapControl::SimplePagedResults { size: 5, cookie: Vec::new() };
        assert_eq!(read(vec![follows(), paged]).unwrap_err().code, Code::UnwillingToPerform);
        let LdapControl::Unknown { value, .. } = notified(4, 300) else { panic!() };
        assert_eq!(value.unwrap(), [0x30, 7, 0x0a, 1, 4, 2, 2, 1, 0x2c]);
    }

    /// RFC 2891 1.2: the attribute in an answer is tagged.
    #[test]
    fn answers_to_sorts_are_tagged() {
        let LdapControl::Unknown { value, .. } = sorted(Code::NoSuchAttribute, Some("x")) else { panic!() };
        assert_eq!(value.unwrap(), [0x30, 6, 0x0a, 1, 16, 0x80, 1, b'x']);
        assert_eq!(cancelled(&[0x30, 3, 2, 1, 9]), Some(9));
    }
}
