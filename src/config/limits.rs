//! How much callers may ask of the server.

use std::num::NonZeroU32;

use platform::web::{Limits, Rate, Streams};
use serde::Deserialize;

/// The `[limits]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// How large the body of a request may be.
    pub body_bytes: usize,
    /// How large the body of a request may be that is worked on as it comes, such as a release of organisations.
    pub streamed_body_bytes: usize,
    /// How long a body may take to arrive; one that is worked on as it comes, how long it may pause.
    pub body_time_out_ms: u64,
    /// How long a request may take in all.
    pub request_time_out_ms: u64,
    /// How many requests each port works on at the same time.
    pub in_flight: usize,
    /// How many bodies one address may be sending at the same time, on each port.
    pub bodies_per_address: usize,
    /// How many requests one client, or one person, of the systems port may make.
    pub per_client: Rate,
    /// How many requests one address may make on the ports that anybody can use, and on the systems port without a
    /// certificate that is known to be good.
    pub per_address: Rate,
    /// How many lists, certificates of authorities and OCSP answers one address may ask for on the plain port. Many readers stand
    /// behind one address, and what they are given is mostly kept.
    pub per_address_plain: Rate,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024 * 1024,
            streamed_body_bytes: 4 * 1024 * 1024 * 1024,
            body_time_out_ms: 15_000,
            request_time_out_ms: 30_000,
            in_flight: 1024,
            bodies_per_address: 256,
            per_client: rate(2_000, 4_000),
            per_address: rate(200, 400),
            per_address_plain: rate(20_000, 40_000),
        }
    }
}

impl LimitsConfig {
    /// The limits of a port whose callers are known and counted by their name.
    pub fn known_callers(&self) -> Limits {
        Limits {
            body_bytes: self.body_bytes,
            body_time_out_ms: self.body_time_out_ms,
            request_time_out_ms: self.request_time_out_ms,
            in_flight: self.in_flight,
            bodies_per_address: self.bodies_per_address,
            per_client: None,
            streams: Streams { routes: &directory::api::STREAMED, bytes: self.streamed_body_bytes },
        }
    }

    /// The limits of the plain port.
    pub fn plain(&self) -> Limits {
        Limits { per_client: Some(self.per_address_plain), ..self.anybody() }
    }

    /// The limits of a port that anybody can use.
    pub fn anybody(&self) -> Limits {
        Limits { per_client: Some(self.per_address), streams: Streams::default(), ..self.known_callers() }
    }
}

fn rate(per_second: u32, burst: u32) -> Rate {
    let count = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Rate { per_second: count(per_second), burst: count(burst) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists and answers have a limit of their own, and only that differs from other ports that anybody can use.
    #[test]
    fn the_plain_port_has_its_own_limit() {
        let config: LimitsConfig = toml::from_str(
            "per_address = { per_second = 3, burst = 4 }\nper_address_plain = { per_second = 5, burst = 6 }",
        )
        .unwrap();
        let rate = |limits: Limits| limits.per_client.map(|rate| (rate.per_second.get(), rate.burst.get()));
        assert_eq!((rate(config.anybody()), rate(config.plain())), (Some((3, 4)), Some((5, 6))));
        assert_eq!(rate(config.known_callers()), None);
    }
}
