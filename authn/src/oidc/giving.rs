//! Storing tokens that are given out. Those of requests that come together share a transaction and its statements: what a request
//! waits for is the COMMIT, and the writer's time goes into statements.

use std::sync::Arc;

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::together::{Row, Undone};
use platform::id::UserId;

use super::authorise::actor;
use crate::error::Error;
use crate::events::Event;
use crate::store::{codes, grants, tokens};
use crate::token::{Grant, Token};

/// For what tokens are given.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// For a client's own proof: its grant is new.
    Itself,
    /// For a code, which is used up, of a person who is still there.
    Code {
        /// Its hash.
        code: String,
        /// Who signed in.
        person: UserId,
    },
}

impl By {
    fn grant_type(&self) -> &'static str {
        match self {
            Self::Itself => "client_credentials",
            Self::Code { .. } => "authorization_code",
        }
    }
}

/// Tokens that are given out under a grant.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// Under what.
    pub(crate) grant: Grant,
    /// Their rows.
    pub(crate) rows: Vec<Token>,
    /// For what.
    pub(crate) by: By,
    /// When.
    pub(crate) at: Millis,
}

impl Given {
    fn event(&self) -> (Millis, audit::Actor, Event) {
        told(&self.grant, &self.rows, self.by.grant_type(), self.at)
    }
}

/// What is recorded of tokens that were given out, and by whom they were asked for.
pub(super) fn told(
    grant: &Grant,
    rows: &[Token],
    grant_type: &str,
    at: Millis,
) -> (Millis, audit::Actor, Event) {
    let client = rows.first().map_or(&grant.client, |row| &row.client);
    let event = Event::TokensIssued {
        grant: grant.id.to_string(),
        client: client.to_string(),
        grant_type: grant_type.to_owned(),
        scope: rows.first().map(|row| row.scope.text()).unwrap_or_default(),
    };
    (at, audit::Actor { client: Some(client.to_string()), ..actor(grant) }, event)
}

/// Stores each, and says of each whether it stands: a code may have been used, its grant have ended, or its person have left.
impl Row for Given {
    type Answer = bool;
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<bool, Error> {
        match &self.by {
            By::Itself => grants::insert_all(tx, &[&self.grant]).await?,
            By::Code { code, person } => {
                let left = !directory::api::closed(tx, &[person.as_str()]).await?.is_empty();
                if left || codes::consume(tx, &[code], self.at).await? != 1 {
                    return Ok(false);
                }
            }
        }
        tokens::insert_all(tx, &self.rows.iter().collect::<Vec<_>>()).await?;
        let (at, actor, event) = self.event();
        audit::record(tx, at, &actor, &event).await?;
        Ok(true)
    }

    async fn write_all(rows: &[Arc<Self>], tx: &mut Tx) -> Result<Vec<bool>, Undone> {
        let (mut new, mut used, mut people) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            match &row.by {
                By::Itself => new.push(&row.grant),
                By::Code { code, person } => {
                    used.push(code);
                    people.push(person.as_str());
                }
            }
        }
        let at = rows.iter().map(|row| row.at).max().unwrap_or(Millis(0));
        if !people.is_empty() {
            people.sort_unstable();
            people.dedup();
            let left = directory::api::closed(tx, &people).await?;
            // One that comes twice, was used or whose grant has ended is not counted: each is then looked at by itself.
            if !left.is_empty() || codes::consume(tx, &used, at).await? != used.len() {
                return Err(Undone::OneByOne);
            }
        }
        grants::insert_all(tx, &new).await?;
        let tokens: Vec<&Token> = rows.iter().flat_map(|row| &row.rows).collect();
        tokens::insert_all(tx, &tokens).await?;
        let events: Vec<_> = rows.iter().map(|row| row.event()).collect();
        let events: Vec<_> = events.iter().map(|(at, actor, event)| (*at, actor, event.clone())).collect();
        audit::record_each(tx, &events).await?;
        Ok(vec![true; rows.len()])
    }
}

