//! The steps of a request, each with who may take it.

use platform::clock::Millis;
use platform::db::Tx;

use super::apply::apply;
use super::ask::Ask;
use super::content::{checked, look};
use super::events::RequestEvent;
use super::numbers::shown;
use super::rights::{about, decides, demand_asking, filed_under};
use super::{Request, State, Step};
use crate::acting::Doing;
use crate::api::NewEvidence;
use crate::error::Error;
use crate::ids::{RequestId, RoleProfileId};
use crate::register::Register;
use crate::store::requests;
use crate::version::{Expected, Version};

/// How many requests expire in one sweep.
const EXPIRED_AT_ONCE: u32 = 500;

/// What is said at a step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) notes: Option<String>,
    /// The role by which it is done, where none was chosen.
    pub(crate) role: Option<RoleProfileId>,
}

/// What comes with an approval, or with another try.
#[derive(Debug, Clone, Default)]
pub(crate) struct Approval {
    /// Those that whoever approves has checked.
    pub(crate) documents: Vec<NewEvidence>,
    /// The version of what it is about that they have seen, where it is not that of the opening.
    pub(crate) seen: Option<Version>,
}

/// Writes a request down; it waits for [`submit`].
pub(crate) async fn create(tx: &mut Tx, doing: &Doing, ask: Ask, told: &Told) -> Result<Request, Error> {
    let ask = checked(doing, &ask)?;
    let about = about(tx, doing, &ask).await?;
    demand_asking(doing, &ask, &about)?;
    let request = Request {
        id: RequestId::new(doing.now),
        state: State::Draft,
        requester: doing.name(),
        organisation: filed_under(doing, &about),
        user: about.target.person.clone(),
        position: about.target.position.clone(),
        seen: None,
        before: about.before,
        made_at: doing.now,
        version: Version::FIRST,
        ask,
    };
    requests::insert(tx, &request).await?;
    let event =
        RequestEvent::RequestDrafted { request: request.id.to_string(), kind: request.ask.word().to_owned() };
    written(tx, doing, &request, "drafted", told, &event).await?;
    Ok(request)
}

/// Changes a draft.
pub(crate) async fn edit(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    expected: Expected,
    ask: Ask,
    told: &Told,
) -> Result<Request, Error> {
    let present = own(tx, doing, id).await?;
    if !expected.holds(present.version) {
        return Err(Error::Changed { what: "request", present: present.version });
    }
    if present.state != State::Draft {
        let sentence = "This request was handed in. Withdraw it and make another.";
        return Err(Error::conflict("request-state", sentence));
    }
    let ask = checked(doing, &ask)?;
    let about = about(tx, doing, &ask).await?;
    demand_asking(doing, &ask, &about)?;
    let request = Request {
        organisation: filed_under(doing, &about),
        user: about.target.person.clone(),
        position: about.target.position.clone(),
        before: about.before,
        version: Version(present.version.0 + 1),
        ask,
        ..present
    };
    requests::update(tx, &request).await?;
    let event =
        RequestEvent::RequestDrafted { request: request.id.to_string(), kind: request.ask.word().to_owned() };
    written(tx, doing, &request, "changed", told, &event).await?;
    Ok(request)
}

/// Hands a draft in.
pub(crate) async fn submit(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    told: &Told,
) -> Result<Request, Error> {
    let mut request = own(tx, doing, id).await?;
    let about = about(tx, doing, &request.ask).await?;
    demand_asking(doing, &request.ask, &about)?;
    look(tx, doing, &request.ask, &about.target).await?;
    // A draft may have waited while whom it is about went elsewhere.
    request.organisation = filed_under(doing, &about);
    request.before = about.before;
    let event = RequestEvent::RequestSubmitted {
        request: id.to_string(),
        kind: request.ask.word().to_owned(),
        user: request.user.as_ref().map(ToString::to_string),
        position: request.position.as_ref().map(ToString::to_string),
        organisation: request.organisation.as_ref().map(ToString::to_string),
    };
    let days = doing.register.config.request_days;
    step(tx, doing, request, "submitted", told, &event, |state| state.submit(doing.now, days)).await
}

/// Begins to decide it: nobody else does for some minutes. What it is about is what whoever opens it sees then.
pub(crate) async fn open(tx: &mut Tx, doing: &Doing, id: &RequestId) -> Result<Request, Error> {
    let (mut request, _) = deciding(tx, doing, id).await?;
    request.seen = about(tx, doing, &request.ask).await?.version;
    let minutes = doing.register.config.request_lock_minutes;
    let event = RequestEvent::RequestOpened { request: id.to_string() };
    let by = doing.name();
    step(tx, doing, request, "opened", &Told::default(), &event, |state| state.open(&by, doing.now, minutes))
        .await
}

/// Lets it go undecided.
pub(crate) async fn exit(tx: &mut Tx, doing: &Doing, id: &RequestId) -> Result<Request, Error> {
    let (request, _) = deciding(tx, doing, id).await?;
    let event = RequestEvent::RequestLetGo { request: id.to_string() };
    let by = doing.name();
    step(tx, doing, request, "let-go", &Told::default(), &event, |state| state.exit(&by, doing.now)).await
}

/// Approves it, and does what was asked, where what it is about is as whoever approves has seen it.
pub(crate) async fn approve(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    told: &Told,
    approval: Approval,
) -> Result<Request, Error> {
    let (mut request, role) = deciding(tx, doing, id).await?;
    request.seen = approval.seen.or(request.seen);
    let told = &Told { role, ..told.clone() };
    let (state, approved) = request.state.clone().approve(id, &doing.name(), doing.now)?;
    let event =
        RequestEvent::RequestApproved { request: id.to_string(), requester: request.requester.clone() };
    request.state = state;
    request = taken(tx, doing, request, "approved", told, &event).await?;
    carried_out(tx, doing, request, &approved, approval.documents).await
}

