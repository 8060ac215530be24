//! Rows of `authn_token`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::looking::Lookup;
use platform::db::rows::{places, portions};
use platform::id::ClientId;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{behind, clients, grants, read, rows_by};
use crate::client::Client;
use crate::error::Error;
use crate::oidc::scope::Scopes;
use crate::session::Found;
use crate::token::{Binding, Grant, Kind, Token};

/// Stores tokens, with few statements.
pub(crate) async fn insert_all(tx: &mut Tx, tokens: &[&Token]) -> Result<(), Error> {
    for part in portions(tokens) {
        let sql = format!(
            "INSERT INTO authn_token (token_hash, kind, grant_id, client_id, scope, issued_at, expires_at, bound, actors, \
             audience) VALUES {}",
            places(part.len(), 10)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for token in part {
            query = query
                .bind(token.hash.clone())
                .bind(token.kind.word())
                .bind(token.grant.as_str().to_owned())
                .bind(token.client.as_str().to_owned())
                .bind(token.scope.text())
                .bind(token.issued_at.0)
                .bind(token.expires_at.0)
                .bind(token.binding.stored())
                .bind(actors(&token.actors))
                .bind(token.audience.clone());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

fn actors(actors: &[ClientId]) -> Option<String> {
    let words: Vec<&str> = actors.iter().map(ClientId::as_str).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

type TokenColumns = (
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Columns of a token and its grant.
macro_rules! found {
    () => {
        "t.kind, t.grant_id, t.client_id, t.scope, t.issued_at, t.expires_at, t.used_at, t.ended_at, t.bound, t.actors, t.audience, \
         g.grant_id AS g_grant_id, g.client_id AS g_client_id, g.user_id, g.sid, g.content, g.created_at, \
         g.expires_at AS g_expires_at, g.ended_at AS g_ended_at"
    };
}

/// A token with its grant, whatever state they are in.
pub(crate) async fn find(reader: &sqlx::AnyPool, hash: &str) -> Result<Option<(Token, Grant)>, Error> {
    let row = sqlx::query(concat!(
        "SELECT ",
        found!(),
        " FROM authn_token t JOIN authn_grant g ON g.grant_id = t.grant_id WHERE t.token_hash = $1"
    ))
    .bind(hash.to_owned())
    .fetch_optional(reader)
    .await?;
    row.map(|row| found(hash, &row)).transpose()
}

/// A token with all that stands behind it here.
pub(crate) struct Shown {
    /// The token.
    pub(crate) token: Token,
    /// Under what it was given.
    pub(crate) grant: Grant,
    /// To whom.
    pub(crate) client: Client,
    /// In which session, if nobody has ended that.
    pub(crate) session: Option<Found>,
}

impl Shown {
    /// With no more than the relying party is registered for now.
    pub(crate) fn within_registration(mut self) -> Self {
        self.client.limit(&mut self.token.scope);
        // What was granted is somebody else's where the token was exchanged.
        if self.token.client == self.grant.client {
            self.client.limit(&mut self.grant.content.scope);
        }
        self
    }
}

/// The same with relying party and session. One question for all that are looked for together: it is asked whenever a token is shown.
pub(crate) struct ByHash(pub(crate) String);

impl Lookup for ByHash {
    type Found = Option<Shown>;
    type Error = Error;

    async fn find_all(wanted: &[Self], tx: &mut Tx) -> Result<Vec<Option<Shown>>, Error> {
        let by = (FIND_SHOWN, "t.token_hash", "token_hash");
        let by_hash = rows_by(tx, by, wanted.iter().map(|one| one.0.as_str())).await?;
        let found: Result<Vec<Option<Shown>>, Error> =
            wanted.iter().map(|one| by_hash.get(&one.0).map(|row| shown(&one.0, row)).transpose()).collect();
        let mut found = found?;
        let sessions = found.iter_mut().flatten().filter_map(|shown| shown.session.as_mut()).collect();
        behind::ask_for_cards(tx, sessions).await?;
        Ok(found)
    }
}

const FIND_SHOWN: &str = concat!(
    "SELECT t.token_hash, ",
    found!(),
    ", c.client_id AS c_client_id, c.team AS c_team, c.state AS c_state, c.settings AS c_settings, c.version AS c_version, \
         c.secret_hash AS c_secret_hash, c.made_at AS c_made_at, c.changed_at AS c_changed_at, ",
    behind::columns!(),
    " FROM authn_token t JOIN authn_grant g ON g.grant_id = t.grant_id JOIN authn_client c ON c.client_id = t.client_id \
         LEFT JOIN authn_session s ON s.sid = g.sid AND s.ended_at IS NULL"
);

fn shown(hash: &str, row: &AnyRow) -> Result<Shown, Error> {
    let (token, grant) = found(hash, row)?;
    let (client, session) = (clients::joined(row)?, behind::joined(row)?);
    Ok(Shown { token, grant, client, session })
}

fn found(hash: &str, row: &AnyRow) -> Result<(Token, Grant), Error> {
    let columns: TokenColumns = (
        row.try_get("kind")?,
        row.try_get("grant_id")?,
        row.try_get("client_id")?,
        row.try_get("scope")?,
        row.try_get("issued_at")?,
        row.try_get("expires_at")?,
        row.try_get("used_at")?,
        row.try_get("ended_at")?,
        row.try_get("bound")?,
        row.try_get("actors")?,
        row.try_get("audience")?,
    );
    Ok((token(hash, columns)?, grants::joined(row)?))
}

fn token(hash: &str, row: TokenColumns) -> Result<Token, Error> {
    let (kind, grant, client, scope, issued_at, expires_at, used_at, ended_at, bound, actors, audience) = row;
    let kind = match kind.as_str() {
        "access" => Kind::Access,
        "refresh" => Kind::Refresh,
        _ => return Err(Error::Stored { what: "authn_token.kind" }),
    };
    let actors = actors.unwrap_or_default();
    let actors = actors.split(' ').filter(|word| !word.is_empty());
    Ok(Token {
        hash: hash.to_owned(),
        kind,
        grant: read("authn_token.grant_id", &grant)?,
        client: read("authn_token.client_id", &client)?,
        scope: Scopes::of(scope.split(' ').filter(|word| !word.is_empty())),
        issued_at: Millis(issued_at),
        expires_at: Millis(expires_at),
        used_at: used_at.map(Millis),
        ended_at: ended_at.map(Millis),
        binding: Binding::read(bound.as_deref()).ok_or(Error::Stored { what: "authn_token.bound" })?,
        actors: actors.map(|word| read("authn_token.actors", word)).collect::<Result<_, _>>()?,
        audience,
    })
}

/// Whether a token can still be used.
pub(crate) async fn is_good(tx: &mut Tx, hash: &str, now: Millis) -> Result<bool, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT token_hash FROM authn_token WHERE token_hash = $1 AND used_at IS NULL AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(hash.to_owned())
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.is_some())
}

/// Takes a refresh token as used; false if it was used or given back before.
pub(crate) async fn consume(tx: &mut Tx, hash: &str, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_token SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND ended_at IS NULL",
    )
    .bind(hash.to_owned())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes for which refresh token these were given.
pub(crate) async fn follow(tx: &mut Tx, tokens: &[Token], follows: &str) -> Result<(), Error> {
    for token in tokens {
        sqlx::query("UPDATE authn_token SET follows = $2 WHERE token_hash = $1")
            .bind(token.hash.clone())
            .bind(follows.to_owned())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Takes a refresh token once more that was used after `since`, while nobody has used the one that was given for it: that one counts as
/// used, so that whoever has it and comes with it ends everything, and the access token beside it ends. False where it was used.
pub(crate) async fn use_again(tx: &mut Tx, hash: &str, since: Millis, now: Millis) -> Result<bool, Error> {
    // A write, so that two who come with it at the same moment come one after the other.
    let grant: Option<String> = sqlx::query_scalar(
        "UPDATE authn_token SET used_at = used_at WHERE token_hash = $1 AND used_at > $2 AND ended_at IS NULL \
         AND expires_at > $3 RETURNING grant_id",
    )
    .bind(hash.to_owned())
    .bind(since.0)
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(grant) = grant else { return Ok(false) };
    let unused = sqlx::query(
        "UPDATE authn_token SET used_at = $3 WHERE grant_id = $1 AND follows = $2 AND kind = 'refresh' \
         AND used_at IS NULL AND ended_at IS NULL",
    )
    .bind(grant.clone())
    .bind(hash.to_owned())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    if unused.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE authn_token SET ended_at = $3 WHERE grant_id = $1 AND follows = $2 AND kind = 'access' AND ended_at IS NULL",
    )
    .bind(grant)
    .bind(hash.to_owned())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(true)
}

/// Ends a token; false if it had ended.
pub(crate) async fn end(tx: &mut Tx, hash: &str, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE authn_token SET ended_at = $2 WHERE token_hash = $1 AND ended_at IS NULL")
        .bind(hash.to_owned())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::grants::tests::sample;

    platform::both_engines! {
        /// A token reads back with its grant, is used once, and not after it was given back.
        async fn tokens_are_kept(db: Db) {
            let grant = sample("rp", "s", 1);
            let token = |hash: &str| Token {
                hash: hash.to_owned(), kind: Kind::Refresh, grant: grant.id.clone(), client: grant.client.clone(),
                scope: Scopes::of(["openid", "profile"]), issued_at: Millis(1), expires_at: Millis(9), used_at: None,
                ended_at: None, binding: Binding::Key("thumb".to_owned()), actors: vec!["b".parse().unwrap(), "a".parse().unwrap()],
                audience: Some("https://api.example".to_owned()),
            };
            let (one, two, under) = (token("a"), token("b"), grant.clone());
            let stored = one.clone();
            let used = db.write(move |tx| Box::pin(async move {
                grants::insert_all(tx, &[&under]).await?;
                insert_all(tx, &[&stored, &two]).await?;
                assert_eq!((end(tx, "b", Millis(2)).await?, end(tx, "b", Millis(3)).await?), (true, false));
                Ok::<_, Error>((
                    consume(tx, "b", Millis(3)).await?, consume(tx, "a", Millis(3)).await?, consume(tx, "a", Millis(4)).await?,
                ))
            })).await.unwrap();
            assert_eq!(used, (false, true, false));
            let (found, under) = find(db.read(), "a").await.unwrap().unwrap();
            assert_eq!((found, under), (Token { used_at: Some(Millis(3)), ..one }, grant));
            assert!(find(db.read(), "c").await.unwrap().is_none());
            let mut tx = db.read().acquire().await.unwrap();
            let shown = ByHash::find_all(&[ByHash("a".to_owned())], &mut tx).await.unwrap();
            assert!(shown.iter().all(Option::is_none) && shown.len() == 1, "there is no such client");
        }
    }
}
