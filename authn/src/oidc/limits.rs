//! How many authorisation requests may wait, and how many challenges of CIS1. Anybody can send one, and each is a row until it is answered or
//! over.

use std::net::IpAddr;

use platform::clock::Millis;
use platform::id::ClientId;
use serde::Deserialize;

use super::crowds::Joins;
use super::refusal::{Code, Refusal};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::crowd::{self, Crowd};
use crate::throttle;

/// Which part of a crowd goes at once where it is full: a hundredth.
const SHARE: u32 = 100;

/// The `[authn.limits]` section of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many requests of one network may wait for somebody to sign in, and how many of its challenges of CIS1 for a card.
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

/// Finds room for a request that is to wait. Beyond so many of its network it is refused; where there are too many of its client or in all,
/// the network that has most makes room: whoever sends many loses them, and shuts nobody out. Of those that come at the same moment a few more
/// may pass.
pub(crate) async fn waits(
    provider: &Provider,
    client: &ClientId,
    network: &str,
    now: Millis,
) -> Result<(), Refusal> {
    let limits = &provider.config.limits;
    let (crowd, most) = (Crowd::Network(network.to_owned()), limits.waiting_per_network);
    if crowd::count(provider.db.read(), &crowd, most, now).await? >= most {
        let sentence = "Too many people on your network are signing in and have not finished. Try again in a few minutes.";
        return Err(full("network", sentence));
    }
    for (crowd, most, limit) in [
        (Crowd::Client(client.clone()), limits.waiting_per_client, "client"),
        (Crowd::Everybody, limits.waiting, "all"),
    ] {
        if provider.crowds.joins(&crowd, most, now) == Joins::Unknown {
            look(provider, (&crowd, most, limit), now).await?;
        }
    }
    Ok(())
}

/// Counts a crowd that one more comes to, and makes room in it where it is full.
async fn look(
    provider: &Provider,
    (crowd, most, limit): (&Crowd, u32, &'static str),
    now: Millis,
) -> Result<(), Error> {
    // What came at the same moment goes too.
    let mut rows = crowd::count(provider.db.read(), crowd, most.saturating_mul(2), now).await?;
    if rows >= most {
        let client = match crowd {
            Crowd::Client(client) => Some(client.clone()),
            _ => None,
        };
        // So many at once that whoever goes on sending has the rows counted once for many of theirs.
        let many = (rows - most).saturating_add((most / SHARE).max(1));
        let gone = provider
            .db
            .write(move |tx| Box::pin(async move { crowd::make_room(tx, client.as_ref(), many, now).await }))
            .await?;
        metrics::counter!("authn_requests_dropped_total", "limit" => limit).increment(u64::from(gone));
        rows = rows.saturating_sub(gone);
    }
    provider.crowds.knows(crowd, rows.saturating_add(1), now);
    Ok(())
}

/// Refuses a request that a relying party pushes and that would be one too many. What it pushes is its own: nobody else makes room.
pub(crate) async fn is_pushed(provider: &Provider, client: &ClientId, now: Millis) -> Result<(), Refusal> {
    let limits = &provider.config.limits;
    for (crowd, most, limit, sentence) in [
        (
            Crowd::PushedBy(client.clone()),
            limits.pushed_per_client,
            "pushed-client",
            "Too many requests of this client were pushed and not used. Try again in a minute.",
        ),
        (
            Crowd::Pushed,
            limits.pushed,
            "pushed",
            "Too many requests were pushed and not used. Try again in a minute.",
        ),
    ] {
        match provider.crowds.joins(&crowd, most, now) {
            Joins::Room => {}
            Joins::Full => return Err(full(limit, sentence)),
            Joins::Unknown => {
                let rows = crowd::count(provider.db.read(), &crowd, most, now).await?;
                provider.crowds.knows(&crowd, rows.saturating_add(1), now);
                if rows >= most {
                    return Err(full(limit, sentence));
                }
            }
        }
    }
    Ok(())
}

/// Whether there is room for one more challenge of CIS1 beside those that its network has asked for and that no card has answered. Of those that
/// come at the same moment a few more may pass.
pub(crate) async fn is_challenged(provider: &Provider, network: &str, now: Millis) -> Result<bool, Error> {
    let (crowd, most) = (Crowd::Challenges(network.to_owned()), provider.config.limits.waiting_per_network);
    let room = crowd::count(provider.db.read(), &crowd, most, now).await? < most;
    if !room {
        metrics::counter!("authn_requests_refused_total", "limit" => "challenges").increment(1);
    }
    Ok(room)
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
