//! How many authorisation requests wait, and how many challenges: rows of `authn_interaction`, `authn_pushed` and `authn_ceremony`, counted no
//! further than anybody wants to know, from indexes alone. One that was answered or used has no row, so that nothing else of the rows is asked.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;

use super::{Reader, ceremonies};
use crate::error::Error;

/// Requests that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Crowd {
    /// Those from a network that wait for somebody to sign in.
    Network(String),
    /// Those for a client.
    Client(ClientId),
    /// All.
    Everybody,
    /// Those that a client has pushed and that were not used; they are of no network.
    PushedBy(ClientId),
    /// All that were pushed and not used.
    Pushed,
    /// The challenges that a network asked for and that no card has answered.
    Challenges(String),
}

impl Crowd {
    /// The statement that counts it, and what is bound behind the time and the limit.
    fn counted(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Network(network) => (
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM authn_interaction \
                 WHERE network = $3 AND expires_at > $1 LIMIT $2) AS counted",
                Some(network),
            ),
            Self::Client(client) => (
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM authn_interaction \
                 WHERE client_id = $3 AND expires_at > $1 LIMIT $2) AS counted",
                Some(client.as_str()),
            ),
            Self::Everybody => (
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM authn_interaction \
                 WHERE expires_at > $1 LIMIT $2) AS counted",
                None,
            ),
            Self::PushedBy(client) => (
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM authn_pushed \
                 WHERE client_id = $3 AND expires_at > $1 LIMIT $2) AS counted",
                Some(client.as_str()),
            ),
            Self::Pushed => (
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM authn_pushed \
                 WHERE expires_at > $1 LIMIT $2) AS counted",
                None,
            ),
            Self::Challenges(network) => (
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM authn_ceremony \
                 WHERE network = $3 AND expires_at > $1 LIMIT $2) AS counted",
                Some(network),
            ),
        }
    }
}

/// How many there are of a crowd, so many at most.
pub(crate) async fn count<'c>(
    reader: impl Reader<'c>,
    crowd: &Crowd,
    most: u32,
    now: Millis,
) -> Result<u32, Error> {
    let (text, of) = crowd.counted();
    let mut query = sqlx::query_scalar::<_, i64>(text).bind(now.0).bind(i64::from(most));
    if let Some(of) = of {
        query = query.bind(of.to_owned());
    }
    let rows = query.fetch_one(reader).await?;
    Ok(u32::try_from(rows).unwrap_or(u32::MAX))
}

/// Makes room among requests that wait, for a client or in all: of the network from which most of them come those go that are over soonest,
/// so many at most, and never more than half of what it has, with what was under way for them. How many went.
pub(crate) async fn make_room(
    tx: &mut Tx,
    client: Option<&ClientId>,
    most: u32,
    now: Millis,
) -> Result<u32, Error> {
    let client = client.map(|client| client.as_str().to_owned());
    let Some((network, rows)) = largest(tx, client.clone(), now).await? else { return Ok(0) };
    let gone = i64::from(most).min(rows.saturating_add(1) / 2);
    let text = match client {
        Some(_) => {
            "DELETE FROM authn_interaction WHERE interaction_id IN (SELECT interaction_id FROM authn_interaction \
             WHERE network = $1 AND expires_at > $2 AND client_id = $4 ORDER BY expires_at, interaction_id LIMIT $3) \
             RETURNING interaction_id"
        }
        None => {
            "DELETE FROM authn_interaction WHERE interaction_id IN (SELECT interaction_id FROM authn_interaction \
             WHERE network = $1 AND expires_at > $2 ORDER BY expires_at, interaction_id LIMIT $3) \
             RETURNING interaction_id"
        }
    };
    let mut query = sqlx::query_scalar::<_, String>(text).bind(network).bind(now.0).bind(gone);
    if let Some(client) = client {
        query = query.bind(client);
    }
    let gone = query.fetch_all(&mut *tx).await?;
    ceremonies::erase_of(tx, &gone).await?;
    Ok(u32::try_from(gone.len()).unwrap_or(u32::MAX))
}

/// The network from which most requests wait, and how many; of those that have as many the one that came first.
async fn largest(tx: &mut Tx, client: Option<String>, now: Millis) -> Result<Option<(String, i64)>, Error> {
    let text = match client {
        Some(_) => {
            "SELECT network, CAST(COUNT(*) AS BIGINT) FROM authn_interaction \
             WHERE client_id = $2 AND expires_at > $1 AND network IS NOT NULL \
             GROUP BY network ORDER BY COUNT(*) DESC, MIN(expires_at), network LIMIT 1"
        }
        None => {
            "SELECT network, CAST(COUNT(*) AS BIGINT) FROM authn_interaction \
             WHERE expires_at > $1 AND network IS NOT NULL \
             GROUP BY network ORDER BY COUNT(*) DESC, MIN(expires_at), network LIMIT 1"
        }
    };
    let mut query = sqlx::query_as::<_, (String, i64)>(text).bind(now.0);
    if let Some(client) = client {
        query = query.bind(client);
    }
    Ok(query.fetch_optional(&mut *tx).await?)
}

#[cfg(test)]
mod tests {
    use platform::db::{Db, Engine};
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::interaction::InteractionId;
    use crate::store::interactions::{self, tests::waits};

