//! Rows of `directory_person_link`: under which names other systems know people.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use sqlx::AssertSqlSafe;

use super::{Reader, read};
use crate::error::Error;

/// Under which name a system knows somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) source: String,
    pub(crate) external_id: String,
    pub(crate) user_name: String,
    pub(crate) user: UserId,
    /// The id of the user of SCIM that it is: that of the person when they were announced, for life. None of what is no such user.
    pub(crate) resource: Option<UserId>,
    pub(crate) content: String,
    /// Whether two records became one since, and the system knows the person by another link.
    pub(crate) force: Force,
}

/// Whether a link is the one by which its system knows the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// It is.
    Present,
    /// It was, of a record that became part of another: what is said of it is said of nobody.
    Retired,
}

impl Link {
    /// Somebody whom a system knows from now on under a name, and not as a user of SCIM.
    pub(crate) fn named(source: String, external_id: String, user_name: String, user: UserId) -> Self {
        let (resource, content) = (None, String::new());
        Self { source, external_id, user_name, user, resource, content, force: Force::Present }
    }

    /// The id by which the system knows the person.
    pub(crate) fn id(&self) -> &UserId {
        self.resource.as_ref().unwrap_or(&self.user)
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.force == Force::Retired
    }

    /// Whether two links are of one client: that it announces people over SCIM and tells of them by events is one knowledge.
    fn is_of_one_client_with(&self, other: &Self) -> bool {
        fn client(source: &str) -> Option<&str> {
            source.strip_prefix("scim ").or_else(|| source.strip_prefix("feed "))
        }
        self.source == other.source
            || client(&self.source).is_some_and(|one| client(&other.source) == Some(one))
    }
}

/// By what a link is found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By<'a> {
    /// The id that the system gave.
    ExternalId(&'a str),
    /// The name that the system gave.
    UserName(&'a str),
    /// The id that we gave.
    Resource(&'a UserId),
}

type Columns = (String, String, String, String, Option<String>, String, Option<i64>);

const COLUMNS: &str = "source, external_id, user_name, user_id, resource_id, content, retired_at";

fn link(row: Columns) -> Result<Link, Error> {
    let (source, external_id, user_name, user, resource, content, retired_at) = row;
    Ok(Link {
        source,
        external_id,
        user_name,
        user: read("directory_person_link.user_id", &user)?,
        resource: resource.map(|id| read("directory_person_link.resource_id", &id)).transpose()?,
        content,
        force: if retired_at.is_some() { Force::Retired } else { Force::Present },
    })
}

/// A link of a system.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    source: &str,
    by: By<'_>,
) -> Result<Option<Link>, Error> {
    let (condition, value) = match by {
        By::ExternalId(id) => ("external_id = $2", id),
        By::UserName(name) => ("user_name = $2", name),
        // The release before writes no id beside that of the person.
        By::Resource(id) => (
            "(resource_id = $2 OR (resource_id IS NULL AND retired_at IS NULL AND user_id = $2)) \
             ORDER BY CASE WHEN resource_id IS NULL THEN 1 ELSE 0 END, external_id LIMIT 1",
            id.as_str(),
        ),
    };
    let text = format!("SELECT {COLUMNS} FROM directory_person_link WHERE source = $1 AND {condition}");
    // Made of our own words only.
    let query = sqlx::query_as(AssertSqlSafe(text)).bind(source.to_owned()).bind(value.to_owned());
    let row: Option<Columns> = query.fetch_optional(reader).await?;
    row.map(link).transpose()
}

/// Every link of a person.
pub(crate) async fn of_person<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Vec<Link>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_person_link WHERE user_id = $1 ORDER BY source, external_id"
    );
    let query = sqlx::query_as(AssertSqlSafe(text)).bind(user.as_str().to_owned());
    let rows: Vec<Columns> = query.fetch_all(reader).await?;
    rows.into_iter().map(link).collect()
}

