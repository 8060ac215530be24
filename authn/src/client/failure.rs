//! Which check a relying party failed at, and what of it is told outside.

use std::net::IpAddr;

use platform::clock::Millis;
use platform::id::ClientId;

use crate::error::Error;
use crate::oidc::limits;
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::store::clients;

platform::text_id!(
    /// The name of one refusal, in the answer, in the log and in the list for the owner.
    CorrelationId
);

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A stable word for it.
    pub(crate) failed: &'static str,
    /// What happened and what to do, for the owner.
    pub(crate) sentence: String,
    /// Whether the answer may say so.
    pub(crate) told: Told,
}

/// What the answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The sentence: it is about nothing but what the caller sent.
    Sentence,
    /// That it failed, in the same words whether the client, its secret or its key is not known.
    Alike,
}

/// What is said where nothing may be.
const ALIKE: &str = "Client authentication failed: the client is not known, or its secret, certificate or key is not the \
                     registered one. The client's owner finds the reason in the list of failures.";

impl Failure {
    /// One that betrays nothing.
    pub(crate) fn told(failed: &'static str, sentence: impl Into<String>) -> Self {
        Self { failed, sentence: sentence.into(), told: Told::Sentence }
    }

    /// One that would.
    pub(crate) fn alike(failed: &'static str, sentence: impl Into<String>) -> Self {
        Self { failed, sentence: sentence.into(), told: Told::Alike }
    }
}

/// From where a request came, and when.
pub(crate) type Came = (Option<IpAddr>, Millis);

/// Writes a failure into the list of the client's owner, if there is such a client, and gives the refusal.
pub(crate) async fn refuse(
    provider: &Provider,
    client: Option<&ClientId>,
    failure: Failure,
    came: Came,
) -> Refusal {
    let told = match failure.told {
        Told::Sentence => failure.sentence.clone(),
        Told::Alike => ALIKE.to_owned(),
    };
    let id = note(provider, client, failure, came).await;
    Refusal::new(Code::InvalidClient, told).correlated(id.as_str())
}

/// Writes a failure into the list of the client's owner, if there is such a client, and gives its name.
pub(crate) async fn note(
    provider: &Provider,
    client: Option<&ClientId>,
    failure: Failure,
    (address, now): Came,
) -> CorrelationId {
    let id = CorrelationId::new(now);
    let (failed, who) = (failure.failed, client.map_or("of no known client", ClientId::as_str));
    tracing::info!(correlation = %id, client = %who, failed, "a request {who} was refused at {failed}");
    metrics::counter!("authn_client_refusals_total", "failed" => failed).increment(1);
    let Some(client) = client.cloned() else { return id };
    let (row, sentence, network) = (id.clone(), failure.sentence, limits::network(address));
    let written: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                clients::insert_refusal(tx, &row, &client, (failed, &sentence), &network, now).await
            })
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(%error, "a refusal was not written into the list of its client: {error}");
    }
    id
}
