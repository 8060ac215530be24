//! Rows of `authn_client`, of refusals, and of assertions that were used.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::looking::Lookup;
use platform::id::ClientId;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Reader, keys, read};
use crate::api::Failure;
use crate::client::failure::CorrelationId;
use crate::client::{Client, Settings, State, remembered};
use crate::error::Error;

/// How many refusals of one client at one check are kept: strangers who fail at one of them, again and again, push no other out, nor what came
/// from other networks.
const KEPT: i64 = 200;

type Columns = (String, String, String, String, i64, Option<String>, i64, i64);

fn client(row: Columns) -> Result<Client, Error> {
    let (id, team, state, settings, version, secret, made_at, changed_at) = row;
    let state = match state.as_str() {
        "open" => State::Open,
        "closed" => State::Closed,
        _ => return Err(Error::Stored { what: "authn_client.state" }),
    };
    Ok(Client {
        id: read("authn_client.client_id", &id)?,
        team,
        state,
        settings: Settings::stored(&settings)?,
        version,
        secret,
        made_at: Millis(made_at),
        changed_at: Millis(changed_at),
    })
}

/// A relying party in a row of something else, each of its columns with `c_` before its name.
pub(super) fn joined(row: &AnyRow) -> Result<Client, Error> {
    client((
        row.try_get("c_client_id")?,
        row.try_get("c_team")?,
        row.try_get("c_state")?,
        row.try_get("c_settings")?,
        row.try_get("c_version")?,
        row.try_get("c_secret_hash")?,
        row.try_get("c_made_at")?,
        row.try_get("c_changed_at")?,
    ))
}

/// A relying party, closed ones among them.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, id: &ClientId) -> Result<Option<Client>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT client_id, team, state, settings, version, secret_hash, made_at, changed_at FROM authn_client \
         WHERE client_id = $1",
    )
    .bind(id.as_str().to_owned())
    .fetch_optional(reader)
    .await?;
    row.map(client).transpose()
}

/// A relying party that is looked for as [`find`] finds it, together with others.
pub(crate) struct ById(pub(crate) ClientId);

impl Lookup for ById {
    type Found = Option<Client>;
    type Error = Error;

    async fn find_all(wanted: &[Self], tx: &mut Tx) -> Result<Vec<Option<Client>>, Error> {
        let ids: BTreeSet<&str> = wanted.iter().map(|one| one.0.as_str()).collect();
        let (ids, places) = keys(ids.into_iter());
        let text = format!(
            "SELECT client_id, team, state, settings, version, secret_hash, made_at, changed_at FROM authn_client \
             WHERE client_id IN ({places})"
        );
        // Made of our own words and numbers only.
        let mut query = sqlx::query_as(AssertSqlSafe(text));
        for id in ids {
            query = query.bind(id.to_owned());
        }
        let rows: Vec<Columns> = query.fetch_all(&mut *tx).await?;
        let of = |one: &Self| {
            let row = rows.iter().find(|row| row.0 == one.0.as_str());
            row.cloned().map(client).transpose()
        };
        wanted.iter().map(of).collect()
    }
}

/// A relying party that is in use: who was closed gets nothing, and hears nothing.
pub(crate) async fn find_open<'c>(reader: impl Reader<'c>, id: &ClientId) -> Result<Option<Client>, Error> {
    Ok(find(reader, id).await?.filter(|client| client.state == State::Open))
}

/// The relying parties of a team, by their ids.
pub(crate) async fn of_team<'c>(
    reader: impl Reader<'c>,
    team: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT client_id FROM authn_client WHERE team = $1 AND client_id > $2 ORDER BY client_id LIMIT $3",
    )
    .bind(team.to_owned())
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How many relying parties a team has.
pub(crate) async fn count(tx: &mut Tx, team: &str) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM authn_client WHERE team = $1")
            .bind(team.to_owned())
            .fetch_one(&mut *tx)
            .await?;
    Ok(count)
}

