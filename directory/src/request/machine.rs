//! The states of a request, and the only ways between them.
//!
//! ```text
//! draft ──submit──▶ submitted ──open──▶ locked ──approve──▶ approved ──▶ applied
//!   │                 │  ▲                │ │                  │  ▲
//!   │                 │  └──exit, time────┘ └──reject──▶ rejected │retry
//!   └──withdraw──▶ withdrawn ◀──withdraw (not while another      ▼  │
//!                     │          holds it)                     failed
//!                     └──time──▶ expired
//! ```
//!
//! Who leaves ends what is open about them and by them: a draft is withdrawn, what waits or is held is rejected.
//!
//! A transition takes the state by value and gives the next one, or says why not and gives nothing.

use std::time::Duration;

use platform::clock::Millis;

use crate::day::moment;
use crate::error::Error;
use crate::ids::RequestId;

/// Where a request is, with what exists then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Being written; only its requester sees it.
    Draft,
    /// Waiting for somebody to decide it.
    Submitted(Submitted),
    /// Held by somebody who is deciding it.
    Locked(Submitted, Lock),
    /// Approved; what was asked is still to be done.
    Approved(Submitted, Decision),
    /// Rejected for good.
    Rejected(Submitted, Decision, String),
    /// Taken back by its requester.
    Withdrawn(Option<Submitted>),
    /// Decided by nobody in time.
    Expired(Submitted),
    /// Approved and done.
    Applied(Submitted, Decision),
    /// Approved, but it could not be done.
    Failed(Submitted, Decision, String),
}

/// When a request was submitted, and until when it can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Submitted {
    pub(crate) at: Millis,
    pub(crate) expires_at: Millis,
}

/// Who holds a request, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) by: String,
    pub(crate) until: Millis,
}

/// Who decided, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) by: String,
    pub(crate) at: Millis,
}

/// Evidence that a request was approved: made only by approving one.
#[derive(Debug)]
pub(crate) struct Approved {
    request: RequestId,
}

impl Approved {
    /// Which one.
    pub(crate) fn request(&self) -> &RequestId {
        &self.request
    }
}

impl State {
    /// Somebody did it of their own right: there was nothing to decide.
    pub(crate) fn done_oneself(by: String, now: Millis) -> Self {
        Self::Applied(Submitted { at: now, expires_at: now }, Decision { by, at: now })
    }

    /// What it is at this time: locks and waiting end by themselves.
    pub(crate) fn at(self, now: Millis) -> Self {
        match self {
            Self::Submitted(submitted) | Self::Locked(submitted, _) if submitted.expires_at <= now => {
                Self::Expired(submitted)
            }
            Self::Locked(submitted, lock) if lock.until <= now => Self::Submitted(submitted),
            other => other,
        }
    }

    /// A draft is handed in.
    pub(crate) fn submit(self, now: Millis, days: u32) -> Result<Self, Error> {
        match self {
            Self::Draft => {
                let waits = Duration::from_secs(u64::from(days) * 86_400);
                Ok(Self::Submitted(Submitted { at: now, expires_at: now.plus(waits) }))
            }
            other => Err(other.not("submitted")),
        }
    }

    /// Somebody begins to decide: nobody else does for some minutes. Whoever holds it already holds it anew.
    pub(crate) fn open(self, by: &str, now: Millis, minutes: u32) -> Result<Self, Error> {
        let until = now.plus(Duration::from_secs(u64::from(minutes) * 60));
        let lock = Lock { by: by.to_owned(), until };
        match self.at(now) {
            Self::Submitted(submitted) => Ok(Self::Locked(submitted, lock)),
            Self::Locked(submitted, held) if held.by == by => Ok(Self::Locked(submitted, lock)),
            other => Err(other.not("opened")),
        }
    }

    /// Whoever holds it lets it go.
    pub(crate) fn exit(self, by: &str, now: Millis) -> Result<Self, Error> {
        match self.at(now) {
            Self::Locked(submitted, held) if held.by == by => Ok(Self::Submitted(submitted)),
            other => Err(other.not("let go")),
        }
    }

    /// Whoever holds it approves it.
    pub(crate) fn approve(self, id: &RequestId, by: &str, now: Millis) -> Result<(Self, Approved), Error> {
        let (submitted, decision) = self.decide(by, now)?;
        Ok((Self::Approved(submitted, decision), Approved { request: id.clone() }))
    }

