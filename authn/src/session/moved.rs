//! A session that comes from elsewhere than where it was opened: another network, or another browser. Its cookie may have been stolen.
//!
//! People move, and browsers are brought up to date, so that nothing ends by it: it is in the record, once for each place, and on the page
//! where its holder looks after their sessions.

use std::net::IpAddr;

use http::{HeaderMap, header};
use platform::clock::Millis;

use super::Session;
use super::events::{SessionEvent, holder};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::places::{self, MOST};
use crate::throttle::network;

/// The longest name of a browser that is kept.
const AGENT: usize = 200;

/// A request of a browser that shows its session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'r> {
    /// What it sends along.
    pub headers: &'r HeaderMap,
    /// From where it comes, where that is known.
    pub address: Option<IpAddr>,
}

/// From where a session is used, and with which browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The address of the connection.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

impl Place {
    /// Where a request comes from; none where that cannot be told, as with the requests of programs.
    fn of(seen: Seen<'_>) -> Option<Self> {
        let agent = seen.headers.get(header::USER_AGENT)?.to_str().ok()?;
        let address = seen.address?.to_canonical().to_string();
        Some(Self { address: Some(address), agent: Some(agent.chars().take(AGENT).collect()) })
    }

    /// Whether it is the same browser on the same network.
    fn is(&self, other: &Self) -> bool {
        let of = |place: &Self| {
            let address: Option<IpAddr> = place.address.as_deref().and_then(|text| text.parse().ok());
            (address.map(network), place.agent.clone())
        };
        of(self) == of(other)
    }
}

/// Notes where a session is used, if nobody has seen it there.
pub(super) async fn note(
    provider: &Provider,
    session: &Session,
    seen: Seen<'_>,
    now: Millis,
) -> Result<(), Error> {
    let Some(here) = Place::of(seen) else { return Ok(()) };
    let known = places::of_session(provider.db.read(), &session.id).await?;
    if known.len() > MOST || known.iter().any(|place| place.is(&here)) {
        return Ok(());
    }
    let (id, sid, person) = (session.id.clone(), session.sid.clone(), session.person.clone());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !places::insert(tx, &id, &here, now).await? {
                    return Ok(());
                }
                let event = SessionEvent::SessionMoved {
                    session: id.to_string(),
                    sid,
                    user: person.to_string(),
                    address: here.address,
                    agent: here.agent,
                };
                audit::record(tx, now, &holder(&person, Some(&id)), &event).await?;
                metrics::counter!("authn_sessions_moved_total").increment(1);
                Ok(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same browser on the same network is the same place, by whichever address of an IPv6 network it comes; another one of
    /// either is not.
    #[test]
    fn places_are_told_apart() {
        let place = |address: &str, agent: &str| Place {
            address: Some(address.to_owned()),
            agent: Some(agent.to_owned()),
        };
        let desk = place("2001:db8::1", "Firefox");
        assert!(desk.is(&place("2001:db8::ffff", "Firefox")));
        assert!(!desk.is(&place("2001:db8:0:1::1", "Firefox")));
        assert!(!desk.is(&place("2001:db8::1", "Chrome")));
        assert!(!place("192.0.2.7", "Firefox").is(&place("192.0.2.8", "Firefox")));
    }
}
