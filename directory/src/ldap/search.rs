//! A search: RFC 4511 4.5, with pages, order, list views and filters for values.

use std::time::Duration;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapMsg, LdapOp, LdapResult, LdapResultCode as Code, LdapSearchRequest, LdapSearchScope,
};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::answer::{self, Refusal, success};
use super::bundle::Bundle;
use super::controls::{
    ASSERTION, AtFirst, Controls, LIST_VIEW, MANAGE_DSA_IT, MATCHED_VALUES, PAGED, PERSISTENT, SORT, SYNC,
};
use super::delta::Point;
use super::dn::Dn;
use super::entry::Entry;
use super::event::LdapEvent;
use super::filter::{Filter, Truth};
use super::following::{Follow, How, follow};
use super::framing::Received;
use super::ordered::in_order;
use super::out::{Gone, Out};
use super::root::{is_of_the_server, of_the_server};
use super::select::{Selection, Show, Shown};
use super::session::Context;
use super::sync::synchronise;
use super::tail::Place;
use super::tree::{Branch, is_of_people, names_somebody};
use super::walk::{self, Freshness, Position, Range, Walk};
use super::who::Viewer;

/// The controls that a search knows.
const KNOWN: [&str; 8] = [PAGED, SORT, LIST_VIEW, MATCHED_VALUES, MANAGE_DSA_IT, ASSERTION, SYNC, PERSISTENT];

/// What is asked for, read.
pub(super) struct Asked {
    pub(super) range: Range,
    pub(super) filter: Filter,
    selection: Selection,
    show: Show,
    pub(super) controls: Controls,
    /// How many entries are answered at most.
    pub(super) most: usize,
    /// How many the client itself takes at most, if it says so.
    pub(super) own_most: Option<usize>,
    /// What cookies of this search begin with: those of another one are refused.
    mark: String,
    /// The same of a search that is followed: for the same attributes, and by who sees the same branches.
    pub(super) follow_mark: String,
}

impl Asked {
    /// What is answered of an entry.
    pub(super) fn shown<'e>(&self, entry: &'e Entry) -> Shown<'e> {
        self.selection.of(entry, self.show, self.controls.values.as_deref())
    }

    /// The same where others wait: each filter for values is asked of each value.
    pub(super) async fn shown_in_turn<'e>(&self, entry: &'e Entry) -> Shown<'e> {
        if self.controls.values.is_some() {
            yield_now().await;
        }
        self.shown(entry)
    }

    /// Whether somebody is asked about: the base is their entry, or below it, or the filter has an id or a number of theirs and whoever
    /// asks would see them.
    fn is_of_somebody(&self, who: &Viewer) -> bool {
        Branch::People.id_of(&self.range.base).is_some()
            || self.range.reaches(Branch::People)
                && who.sees(Branch::People).is_ok()
                && names_somebody(&self.filter)
    }

    /// Everything below the root.
    #[cfg(test)]
    pub(super) fn of_everything() -> Self {
        Self {
            range: Range { base: super::tree::root(), scope: LdapSearchScope::Subtree },
            filter: Filter::And(Vec::new()),
            selection: Selection::read(&[]),
            show: Show::Values,
            controls: Controls::default(),
            most: 1,
            own_most: None,
            mark: "mark".to_owned(),
            follow_mark: "follow".to_owned(),
        }
    }
}

/// What has come of a search.
pub(super) enum Answered {
    /// It has ended.
    Ended(Ended),
    /// What there is was sent, and what changes is to be, for as long as the place is held.
    Follows(Box<Follow>, Place),
}

/// How a search ended.
pub(super) struct Ended {
    pub(super) result: LdapResult,
    pub(super) controls: Vec<LdapControl>,
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self { result: refusal.result(), controls: Vec::new() }
    }
}

