//! Rows of `authn_grant`.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::rows::{places, portions};
use platform::id::ClientId;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Reader, read};
use crate::error::Error;
use crate::token::{Content, Grant, GrantId};

pub(super) type Columns = (String, String, Option<String>, Option<String>, String, i64, i64, Option<i64>);

pub(super) fn grant(row: Columns) -> Result<Grant, Error> {
    let (id, client, person, sid, content, created_at, expires_at, ended_at) = row;
    Ok(Grant {
        id: read("authn_grant.grant_id", &id)?,
        client: read("authn_grant.client_id", &client)?,
        person: person.map(|person| read("authn_grant.user_id", &person)).transpose()?,
        sid,
        content: serde_json::from_str(&content).map_err(|_| Error::Stored { what: "authn_grant.content" })?,
        created_at: Millis(created_at),
        expires_at: Millis(expires_at),
        ended_at: ended_at.map(Millis),
    })
}

/// A grant in a row of something else, with the columns that both have under names of their own.
pub(super) fn joined(row: &AnyRow) -> Result<Grant, Error> {
    grant((
        row.try_get("g_grant_id")?,
        row.try_get("g_client_id")?,
        row.try_get("user_id")?,
        row.try_get("sid")?,
        row.try_get("content")?,
        row.try_get("created_at")?,
        row.try_get("g_expires_at")?,
        row.try_get("g_ended_at")?,
    ))
}

/// Stores grants, with few statements.
pub(crate) async fn insert_all(tx: &mut Tx, grants: &[&Grant]) -> Result<(), Error> {
    for part in portions(grants) {
        let sql = format!(
            "INSERT INTO authn_grant (grant_id, client_id, user_id, sid, content, created_at, expires_at) VALUES {}",
            places(part.len(), 7)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for grant in part {
            let content = serde_json::to_string(&grant.content)
                .map_err(|_| Error::Stored { what: "authn_grant.content" })?;
            query = query
                .bind(grant.id.as_str().to_owned())
                .bind(grant.client.as_str().to_owned())
                .bind(grant.person.as_ref().map(|person| person.as_str().to_owned()))
                .bind(grant.sid.clone())
                .bind(content)
                .bind(grant.created_at.0)
                .bind(grant.expires_at.0);
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// A grant, ended ones among them.
#[cfg(test)]
pub(crate) async fn find<'c>(reader: impl Reader<'c>, id: &GrantId) -> Result<Option<Grant>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT grant_id, client_id, user_id, sid, content, created_at, expires_at, ended_at FROM authn_grant \
         WHERE grant_id = $1",
    )
    .bind(id.as_str().to_owned())
    .fetch_optional(reader)
    .await?;
    row.map(grant).transpose()
}

/// How many grants of one client in one session are looked at.
const LOOKED_AT: i64 = 1000;

/// The grants of a client in a session that go on, the latest first.
pub(crate) async fn open_of_session<'c>(
    reader: impl Reader<'c>,
    sid: &str,
    client: &ClientId,
) -> Result<Vec<Grant>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT grant_id, client_id, user_id, sid, content, created_at, expires_at, ended_at FROM authn_grant \
         WHERE sid = $1 AND client_id = $2 AND ended_at IS NULL ORDER BY grant_id DESC LIMIT $3",
    )
    .bind(sid.to_owned())
    .bind(client.as_str().to_owned())
    .bind(LOOKED_AT)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(grant).collect()
}

/// The relying parties that have something of a session.
pub(crate) async fn clients_of_session(tx: &mut Tx, sid: &str) -> Result<Vec<ClientId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT client_id FROM authn_grant WHERE sid = $1 AND ended_at IS NULL ORDER BY client_id LIMIT 500",
    )
    .bind(sid.to_owned())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(client,)| read("authn_grant.client_id", client)).collect()
}

/// The roles in which somebody acts by what goes on in a session, of the grants that are looked at the latest.
pub(crate) async fn roles_of_session(tx: &mut Tx, sid: &str) -> Result<BTreeSet<String>, Error> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT content FROM authn_grant WHERE sid = $1 AND ended_at IS NULL ORDER BY grant_id DESC LIMIT $2",
    )
    .bind(sid.to_owned())
    .bind(LOOKED_AT)
    .fetch_all(&mut *tx)
    .await?;
    let mut roles = BTreeSet::new();
    for content in rows {
        let content: Content =
            serde_json::from_str(&content).map_err(|_| Error::Stored { what: "authn_grant.content" })?;
        roles.extend(content.role.filter(|role| !role.is_empty()));
    }
    Ok(roles)
}

/// Whether a grant goes on.
pub(crate) async fn is_open(tx: &mut Tx, id: &GrantId) -> Result<bool, Error> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT grant_id FROM authn_grant WHERE grant_id = $1 AND ended_at IS NULL")
            .bind(id.as_str().to_owned())
            .fetch_optional(&mut *tx)
            .await?;
    Ok(row.is_some())
}