/// Stores a new relying party; false if there is one with its id.
pub(crate) async fn insert(tx: &mut Tx, client: &Client) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO authn_client (client_id, team, name, state, settings, version, secret_hash, made_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(client.id.as_str().to_owned())
    .bind(client.team.clone())
    .bind(client.config().client_name.clone())
    .bind(client.state.word())
    .bind(client.settings.text())
    .bind(client.version)
    .bind(client.secret.clone())
    .bind(client.made_at.0)
    .bind(client.changed_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores a changed relying party; false if it was changed meanwhile.
pub(crate) async fn update(tx: &mut Tx, client: &Client, before: i64) -> Result<bool, Error> {
    remembered::changing(&client.id);
    let done = sqlx::query(
        "UPDATE authn_client SET name = $3, state = $4, settings = $5, version = $6, secret_hash = $7, changed_at = $8 \
         WHERE client_id = $1 AND version = $2",
    )
    .bind(client.id.as_str().to_owned())
    .bind(before)
    .bind(client.config().client_name.clone())
    .bind(client.state.word())
    .bind(client.settings.text())
    .bind(client.version)
    .bind(client.secret.clone())
    .bind(client.changed_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes a refusal down, of a request from this network. Of those of the client at this check so many go that a bounded number stays: the
/// oldest of the network that has most.
pub(crate) async fn insert_refusal(
    tx: &mut Tx,
    id: &CorrelationId,
    client: &ClientId,
    (failed, sentence): (&'static str, &str),
    network: &str,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_refusal (refusal_id, client_id, at, failed, sentence, network) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.as_str().to_owned())
    .bind(client.as_str().to_owned())
    .bind(now.0)
    .bind(failed)
    .bind(sentence.to_owned())
    .bind(network.to_owned())
    .execute(&mut *tx)
    .await?;
    let rows: i64 = sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM authn_refusal WHERE client_id = $1 AND failed = $2",
    )
    .bind(client.as_str().to_owned())
    .bind(failed)
    .fetch_one(&mut *tx)
    .await?;
    if rows > KEPT { push_out(tx, client, failed, rows - KEPT).await } else { Ok(()) }
}

/// Erases so many refusals of the network that has most of them, the oldest first.
async fn push_out(tx: &mut Tx, client: &ClientId, failed: &'static str, most: i64) -> Result<(), Error> {
    let network: Option<String> = sqlx::query_scalar(
        "SELECT network FROM authn_refusal WHERE client_id = $1 AND failed = $2 \
         GROUP BY network ORDER BY COUNT(*) DESC, MIN(refusal_id) LIMIT 1",
    )
    .bind(client.as_str().to_owned())
    .bind(failed)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(network) = network else { return Ok(()) };
    sqlx::query(
        "DELETE FROM authn_refusal WHERE refusal_id IN (SELECT refusal_id FROM authn_refusal \
         WHERE client_id = $1 AND failed = $2 AND network = $3 ORDER BY refusal_id LIMIT $4)",
    )
    .bind(client.as_str().to_owned())
    .bind(failed)
    .bind(network)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The refusals of a client before one of them, latest first.
pub(crate) async fn refusals<'c>(
    reader: impl Reader<'c>,
    client: &ClientId,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Failure>, Error> {
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(
        "SELECT refusal_id, at, failed, sentence FROM authn_refusal WHERE client_id = $1 AND refusal_id < $2 \
         ORDER BY refusal_id DESC LIMIT $3",
    )
    .bind(client.as_str().to_owned())
    .bind(before.unwrap_or("~").to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    let failure = |(correlation_id, at, failed, sentence)| Failure { correlation_id, at, failed, sentence };
    Ok(rows.into_iter().map(failure).collect())
}

/// Takes an assertion as used; false if it was used before.
pub(crate) async fn spend_assertion(
    tx: &mut Tx,
    client: &ClientId,
    jti_hash: &str,
    expires_at: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO authn_assertion (client_id, jti_hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(client.as_str().to_owned())
    .bind(jti_hash.to_owned())
    .bind(expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;
    use serde_json::json;

    use super::*;

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

    platform::both_engines! {
        /// A client is stored once, changed only from the version that was read, and listed with its team.
        async fn clients_are_kept(db: Db) {
            let (mut first, second) = (sample("rp-a"), sample("rp-b"));
            let stored = first.clone();
            let inserted = db.write(move |tx| Box::pin(async move {
                Ok::<_, Error>((insert(tx, &stored).await?, insert(tx, &stored).await?, insert(tx, &second).await?))
            })).await.unwrap();
            assert_eq!(inserted, (true, false, true));
            (first.version, first.state) = (2, State::Closed);
            let changed = first.clone();
            let updated = db.write(move |tx| Box::pin(async move {
                Ok::<_, Error>((update(tx, &changed, 1).await?, update(tx, &changed, 1).await?, count(tx, "team").await?))
            })).await.unwrap();
            assert_eq!(updated, (true, false, 2));
            let found = find(db.read(), &first.id).await.unwrap().unwrap();
            assert_eq!((found.version, found.state, found.settings == first.settings), (2, State::Closed, true));
            assert!(find(db.read(), &"rp-c".parse().unwrap()).await.unwrap().is_none());
            assert_eq!(of_team(db.read(), "team", "", 10).await.unwrap(), ["rp-a", "rp-b"]);
            assert_eq!(of_team(db.read(), "team", "rp-a", 10).await.unwrap(), ["rp-b"]);
            assert!(of_team(db.read(), "other", "", 10).await.unwrap().is_empty());
        }

        /// An assertion is used once for each client; refusals are listed latest first and bounded, those at each check by themselves.
        async fn assertions_and_refusals_are_kept(db: Db) {
            let client: ClientId = "rp-a".parse().unwrap();
            let other: ClientId = "rp-b".parse().unwrap();
            let id = client.clone();
            let spent = db.write(move |tx| Box::pin(async move {
                Ok::<_, Error>((
                    spend_assertion(tx, &id, "jti", Millis(9)).await?,
                    spend_assertion(tx, &id, "jti", Millis(9)).await?,
                    spend_assertion(tx, &other, "jti", Millis(9)).await?,
                ))
            })).await.unwrap();
            assert_eq!(spent, (true, false, true));
            let id = client.clone();
            db.write(move |tx| Box::pin(async move {
                let counts = ("signature", "the one that counts");
                insert_refusal(tx, &CorrelationId::new(Millis(0)), &id, counts, "a", Millis(0)).await?;
                for at in 1..KEPT + 4 {
                    insert_refusal(tx, &CorrelationId::new(Millis(at)), &id, ("secret", "why"), "a", Millis(at)).await?;
                }
                Ok::<_, Error>(())
            })).await.unwrap();
            let all = refusals(db.read(), &client, None, 2000).await.unwrap();
            assert_eq!((all.len(), all[0].at, all[199].at), (201, KEPT + 3, 4));
            assert_eq!((all[200].failed.as_str(), all[200].at), ("signature", 0), "nothing else pushes it out");
            let next = refusals(db.read(), &client, Some(&all[0].correlation_id), 1).await.unwrap();
            assert_eq!(next[0].at, KEPT + 2);
        }

        /// Whoever is refused again and again pushes out what came from their own network; what came from others stays, until many networks
        /// have as much. All together they have an end.
        async fn networks_push_out_their_own(db: Db) {
            let client: ClientId = "rp-a".parse().unwrap();
            let id = client.clone();
            db.write(move |tx| Box::pin(async move {
                for at in 0..3 {
                    insert_refusal(tx, &CorrelationId::new(Millis(at)), &id, ("secret", "of the owner"), "a", Millis(at)).await?;
                }
                for at in 3..2 * KEPT {
                    insert_refusal(tx, &CorrelationId::new(Millis(at)), &id, ("secret", "a flood"), "b", Millis(at)).await?;
                }
                for at in 2 * KEPT..2 * KEPT + 50 {
                    let network = format!("c{at}");
                    insert_refusal(tx, &CorrelationId::new(Millis(at)), &id, ("secret", "of others"), &network, Millis(at)).await?;
                }
                Ok::<_, Error>(())
            })).await.unwrap();
            let all = refusals(db.read(), &client, None, 2000).await.unwrap();
            let of = |sentence: &str| all.iter().filter(|one| one.sentence == sentence).count();
            assert_eq!((all.len(), of("of the owner"), of("a flood"), of("of others")), (200, 3, 147, 50));
            assert_eq!((all[50].at, all[196].at), (2 * KEPT - 1, 2 * KEPT - 147), "the oldest of the flood went");
        }
    }
}
