//! Content synchronisation: RFC 4533. A client keeps a copy of what a search finds, and asks for what has changed since its cookie.
//!
//! A cookie says up to where in the change feed the copy is, and of which search it is one. Nothing of it is kept here: it works on
//! every node, and after the one that gave it was killed in the middle.

use std::collections::HashSet;

use bytes::BytesMut;
use ldap3_lber::common::TagClass;
use ldap3_lber::structures::{ASNTag as _, OctetString, Tag};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapIntermediateResponse, LdapMsg, LdapOp, LdapResultCode as Code, SyncRequestMode, SyncStateValue,
};
use uuid::Uuid;

use super::answer::{Refusal, message, success};
use super::delta::{Changed, Point, Touch, read_again, touched_since};
use super::dn::Dn;
use super::entry::{Entry, uuid_of};
use super::following::{Follow, How};
use super::out::Out;
use super::search::{Answered, Asked, Ended, Stop, record};
use super::session::Context;
use super::tree::names_people;
use super::walk::Walk;

/// How many entries are recorded and sent together.
const TOGETHER: usize = 200;
/// How many entries that are gone are named in one message.
const NAMED: usize = 500;
/// Sync Info Message. RFC 4533 2.5.
const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";

/// What a client asks for. RFC 4533 2.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyncRequest {
    pub(super) mode: SyncRequestMode,
    pub(super) cookie: Option<Vec<u8>>,
    /// Whether everything is wanted anew where the changes are not known any more.
    pub(super) reload: Reload,
}

/// What is done with a cookie that is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    /// Everything is sent.
    Wanted,
    /// It is refused, and the client begins anew when it likes.
    Unwanted,
}

/// How the copy of a client becomes the content. RFC 4533 3.3.1 and 3.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Everything is sent; what was not is gone.
    Present,
    /// What has changed is sent, and what is gone is named.
    Delete,
}

/// Brings the copy of a client up to date, and goes on from there if that was asked for.
pub(super) async fn synchronise(
    context: &Context,
    msgid: i32,
    asked: Asked,
    sync: &SyncRequest,
    out: &Out,
) -> Result<Answered, Stop> {
    let place = context.place()?;
    let known =
        sync.cookie.as_deref().filter(|cookie| !cookie.is_empty()).map(|octets| known(&asked, octets));
    let changed = match known {
        None => None,
        Some(Some(point)) => Some(changes(context, msgid, &asked, point, out).await?),
        Some(None) => Some(None),
    };
    let (phase, point) = match changed {
        Some(Some(point)) => (Phase::Delete, point),
        Some(None) if sync.reload == Reload::Unwanted => {
            let sentence = "The cookie is too old, or none of this search. Begin anew, without a cookie.";
            return Err(Refusal::new(Code::EsyncRefreshRequired, sentence).into());
        }
        Some(None) | None => (Phase::Present, everything(context, msgid, &asked, out).await?),
    };
    if sync.mode == SyncRequestMode::RefreshOnly {
        let refresh_deletes = phase == Phase::Delete;
        let done = LdapControl::SyncDone { cookie: Some(cookie(&asked, &point)), refresh_deletes };
        return Ok(Answered::Ended(Ended { result: success(), controls: vec![done] }));
    }
    let (cookie, done) = (Some(cookie(&asked, &point)), true);
    let info = match phase {
        Phase::Present => LdapIntermediateResponse::SyncInfoRefreshPresent { cookie, done },
        Phase::Delete => LdapIntermediateResponse::SyncInfoRefreshDelete { cookie, done },
    };
    out.send(message(msgid, LdapOp::IntermediateResponse(info))).await?;
    Ok(Answered::Follows(Box::new(Follow { asked, point, how: How::Synchronised }), place))
}

/// Sends what has changed since a point, and names what is gone; up to where that is. `None`: it is not kept any more.
async fn changes(
    context: &Context,
    msgid: i32,
    asked: &Asked,
    from: Point,
    out: &Out,
) -> Result<Option<Point>, Stop> {
    let (mut point, mut has_more) = (from, true);
    let mut gone = Unnamed::default();
    while has_more {
        let touched = touched_since(&context.register, &context.who, &asked.range, point).await?;
        let Touch::Part(mut part) = touched else { return Ok(None) };
        while let Some((branch, ids)) = part.next(&context.register).await? {
            let search = (&asked.range, &asked.filter);
            let units = (branch, &ids[..]);
            let changed = read_again(&context.register, &context.who, search, units, None).await?;
            // That an entry of somebody's is gone tells of them too.
            let names = changed.left.iter().chain(&changed.gone);
            let names = names.chain(changed.present.iter().map(|(entry, _)| &entry.dn));
            record(context, asked, people(names)).await?;
            gone.take_in(&changed);
            let present: Vec<Entry> = changed.present.into_iter().map(|(entry, _)| entry).collect();
            send(msgid, asked, &present, out).await?;
            while gone.0.len() >= NAMED {
                out.send(named(msgid, gone.0.split_off(gone.0.len() - NAMED))).await?;
            }
        }
        (point, has_more) = (part.point, part.has_more);
    }
    if !gone.0.is_empty() {
        out.send(named(msgid, gone.0)).await?;
    }
    Ok(Some(point))
}

/// What is gone and was not named yet.
#[derive(Default)]
struct Unnamed(Vec<Uuid>);

impl Unnamed {
    /// Takes in what was read. An entry that is there again is sent before what is gone is named, and stays.
    fn take_in(&mut self, changed: &Changed) {
        if !self.0.is_empty() && !changed.present.is_empty() {
            let here: HashSet<Uuid> = changed.present.iter().map(|(entry, _)| uuid_of(&entry.dn)).collect();
            self.0.retain(|one| !here.contains(one));
        }
        self.0.extend(changed.left.iter().chain(&changed.gone).map(uuid_of));
    }
}

