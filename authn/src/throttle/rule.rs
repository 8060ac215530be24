//! How long the next attempt has to wait.

use platform::clock::Millis;

use super::settings::Throttle;

/// When the next attempt is looked at after so many in a row, the last of which is now.
pub(super) fn next_at(settings: &Throttle, free: u32, failures: u32, now: Millis) -> Millis {
    if failures <= free {
        return now;
    }
    let doublings = (failures - free - 1).min(31);
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
            (1..=9).map(|failures| next_at(&settings, 3, failures, Millis(5)).0 - 5).collect();
        assert_eq!(delays, [0, 0, 0, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
        assert_eq!(next_at(&settings, 3, u32::MAX, Millis(0)), Millis(60_000));
    }
}
