//! The keys of relying parties, inline or fetched from where they publish them.
//!
//! What cannot be fetched, and a set with nothing in it, is never kept: what was fetched before goes on for a day.

use std::time::Duration;

use platform::clock::Millis;
use serde_json::Value;

use super::Client;
use super::failure::Failure;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::client_keys::{self, Row};

/// How long a set is used without asking again.
const FRESH: Duration = Duration::from_hours(1);
/// How long it is used while it cannot be fetched.
const STALE: Duration = Duration::from_hours(24);
/// How long to wait after an attempt, whatever kids come.
const PAUSE: Duration = Duration::from_secs(30);
/// The largest set.
const LARGEST: usize = 64 * 1024;
/// The most keys in it.
const MOST: usize = 100;

/// The keys with this kid; a failure where there is none.
pub(crate) async fn find(
    provider: &Provider,
    client: &Client,
    kid: &str,
    now: Millis,
) -> Result<Result<Vec<Value>, Failure>, Error> {
    if let Some(set) = &client.config().jwks {
        return Ok(named(set, kid).ok_or_else(|| unknown(kid, "in its registration")));
    }
    let Some(uri) = client.config().jwks_uri.clone() else {
        return Ok(Err(unknown(kid, "because the client has none")));
    };
    let kept = client_keys::find(provider.db.read(), &client.id).await?.filter(|row| row.uri == uri);
    let known = kept.as_ref().and_then(|row| usable(row, now)).and_then(|set| named(&set, kid));
    let fresh = kept.as_ref().and_then(|row| row.fetched_at).is_some_and(|at| now < at.plus(FRESH));
    let tried = kept.as_ref().is_some_and(|row| now < row.tried_at.plus(PAUSE));
    let wait = format!("at {uri}, which is asked again in {} s at most", PAUSE.as_secs());
    match known {
        Some(keys) if fresh || tried => return Ok(Ok(keys)),
        None if tried => return Ok(Err(unknown(kid, &wait))),
        _ => {}
    }
    match refresh(provider, client, &uri, now).await? {
        Ok(set) => Ok(named(&set, kid).ok_or_else(|| unknown(kid, &wait))),
        Err(outcome) => Ok(known.ok_or_else(|| {
            Failure::alike(
                "keys",
                format!("The keys of the client could not be fetched from {uri}: {outcome}."),
            )
        })),
    }
}

/// Fetches the set and writes down how that went.
pub(crate) async fn refresh(
    provider: &Provider,
    client: &Client,
    uri: &str,
    now: Millis,
) -> Result<Result<Value, String>, Error> {
    let fetched = fetch(provider, uri).await;
    let outcome = fetched.as_ref().map_or_else(Clone::clone, |_| "ok".to_owned());
    let keys = fetched.as_ref().ok().map(ToString::to_string);
    metrics::counter!("authn_key_fetches_total", "outcome" => if keys.is_some() { "ok" } else { "failed" })
        .increment(1);
    let (id, uri) = (client.id.clone(), uri.to_owned());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { client_keys::put(tx, &id, &uri, keys.as_deref(), now, &outcome).await })
        })
        .await?;
    Ok(fetched)
}

async fn fetch(provider: &Provider, uri: &str) -> Result<Value, String> {
    let _one_of_few = provider.fetching.acquire().await.map_err(|_| "the server is stopping".to_owned())?;
    let mut response = provider.http.get(uri).send().await.map_err(|error| reason(&error))?;
    if response.status().as_u16() != 200 {
        return Err(format!("the answer has status {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(format!("the answer is larger than {} KiB", LARGEST / 1024));
        }
        body.extend_from_slice(&chunk);
    }
    read(&body)
}

/// Only what counts, so that nothing of the network here is told to those who list failures.
fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "there was no answer in time"
    } else if error.is_connect() {
        "no connection could be made; its certificate, name or port may be wrong"
    } else {
        "the answer could not be read"
    };
    what.to_owned()
}

/// A set with at least one key that verifies signatures and has a name.
fn read(body: &[u8]) -> Result<Value, String> {
    let set: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("the answer has no array `keys`")?;
    if keys.len() > MOST {
        return Err(format!("there are more than {MOST} keys"));
    }
    let signs = |key: &&Value| {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        text("kid").is_some() && text("use").is_none_or(|usage| usage == "sig")
    };
    if keys.iter().filter(signs).count() == 0 {
        return Err("there is no key with a kid that verifies signatures".to_owned());
    }
    Ok(set)
}

fn usable(row: &Row, now: Millis) -> Option<Value> {
    let kept = row.fetched_at.is_some_and(|at| now < at.plus(STALE));
    serde_json::from_str(row.keys.as_deref().filter(|_| kept)?).ok()
}

fn named(set: &Value, kid: &str) -> Option<Vec<Value>> {
    let keys = set.get("keys")?.as_array()?;
    let found: Vec<Value> = keys
        .iter()
        .filter(|key| key.get("kid").and_then(Value::as_str) == Some(kid))
        .take(4)
        .cloned()
        .collect();
    (!found.is_empty()).then_some(found)
}

fn unknown(kid: &str, place: &str) -> Failure {
    let kid: String = kid.chars().filter(|letter| !letter.is_control()).take(100).collect();
    Failure::alike("key", format!("The client has no key with the kid {kid:?} {place}."))
}

/// The ids of the keys in a set.
pub(crate) fn kids(set: &str) -> Vec<String> {
    let set: Value = serde_json::from_str(set).unwrap_or_default();
    let keys = set.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    keys.iter().filter_map(|key| key.get("kid").and_then(Value::as_str)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty set, one without names and what is no set at all is refused with its reason; a good one is taken.
    #[test]
    fn empty_sets_are_refused() {
        let check =
            |body: &str, expected: &str| assert_eq!(read(body.as_bytes()).unwrap_err(), expected, "{body}");
        check("", "the answer is not JSON");
        check("{}", "the answer has no array `keys`");
        check(r#"{"keys": []}"#, "there is no key with a kid that verifies signatures");
        check(r#"{"keys": [{"kty": "RSA"}]}"#, "there is no key with a kid that verifies signatures");
        check(
            r#"{"keys": [{"kty": "RSA", "kid": "1", "use": "enc"}]}"#,
            "there is no key with a kid that verifies signatures",
        );
        let good = read(br#"{"keys": [{"kty": "RSA", "kid": "1"}, {"kty": "RSA", "kid": "2"}]}"#).unwrap();
        assert_eq!(named(&good, "2").unwrap().len(), 1);
        assert_eq!(named(&good, "../1"), None);
    }
}