/// Sends everything that is found. Where the register is then is asked before: what changes meanwhile is sent once more, and not lost.
async fn everything(context: &Context, msgid: i32, asked: &Asked, out: &Out) -> Result<Point, Stop> {
    let point = Point::now(&context.register).await?;
    let most = context.limits().follow_limit;
    let walk = Walk::new(&context.register, &context.who, &asked.range, &asked.filter, most, None);
    let mut walk = walk.exact();
    let (mut held, mut sent) = (Vec::new(), 0);
    while let Some(entry) = walk.next().await? {
        if asked.own_most.is_some_and(|most| sent == most) {
            let sentence = "There are more entries than you ask for at most.";
            return Err(Refusal::new(Code::SizeLimitExceeded, sentence).into());
        }
        sent += 1;
        held.push(entry.into_owned());
        if held.len() == TOGETHER {
            record(context, asked, people(held.iter().map(|entry| &entry.dn))).await?;
            send(msgid, asked, &held, out).await?;
            held.clear();
        }
    }
    record(context, asked, people(held.iter().map(|entry| &entry.dn))).await?;
    send(msgid, asked, &held, out).await?;
    Ok(point)
}

/// How many of these names are people's.
fn people<'n>(names: impl Iterator<Item = &'n Dn>) -> u64 {
    names.filter(|dn| names_people(dn)).map(|_| 1).sum()
}

/// Sends entries as they are; whom they show is recorded by then.
async fn send(msgid: i32, asked: &Asked, entries: &[Entry], out: &Out) -> Result<(), Stop> {
    for entry in entries {
        let ctrl = vec![state(&entry.dn, SyncStateValue::Add)];
        let shown = asked.shown_in_turn(entry).await;
        out.send(LdapMsg { msgid, op: LdapOp::SearchResultEntry(shown.into()), ctrl }).await?;
    }
    Ok(())
}

/// The state of an entry. RFC 4533 2.3.
pub(super) fn state(dn: &Dn, state: SyncStateValue) -> LdapControl {
    LdapControl::SyncState { state, entry_uuid: uuid_of(dn), cookie: None }
}

/// Names what is gone. RFC 4533 2.5.
fn named(msgid: i32, syncuuids: Vec<Uuid>) -> LdapMsg {
    let info = LdapIntermediateResponse::SyncInfoIdSet { cookie: None, refresh_deletes: true, syncuuids };
    message(msgid, LdapOp::IntermediateResponse(info))
}

/// A new cookie, between changes. RFC 4533 2.5: `newcookie [0] syncCookie`, which the library writes as a constructed value.
pub(super) fn new_cookie(msgid: i32, asked: &Asked, point: &Point) -> LdapMsg {
    let inner = cookie(asked, point);
    let tag = Tag::OctetString(OctetString { id: 0, class: TagClass::Context, inner });
    let mut octets = BytesMut::new();
    // Into memory, which never fails.
    let value =
        ldap3_lber::write::encode_into(&mut octets, tag.into_structure()).ok().map(|()| octets.to_vec());
    let info = LdapIntermediateResponse::Raw { name: Some(SYNC_INFO.to_owned()), value };
    message(msgid, LdapOp::IntermediateResponse(info))
}

/// The cookie of a search at a point.
fn cookie(asked: &Asked, point: &Point) -> Vec<u8> {
    format!("{}.{}", asked.follow_mark, point.text()).into_bytes()
}

/// The point of a cookie; none of a cookie of another search.
fn known(asked: &Asked, cookie: &[u8]) -> Option<Point> {
    let text = std::str::from_utf8(cookie).ok()?;
    Point::read(text.strip_prefix(asked.follow_mark.as_str())?.strip_prefix('.')?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::age::Age;

    /// What was read as gone and is there when it is read once more is not said to be gone behind its entry; what is gone after it was there is.
    #[test]
    fn what_is_there_again_stays() {
        let dn = |id: &str| Dn::parse(&format!("uniqueIdentifier={id},ou=Services,o=nhs")).unwrap();
        let present = |id: &str| {
            let entry = Entry::new(dn(id), &["nhsAs", "top"], "nhsAs");
            Changed { present: vec![(entry, Age::Known)], ..Changed::default() }
        };
        let mut gone = Unnamed::default();
        gone.take_in(&Changed { left: vec![dn("1")], gone: vec![dn("2"), dn("3")], ..Changed::default() });
        gone.take_in(&present("1"));
        gone.take_in(&present("3"));
        assert_eq!(gone.0, [uuid_of(&dn("2"))]);
        gone.take_in(&Changed { gone: vec![dn("3")], ..Changed::default() });
        assert_eq!(gone.0, ["2", "3"].map(|id| uuid_of(&dn(id))));
    }

    /// A cookie is good for its own search alone, and goes over the wire as RFC 4533 has it.
    #[test]
    fn cookies_are_of_one_search() {
        let asked = Asked::of_everything();
        let point = Point::read("9.5.2026-11-30").unwrap();
        let text = cookie(&asked, &point);
        assert_eq!(known(&asked, &text), Some(point));
        let mut other = Asked::of_everything();
        other.follow_mark = "other".to_owned();
        assert_eq!(known(&other, &text), None);
        assert_eq!(known(&asked, b"\xff"), None);
        let LdapOp::IntermediateResponse(LdapIntermediateResponse::Raw { value: Some(value), .. }) =
            new_cookie(1, &asked, &point).op
        else {
            panic!()
        };
        assert_eq!((value[0], &value[2..]), (0x80, &text[..]));
    }
}