    /// Whoever holds it rejects it.
    pub(crate) fn reject(self, by: &str, now: Millis, reason: String) -> Result<Self, Error> {
        let (submitted, decision) = self.decide(by, now)?;
        Ok(Self::Rejected(submitted, decision, reason))
    }

    fn decide(self, by: &str, now: Millis) -> Result<(Submitted, Decision), Error> {
        match self.at(now) {
            Self::Locked(submitted, held) if held.by == by => {
                Ok((submitted, Decision { by: by.to_owned(), at: now }))
            }
            Self::Submitted(_) => {
                let sentence = "Open the request first, so that nobody else decides it at the same time.";
                Err(Error::conflict("request-not-opened", sentence))
            }
            other => Err(other.not("decided")),
        }
    }

    /// Whom it is about, or who asked, is there no longer: nobody decides it, whoever holds it.
    pub(crate) fn end(self, by: &str, now: Millis, why: String) -> Result<Self, Error> {
        match self.at(now) {
            Self::Draft => Ok(Self::Withdrawn(None)),
            Self::Submitted(submitted) | Self::Locked(submitted, _) => {
                Ok(Self::Rejected(submitted, Decision { by: by.to_owned(), at: now }, why))
            }
            other => Err(other.not("ended")),
        }
    }

    /// Its requester takes it back, unless somebody is deciding it.
    pub(crate) fn withdraw(self, now: Millis) -> Result<Self, Error> {
        match self.at(now) {
            Self::Draft => Ok(Self::Withdrawn(None)),
            Self::Submitted(submitted) => Ok(Self::Withdrawn(Some(submitted))),
            other => Err(other.not("withdrawn")),
        }
    }

    /// What was approved is done.
    pub(crate) fn applied(self) -> Result<Self, Error> {
        match self {
            Self::Approved(submitted, decision) => Ok(Self::Applied(submitted, decision)),
            other => Err(other.not("applied")),
        }
    }

    /// What was approved could not be done.
    pub(crate) fn failed(self, why: String) -> Result<Self, Error> {
        match self {
            Self::Approved(submitted, decision) => Ok(Self::Failed(submitted, decision, why)),
            other => Err(other.not("marked as failed")),
        }
    }

    /// What could not be done, or was never tried, is tried again. The approval stands.
    pub(crate) fn retry(self, id: &RequestId) -> Result<(Self, Approved), Error> {
        match self {
            Self::Failed(submitted, decision, _) | Self::Approved(submitted, decision) => {
                Ok((Self::Approved(submitted, decision), Approved { request: id.clone() }))
            }
            other => Err(other.not("tried again")),
        }
    }

    /// Whether nothing comes after it.
    pub(crate) fn is_an_end(&self) -> bool {
        matches!(self, Self::Rejected(..) | Self::Withdrawn(_) | Self::Expired(_) | Self::Applied(..))
    }