/// Ends a grant; false if it had ended.
pub(crate) async fn end(tx: &mut Tx, id: &GrantId, cause: &str, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_grant SET ended_at = $2, ended_by = $3 WHERE grant_id = $1 AND ended_at IS NULL",
    )
    .bind(id.as_str().to_owned())
    .bind(now.0)
    .bind(cause.to_owned())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every grant of a client.
pub(crate) async fn end_of_client(
    tx: &mut Tx,
    client: &ClientId,
    cause: &'static str,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_grant SET ended_at = $2, ended_by = $3 WHERE client_id = $1 AND ended_at IS NULL",
    )
    .bind(client.as_str().to_owned())
    .bind(now.0)
    .bind(cause)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Ends every grant of a session, and gives the grants: the latest of each client.
pub(crate) async fn end_of_session(tx: &mut Tx, sid: &str, now: Millis) -> Result<Vec<Grant>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT g.grant_id, g.client_id, g.user_id, g.sid, g.content, g.created_at, g.expires_at, g.ended_at \
         FROM authn_grant g WHERE g.sid = $1 AND g.grant_id = \
           (SELECT MAX(o.grant_id) FROM authn_grant o WHERE o.sid = $1 AND o.client_id = g.client_id) \
         ORDER BY g.client_id LIMIT 500",
    )
    .bind(sid.to_owned())
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE authn_grant SET ended_at = $2, ended_by = 'session-ended' WHERE sid = $1 AND ended_at IS NULL",
    )
    .bind(sid.to_owned())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    rows.into_iter().map(grant).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use platform::db::Db;

    use super::*;
    use crate::oidc::face::Face;
    use crate::oidc::scope::Scopes;

    /// A grant of a client in a session.
    pub(crate) fn sample(client: &str, sid: &str, at: i64) -> Grant {
        Grant {
            id: GrantId::new(Millis(at)),
            client: client.parse().unwrap(),
            person: Some("555021942107".parse().unwrap()),
            sid: Some(sid.to_owned()),
            content: Content {
                face: Face::Cis2,
                scope: Scopes::of(["openid"]),
                method: Some(crate::interaction::Method::Smartcard),
                authenticated_at: Some(Millis(at)),
                nonce: None,
                s_hash: None,
                role: Some(String::new()),
                acr: vec![],
                id_token_claims: vec![],
                userinfo_claims: vec![],
                signing: None,
            },
            created_at: Millis(at),
            expires_at: Millis(at + 1000),
            ended_at: None,
        }
    }

    platform::both_engines! {
        /// Grants read back, end once, and end with their client and their session.
        async fn grants_end(db: Db) {
            let (one, two, three) = (sample("rp-a", "s", 1), sample("rp-a", "s", 2), sample("rp-b", "s", 3));
            let all = [one.clone(), two.clone(), three.clone()];
            db.write(move |tx| Box::pin(async move {
                insert_all(tx, &all.iter().collect::<Vec<_>>()).await?;
                Ok::<_, Error>(())
            })).await.unwrap();
            assert_eq!(find(db.read(), &one.id).await.unwrap(), Some(one.clone()));
            assert_eq!(open_of_session(db.read(), "s", &one.client).await.unwrap(), [two.clone(), one.clone()]);
            assert!(open_of_session(db.read(), "other", &one.client).await.unwrap().is_empty());
            let acting = Grant { content: Content { role: Some("7".to_owned()), ..one.content.clone() }, ..sample("rp-a", "acting", 1) };
            let roles = db.write(move |tx| Box::pin(async move {
                insert_all(tx, &[&acting, &Grant { id: GrantId::new(Millis(2)), ..acting.clone() }]).await?;
                let before = [roles_of_session(tx, "acting").await?, roles_of_session(tx, "s").await?];
                end_of_session(tx, "acting", Millis(3)).await?;
                Ok::<_, Error>((before, roles_of_session(tx, "acting").await?))
            })).await.unwrap();
            assert_eq!(roles, ([BTreeSet::from(["7".to_owned()]), BTreeSet::new()], BTreeSet::new()));
            let (first, last) = (one.id.clone(), three.client.clone());
            let ended = db.write(move |tx| Box::pin(async move {
                let ended = (end(tx, &first, "test", Millis(5)).await?, end(tx, &first, "test", Millis(6)).await?);
                end_of_client(tx, &last, "test", Millis(5)).await?;
                Ok::<_, Error>((ended, is_open(tx, &first).await?))
            })).await.unwrap();
            assert_eq!(ended, ((true, false), false));
            let ended = db.write(|tx| Box::pin(async move { end_of_session(tx, "s", Millis(7)).await })).await.unwrap();
            let ids: Vec<&GrantId> = ended.iter().map(|grant| &grant.id).collect();
            assert_eq!(ids, [&two.id, &three.id]);
            let at = |grant: Option<Grant>| grant.unwrap().ended_at;
            assert_eq!(at(find(db.read(), &two.id).await.unwrap()), Some(Millis(7)));
            assert_eq!(at(find(db.read(), &three.id).await.unwrap()), Some(Millis(5)));
        }
    }
}