/// The users of a system in the order of their ids, from a place on; with those of whom the release before wrote no id.
pub(crate) async fn page<'c>(
    reader: impl Reader<'c>,
    source: &str,
    skip: u32,
    limit: u32,
) -> Result<Vec<Link>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_person_link WHERE source = $1 \
         AND (resource_id IS NOT NULL OR retired_at IS NULL) \
         ORDER BY COALESCE(resource_id, user_id), external_id LIMIT $2 OFFSET $3"
    );
    let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(text))
        .bind(source.to_owned())
        .bind(i64::from(limit))
        .bind(i64::from(skip))
        .fetch_all(reader)
        .await?;
    rows.into_iter().map(link).collect()
}

/// How many links a system has: kept with each that is added or taken away, never counted.
pub(crate) async fn count<'c>(reader: impl Reader<'c>, source: &str) -> Result<u64, Error> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT many FROM directory_link_total WHERE source = $1")
        .bind(source)
        .fetch_optional(reader)
        .await?;
    Ok(row.and_then(|(many,)| u64::try_from(many).ok()).unwrap_or(0))
}

/// A system has so many links more.
async fn counted(tx: &mut Tx, source: &str, more: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_link_total (source, many) VALUES ($1, $2) ON CONFLICT (source) DO UPDATE \
         SET many = directory_link_total.many + excluded.many",
    )
    .bind(source)
    .bind(more)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Adds a link. `false`: the system knows somebody under one of these names already.
