//! Relying parties that were read a moment ago: one that asks a thousand times a second is not read as often.
//!
//! It is done where this process alone writes. A change is told here before it can be seen by anybody, and from then on its relying party is
//! read each time, until long after the COMMIT: so a change counts at once. What is remembered is forgotten after a second in any case.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform::db::Engine;
use platform::id::ClientId;

use super::Client;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::clients;

/// For how long what was read is good.
const GOOD: Duration = Duration::from_secs(1);
/// For how long one that changes is read each time. The writer's groups are over long before.
const CHANGES: Duration = Duration::from_mins(1);
/// How many are remembered, and from how many changes on those that are over are thrown away.
const MOST: usize = 1000;

/// When relying parties began to change, whichever provider of this process has them. Held to look one up or to put one in.
static CHANGED: LazyLock<Mutex<HashMap<ClientId, Instant>>> = LazyLock::new(Mutex::default);

/// What a provider remembers, and since when it asked for it. Held to look one up or to put one in.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<HashMap<ClientId, (Client, Instant)>>);

impl Remembered {
    fn recall(&self, id: &ClientId) -> Option<Client> {
        if is_changing(id) {
            return None;
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).filter(|(_, asked_at)| asked_at.elapsed() < GOOD).map(|(client, _)| client.clone())
    }

    /// Remembers what was asked for then. That it changes meanwhile is looked at when it is recalled, too.
    fn keep(&self, client: &Client, asked_at: Instant) {
        if is_changing(&client.id) {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&client.id) {
            known.clear();
        }
        known.insert(client.id.clone(), (client.clone(), asked_at));
    }
}

/// A relying party, closed ones among them, as it is now.
pub(crate) async fn find(provider: &Provider, id: ClientId) -> Result<Option<Client>, Error> {
    // Where another process may write, nobody tells us of its changes.
    let is_alone = provider.db.engine() == Engine::Sqlite;
    if is_alone && let Some(client) = provider.remembered.recall(&id) {
        return Ok(Some(client));
    }
    let asked_at = Instant::now();
    let found = provider.lookups.clients.find(clients::ById(id)).await?;
    if is_alone && let Some(client) = &found {
        provider.remembered.keep(client, asked_at);
    }
    Ok(found)
}

/// Says that a relying party is about to change. To be called in the transaction that changes it.
pub(crate) fn changing(id: &ClientId) {
    let mut changed = CHANGED.lock().unwrap_or_else(PoisonError::into_inner);
    if changed.len() >= MOST {
        changed.retain(|_, since| since.elapsed() < CHANGES);
    }
    changed.insert(id.clone(), Instant::now());
}

fn is_changing(id: &ClientId) -> bool {
    let changed = CHANGED.lock().unwrap_or_else(PoisonError::into_inner);
    changed.get(id).is_some_and(|since| since.elapsed() < CHANGES)
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;
    use platform::db::Db;
    use serde_json::json;

    use super::*;
    use crate::client::{Settings, State};

    fn sample(id: &str) -> Client {
        let config = json!({
            "client_name": "Practice", "redirect_uris": ["https://rp.example/cb"],
            "token_endpoint_auth_method": "client_secret_basic"
        });
        Client {
            id: id.parse().unwrap(),
            team: "team".to_owned(),
            state: State::Open,
            settings: Settings::checked(serde_json::from_value(config).unwrap()).unwrap(),
            version: 1,
            secret: Some("hash".to_owned()),
            made_at: Millis(1),
            changed_at: Millis(1),
        }
    }

    /// What was read is recalled for a second; of others nothing is known.
    #[test]
    fn what_was_read_is_recalled() {
        let (remembered, now) = (Remembered::default(), Instant::now());
        let (one, old) = (sample("recalled"), sample("too-old"));
        remembered.keep(&one, now);
        remembered.keep(&old, now.checked_sub(GOOD).unwrap());
        assert_eq!(remembered.recall(&one.id).map(|client| client.version), Some(1));
        assert!(remembered.recall(&old.id).is_none());
        assert!(remembered.recall(&"never-read".parse().unwrap()).is_none());
    }

    /// No more are remembered than that.
    #[test]
    fn few_are_remembered() {
        let (remembered, now) = (Remembered::default(), Instant::now());
        let one = sample("one-of-many");
        for number in 0..=MOST {
            let client = Client { id: format!("many-{number}").parse().unwrap(), ..one.clone() };
            remembered.keep(&client, now);
        }
        assert_eq!(remembered.0.lock().unwrap().len(), 1);
    }

    platform::both_engines! {
        /// From the moment in which one is written it is read each time, by whoever remembered it before and by whoever reads it
        /// meanwhile; others are not concerned.
        async fn what_changes_is_read_each_time(db: Db) {
            let (one, other) = (sample("changes"), sample("changes-not"));
            let (remembered, now) = (Remembered::default(), Instant::now());
            remembered.keep(&one, now);
            remembered.keep(&other, now);
            assert!(remembered.recall(&one.id).is_some());
            let stored = one.clone();
            let updated = db.write(move |tx| Box::pin(async move {
                assert!(clients::insert(tx, &stored).await?);
                clients::update(tx, &Client { version: 2, ..stored }, 1).await
            })).await.unwrap();
            assert!(updated && remembered.recall(&one.id).is_none());
            remembered.keep(&one, now);
            assert!(remembered.recall(&one.id).is_none(), "it was read before the change");
            assert!(remembered.recall(&other.id).is_some());
        }
    }
}
