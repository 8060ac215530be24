//! A browser that comes to sign in.

use std::net::IpAddr;

use audit::Actor;
use http::{HeaderMap, header};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use crate::authenticator::Bound;
use crate::error::Error;
use crate::interaction::{Acceptable, Interaction, InteractionId, Method};
use crate::secret::Secret;
use crate::session::{KNOWN, Opening, SESSION, SessionEvent, presented};
use crate::throttle;

/// The longest name of a browser that is kept.
const AGENT: usize = 200;

/// A browser that comes to sign in for a waiting request.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// The request it signs in for.
    pub interaction: InteractionId,
    /// What satisfies that.
    pub acceptable: Acceptable,
    /// The hash of the secret of the session it held before.
    pub before: Option<Vec<u8>>,
    /// The hash of what tells it from browsers in which nobody has signed in with a password.
    pub known: Option<Vec<u8>>,
    /// From where it comes.
    pub address: Option<IpAddr>,
    /// What it calls itself.
    pub agent: Option<String>,
}

impl Visit {
    /// Reads a request of the browser.
    pub(crate) fn new(interaction: &Interaction, headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        Self {
            interaction: interaction.id.clone(),
            acceptable: interaction.wanted.acceptable.clone(),
            before: presented(headers, SESSION).and_then(Secret::parse).map(|secret| secret.hash()),
            known: presented(headers, KNOWN).and_then(Secret::parse).map(|secret| secret.hash()),
            address: address.map(|address| address.to_canonical()),
            agent: agent.map(|agent| agent.chars().take(AGENT).collect()),
        }
    }

    /// The session that is to be opened for a person who proved who they are.
    pub(crate) fn opening(&self, person: UserId, method: Method, bound: Bound) -> Opening {
        Opening {
            person,
            method,
            bound,
            before: self.before.clone(),
            address: self.address,
            agent: self.agent.clone(),
        }
    }

    /// Records that an attempt was refused: whose it was and with what, where that is known. Where neither is, so many of a network.
    pub(crate) async fn refused(
        &self,
        tx: &mut Tx,
        (person, bound): (Option<&UserId>, Option<&Bound>),
        method: Method,
        reason: &'static str,
        now: Millis,
    ) -> Result<(), Error> {
        let event = SessionEvent::SignInRefused {
            user: person.map(ToString::to_string),
            method: method.to_string(),
            reason: reason.to_owned(),
            authenticator: bound.map(ToString::to_string),
            address: self.address.map(|address| address.to_string()),
        };
        metrics::counter!("authn_sign_ins_refused_total", "method" => method.word()).increment(1);
        if person.is_some() || bound.is_some() || throttle::is_recorded(tx, self.address, now).await? {
            audit::record(tx, now, &Actor::system("authn"), &event).await?;
        }
        Ok(())
    }
}
