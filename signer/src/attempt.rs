//! Wrong passphrases: how long the next attempt has to wait.

use platform::clock::Millis;

use crate::config::Attempts;

/// When the next attempt is allowed after so many wrong passphrases in a row.
pub(crate) fn next_attempt_at(config: &Attempts, failures: u32, now: Millis) -> Millis {
    if failures <= config.free {
        return now;
    }
    let doublings = (failures - config.free - 1).min(31);
    let delay = u64::from(config.first_delay_ms) << doublings;
    let delay = delay.min(u64::from(config.longest_delay_ms));
    Millis(now.0.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first mistakes cost nothing, then the delay doubles up to its limit.
    #[test]
    fn delay_grows_to_its_limit() {
        let config = Attempts { free: 3, first_delay_ms: 2_000, longest_delay_ms: 60_000 };
        let delays: Vec<i64> =
            (1..=10).map(|failures| next_attempt_at(&config, failures, Millis(5)).0 - 5).collect();
        assert_eq!(delays, [0, 0, 0, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(next_attempt_at(&config, u32::MAX, Millis(0)), Millis(60_000));
    }
}
