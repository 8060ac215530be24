//! Searches that do not end: what changes is sent as it changes, for content synchronisation (RFC 4533 3.4) and persistent
//! searches (draft-ietf-ldapext-psearch-03).

use std::collections::HashSet;
use std::time::Duration;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapMsg, LdapOp, LdapResultCode as Code, LdapSearchResultEntry, SyncStateValue};
use tokio::time::{Instant, interval_at};
use uuid::Uuid;

use super::answer::Refusal;
use super::controls::{Notices, Persistent, notified};
use super::delta::{Changed, Point, Touch, read_again, touched_since};
use super::dn::Dn;
use super::entry::{Entry, uuid_of};
use super::search::{Asked, Ended, Stop, record};
use super::session::{Context, Gone, Out};
use super::sync::{new_cookie, state};
use super::tree::{Branch, is_of_people};

/// How many units are read again at once.
const AT_ONCE: usize = 50;
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
        match step(context, msgid, &mut follow, &mut said_gone, out).await {
            Ok(Told::Something) => told_at = Instant::now(),
            Ok(Told::Nothing) => {}
            Err(Stop::Refused(refusal)) => return Ok(refusal.into()),
            Err(Stop::Gone(gone)) => return Err(gone),
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

async fn beat(msgid: i32, follow: &Follow, out: &Out) -> Result<(), Gone> {
    match follow.how {
        How::Synchronised => out.send(new_cookie(msgid, &follow.asked, &follow.point)).await,
        How::Notified(_) => Ok(()),
    }
}

/// Sends everything that was touched since the last step.
async fn step(
    context: &Context,
    msgid: i32,
    follow: &mut Follow,
    said_gone: &mut HashSet<Uuid>,
    out: &Out,
) -> Result<Told, Stop> {
    // Who asks is looked at each time: what was revoked meanwhile counts no more.
    let who = context.who_now().await;
    who.sees_anything().map_err(|why| Refusal::new(Code::InsufficentAccessRights, why))?;
    if who.sees(Branch::People).is_ok() != context.who.sees(Branch::People).is_ok() {
        return Err(follow.how.again("What you may see has changed. Begin anew.").into());
    }
    let range = &follow.asked.range;
    let (units, point) = match touched_since(&context.register, &who, range, follow.point).await? {
        Touch::Units(units, point) => (units, point),
        Touch::TooMuch => return Err(follow.how.again("Too much has changed at once. Begin anew.").into()),
    };
    let mut told = Told::Nothing;
    for (branch, ids) in units {
        let ids: Vec<String> = ids.into_iter().collect();
        for some in ids.chunks(AT_ONCE) {
            let search = (range, &follow.asked.filter);
            let changed = read_again(&context.register, &who, search, branch, some).await?;
            let people = changed.present.iter().filter(|entry| is_of_people(entry)).count();
            let messages = messages(msgid, &follow.asked, follow.how, &point, changed, said_gone);
            if !messages.is_empty() {
                record(context, &follow.asked, u64::try_from(people).unwrap_or(u64::MAX)).await?;
                told = Told::Something;
            }
            for message in messages {
                out.send(message).await?;
            }
        }
    }
    follow.point = point;
    if told == Told::Something {
        beat(msgid, follow, out).await?;
    }
    Ok(told)
}

fn messages(
    msgid: i32,
    asked: &Asked,
    how: How,
    point: &Point,
    changed: Changed,
    said_gone: &mut HashSet<Uuid>,
) -> Vec<LdapMsg> {
    let mut messages = Vec::new();
    for entry in &changed.present {
        said_gone.remove(&uuid_of(&entry.dn));
        let kind = if is_new(entry) { Kind::Add } else { Kind::Modify };
        if let Some(ctrl) = controls(how, kind, &entry.dn, point) {
            messages.push(LdapMsg { msgid, op: LdapOp::SearchResultEntry(asked.shown(entry)), ctrl });
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
            messages.push(LdapMsg { msgid, op: LdapOp::SearchResultEntry(nothing), ctrl });
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

/// Whether nothing was changed of an entry since it was made.
fn is_new(entry: &Entry) -> bool {
    let made = entry.values("createTimestamp");
    !made.is_empty() && made == entry.values("modifyTimestamp")
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
        let mut told = |changed| messages(1, &asked, How::Synchronised, &point, changed, &mut said).len();
        let gone = || Changed { gone: vec![dn()], ..Changed::default() };
        assert_eq!((told(gone()), told(gone())), (1, 0));
        let entry = Entry::new(dn(), &["nhsAs", "top"], "nhsAs");
        assert_eq!(told(Changed { present: vec![entry], ..Changed::default() }), 1);
        assert_eq!(told(gone()), 1);
        let left = Changed { left: vec![dn()], ..Changed::default() };
        let how =
            How::Notified(Persistent { kinds: 15, at_first: AtFirst::Nothing, notices: Notices::Asked });
        assert!(messages(1, &asked, how, &point, left, &mut HashSet::new()).is_empty(), "it is there");
    }
}
