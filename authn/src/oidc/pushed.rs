//! Authorisation requests that were pushed: RFC 9126.

use std::time::Duration;

use platform::clock::Millis;
use serde::Serialize;

use super::face::Face;
use super::limits;
use super::parameters::Parameters;
use super::possession::{self, Held};
use super::refusal::{Code, Refusal};
use super::request;
use crate::client::{Authenticated, Client};
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::interactions;

/// How long a pushed request can be used.
const LIFE: Duration = Duration::from_secs(90);
/// The longest that is kept, beside what names documents to be signed, which has a bound of its own.
const LARGEST: usize = 16 * 1024;
/// How our references begin. RFC 9126 2.2.
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// What is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Pushed {
    request_uri: String,
    expires_in: u64,
}

/// Stores a request that its client proved to be its own. It is read at once, so that a wrong one is refused here.
pub(crate) async fn push(
    provider: &Provider,
    proof: &Authenticated,
    parameters: &Parameters,
    held: &Held,
    face: Face,
    now: Millis,
) -> Result<Pushed, Refusal> {
    let client = proof.client();
    if parameters.get("request_uri").is_some() {
        return Err(Refusal::new(Code::InvalidRequest, "A pushed request has no request_uri."));
    }
    if parameters.get("client_id").is_some_and(|given| given != client.id.as_str()) {
        return Err(Refusal::new(Code::InvalidRequest, "client_id is another client."));
    }
    // RFC 9449 10.1: a proof says by which key the code will be exchanged.
    let mut parameters = parameters.of_requests();
    if let Some(key) = possession::thumbprint(provider, client, held, now).await? {
        if parameters.get("dpop_jkt").is_some_and(|named| named != key) {
            return Err(Refusal::new(Code::InvalidDpopProof, "dpop_jkt is not the key of the proof."));
        }
        parameters = parameters.with("dpop_jkt", key);
    }
    let back = request::back(&parameters, client, face)?;
    let (read, _) = request::read(&parameters, client, back, &provider.keys, now)?;
    let parameters = parameters.keeping(read.hinted);
    if parameters.octets() > LARGEST {
        return Err(Refusal::new(
            Code::InvalidRequest,
            format!("What is pushed is longer than {LARGEST} octets."),
        ));
    }
    limits::is_pushed(provider, &client.id, now).await?;
    let secret = Secret::generate(&provider.random)?;
    let (hash, id, encoded) = (secret.stored(), client.id.clone(), parameters.encoded());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { interactions::push(tx, &hash, &id, &encoded, now.plus(LIFE)).await })
        })
        .await
        .map_err(|error: Error| Refusal::from(error))?;
    Ok(Pushed { request_uri: format!("{PREFIX}{}", &*secret.text()), expires_in: LIFE.as_secs() })
}

/// The parameters of a request: those that were pushed, where it names them. They count alone, and once.
pub(super) async fn resolve(
    provider: &Provider,
    client: &Client,
    parameters: Parameters,
    now: Millis,
) -> Result<Parameters, Refusal> {
    let Some(uri) = parameters.get("request_uri") else { return Ok(parameters) };
    let unknown = || {
        let sentence = "The request_uri is none of ours, was used, or is over. Push the request again.";
        Refusal::new(Code::InvalidRequestUri, sentence)
    };
    let secret = uri.strip_prefix(PREFIX).and_then(Secret::parse).ok_or_else(unknown)?;
    let (hash, id) = (secret.stored(), client.id.clone());
    let taken: Result<Option<String>, Error> = provider
        .db
        .write(move |tx| Box::pin(async move { interactions::take_pushed(tx, &hash, &id, now).await }))
        .await;
    let encoded = taken?.ok_or_else(unknown)?;
    Parameters::kept(&encoded).ok_or_else(unknown)
}