/// What belongs to one row makes the group be written one by one; a database that failed fails it.
impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        match error {
            Error::Db(error) => error.into(),
            _ => Self::OneByOne,
        }
    }
}

#[cfg(test)]
mod tests {
    use platform::db::Db;
    use platform::db::together::Together;

    use super::*;
    use crate::oidc::scope::Scopes;
    use crate::secret::sha256_hex;
    use crate::store::codes::{Bound, Code};
    use crate::store::grants::tests::sample;
    use crate::token::{Binding, Kind};

    const PERSON: &str = "555021942107";

    /// Tokens for a code, which lies in the database.
    async fn with_code(db: &Db, number: i64) -> Given {
        let grant = sample("rp", &format!("s{number}"), number);
        let code = Code {
            hash: sha256_hex(&number.to_be_bytes()),
            grant: grant.id.clone(),
            client: grant.client.clone(),
            bound: Bound { redirect_uri: String::new(), challenge: None, key: None },
            expires_at: Millis(1_000),
            used_at: None,
        };
        let (under, kept) = (grant.clone(), code.clone());
        db.write(move |tx| {
            Box::pin(async move {
                grants::insert_all(tx, &[&under]).await?;
                codes::insert(tx, &kept).await
            })
        })
        .await
        .unwrap();
        Given {
            rows: vec![token(&grant, number)],
            grant,
            by: By::Code { code: code.hash, person: PERSON.parse().unwrap() },
            at: Millis(number),
        }
    }

    fn token(grant: &Grant, number: i64) -> Token {
        Token {
            hash: format!("token-{number}"),
            kind: Kind::Access,
            grant: grant.id.clone(),
            client: grant.client.clone(),
            scope: Scopes::of(["openid"]),
            issued_at: Millis(number),
            expires_at: Millis(1_000),
            used_at: None,
            ended_at: None,
            binding: Binding::Nothing,
            actors: vec![],
            audience: None,
        }
    }

    async fn person(db: &Db) {
        db.write(|tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', 'open', 1)")
                    .bind(PERSON)
                    .execute(&mut *tx)
                    .await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    }

    async fn events(db: &Db) -> i64 {
        sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'tokens-issued'")
            .fetch_one(db.read())
            .await
            .unwrap()
    }

    platform::both_engines! {
        /// What comes together is stored together, each with its event; a code that comes twice in a group gives once, and one of
        /// a grant that has ended gives nothing, while the others are not touched by it.
        async fn a_group_gives_each_its_own(db: Db) {
            person(&db).await;
            let together = Together::start(&db);
            let mut all = Vec::new();
            for number in 1..=20 {
                all.push(with_code(&db, number).await);
            }
            let (ended, twice) = (all[3].grant.id.clone(), Given { rows: vec![token(&all[7].grant, 99)], ..all[7].clone() });
            db.write(move |tx| Box::pin(async move { grants::end(tx, &ended, "left", Millis(5)).await })).await.unwrap();
            all.push(twice);
            for number in 30..40 {
                let grant = sample("system", "", number);
                all.push(Given { rows: vec![token(&grant, number)], grant, by: By::Itself, at: Millis(number) });
            }
            let mut tasks = tokio::task::JoinSet::new();
            let together = Arc::new(together);
            for (place, given) in all.into_iter().enumerate() {
                let together = Arc::clone(&together);
                tasks.spawn(async move { (place, together.write(given).await.unwrap()) });
            }
            let mut stands = vec![false; 31];
            while let Some(done) = tasks.join_next().await {
                let (place, stood) = done.unwrap();
                stands[place] = stood;
            }
            assert!(!stands[3] && stands[7] != stands[20], "{stands:?}");
            assert_eq!((stands.iter().filter(|stood| **stood).count(), events(&db).await), (29, 29));
            assert!(tokens::find(db.read(), "token-1").await.unwrap().is_some());
            assert!(tokens::find(db.read(), "token-4").await.unwrap().is_none());
            assert!(tokens::find(db.read(), "token-39").await.unwrap().is_some());
        }
    }
}
