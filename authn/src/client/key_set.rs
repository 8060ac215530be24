//! The keys of relying parties, inline or fetched from where they publish them.
//!
//! What cannot be fetched, and a set with nothing in it, is never kept: what was fetched before goes on for a day.

use std::time::Duration;

use platform::clock::Millis;
use serde_json::Value;

use super::Client;
use super::failure::Failure;
use super::fetching::{Joined, Turn};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::client_keys::{self, Row};

/// How long a set is used without asking again.
const FRESH: Duration = Duration::from_hours(1);
/// How long it is used while it cannot be fetched.
const STALE: Duration = Duration::from_hours(24);
/// How long to wait after an attempt, whatever kids come.
const PAUSE: Duration = Duration::from_secs(30);
/// What is told where no connection was made. Whether the name leads into our own networks is not among it.
const UNREACHED: &str = "no connection could be made; its certificate, name, port or network may be wrong";
/// The outcome of an attempt that has none yet, as the row has it.
const UNDER_WAY: &str = "under way";
/// The largest set.
const LARGEST: usize = 64 * 1024;
/// The most keys in it.
const MOST: usize = 100;

/// The keys with this kid; a failure where there is none.
///
/// One of those who miss a key fetches the set, on all machines together, and a few wait for it. Everybody else is answered at once by
/// what is known, so that a server that is slow keeps nobody here waiting.
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
    let wait = format!("at {uri}, which is asked again in {} s at most", PAUSE.as_secs());
    let known = match kept(provider, client, &uri, kid, now).await? {
        Kept::Enough(keys) => return Ok(keys.ok_or_else(|| unknown(kid, &wait))),
        Kept::TooOld(keys) => keys,
    };
    match provider.fetching.join(&client.id) {
        Joined::Turn(turn) => match attempt(provider, client, &uri, turn).await? {
            Some(Ok(set)) => return Ok(named(&set, kid).ok_or_else(|| unknown(kid, &wait))),
            Some(Err(outcome)) => return Ok(known.ok_or_else(|| unfetched(&uri, &outcome))),
            // Another machine does, or did a moment ago.
            None => {}
        },
        Joined::Wait(place) if known.is_none() => {
            place.until_done().await;
        }
        Joined::Wait(_) | Joined::Full => return Ok(known.ok_or_else(|| unknown(kid, &wait))),
    }
    let (Kept::Enough(keys) | Kept::TooOld(keys)) = kept(provider, client, &uri, kid, now).await?;
    Ok(keys.or(known).ok_or_else(|| unknown(kid, &wait)))
}

/// What is known of a kid.
enum Kept {
    /// The set is fresh, or was asked for just now: nobody has to fetch it.
    Enough(Option<Vec<Value>>),
    /// It should be fetched.
    TooOld(Option<Vec<Value>>),
}

async fn kept(
    provider: &Provider,
    client: &Client,
    uri: &str,
    kid: &str,
    now: Millis,
) -> Result<Kept, Error> {
    let row = client_keys::find(provider.db.read(), &client.id).await?.filter(|row| row.uri == uri);
    let known = row.as_ref().and_then(|row| usable(row, now)).and_then(|set| named(&set, kid));
    let fresh = row.as_ref().and_then(|row| row.fetched_at).is_some_and(|at| now < at.plus(FRESH));
    // One that is under way may be this process's own: those who come meanwhile find it in memory.
    let tried = row.as_ref().is_some_and(|row| now < row.tried_at.plus(PAUSE) && row.outcome != UNDER_WAY);
    Ok(if tried || (fresh && known.is_some()) { Kept::Enough(known) } else { Kept::TooOld(known) })
}

/// Fetches the set, if no other machine does; none if one does.
async fn attempt(
    provider: &Provider,
    client: &Client,
    uri: &str,
    _turn: Turn<'_>,
) -> Result<Option<Result<Value, String>>, Error> {
    let Some(_place) = provider.fetching.place().await else {
        return Ok(Some(Err("too many key sets are being fetched".to_owned())));
    };
    let (id, from, now) = (client.id.clone(), uri.to_owned(), provider.now());
    let mine: Result<bool, Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move { client_keys::claim(tx, &id, &from, now, now.minus(PAUSE)).await })
        })
        .await;
    if !mine? {
        return Ok(None);
    }
    fetch_and_note(provider, client, uri).await.map(Some)
}

/// Fetches the set because its owner asks for it now, whenever that was done last.
pub(crate) async fn refresh(provider: &Provider, client: &Client, uri: &str) -> Result<(), Error> {
    let Some(_place) = provider.fetching.place().await else {
        return Err(Error::conflict("fetching", "Many key sets are being fetched at the moment. Try again."));
    };
    // How it went is in the row.
    fetch_and_note(provider, client, uri).await.map(drop)
}

async fn fetch_and_note(
    provider: &Provider,
    client: &Client,
    uri: &str,
) -> Result<Result<Value, String>, Error> {
    let fetched = fetch(provider, uri).await;
    let outcome = fetched.as_ref().map_or_else(Clone::clone, |_| "ok".to_owned());
    let keys = fetched.as_ref().ok().map(ToString::to_string);
    metrics::counter!("authn_key_fetches_total", "outcome" => if keys.is_some() { "ok" } else { "failed" })
        .increment(1);
    let (id, uri, now) = (client.id.clone(), uri.to_owned(), provider.now());
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { client_keys::put(tx, &id, &uri, keys.as_deref(), now, &outcome).await })
        })
        .await?;
    Ok(fetched)
}

async fn fetch(provider: &Provider, uri: &str) -> Result<Value, String> {
    let request = provider.outward.get(uri).map_err(|_| UNREACHED.to_owned())?;
    let mut response = request.send().await.map_err(|error| reason(&error))?;
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
        UNREACHED
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

fn unfetched(uri: &str, outcome: &str) -> Failure {
    Failure::alike("keys", format!("The keys of the client could not be fetched from {uri}: {outcome}."))
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