/// Tries again to do what was approved.
pub(crate) async fn retry(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    told: &Told,
    approval: Approval,
) -> Result<Request, Error> {
    let (mut request, role) = deciding(tx, doing, id).await?;
    request.seen = approval.seen.or(request.seen);
    let told = &Told { role, ..told.clone() };
    let (state, approved) = request.state.clone().retry(id)?;
    request.state = state;
    let event = RequestEvent::RequestRetried { request: id.to_string() };
    request = taken(tx, doing, request, "retried", told, &event).await?;
    carried_out(tx, doing, request, &approved, approval.documents).await
}

async fn carried_out(
    tx: &mut Tx,
    doing: &Doing,
    mut request: Request,
    approved: &super::Approved,
    documents: Vec<NewEvidence>,
) -> Result<Request, Error> {
    let (state, made) = apply(tx, doing, &request, approved, documents).await?;
    request.user = request.user.or(made);
    let id = request.id.to_string();
    let (word, notes, event) = match &state {
        State::Applied(..) => ("applied", None, RequestEvent::RequestApplied { request: id }),
        State::Failed(_, _, why) => {
            ("failed", Some(why.clone()), RequestEvent::RequestFailed { request: id })
        }
        _ => return Ok(request),
    };
    request.state = state;
    taken(tx, doing, request, word, &Told { notes, role: None }, &event).await
}

/// Rejects it for good.
pub(crate) async fn reject(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    reason: String,
    told: &Told,
) -> Result<Request, Error> {
    let (request, role) = deciding(tx, doing, id).await?;
    let told = &Told { role, ..told.clone() };
    let event =
        RequestEvent::RequestRejected { request: id.to_string(), requester: request.requester.clone() };
    let by = doing.name();
    step(tx, doing, request, "rejected", told, &event, |state| state.reject(&by, doing.now, reason)).await
}

/// Takes one's own request back.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
    told: &Told,
) -> Result<Request, Error> {
    let request = own(tx, doing, id).await?;
    let event = RequestEvent::RequestWithdrawn { request: id.to_string() };
    step(tx, doing, request, "withdrawn", told, &event, |state| state.withdraw(doing.now)).await
}

/// A request of one's own.
async fn own(tx: &mut Tx, doing: &Doing, id: &RequestId) -> Result<Request, Error> {
    let request = requests::find(tx, id).await?.ok_or_else(|| Error::unknown("request", id))?;
    if doing.is_named(&request.requester) { Ok(request) } else { Err(Error::unknown("request", id)) }
}

/// A request that one may decide, and the role by which.
async fn deciding(
    tx: &mut Tx,
    doing: &Doing,
    id: &RequestId,
) -> Result<(Request, Option<RoleProfileId>), Error> {
    let request = requests::find(tx, id).await?.ok_or_else(|| Error::unknown("request", id))?;
    if matches!(request.state, State::Draft | State::Withdrawn(None)) {
        return Err(Error::unknown("request", id));
    }
    let role = decides(tx, doing, &request).await?;
    Ok((request, role))
}

/// Takes a step and writes it down.
pub(super) async fn step(
    tx: &mut Tx,
    doing: &Doing,
    mut request: Request,
    word: &'static str,
    told: &Told,
    event: &RequestEvent,
    next: impl FnOnce(State) -> Result<State, Error>,
) -> Result<Request, Error> {
    request.state = next(request.state)?;
    taken(tx, doing, request, word, told, event).await
}

pub(super) async fn taken(
    tx: &mut Tx,
    doing: &Doing,
    mut request: Request,
    word: &'static str,
    told: &Told,
    event: &RequestEvent,
) -> Result<Request, Error> {
    request.version = Version(request.version.0 + 1);
    if request.state.is_an_end() {
        // What was asked for is never done any more: of numbers nothing is left to compare by.
        request.ask = shown(request.ask);
    }
    requests::update(tx, &request).await?;
    written(tx, doing, &request, word, told, event).await?;
    Ok(request)
}

pub(super) async fn written(
    tx: &mut Tx,
    doing: &Doing,
    request: &Request,
    word: &str,
    told: &Told,
    event: &RequestEvent,
) -> Result<(), Error> {
    let step = Step {
        version: request.version,
        at: doing.now,
        word: word.to_owned(),
        actor: doing.name(),
        role_profile: told.role.as_ref().map(ToString::to_string).or(doing.caller.role_profile.clone()),
        notes: told.notes.clone(),
    };
    requests::insert_step(tx, &request.id, &step).await?;
    audit::record(tx, doing.now, &doing.recorded(), event).await?;
    Ok(())
}

/// Marks requests that nobody decided in time, each once.
pub(crate) async fn sweep(register: &Register, now: Millis) -> Result<u64, Error> {
    let swept = register.act_itself(now, move |tx, doing| {
        Box::pin(async move {
            let expired = requests::expire(tx, now, EXPIRED_AT_ONCE).await?;
            if expired.is_empty() {
                return Ok(0);
            }
            requests::insert_expired(tx, &expired, now).await?;
            for (id, _) in &expired {
                if let Some(request) =
                    requests::find(tx, id).await?.filter(|request| request.ask.has_numbers())
                {
                    requests::update(tx, &Request { ask: shown(request.ask.clone()), ..request }).await?;
                }
            }
            let requests = expired.iter().map(|(id, _)| id.to_string()).collect();
            let event = RequestEvent::RequestsExpired { requests };
            audit::record(tx, now, &doing.recorded(), &event).await?;
            Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
        })
    });
    swept.await
}