pub(crate) async fn add(tx: &mut Tx, link: &Link, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO directory_person_link (source, external_id, user_name, user_id, content, at, resource_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(link.source.as_str())
    .bind(link.external_id.as_str())
    .bind(link.user_name.as_str())
    .bind(link.user.as_str())
    .bind(link.content.as_str())
    .bind(now.0)
    .bind(link.resource.as_ref().map(UserId::as_str))
    .execute(&mut *tx)
    .await?;
    let added = done.rows_affected() == 1;
    if added {
        counted(tx, &link.source, 1).await?;
    }
    Ok(added)
}

/// Changes the name of a link and what came last; the caller has seen that the name is nobody else's.
pub(crate) async fn change(tx: &mut Tx, link: &Link, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_person_link SET user_name = $3, content = $4, at = $5 WHERE source = $1 AND external_id = $2",
    )
    .bind(link.source.as_str())
    .bind(link.external_id.as_str())
    .bind(link.user_name.as_str())
    .bind(link.content.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes a link away. Where its client knows the person by nothing else that is in force, what was retired of it is again: it says
/// then what becomes of the person.
pub(crate) async fn remove(tx: &mut Tx, link: &Link) -> Result<(), Error> {
    let done = sqlx::query("DELETE FROM directory_person_link WHERE source = $1 AND external_id = $2")
        .bind(link.source.as_str())
        .bind(link.external_id.as_str())
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 1 {
        counted(tx, &link.source, -1).await?;
    }
    if link.is_retired() { Ok(()) } else { restore(tx, link).await }
}

/// Whether another user of the same client is the person once a link is taken away: one of a record that became part of theirs.
pub(crate) async fn has_heir(tx: &mut Tx, link: &Link) -> Result<bool, Error> {
    let left = beside(tx, link).await?;
    Ok(left.iter().all(Link::is_retired) && left.iter().any(|one| one.source == link.source))
}

/// What else the client of a link knows the person by.
async fn beside(tx: &mut Tx, link: &Link) -> Result<Vec<Link>, Error> {
    let mut all = of_person(&mut *tx, &link.user).await?;
    let is_it = |one: &Link| one.source == link.source && one.external_id == link.external_id;
    all.retain(|one| one.is_of_one_client_with(link) && !is_it(one));
    Ok(all)
}

async fn restore(tx: &mut Tx, gone: &Link) -> Result<(), Error> {
    let left = beside(tx, gone).await?;
    // A user before a number alone.
    let first = left.iter().find(|link| link.source == gone.source).or(left.first());
    let Some(first) = first.filter(|_| left.iter().all(Link::is_retired)) else { return Ok(()) };
    for link in left.iter().filter(|link| link.external_id == first.external_id) {
        retire(tx, link, None).await?;
    }
    Ok(())
}

/// Whatever knew one person knows another from now on. A system that knew both knows them by the link of the other; what it says of
/// this one is said of nobody from then on, and neither ends nor closes what the other has.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId, now: Millis) -> Result<(), Error> {
    let (mut kept, moved) = (of_person(&mut *tx, to).await?, of_person(&mut *tx, from).await?);
    kept.retain(|link| !link.is_retired());
    for link in moved.iter().filter(|link| !link.is_retired() && is_another(link, &kept)) {
        retire(tx, link, Some(now)).await?;
    }
    sqlx::query("UPDATE directory_person_link SET user_id = $2 WHERE user_id = $1")
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Whether the client of a link knows the person by another one of these. Under one number it may announce them and tell of them.
fn is_another(link: &Link, kept: &[Link]) -> bool {
    let mut known = kept.iter().filter(|one| one.is_of_one_client_with(link)).peekable();
    known.peek().is_some()
        && known.all(|one| one.source == link.source || one.external_id != link.external_id)
}

/// Stores since when a link is in force no more; nothing if it is.
async fn retire(tx: &mut Tx, link: &Link, since: Option<Millis>) -> Result<(), Error> {
    sqlx::query("UPDATE directory_person_link SET retired_at = $3 WHERE source = $1 AND external_id = $2")
        .bind(link.source.as_str())
        .bind(link.external_id.as_str())
        .bind(since.map(|since| since.0))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A client that knew both records knows the person by the link of the one that stays, and by the other's once that is taken
        /// away; another client keeps its own. One without an id of its own is found by that of the person.
        async fn one_link_of_a_client_is_in_force(db: Db) {
            let seen = db.write(|tx| {
                Box::pin(async move {
                    let (one, two) = (UserId::from_number(1).unwrap(), UserId::from_number(2).unwrap());
                    let links = [("scim hr", "1", &one), ("feed hr", "1", &one), ("scim hr", "2", &two), ("feed hr", "2", &two), ("scim other", "9", &two)];
                    for (source, name, user) in links {
                        let resource = source.starts_with("scim ").then(|| user.clone());
                        let named = Link::named(source.to_owned(), name.to_owned(), name.to_owned(), user.clone());
                        assert!(add(tx, &Link { resource, ..named }, Millis(0)).await?);
                    }
                    hand_over(tx, &two, &one, Millis(5)).await?;
                    let merged = of_person(&mut *tx, &one).await?;
                    for link in merged.iter().filter(|link| link.external_id == "1") {
                        remove(tx, link).await?;
                    }
                    let after = of_person(&mut *tx, &one).await?;
                    // As the release before writes it.
                    let old = Link::named("scim old".to_owned(), "7".to_owned(), "7".to_owned(), one.clone());
                    assert!(add(tx, &old, Millis(0)).await?);
                    assert_eq!(find(&mut *tx, "scim old", By::Resource(&one)).await?, Some(old.clone()));
                    assert_eq!(find(&mut *tx, "scim old", By::Resource(&two)).await?, None);
                    assert_eq!(page(&mut *tx, "scim old", 0, 9).await?, [old]);
                    Ok::<_, Error>((merged, after))
                })
            });
            let (merged, after) = seen.await.unwrap();
            let told = |links: &[Link]| -> Vec<(String, bool)> {
                links.iter().map(|link| (format!("{} {}", link.source, link.external_id), link.is_retired())).collect()
            };
            let row = |name: &str, retired: bool| (name.to_owned(), retired);
            let two = [row("feed hr 1", false), row("feed hr 2", true), row("scim hr 1", false), row("scim hr 2", true), row("scim other 9", false)];
            assert_eq!(told(&merged), two);
            assert_eq!(told(&after), [row("feed hr 2", false), row("scim hr 2", false), row("scim other 9", false)]);
        }
    }
}
