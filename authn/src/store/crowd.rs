//! How many authorisation requests wait: rows of `authn_interaction` and `authn_pushed`, counted no further than anybody wants to know.

use platform::clock::Millis;

use super::Reader;
use crate::error::Error;

/// How far is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Most {
    /// Those of one network.
    pub(crate) network: u32,
    /// Those for one client.
    pub(crate) client: u32,
    /// All.
    pub(crate) all: u32,
}

/// Requests that wait for somebody to sign in, from a network and for a client.
pub(crate) async fn waiting<'c>(
    reader: impl Reader<'c>,
    (network, client): (&str, &str),
    most: &Most,
    now: Millis,
) -> Result<Most, Error> {
    let (network, client, all): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT interaction_id FROM authn_interaction \
         WHERE network = $1 AND expires_at > $3 AND state = 'waiting' LIMIT $4) n), \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT interaction_id FROM authn_interaction \
         WHERE client_id = $2 AND expires_at > $3 AND state = 'waiting' LIMIT $5) c), \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT interaction_id FROM authn_interaction \
         WHERE expires_at > $3 AND state = 'waiting' LIMIT $6) a)",
    )
    .bind(network.to_owned())
    .bind(client.to_owned())
    .bind(now.0)
    .bind(i64::from(most.network))
    .bind(i64::from(most.client))
    .bind(i64::from(most.all))
    .fetch_one(reader)
    .await?;
    Ok(Most { network: counted(network), client: counted(client), all: counted(all) })
}

/// Requests that were pushed and not used, by a client; they are of no network.
pub(crate) async fn pushed<'c>(
    reader: impl Reader<'c>,
    client: &str,
    most: &Most,
    now: Millis,
) -> Result<Most, Error> {
    let (client, all): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT uri_hash FROM authn_pushed \
         WHERE client_id = $1 AND expires_at > $2 AND used_at IS NULL LIMIT $3) c), \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT uri_hash FROM authn_pushed \
         WHERE expires_at > $2 AND used_at IS NULL LIMIT $4) a)",
    )
    .bind(client.to_owned())
    .bind(now.0)
    .bind(i64::from(most.client))
    .bind(i64::from(most.all))
    .fetch_one(reader)
    .await?;
    Ok(Most { network: 0, client: counted(client), all: counted(all) })
}

fn counted(rows: i64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::interaction::InteractionId;
    use crate::store::interactions::{self, tests::waits};

    platform::both_engines! {
        /// What waits is counted for its network, its client and altogether, no further than is asked, and not once it is over or answered.
        async fn crowds_are_counted(db: Db) {
            db.write(|tx| Box::pin(async move {
                let mut answered = None;
                for (number, (network, client)) in [("a", "one"), ("a", "two"), ("b", "two"), ("b", "two")].into_iter().enumerate() {
                    let mut waiting = waits(i64::try_from(number).unwrap());
                    waiting.interaction.client = client.parse().unwrap();
                    interactions::insert(tx, &waiting, &number.to_string(), network).await?;
                    answered = Some(waiting.interaction.id.clone());
                }
                let id: InteractionId = answered.unwrap();
                interactions::settle(tx, &id).await?;
                for (uri, client, over) in [("1", "one", 10), ("2", "two", 10), ("3", "two", 5), ("4", "two", 10)] {
                    interactions::push(tx, uri, &client.parse().unwrap(), "a=b", Millis(over)).await?;
                }
                interactions::take_pushed(tx, "4", &"two".parse().unwrap(), Millis(1)).await.map(drop)
            })).await.unwrap();
            let most = Most { network: 9, client: 9, all: 9 };
            let few = Most { network: 1, client: 1, all: 2 };
            for (most, at, expected) in [(most, 9, (2, 2, 3)), (few, 9, (1, 1, 2)), (most, 10, (0, 0, 0))] {
                let crowd = waiting(db.read(), ("a", "two"), &most, Millis(at)).await.unwrap();
                assert_eq!((crowd.network, crowd.client, crowd.all), expected, "{most:?} {at}");
            }
            for (most, at, expected) in [(most, 5, (1, 2)), (most, 4, (2, 3)), (few, 4, (1, 2)), (most, 10, (0, 0))] {
                let crowd = pushed(db.read(), "two", &most, Millis(at)).await.unwrap();
                assert_eq!((crowd.client, crowd.all), expected, "{most:?} {at}");
            }
        }
    }
}
