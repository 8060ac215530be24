//! The life of a profile: open, closed, merged.
//!
//! Open profiles close and are merged; closed ones open again and are merged; what was merged stays so for good.

use platform::id::UserId;

use crate::api::{Closing, PersonState};
use crate::error::Error;

/// Where a profile is in its life, with what exists only there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// In use.
    Open,
    /// Its holder left.
    Closed(Closing),
    /// It was a second record of this one.
    Merged(UserId),
}

impl State {
    /// The word for it.
    pub(crate) fn word(&self) -> PersonState {
        match self {
            Self::Open => PersonState::Open,
            Self::Closed(_) => PersonState::Closed,
            Self::Merged(_) => PersonState::Merged,
        }
    }

    /// Goes on if the profile is in use; if not, says what can be done.
    pub(crate) fn demand_open(&self) -> Result<(), Error> {
        match self {
            Self::Open => Ok(()),
            Self::Closed(_) => Err(Error::conflict(
                "person-closed",
                "This profile is closed. Open it again before anything else is done to it.",
            )),
            Self::Merged(survivor) => Err(merged(survivor)),
        }
    }

    /// The holder leaves.
    pub(crate) fn close(self, closing: Closing) -> Result<Self, Error> {
        self.demand_open()?;
        Ok(Self::Closed(closing))
    }

    /// The holder is back.
    pub(crate) fn reopen(self) -> Result<Self, Error> {
        match self {
            Self::Closed(_) => Ok(Self::Open),
            Self::Open => Err(Error::conflict("person-open", "This profile is open already.")),
            Self::Merged(survivor) => Err(merged(&survivor)),
        }
    }

    /// It becomes part of another profile, which is open and another one: the caller has seen to that.
    pub(crate) fn merge_into(self, survivor: &UserId) -> Result<Self, Error> {
        match self {
            Self::Open | Self::Closed(_) => Ok(Self::Merged(survivor.clone())),
            Self::Merged(survivor) => Err(merged(&survivor)),
        }
    }
}

fn merged(survivor: &UserId) -> Error {
    Error::conflict(
        "person-merged",
        format!("This profile was a second record of {survivor}. Use that user id in its place."),
    )
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;
    use proptest::prelude::*;

    use super::*;
    use crate::api::CloseReason;

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Close(usize),
        Reopen(usize),
        Merge(usize, usize),
        Change(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        let one = 0..5usize;
        prop_oneof![
            one.clone().prop_map(Act::Close),
            one.clone().prop_map(Act::Reopen),
            (one.clone(), one.clone()).prop_map(|(a, b)| Act::Merge(a, b)),
            one.prop_map(Act::Change),
        ]
    }

    fn user(at: usize) -> UserId {
        UserId::from_number(u64::try_from(at).unwrap_or(0)).unwrap()
    }

    fn closing() -> Closing {
        Closing { at: Millis(1), reason: CloseReason::Left, notes: None }
    }

    proptest! {
        /// No sequence of acts leaves the diagram: merged is the end, only open profiles change and close, only closed
        /// ones open, and every merge ends at a profile that was not merged.
        #[test]
        fn profiles_stay_in_the_diagram(acts in proptest::collection::vec(act(), 0..60)) {
            let mut states = vec![State::Open; 5];
            for act in acts {
                let before = states.clone();
                let outcome = match act {
                    Act::Close(at) => before[at].clone().close(closing()).map(|state| states[at] = state),
                    Act::Reopen(at) => before[at].clone().reopen().map(|state| states[at] = state),
                    Act::Change(at) => before[at].demand_open(),
                    Act::Merge(into, from) if into != from => before[into]
                        .demand_open()
                        .and_then(|()| before[from].clone().merge_into(&user(into)))
                        .map(|state| {
                            // Those merged into the one that goes now follow it.
                            for other in &mut states {
                                if *other == State::Merged(user(from)) {
                                    *other = State::Merged(user(into));
                                }
                            }
                            states[from] = state;
                        }),
                    Act::Merge(..) => continue,
                };
                let words = |at: usize| (before[at].word(), states[at].word());
                match (act, outcome.is_ok()) {
                    (Act::Close(at), true) => prop_assert_eq!(words(at), (PersonState::Open, PersonState::Closed)),
                    (Act::Reopen(at), true) => prop_assert_eq!(words(at), (PersonState::Closed, PersonState::Open)),
                    (Act::Change(at), true) => prop_assert_eq!(words(at), (PersonState::Open, PersonState::Open)),
                    (Act::Merge(into, from), true) => {
                        prop_assert_eq!(words(into), (PersonState::Open, PersonState::Open));
                        prop_assert!(before[from].word() != PersonState::Merged);
                    }
                    (_, false) => prop_assert_eq!(&states, &before),
                }
                for (was, is) in before.iter().zip(&states) {
                    prop_assert!(was.word() != PersonState::Merged || is.word() == PersonState::Merged);
                    if let State::Merged(survivor) = is {
                        let at = (0..5).find(|at| user(*at) == *survivor).unwrap();
                        prop_assert!(states[at].word() != PersonState::Merged);
                    }
                }
            }
        }
    }
}