    /// Requests that wait, each with its secret, its network and its client.
    async fn wait(db: &Db, all: &'static [(&'static str, &'static str, &'static str)]) -> Vec<InteractionId> {
        db.write(move |tx| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for (number, (secret, network, client)) in all.iter().enumerate() {
                    let mut waiting = waits(i64::try_from(number).unwrap());
                    waiting.interaction.client = client.parse().unwrap();
                    interactions::insert(tx, &waiting, secret, network).await?;
                    ids.push(waiting.interaction.id);
                }
                Ok::<_, Error>(ids)
            })
        })
        .await
        .unwrap()
    }

    async fn left(db: &Db, secrets: &[&'static str]) -> Vec<&'static str> {
        let mut left = Vec::new();
        for secret in secrets {
            if interactions::find(db.read(), secret, Millis(9)).await.unwrap().is_some() {
                left.push(*secret);
            }
        }
        left
    }

    platform::both_engines! {
        /// What waits is counted for its network, its client and altogether, no further than is asked, and not once it is over or answered.
        async fn crowds_are_counted(db: Db) {
            let ids = wait(&db, &[("0", "a", "one"), ("1", "a", "two"), ("2", "b", "two"), ("3", "b", "two")]).await;
            db.write(move |tx| Box::pin(async move {
                interactions::settle(tx, &ids[3]).await?;
                for (uri, client, over) in [("1", "one", 10), ("2", "two", 10), ("3", "two", 5), ("4", "two", 10)] {
                    interactions::push(tx, uri, &client.parse().unwrap(), "a=b", Millis(over)).await?;
                }
                interactions::take_pushed(tx, "4", &"two".parse().unwrap(), Millis(1)).await.map(drop)
            })).await.unwrap();
            let two: ClientId = "two".parse().unwrap();
            let network = Crowd::Network("a".to_owned());
            for (crowd, most, at, expected) in [
                (&network, 9, 9, 2), (&network, 1, 9, 1), (&network, 9, 10, 0),
                (&Crowd::Client(two.clone()), 9, 9, 2), (&Crowd::Everybody, 9, 9, 3), (&Crowd::Everybody, 2, 9, 2),
                (&Crowd::PushedBy(two.clone()), 9, 5, 1), (&Crowd::PushedBy(two), 9, 4, 2),
                (&Crowd::Pushed, 9, 4, 3), (&Crowd::Pushed, 2, 4, 2), (&Crowd::Pushed, 9, 10, 0),
            ] {
                assert_eq!(count(db.read(), crowd, most, Millis(at)).await.unwrap(), expected, "{crowd:?} {most} {at}");
            }
        }

        /// Challenges are counted for the network that asked for them, until they are answered or over; nothing else that is under way is.
        async fn challenges_are_counted(db: Db) {
            db.write(|tx| Box::pin(async move {
                for (name, network, over) in [("1", "a", 10), ("2", "a", 10), ("3", "a", 5), ("4", "b", 10), ("5", "a", 10)] {
                    ceremonies::challenge(tx, (name, &[1; 32]), "state", network, Millis(over)).await?;
                }
                ceremonies::put(tx, "sign-in/1", None, "state", Millis(10)).await?;
                ceremonies::take_ticket(tx, "5", &[1; 32], Millis(1)).await.map(drop)
            })).await.unwrap();
            let challenges = |network: &str| Crowd::Challenges(network.to_owned());
            for (network, most, at, expected) in [
                ("a", 9, 4, 3), ("a", 9, 5, 2), ("a", 1, 5, 1), ("b", 9, 5, 1), ("c", 9, 5, 0), ("a", 9, 10, 0),
            ] {
                let rows = count(db.read(), &challenges(network), most, Millis(at)).await.unwrap();
                assert_eq!(rows, expected, "{network} {most} {at}");
            }
        }

        /// Room is made where most wait, at most half of it, and of that client alone where one is full; nobody else loses anything.
        async fn the_largest_makes_room(db: Db) {
            const ALL: [&str; 7] = ["0", "1", "2", "3", "4", "5", "6"];
            wait(&db, &[
                ("0", "a", "one"), ("1", "a", "one"), ("2", "a", "one"), ("3", "b", "two"), ("4", "b", "two"), ("5", "a", "two"),
                ("6", "c", "two"),
            ]).await;
            let room = async |client: Option<&str>, most: u32| {
                let client: Option<ClientId> = client.map(|client| client.parse().unwrap());
                db.write(move |tx| Box::pin(async move { make_room(tx, client.as_ref(), most, Millis(9)).await })).await.unwrap()
            };
            assert_eq!(room(Some("two"), 9).await, 1, "half of two");
            assert_eq!(left(&db, &ALL).await, ["0", "1", "2", "4", "5", "6"]);
            assert_eq!(room(None, 1).await, 1);
            assert_eq!(left(&db, &ALL).await, ["1", "2", "4", "5", "6"], "the first of the largest");
            assert_eq!(room(Some("nobody"), 9).await, 0);
            assert_eq!(left(&db, &ALL).await.len(), 5);
        }

        /// What is counted for every request is counted in an index alone.
        async fn counting_reads_no_rows(db: Db) {
            if db.engine() != Engine::Sqlite {
                return;
            }
            let one: ClientId = "one".parse().unwrap();
            for crowd in [
                Crowd::Network("a".to_owned()), Crowd::Client(one.clone()), Crowd::Everybody, Crowd::PushedBy(one), Crowd::Pushed,
                Crowd::Challenges("a".to_owned()),
            ] {
                let (text, of) = crowd.counted();
                let mut query = sqlx::query_as::<_, (i64, i64, i64, String)>(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
                query = query.bind(1_i64).bind(9_i64);
                if let Some(of) = of {
                    query = query.bind(of.to_owned());
                }
                let plan = query.fetch_all(db.read()).await.unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).filter(|step| step.contains("authn_")).collect();
                assert!(steps.len() == 1 && steps[0].contains("USING COVERING INDEX"), "{crowd:?}: {plan:?}");
            }
        }
    }
}
