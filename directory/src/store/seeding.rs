//! Filling an empty register: [`crate::seed::bulk`] says what for.

use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{places, stored_number};
use crate::counter::Counter;
use crate::error::Error;
use crate::seed::bulk::{NUMBERS, Table, Value};

/// How many values go into one statement. SQLite takes 32,766, but the name of each is looked for along all of them.
const VALUES: usize = 480;
/// The marker counts blocks by so many, and the parts of a block below that.
const PARTS: u64 = 100;
/// What begins the names of markers among the running numbers.
const MARKER: &str = "seed ";

/// Where it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// With this part of this block.
    At {
        /// The block.
        block: u64,
        /// How many of its parts are in.
        part: usize,
    },
    /// Everything is in.
    Done,
}

/// Takes an empty register, or one that is being filled in the same way. `blocks` is how many there will be.
pub(crate) async fn begin(tx: &mut Tx, name: &str, blocks: u64) -> Result<Begun, Error> {
    let marker: Option<(String, i64)> =
        sqlx::query_as("SELECT name, last FROM directory_counter WHERE name LIKE 'seed %' LIMIT 1")
            .fetch_optional(&mut *tx)
            .await?;
    match marker {
        Some((other, _)) if other != name => {
            let other = other.trim_start_matches(MARKER);
            let sentence =
                format!("This register is being filled with {other}. Use a new database for anything else.");
            return Err(Error::conflict("filled-otherwise", sentence));
        }
        Some((_, last)) => {
            let at = u64::try_from(last).map_err(|_| Error::Stored { what: "directory_counter.last" })?;
            let part = usize::try_from(at % PARTS).unwrap_or(0);
            let done = at > blocks * PARTS;
            return Ok(if done { Begun::Done } else { Begun::At { block: at / PARTS, part } });
        }
        None => {}
    }
    for table in ["directory_person", "directory_organisation", "directory_position", "directory_assignment"]
    {
        let text = format!("SELECT CAST(1 AS BIGINT) FROM {table} LIMIT 1");
        let row: Option<(i64,)> = sqlx::query_as(AssertSqlSafe(text)).fetch_optional(&mut *tx).await?;
        if row.is_some() {
            let sentence = "This register holds people, organisations or positions already. Only an empty one is filled: \
                            use a new database.";
            return Err(Error::conflict("register-not-empty", sentence));
        }
    }
    sqlx::query("INSERT INTO directory_counter (name, last) VALUES ($1, 0)")
        .bind(name)
        .execute(&mut *tx)
        .await?;
    Ok(Begun::At { block: 0, part: 0 })
}

/// From where to where the marker moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    from: u64,
    to: u64,
}

impl Step {
    /// Over this part of a block that has so many.
    pub(crate) fn of(block: u64, part: usize, parts: usize) -> Self {
        let from = block * PARTS + u64::try_from(part).unwrap_or(u64::MAX);
        let to = if part + 1 == parts { (block + 1) * PARTS } else { from + 1 };
        Self { from, to }
    }
}

/// Writes a part of a block, if it is the next one.
pub(crate) async fn part(tx: &mut Tx, name: &str, step: Step, tables: Vec<Table>) -> Result<(), Error> {
    moved(tx, name, step).await?;
    for table in tables {
        insert(tx, table).await?;
    }
    Ok(())
}

/// Sets the running numbers behind everything that was made, and marks the end.
pub(crate) async fn end(tx: &mut Tx, name: &str, people: u64, blocks: u64) -> Result<(), Error> {
    moved(tx, name, Step { from: blocks * PARTS, to: blocks * PARTS + 1 }).await?;
    let numbers = blocks * NUMBERS;
    for (counter, last) in
        [(Counter::Person, people), (Counter::OrganisationPerson, numbers), (Counter::RoleProfile, numbers)]
    {
        sqlx::query(
            "INSERT INTO directory_counter (name, last) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET last = $2",
        )
        .bind(counter.name())
        .bind(stored_number(last))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Moves the marker on; nobody else did meanwhile.
async fn moved(tx: &mut Tx, name: &str, step: Step) -> Result<(), Error> {
    let done = sqlx::query("UPDATE directory_counter SET last = $3 WHERE name = $1 AND last = $2")
        .bind(name)
        .bind(stored_number(step.from))
        .bind(stored_number(step.to))
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let sentence = "Another process fills this register at the same time. Let one of them go on alone.";
    Err(Error::conflict("filled-twice", sentence))
}

async fn insert(tx: &mut Tx, table: Table) -> Result<(), Error> {
    let columns = table.columns.split(',').count();
    let mut rows = table.rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<Vec<Value>> = rows.by_ref().take(VALUES / columns).collect();
        let values = places(some.len(), columns);
        // Made of our own words and numbers only.
        let text = format!("INSERT INTO {} ({}) VALUES {values}", table.name, table.columns);
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in some.into_iter().flatten() {
            query = match value {
                Value::Nothing => query.bind(None::<String>),
                Value::Word(word) => query.bind(word),
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) use acts::{end_assignments, rename_person, set_state};

/// What acts do to somebody, as far as the tests of the faces need it.
#[cfg(test)]
mod acts {
    use platform::db::Tx;
    use platform::id::UserId;

    use crate::day::Day;
    use crate::error::Error;

    /// Gives somebody another family name.
    pub(crate) async fn rename_person(tx: &mut Tx, user: &UserId, family: &str) -> Result<(), Error> {
        let text = "UPDATE directory_person SET family = $2, version = version + 1 WHERE user_id = $1";
        sqlx::query(text).bind(user.as_str()).bind(family).execute(&mut *tx).await?;
        Ok(())
    }

    /// Ends all that somebody is assigned to.
    pub(crate) async fn end_assignments(tx: &mut Tx, user: &UserId, last: Day) -> Result<(), Error> {
        let text = "UPDATE directory_assignment SET to_day = $2 WHERE user_id = $1";
        sqlx::query(text).bind(user.as_str()).bind(last.to_string()).execute(&mut *tx).await?;
        Ok(())
    }

    /// Closes a profile, or makes it part of another.
    pub(crate) async fn set_state(tx: &mut Tx, user: &UserId, state: &str) -> Result<(), Error> {
        let text = "UPDATE directory_person SET state = $2, merged_into = user_id, closed_at = 1, close_reason = 'left' \
                    WHERE user_id = $1";
        sqlx::query(text).bind(user.as_str()).bind(state).execute(&mut *tx).await?;
        Ok(())
    }
}
