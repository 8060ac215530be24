//! How long the next attempt has to wait, and how soon one is forgotten.

use platform::clock::Millis;

use super::settings::Throttle;
use crate::store::throttles::Tally;

/// What is counted after one more attempt. Of what was counted one is forgotten at a time, so that as many as count at most are gone after
/// the hours of the settings: on a network that many share there is no day without a mistake. A subject that slows nothing down has no
/// number that is free.
pub(super) fn counted(settings: &Throttle, free: Option<u32>, before: Tally, now: Millis) -> Tally {
    let most = most(settings, free.unwrap_or(settings.free));
    let step = i64::try_from(settings.forget().as_millis()).unwrap_or(i64::MAX);
    let step = (step / i64::from(most)).max(1);
    let gone = now.0.saturating_sub(before.since.0).max(0) / step;
    match before.failures.checked_sub(u32::try_from(gone).unwrap_or(u32::MAX)) {
        None | Some(0) => Tally { failures: 1, since: now },
        Some(left) => Tally {
            failures: left.saturating_add(1).min(most),
            since: Millis(before.since.0.saturating_add(gone.saturating_mul(step))),
        },
    }
}

/// How many attempts count at most: with so many the delay is the longest, and more of them would only be remembered longer.
fn most(settings: &Throttle, free: u32) -> u32 {
    let doublings = settings.longest_delay_seconds.div_ceil(settings.first_delay_seconds.max(1));
    let doublings = doublings.next_power_of_two().trailing_zeros();
    free.saturating_add(1).saturating_add(doublings)
}

/// When the next attempt is looked at after so many, the last of which is now.
pub(super) fn next_at(settings: &Throttle, free: Option<u32>, failures: u32, now: Millis) -> Millis {
    let Some(beyond) = free.and_then(|free| failures.checked_sub(free)).filter(|beyond| *beyond > 0) else {
        return now;
    };
    let doublings = (beyond - 1).min(31);
    let delay = u64::from(settings.first_delay_seconds) << doublings;
    let delay = delay.min(u64::from(settings.longest_delay_seconds));
    Millis(now.0.saturating_add(i64::try_from(delay.saturating_mul(1000)).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first mistakes cost nothing, then the delay doubles up to its limit.
    #[test]
    fn delay_grows_to_its_limit() {
        let settings = Throttle { first_delay_seconds: 2, longest_delay_seconds: 60, ..Throttle::default() };
        let delays: Vec<i64> =
            (1..=9).map(|failures| next_at(&settings, Some(3), failures, Millis(5)).0 - 5).collect();
        assert_eq!(delays, [0, 0, 0, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
        assert_eq!(next_at(&settings, Some(3), u32::MAX, Millis(0)), Millis(60_000));
        assert_eq!(next_at(&settings, None, u32::MAX, Millis(5)), Millis(5), "what slows nothing down");
        // As many count at most as make the longest delay.
        assert_eq!(most(&settings, 3), 9);
        for (first, longest, expected) in [(2, 64, 9), (60, 1, 4), (2, 65, 10)] {
            let settings = Throttle {
                first_delay_seconds: first,
                longest_delay_seconds: longest,
                ..Throttle::default()
            };
            assert_eq!(most(&settings, 3), expected, "{first} {longest}");
        }
    }

    /// One at a time is forgotten, evenly, whatever comes in between; after the hours of the settings all are.
    #[test]
    fn attempts_are_forgotten_one_by_one() {
        // Ten count at most, so that one is forgotten each hour.
        let settings = Throttle {
            forget_hours: 10,
            first_delay_seconds: 2,
            longest_delay_seconds: 64,
            ..Throttle::default()
        };
        let tally = |failures, since| Tally { failures, since: Millis(since) };
        let hour = 3_600_000;
        for (before, now, expected) in [
            (tally(0, 0), 5, tally(1, 5)),
            (tally(1, 5), hour, tally(2, 5)),
            (tally(2, 5), hour + 4, tally(3, 5)),
            (tally(3, 5), hour + 5, tally(3, hour + 5)),
            (tally(3, 5), 2 * hour + 7, tally(2, 2 * hour + 5)),
            (tally(3, 5), 3 * hour + 7, tally(1, 3 * hour + 7)),
            (tally(10, 5), 6, tally(10, 5)),
            (tally(10, 5), 10 * hour + 5, tally(1, 10 * hour + 5)),
            (tally(3, hour), 5, tally(4, hour)),
            (tally(u32::MAX, i64::MIN), i64::MAX, tally(1, i64::MAX)),
        ] {
            assert_eq!(counted(&settings, Some(4), before, Millis(now)), expected, "{before:?} {now}");
        }
    }
}
