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

/// What became of tokens that were to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stood {
    /// They are stored.
    Stands,
    /// They are not: what they were to be given for was used before.
    Used,
    /// They are not: its person has left, or its grant has ended.
    Over,
}

/// Stores each, and says what became of it.
impl Row for Given {
    type Answer = Stood;
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<Stood, Error> {
        match &self.by {
            By::Itself => grants::insert_all(tx, &[&self.grant]).await?,
            By::Code { code, person } => {
                let left = !directory::api::closed(tx, &[person.as_str()]).await?.is_empty();
                if left {
                    return Ok(Stood::Over);
                }
                if codes::consume(tx, &[code], self.at).await? != 1 {
                    let used = codes::is_used(tx, code).await?;
                    return Ok(if used { Stood::Used } else { Stood::Over });
                }
            }
        }
        tokens::insert_all(tx, &self.rows.iter().collect::<Vec<_>>()).await?;
        let (at, actor, event) = self.event();
        audit::record(tx, at, &actor, &event).await?;
        Ok(Stood::Stands)
    }

    async fn write_all(rows: &[Arc<Self>], tx: &mut Tx) -> Result<Vec<Stood>, Undone> {
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
        let (actors, told): (Vec<_>, Vec<_>) =
            rows.iter().map(|row| row.event()).map(|(at, actor, event)| (actor, (at, event))).unzip();
        let events: Vec<_> =
            told.into_iter().zip(&actors).map(|((at, event), actor)| (at, actor, event)).collect();
        audit::record_each(tx, &events).await?;
        Ok(vec![Stood::Stands; rows.len()])
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
