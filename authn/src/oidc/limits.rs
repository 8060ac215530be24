//! How many authorisation requests may wait. Anybody can send one, and each is a row until it is answered or over.

use std::net::IpAddr;

use platform::clock::Millis;
use platform::id::ClientId;
use serde::Deserialize;

use super::refusal::{Code, Refusal};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::crowd::{self, Most};
use crate::throttle;

/// The `[authn.limits]` section of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many requests of one network may wait for somebody to sign in.
    pub waiting_per_network: u32,
    /// How many for one relying party.
    pub waiting_per_client: u32,
    /// How many in all.
    pub waiting: u32,
    /// How many requests that one relying party has pushed may wait for its browsers.
    pub pushed_per_client: u32,
    /// How many in all.
    pub pushed: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting_per_network: 1_000,
            waiting_per_client: 20_000,
            waiting: 100_000,
            pushed_per_client: 5_000,
            pushed: 50_000,
        }
    }
}

impl Limits {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let all = [
            self.waiting_per_network,
            self.waiting_per_client,
            self.waiting,
            self.pushed_per_client,
            self.pushed,
        ];
        if all.iter().all(|value| (1..=1_000_000).contains(value)) {
            return Ok(());
        }
        Err(Error::Setting { sentence: "each of authn.limits is between 1 and 1000000" })
    }
}

/// The network whose requests are counted together.
pub(crate) fn network(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "nowhere".to_owned(), throttle::site)
}

/// Refuses a request that would be one too many to wait. Of those that come at the same moment a few more may pass.
pub(crate) async fn waits(
    provider: &Provider,
    client: &ClientId,
    network: &str,
    now: Millis,
) -> Result<(), Refusal> {
    let limits = &provider.config.limits;
    let most =
        Most { network: limits.waiting_per_network, client: limits.waiting_per_client, all: limits.waiting };
    let crowd = crowd::waiting(provider.db.read(), (network, client.as_str()), &most, now).await?;
    let (limit, sentence) = if crowd.network >= most.network {
        (
            "network",
            "Too many people on your network are signing in and have not finished. Try again in a few minutes.",
        )
    } else if crowd.client >= most.client {
        (
            "client",
            "Too many people are signing in to this application and have not finished. Try again in a few minutes.",
        )
    } else if crowd.all >= most.all {
        ("all", "Too many people are signing in and have not finished. Try again in a few minutes.")
    } else {
        return Ok(());
    };
    Err(full(limit, sentence))
}

/// The same for a request that a relying party pushes.
pub(crate) async fn is_pushed(provider: &Provider, client: &ClientId, now: Millis) -> Result<(), Refusal> {
    let limits = &provider.config.limits;
    let most = Most { network: 0, client: limits.pushed_per_client, all: limits.pushed };
    let crowd = crowd::pushed(provider.db.read(), client.as_str(), &most, now).await?;
    if crowd.client >= most.client {
        let sentence = "Too many requests of this client were pushed and not used. Try again in a minute.";
        return Err(full("pushed-client", sentence));
    }
    if crowd.all >= most.all {
        let sentence = "Too many requests were pushed and not used. Try again in a minute.";
        return Err(full("pushed", sentence));
    }
    Ok(())
}

fn full(limit: &'static str, sentence: &str) -> Refusal {
    metrics::counter!("authn_requests_refused_total", "limit" => limit).increment(1);
    Refusal::new(Code::TemporarilyUnavailable, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits are none that let nobody in, and none that let everybody in.
    #[test]
    fn limits_make_sense() {
        assert!(Limits::default().check().is_ok());
        for pushed in [0, 1_000_001] {
            assert!(Limits { pushed, ..Limits::default() }.check().is_err(), "{pushed}");
        }
    }
}
