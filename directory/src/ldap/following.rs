//! Searches that do not end: what changes is sent as it changes, for content synchronisation (RFC 4533 3.4) and persistent
//! searches (draft-ietf-ldapext-psearch-03).

use std::collections::HashSet;
use std::time::Duration;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapMsg, LdapOp, LdapResultCode as Code, LdapSearchResultEntry, SyncStateValue};
use tokio::time::{Instant, interval_at};
use uuid::Uuid;

use super::age::Age;
use super::answer::Refusal;
use super::controls::{Notices, Persistent, notified};
use super::delta::{Changed, Point, Touch, read_again, touched_since};
use super::dn::Dn;
use super::entry::uuid_of;
use super::out::{Gone, Out};
use super::search::{Asked, Ended, Stop, record};
use super::session::Context;
use super::sync::{new_cookie, state};
use super::tree::{Branch, names_people};
use super::who::Viewer;

/// After how long without a change a persistent search ends.
const QUIET: Duration = Duration::from_hours(24);
/// How many names are remembered of which it was said that nothing is there.
const REMEMBERED: usize = 10_000;

/// A search that goes on.
pub(super) struct Follow {
    pub(super) asked: Asked,
    /// Up to where the client knows the register.
    pub(super) point: Point,
    pub(super) how: How,
}

/// How changes are told.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// With the state of each entry, and cookies between.
    Synchronised,
    /// As entries that have changed, of the kinds that were asked for.
    Notified(Persistent),
}

impl How {
    /// What is said to who has to begin anew.
    pub(super) fn again(self, sentence: &str) -> Refusal {
        let code = match self {
            Self::Synchronised => Code::EsyncRefreshRequired,
            Self::Notified(_) => Code::Unavailable,
        };
        Refusal::new(code, sentence)
    }
}

/// Sends what changes until the client has had enough, is gone, or has to begin anew; gives how it ended.
pub(super) async fn follow(
    context: &Context,
    msgid: i32,
    mut follow: Follow,
    out: &Out,
) -> Result<Ended, Gone> {
    let mut tail = context.tail().watched();
    let mut said_gone = HashSet::new();
    let mut told_at = Instant::now();
    let beat_every = context.limits().beat();
    let mut beats = interval_at(Instant::now() + beat_every, beat_every);
    loop {
        let step = match step(context, msgid, &mut follow, &mut said_gone, out).await {
            Ok(step) => step,
            Err(Stop::Refused(refusal)) => return Ok(refusal.into()),
            Err(Stop::Gone(gone)) => return Err(gone),
        };
        if step.told == Told::Something {
            told_at = Instant::now();
        }
        if step.has_more {
            continue;
        }
        tokio::select! {
            biased;
            told = tail.changed() => {
                if told.is_err() {
                    return Ok(Refusal::new(Code::Unavailable, "The server stops. Connect again.").into());
                }
            }
            // A word now and then: the client's cookie stays young, and one who has vanished is noticed.
            _ = beats.tick() => beat(msgid, &follow, out).await?,
        }
        // The draft has no such word: of a client that is not told anything it is not known whether it is there.
        if matches!(follow.how, How::Notified(_)) && told_at.elapsed() > QUIET {
            return Ok(Refusal::new(Code::Unavailable, "Nothing has changed for a day. Ask again.").into());
        }
    }
}

/// Whether anything was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Something,
    Nothing,
}

/// What a step has done.
struct Step {
    told: Told,
    /// Whether more was told behind it.
    has_more: bool,
}

async fn beat(msgid: i32, follow: &Follow, out: &Out) -> Result<(), Gone> {
    match follow.how {
        How::Synchronised => out.send(new_cookie(msgid, &follow.asked, &follow.point)).await,
        How::Notified(_) => Ok(()),
    }
}