    /// The word on the wire and in the table.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted(_) => "submitted",
            Self::Locked(..) => "locked",
            Self::Approved(..) => "approved",
            Self::Rejected(..) => "rejected",
            Self::Withdrawn(_) => "withdrawn",
            Self::Expired(_) => "expired",
            Self::Applied(..) => "applied",
            Self::Failed(..) => "failed",
        }
    }

    /// Why something cannot be done to it now.
    fn not(&self, done: &str) -> Error {
        if let Self::Locked(_, lock) = self {
            let until = moment(lock.until);
            let sentence = format!(
                "{} holds this request until {until}. Wait until then, or ask them to let it go.",
                lock.by
            );
            return Error::conflict("request-locked", sentence);
        }
        let sentence = format!("This request is {}; it cannot be {done} any more or yet.", self.word());
        Error::conflict("request-state", sentence)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTES: u32 = 15;
    const DAYS: u32 = 2;

    /// Something that is done to a request.
    #[derive(Debug, Clone)]
    enum Call {
        Submit,
        Open(&'static str),
        Exit(&'static str),
        Approve(&'static str),
        Reject(&'static str),
        Withdraw,
        Applied,
        Failed,
        Retry,
        End,
        Wait(u64),
    }

    fn call() -> impl Strategy<Value = Call> {
        let who = || prop_oneof![Just("555021942107"), Just("555021942115")];
        prop_oneof![
            2 => Just(Call::Submit),
            4 => who().prop_map(Call::Open),
            1 => who().prop_map(Call::Exit),
            3 => who().prop_map(Call::Approve),
            1 => who().prop_map(Call::Reject),
            1 => Just(Call::Withdraw),
            1 => Just(Call::Applied),
            1 => Just(Call::Failed),
            1 => Just(Call::Retry),
            1 => Just(Call::End),
            1 => (0u64..3000).prop_map(Call::Wait),
        ]
    }

    fn step(state: State, call: &Call, id: &RequestId, now: Millis) -> Result<State, Error> {
        match call {
            Call::Submit => state.submit(now, DAYS),
            Call::Open(by) => state.open(by, now, MINUTES),
            Call::Exit(by) => state.exit(by, now),
            Call::Approve(by) => state.approve(id, by, now).map(|(state, _)| state),
            Call::Reject(by) => state.reject(by, now, "no".to_owned()),
            Call::Withdraw => state.withdraw(now),
            Call::Applied => state.applied(),
            Call::Failed => state.failed("no".to_owned()),
            Call::Retry => state.retry(id).map(|(state, _)| state),
            Call::End => state.end("555021942123", now, "left".to_owned()),
            Call::Wait(_) => Ok(state),
        }
    }

    /// The diagram, written once more: from where to where something that is done may lead.
    const DIAGRAM: [(&str, &str); 14] = [
        ("draft", "submitted"),
        ("draft", "withdrawn"),
        ("submitted", "locked"),
        ("submitted", "withdrawn"),
        ("submitted", "expired"),
        ("submitted", "rejected"),
        ("locked", "locked"),
        ("locked", "submitted"),
        ("locked", "approved"),
        ("locked", "rejected"),
        ("locked", "expired"),
        ("approved", "applied"),
        ("approved", "failed"),
        ("failed", "approved"),
    ];

    proptest! {
        /// No sequence of calls leads outside the diagram, past the lock of somebody else, or out of an end.
        #[test]
        fn no_sequence_leaves_the_diagram(calls in proptest::collection::vec(call(), 1..40)) {
            let id = RequestId::new(Millis(0));
            let (mut state, mut now) = (State::Draft, Millis(1_795_540_800_000));
            for call in calls {
                if let Call::Wait(minutes) = call {
                    now = now.plus(Duration::from_secs(minutes * 60));
                }
                let before = state.clone();
                let seen = before.clone().at(now);
                let Ok(after) = step(before.clone(), &call, &id, now) else { continue };
                if after == before {
                    continue;
                }
                let way = (seen.word(), after.word());
                prop_assert!(DIAGRAM.contains(&way), "{way:?} by {call:?}");
                // A lock that holds lets only its holder through.
                if let (State::Locked(_, lock), Call::Open(by) | Call::Exit(by) | Call::Approve(by) | Call::Reject(by)) = (&seen, &call) {
                    prop_assert_eq!(lock.by.as_str(), *by);
                }
                if let (State::Locked(..), Call::Withdraw) = (&seen, &call) {
                    prop_assert!(false, "withdrawn while somebody decides");
                }
                // Nothing is rejected without having been opened, but where somebody has left.
                if matches!((&seen, &after), (State::Submitted(_), State::Rejected(..))) {
                    prop_assert!(matches!(call, Call::End));
                }
                // Nothing is approved without having been opened, and nothing leaves an end.
                if matches!(after, State::Approved(..)) {
                    prop_assert!(matches!(seen, State::Locked(..) | State::Failed(..)));
                }
                prop_assert!(!matches!(seen, State::Rejected(..) | State::Withdrawn(_) | State::Expired(_) | State::Applied(..)));
                state = after;
            }
        }
    }

    /// The second to open a request is told who holds it until when; after that time it is free.
    #[test]
    fn second_is_told_who_holds_it() {
        let now = Millis(1_795_540_800_000);
        let held = State::Draft.submit(now, DAYS).unwrap().open("555021942107", now, MINUTES).unwrap();
        let refused = held.clone().open("555021942115", now, MINUTES).unwrap_err();
        insta::assert_snapshot!(refused.to_string(), @"555021942107 holds this request until 2026-11-24T17:35:00Z. Wait until then, or ask them to let it go.");
        let later = now.plus(Duration::from_mins(15));
        assert!(held.open("555021942115", later, MINUTES).is_ok());
    }
}
