//! When the next lists of a scope are due.

use platform::clock::Millis;

use crate::profile::{CrlTimes, Length};
use crate::store::scopes::Scope;

/// Which lists are to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) complete: bool,
    pub(crate) delta: bool,
}

impl Due {
    /// The first list is due at once, the next when something changed or its time has come. A delta list follows each
    /// complete one, and is made again in its own time.
    pub(crate) fn of(scope: &Scope, times: CrlTimes, delta_every: Option<Length>, now: Millis) -> Due {
        let complete = scope.complete.is_none_or(|complete| {
            complete.changes != scope.changes || now >= times.every.after(complete.at)
        });
        let delta = delta_every.is_some_and(|every| {
            let behind = scope.delta_number < scope.complete.map(|complete| complete.number);
            complete || behind || scope.delta_at.is_none_or(|at| now >= every.after(at))
        });
        Due { complete, delta }
    }

    pub(crate) fn any(self) -> bool {
        self.complete || self.delta
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scopes::Mark;

    const TIMES: CrlTimes = CrlTimes { hold: Length::hours(24), every: Length::hours(6) };
    const HOUR: Option<Length> = Some(Length::hours(1));

    fn scope(delta: Option<(i64, i64)>) -> Scope {
        Scope {
            issuer: "card".to_owned(),
            shard: 1,
            url: None,
            crl_number: 9,
            changes: 7,
            complete: Some(Mark { number: 9, at: Millis(0), changes: 7 }),
            delta_number: delta.map(|(number, _)| number),
            delta_at: delta.map(|(_, at)| Millis(at)),
            base: Some((3, 2)),
        }
    }

    /// A list is due when there is none, when something changed, and when its time has come, not before.
    #[test]
    fn complete_lists_are_due_by_time_or_change() {
        let complete = |scope: &Scope, now| Due::of(scope, TIMES, None, Millis(now)).complete;
        assert!(complete(&Scope { complete: None, ..scope(None) }, 0));
        assert!(!complete(&scope(None), 6 * 3_600_000 - 1));
        assert!(complete(&scope(None), 6 * 3_600_000));
        assert!(complete(&Scope { changes: 8, ..scope(None) }, 1));
        assert!(
            !Due::of(&Scope { changes: 8, ..scope(None) }, TIMES, None, Millis(1)).delta,
            "none are wished"
        );
    }

    /// A delta list is made with each complete one, in its own time, and when it was left behind.
    #[test]
    fn delta_lists_follow() {
        let due = |scope: &Scope, now| Due::of(scope, TIMES, HOUR, Millis(now));
        let both = Due { complete: true, delta: true };
        let alone = Due { complete: false, delta: true };
        assert_eq!(due(&Scope { changes: 8, ..scope(Some((9, 0))) }, 1), both);
        assert!(!due(&scope(Some((9, 0))), 3_599_999).any());
        assert_eq!(due(&scope(Some((9, 0))), 3_600_000), alone);
        assert_eq!(due(&scope(Some((8, 0))), 1), alone, "the process stopped between the two");
        assert_eq!(due(&scope(None), 1), alone, "they are wished from now on");
    }
}