/// Sends what was touched since the last step, or a part of it.
async fn step(
    context: &Context,
    msgid: i32,
    follow: &mut Follow,
    said_gone: &mut HashSet<Uuid>,
    out: &Out,
) -> Result<Step, Stop> {
    let who = seeing(context, follow.how).await?;
    let range = &follow.asked.range;
    let mut part = match touched_since(&context.register, &who, range, follow.point).await? {
        Touch::Part(part) => part,
        Touch::TooOld => {
            return Err(follow.how.again("What has changed is not kept any more. Begin anew.").into());
        }
    };
    let mut told = Told::Nothing;
    while let Some((branch, ids)) = part.next(&context.register).await? {
        // A crowd takes its time.
        let who = seeing(context, follow.how).await?;
        let search = (range, &follow.asked.filter);
        let units = (branch, &ids[..]);
        let changed = read_again(&context.register, &who, search, units, Some(&part.before)).await?;
        let messages = messages(msgid, &follow.asked, follow.how, &part.point, changed, said_gone);
        if !messages.all.is_empty() {
            record(context, &follow.asked, messages.people).await?;
            told = Told::Something;
        }
        for message in messages.all {
            out.send(message).await?;
        }
    }
    follow.point = part.point;
    if told == Told::Something {
        beat(msgid, follow, out).await?;
    }
    Ok(Step { told, has_more: part.has_more })
}

/// Who asks, looked at each time: what was revoked meanwhile counts no more.
async fn seeing(context: &Context, how: How) -> Result<Viewer, Stop> {
    let who = context.who_now().await;
    who.sees_anything()?;
    if who.sees(Branch::People).is_ok() != context.who.sees(Branch::People).is_ok() {
        return Err(how.again("What you may see has changed. Begin anew.").into());
    }
    Ok(who)
}

/// What is sent of changes.
#[derive(Default)]
struct Messages {
    all: Vec<LdapMsg>,
    /// How many tell of people: that an entry of somebody's is gone does too.
    people: u64,
}

impl Messages {
    fn add(&mut self, message: LdapMsg, dn: &Dn) {
        self.people += u64::from(names_people(dn));
        self.all.push(message);
    }
}

fn messages(
    msgid: i32,
    asked: &Asked,
    how: How,
    point: &Point,
    changed: Changed,
    said_gone: &mut HashSet<Uuid>,
) -> Messages {
    let mut messages = Messages::default();
    for (entry, age) in &changed.present {
        said_gone.remove(&uuid_of(&entry.dn));
        let kind = match age {
            Age::New => Kind::Add,
            Age::Known => Kind::Modify,
        };
        if let Some(ctrl) = controls(how, kind, &entry.dn, point) {
            let op = LdapOp::SearchResultEntry(asked.shown(entry).into());
            messages.add(LdapMsg { msgid, op, ctrl }, &entry.dn);
        }
    }
    // Section 3 of the draft tells of deletions alone; a copy has nothing of what the search does not find any more.
    let left = if matches!(how, How::Synchronised) { changed.left } else { Vec::new() };
    for dn in left.into_iter().chain(changed.gone) {
        if said_gone.len() >= REMEMBERED {
            said_gone.clear();
        }
        // Of a name under which nothing is, it is said once.
        if said_gone.insert(uuid_of(&dn))
            && let Some(ctrl) = controls(how, Kind::Delete, &dn, point)
        {
            let nothing = LdapSearchResultEntry { dn: dn.to_string(), attributes: Vec::new() };
            messages.add(LdapMsg { msgid, op: LdapOp::SearchResultEntry(nothing), ctrl }, &dn);
        }
    }
    messages
}

/// What was done to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Add,
    Modify,
    Delete,
}

impl Kind {
    /// Its bit in what a persistent search asks for. Section 4 of the draft.
    fn bit(self) -> u8 {
        match self {
            Self::Add => 1,
            Self::Delete => 2,
            Self::Modify => 4,
        }
    }
}