/// Why a search does not go on.
pub(super) enum Stop {
    Refused(Refusal),
    Gone(Gone),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Gone> for Stop {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

/// Answers a search. `Err`: whoever asked is gone.
pub(super) async fn search(context: &Context, received: Received, out: &Out) -> Result<(), Gone> {
    let LdapMsg { msgid, op: LdapOp::SearchRequest(request), ctrl } = received.message else { return Ok(()) };
    let controls = match Controls::read(ctrl, &received.critical, &KNOWN, context.matching()) {
        Ok(controls) => controls,
        Err(refusal) => return out.send(answer::done(msgid, refusal.result(), Vec::new())).await,
    };
    let limit = time_limit(context, request.timelimit, &controls);
    let mut bundle = Bundle::over(out);
    let answering = answered(context, msgid, request, controls, &mut bundle);
    let answered = match limit {
        Some(limit) => timeout(limit, answering).await.unwrap_or_else(|_late| {
            let sentence = "The search took too long. Ask for less.";
            Err(Refusal::new(Code::TimeLimitExceeded, sentence).into())
        }),
        None => answering.await,
    };
    let ended = match answered {
        Ok(Answered::Ended(ended)) => ended,
        Ok(Answered::Follows(following, place)) => {
            bundle.flush().await?;
            let ended = follow(context, msgid, *following, out).await?;
            drop(place);
            ended
        }
        Err(Stop::Refused(refusal)) => refusal.into(),
        Err(Stop::Gone(gone)) => return Err(gone),
    };
    bundle.end(answer::done(msgid, ended.result, ended.controls)).await
}

/// The shorter of what the client and what the server allows. A copy of very much takes its time: there the client's alone counts.
fn time_limit(context: &Context, asked: i32, controls: &Controls) -> Option<Duration> {
    let ours = (!controls.follows()).then(|| context.limits().time_limit());
    let theirs = u64::try_from(asked).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    ours.into_iter().chain(theirs).min()
}

async fn answered(
    context: &Context,
    msgid: i32,
    request: LdapSearchRequest,
    controls: Controls,
    bundle: &mut Bundle<'_>,
) -> Result<Answered, Stop> {
    let base = Dn::parse(&request.base)
        .map_err(|error| Refusal::new(Code::InvalidDNSyntax, format!("The base {error}.")))?;
    let filter = Filter::compile(&request.filter, context.matching())
        .map_err(|error| Refusal::new(Code::AdminLimitExceeded, format!("That is too much: {error}.")))?;
    let selection = Selection::read(&request.attrs);
    let show = if request.typesonly { Show::TypesOnly } else { Show::Values };
    if is_of_the_server(&base) {
        let Some(entry) = of_the_server(&base).filter(|_| request.scope == LdapSearchScope::Base) else {
            return Err(Refusal::no_such(&Dn::default()).into());
        };
        if filter.of(&entry) == Truth::True {
            bundle.entry(msgid, &selection.of(&entry, show, controls.values.as_deref())).await?;
        }
        return Ok(Answered::Ended(Ended { result: success(), controls: Vec::new() }));
    }
    context.who.sees_anything()?;
    demand_base(context, &base, controls.assertion.as_ref()).await?;
    let mark = if controls.paged.is_some() || controls.follows() {
        mark(&format!("{:?} {:?} {:?}", request.base, request.scope, request.filter))
    } else {
        // No cookie is given.
        String::new()
    };
    let follow_mark = if controls.follows() {
        let sees_people = context.who.sees(Branch::People).is_ok();
        self::mark(&format!("{mark} {:?} {sees_people}", request.attrs))
    } else {
        String::new()
    };
    let own_most = usize::try_from(request.sizelimit).ok().filter(|asked| *asked > 0);
    let most = own_most.unwrap_or(usize::MAX).min(context.limits().size_limit);
    let range = Range { base, scope: request.scope };
    let asked = Asked { range, filter, selection, show, controls, most, own_most, mark, follow_mark };
    if asked.controls.follows() {
        return following(context, msgid, asked, bundle).await;
    }
    let ended = match &asked.controls.sort {
        Some(sort) => in_order(context, msgid, &asked, sort, bundle).await,
        None => as_they_come(context, msgid, &asked, bundle).await,
    };
    ended.map(Answered::Ended)
}

/// A search that goes on after what there is was sent.
async fn following(
    context: &Context,
    msgid: i32,
    asked: Asked,
    bundle: &mut Bundle<'_>,
) -> Result<Answered, Stop> {
    if asked.range.reaches(Branch::Changelog) {
        let sentence = "The changelog is read by its numbers. Follow o=nhs, or what is below it.";
        return Err(Refusal::new(Code::UnwillingToPerform, sentence).into());
    }
    if let Some(request) = asked.controls.sync.clone() {
        return synchronise(context, msgid, asked, &request, bundle.out()).await;
    }
    let Some(persistent) = asked.controls.persistent else {
        return as_they_come(context, msgid, &asked, bundle).await.map(Answered::Ended);
    };
    let place = context.place()?;
    let point = Point::now(&context.register).await?;
    if persistent.at_first == AtFirst::Found {
        as_they_come(context, msgid, &asked, bundle).await?;
    }
    Ok(Answered::Follows(Box::new(Follow { asked, point, how: How::Notified(persistent) }), place))
}

/// The base is there, and what is asserted of it is true. RFC 4528 4.
async fn demand_base(context: &Context, base: &Dn, assertion: Option<&Filter>) -> Result<(), Refusal> {
    let freshness = assertion.map_or(Freshness::Quick, Freshness::of);
    let Some(entry) = walk::find(&context.register, &context.who, base, freshness).await? else {
        return Err(Refusal::no_such(&walk::nearest(&context.register, &context.who, base).await));
    };
    let Some(assertion) = assertion else { return Ok(()) };
    // Whether it holds tells of somebody, whatever is answered then.
    if is_of_people(&entry) {
        let event =
            LdapEvent::PeopleShown { base: base.to_string(), scope: "assertion".to_owned(), entries: 1 };
        context.record(event).await?;
    }
    match assertion.of(&entry) {
        Truth::True => Ok(()),
        Truth::False | Truth::Undefined => {
            Err(Refusal::new(Code::AssertionFailed, "What was asserted of the base is not true."))
        }
    }
}

/// SHA-256 over what is asked, short: a cookie is good for the same question only.
fn mark(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hex::encode(&digest.as_ref()[..8])
}

/// After what a page begins. RFC 2696 3.
pub(super) fn begin(asked: &Asked) -> Result<Option<Position>, Refusal> {
    let Some(paged) = asked.controls.paged.as_ref().filter(|paged| !paged.cookie.is_empty()) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&paged.cookie).ok();
    let rest = text.and_then(|text| text.strip_prefix(asked.mark.as_str()));
    rest.and_then(Position::read).map(Some).ok_or_else(|| {
        Refusal::new(
            Code::UnwillingToPerform,
            "The cookie is none of this search. Begin it anew, without a cookie.",
        )
    })
}

/// Where to go on, told to who asked for a page; after the last page nowhere.
pub(super) fn cookie(asked: &Asked, after: Option<&Position>) -> Option<LdapControl> {
    asked.controls.paged.as_ref()?;
    let cookie = after.map(|position| format!("{}{}", asked.mark, position.text()).into_bytes());
    Some(LdapControl::SimplePagedResults { size: 0, cookie: cookie.unwrap_or_default() })
}

/// Entries in the order in which they are read.
pub(super) async fn as_they_come(
    context: &Context,
    msgid: i32,
    asked: &Asked,
    bundle: &mut Bundle<'_>,
) -> Result<Ended, Stop> {
    let ours = context.limits().size_limit;
    let page = match &asked.controls.paged {
        // A page of none asks for the estimate alone.
        Some(paged) if paged.size == 0 => {
            record(context, asked, 0).await?;
            return Ok(Ended { result: success(), controls: cookie(asked, None).into_iter().collect() });
        }
        Some(paged) => paged.size.min(ours),
        None => usize::MAX,
    };
    let look_through = context.limits().look_through;
    let mut walk =
        Walk::new(&context.register, &context.who, &asked.range, &asked.filter, look_through, begin(asked)?);
    if asked.controls.follows() {
        walk = walk.exact();
    }
    let (mut sent, mut people) = (0, 0);
    let done = loop {
        let before = walk.position().clone();
        let next = match bundle.meanwhile(walk.next()).await {
            Ok(Some(entry)) => entry,
            Ok(None) => break Ok(None),
            // RFC 2696 3: a page may have less than was asked for, or nothing.
            Err(refusal)
                if asked.controls.paged.is_some()
                    && walk.is_spent()
                    && refusal.code == Code::AdminLimitExceeded =>
            {
                break Ok(Some(walk.position().clone()));
            }
            Err(refusal) => break Err(refusal),
        };
        if sent == page.min(asked.most) {
            // What the client limits itself to holds within a page too.
            break if sent == page { Ok(Some(before)) } else { Err(too_many()) };
        }
        // From the first person on everything is held back until it is in the record.
        if people == 0 && walk.people > 0 {
            bundle.hold().await?;
        }
        (sent, people) = (sent + 1, walk.people);
        bundle.entry(msgid, &asked.shown_in_turn(&next).await).await?;
    };
    record(context, asked, people).await?;
    bundle.release().await?;
    let after = done?;
    Ok(Ended { result: success(), controls: cookie(asked, after.as_ref()).into_iter().collect() })
}

/// There is more than is answered.
pub(super) fn too_many() -> Refusal {
    let sentence = "There are more entries than are answered at once. Ask for less, or in pages (RFC 2696).";
    Refusal::new(Code::SizeLimitExceeded, sentence)
}

/// Whoever reads people is recorded with what they read, before any of it is answered; and whoever asks about somebody, though nothing
/// is found: that tells of them too.
pub(super) async fn record(context: &Context, asked: &Asked, people: u64) -> Result<(), Refusal> {
    if people == 0 && !asked.is_of_somebody(&context.who) {
        return Ok(());
    }
    let event = LdapEvent::PeopleShown {
        base: asked.range.base.to_string(),
        scope: format!("{:?}", asked.range.scope).to_lowercase(),
        entries: i64::try_from(people).unwrap_or(i64::MAX),
    };
    context.record(event).await
}