/// What is said with a change; `None` if it is not told.
fn controls(how: How, kind: Kind, dn: &Dn, point: &Point) -> Option<Vec<LdapControl>> {
    match how {
        How::Synchronised => {
            let value = match kind {
                Kind::Add => SyncStateValue::Add,
                Kind::Modify => SyncStateValue::Modify,
                Kind::Delete => SyncStateValue::Delete,
            };
            Some(vec![state(dn, value)])
        }
        How::Notified(asked) if asked.kinds & kind.bit() == 0 => None,
        How::Notified(asked) if asked.notices == Notices::Unasked => Some(Vec::new()),
        How::Notified(_) => Some(vec![notified(kind.bit(), point.number)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::controls::AtFirst;
    use crate::ldap::entry::Entry;

    /// A persistent search is told of the kinds of changes that it asked for, with what kind it was if it asked for that too.
    #[test]
    fn changes_are_told_as_they_were_asked_for() {
        let dn = Dn::parse("uniqueIdentifier=1,ou=Services,o=nhs").unwrap();
        let point = Point::read("9.0.2026-11-30").unwrap();
        let told = |kinds, notices, kind| {
            let how = How::Notified(Persistent { kinds, at_first: AtFirst::Nothing, notices });
            controls(how, kind, &dn, &point).map(|controls| controls.len())
        };
        assert_eq!(told(5, Notices::Asked, Kind::Delete), None);
        assert_eq!(told(5, Notices::Asked, Kind::Modify), Some(1));
        assert_eq!(told(2, Notices::Unasked, Kind::Delete), Some(0));
        let synchronised = controls(How::Synchronised, Kind::Delete, &dn, &point).unwrap();
        let LdapControl::SyncState { state, entry_uuid, cookie: None } = &synchronised[0] else { panic!() };
        assert_eq!((state, *entry_uuid), (&SyncStateValue::Delete, uuid_of(&dn)));
    }

    /// Of a name under which nothing is, it is said once, until something is there again.
    #[test]
    fn what_is_gone_is_said_once() {
        let dn = || Dn::parse("uniqueIdentifier=1,ou=Services,o=nhs").unwrap();
        let (mut said, asked) = (HashSet::new(), Asked::of_everything());
        let point = Point::read("9.0.2026-11-30").unwrap();
        let mut told = |changed| messages(1, &asked, How::Synchronised, &point, changed, &mut said).all.len();
        let gone = || Changed { gone: vec![dn()], ..Changed::default() };
        assert_eq!((told(gone()), told(gone())), (1, 0));
        let entry = Entry::new(dn(), &["nhsAs", "top"], "nhsAs");
        assert_eq!(told(Changed { present: vec![(entry, Age::New)], ..Changed::default() }), 1);
        assert_eq!(told(gone()), 1);
        let left = Changed { left: vec![dn()], ..Changed::default() };
        let how =
            How::Notified(Persistent { kinds: 15, at_first: AtFirst::Nothing, notices: Notices::Asked });
        assert!(messages(1, &asked, how, &point, left, &mut HashSet::new()).all.is_empty(), "it is there");
    }

    /// Of people those are counted of whom something is sent, and that something of theirs is gone is something.
    #[test]
    fn people_are_counted_who_are_told_of() {
        let (asked, point) = (Asked::of_everything(), Point::read("9.0.2026-11-30").unwrap());
        let person = || Dn::parse("uid=555021942107,ou=People,o=nhs").unwrap();
        let told = |kinds, changed, said: &mut HashSet<Uuid>| {
            let how =
                How::Notified(Persistent { kinds, at_first: AtFirst::Nothing, notices: Notices::Asked });
            let messages = messages(1, &asked, how, &point, changed, said);
            (messages.all.len(), messages.people)
        };
        let gone = || {
            let system = Dn::parse("uniqueIdentifier=1,ou=Services,o=nhs").unwrap();
            let below = person().below("uniqueIdentifier", "555000000207");
            Changed { gone: vec![below, system], ..Changed::default() }
        };
        let mut said = HashSet::new();
        assert_eq!(told(15, gone(), &mut said), (2, 1));
        assert_eq!(told(15, gone(), &mut said), (0, 0), "it was said");
        assert_eq!(told(1, gone(), &mut HashSet::new()), (0, 0), "that was not asked for");
        let entry = Entry::new(person(), &["nhsPerson", "top"], "nhsPerson");
        let present = |age| Changed { present: vec![(entry.clone(), age)], ..Changed::default() };
        assert_eq!(told(15, present(Age::Known), &mut said), (1, 1));
        assert_eq!(told(4, present(Age::New), &mut said), (0, 0), "nor this");
        assert_eq!(told(1, present(Age::Known), &mut said), (0, 0), "nor that it has changed");
    }
}
