//! Whose entries look otherwise because of something that is not a person, and how far the change feed reaches back.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{Reader, list};
use crate::counter::Counter;
use crate::day::Day;
use crate::error::Error;

/// The first number that is kept, the last that was told, and when that was.
pub(crate) async fn kept<'c>(reader: impl Reader<'c>) -> Result<(u64, u64, i64), Error> {
    let (first, counted, kept, at): (Option<i64>, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT MIN(number) FROM directory_change), \
         COALESCE((SELECT last FROM directory_counter WHERE name = $1), 0), \
         COALESCE((SELECT MAX(number) FROM directory_change), 0), \
         COALESCE((SELECT at FROM directory_change ORDER BY number DESC LIMIT 1), 0)",
    )
    .bind(Counter::Change.name())
    .fetch_one(reader)
    .await?;
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let last = number(counted.max(kept));
    Ok((first.map_or(last.saturating_add(1), number), last, at))
}

/// When a change was told; none if it is not kept any more, or not told yet.
pub(crate) async fn told_at<'c>(reader: impl Reader<'c>, number: u64) -> Result<Option<i64>, Error> {
    let at = sqlx::query_scalar("SELECT at FROM directory_change WHERE number = $1")
        .bind(super::stored_number(number))
        .fetch_optional(reader)
        .await?;
    Ok(at)
}

/// Those of these organisations whose name became another one under a change after this one, or of which that is not known.
pub(crate) async fn renamed(tx: &mut Tx, codes: &[String], after: u64) -> Result<Vec<String>, Error> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT ods FROM directory_organisation WHERE (renamed_in IS NULL OR renamed_in > $1) AND ods IN ({}) ORDER BY ods",
        list(2, codes.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_scalar(AssertSqlSafe(text)).bind(super::stored_number(after));
    for code in codes {
        query = query.bind(code.clone());
    }
    Ok(query.fetch_all(&mut *tx).await?)
}

/// Which of some people, in the order of their ids: so many at most behind one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'p> {
    pub(crate) after: &'p str,
    pub(crate) limit: u32,
}

impl Page<'_> {
    /// The first ones.
    pub(crate) fn first(limit: u32) -> Self {
        Self { after: "", limit }
    }
}

/// People who are, or were, in any organisation: nobody else has a role, or had one.
pub(crate) async fn of_any_organisation(tx: &mut Tx, page: Page<'_>) -> Result<Vec<String>, Error> {
    let rows = sqlx::query_scalar(
        "SELECT DISTINCT user_id FROM directory_organisation_person WHERE user_id > $1 ORDER BY user_id LIMIT $2",
    )
    .bind(page.after.to_owned())
    .bind(i64::from(page.limit))
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows)
}

/// People who are, or were, in an organisation.
pub(crate) async fn of_organisation(tx: &mut Tx, ods: &str, page: Page<'_>) -> Result<Vec<String>, Error> {
    let text = "SELECT user_id FROM directory_organisation_person WHERE organisation = $1 AND user_id > $2 \
                ORDER BY user_id LIMIT $3";
    some(tx, text, ods, page).await
}

/// People who were ever assigned to a position, or to one that includes it.
pub(crate) async fn of_position(tx: &mut Tx, position: &str, page: Page<'_>) -> Result<Vec<String>, Error> {
    let text = "WITH RECURSIVE above(id) AS (\
                SELECT position_id FROM directory_position_inclusion WHERE included_id = $1 \
                UNION SELECT i.position_id FROM directory_position_inclusion i JOIN above ON i.included_id = above.id) \
                SELECT a.user_id FROM directory_assignment a WHERE a.position_id = $1 AND a.user_id > $2 UNION \
                SELECT a.user_id FROM directory_assignment a WHERE a.position_id IN (SELECT id FROM above) AND a.user_id > $2 \
                ORDER BY 1 LIMIT $3";
    some(tx, text, position, page).await
}

/// People who are, or were, in a workgroup, by themselves or by what their position gives.
pub(crate) async fn of_workgroup(tx: &mut Tx, workgroup: &str, page: Page<'_>) -> Result<Vec<String>, Error> {
    let text = "SELECT m.user_id FROM directory_workgroup_member m WHERE m.workgroup_id = $1 AND m.user_id > $2 UNION \
                SELECT r.user_id FROM directory_access_profile_workgroup w \
                JOIN directory_role_profile r ON r.access_profile_id = w.access_profile_id \
                WHERE w.workgroup_id = $1 AND r.user_id > $2 ORDER BY 1 LIMIT $3";
    some(tx, text, workgroup, page).await
}

async fn some(tx: &mut Tx, text: &'static str, subject: &str, page: Page<'_>) -> Result<Vec<String>, Error> {
    let query = sqlx::query_scalar(text).bind(subject.to_owned()).bind(page.after.to_owned());
    Ok(query.bind(i64::from(page.limit)).fetch_all(&mut *tx).await?)
}

/// When what has a last day counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With that day, as FHIR tells roles.
    OnLastDay,
    /// With the day after it: it can be used until the day ends.
    AfterLastDay,
}

/// People of whom an assignment, or a place in a workgroup, begins to count after a day, up to another, or counts no more since.
pub(crate) async fn of_days(
    tx: &mut Tx,
    after: Day,
    today: Day,
    ends: Ends,
    page: Page<'_>,
) -> Result<Vec<String>, Error> {
    let (first, last) = match ends {
        Ends::OnLastDay => (after.plus_days(1), today),
        Ends::AfterLastDay => (after, today.plus_days(-1)),
    };
    let rows = sqlx::query_scalar(
        "SELECT user_id FROM directory_assignment WHERE state = 'live' AND from_day > $1 AND from_day <= $2 AND user_id > $3 \
         UNION SELECT user_id FROM directory_assignment WHERE state = 'live' AND to_day >= $5 AND to_day <= $6 AND user_id > $3 \
         UNION SELECT user_id FROM directory_workgroup_member WHERE removed_at IS NULL AND user_id > $3 \
         AND ((from_day > $1 AND from_day <= $2) OR (to_day >= $5 AND to_day <= $6)) \
         ORDER BY 1 LIMIT $4",
    )
    .bind(after.to_string())
    .bind(today.to_string())
    .bind(page.after.to_owned())
    .bind(i64::from(page.limit))
    .bind(first.to_string())
    .bind(last.to_string())
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows)
}

/// Every id that an entry below a person can have had: of the person in an organisation, and of the roles, for life.
pub(crate) async fn ids_below(tx: &mut Tx, user: &str) -> Result<Vec<(String, Option<String>)>, Error> {
    let rows = sqlx::query_as(
        "SELECT o.organisation_person_id, CAST(NULL AS TEXT) AS role_profile_id FROM directory_organisation_person o \
         WHERE o.user_id = $1 UNION ALL \
         SELECT o.organisation_person_id, r.role_profile_id FROM directory_role_profile r \
         JOIN directory_access_profile f ON f.access_profile_id = r.access_profile_id \
         JOIN directory_organisation_person o ON o.user_id = r.user_id AND o.organisation = f.organisation \
         WHERE r.user_id = $1",
    )
    .bind(user.to_owned())
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows)
}

/// What an assignment gave somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The id of the person in the organisation.
    pub(crate) member: String,
    /// The id of the role profile.
    pub(crate) role: String,
    pub(crate) access_profile: String,
    /// The position of the access profile: that of the assignment, or one that it includes.
    pub(crate) position: String,
    pub(crate) assignment: String,
    pub(crate) made_at: Millis,
    pub(crate) removed_at: Option<Millis>,
}

type GivenColumns = (String, String, String, String, String, i64, Option<i64>);

/// What somebody's assignments give, or gave until a time, on a day, whenever they were made. Dates of assignments that were changed
/// since, and what positions include, are taken as they are.
pub(crate) async fn given_at(tx: &mut Tx, user: &str, at: Millis, day: Day) -> Result<Vec<Given>, Error> {
    // CROSS JOIN keeps SQLite to this order: it would otherwise begin at all access profiles.
    let rows: Vec<GivenColumns> = sqlx::query_as(
        "WITH RECURSIVE held(assignment_id, position_id, depth) AS (\
           SELECT a.assignment_id, a.position_id, CAST(0 AS BIGINT) FROM directory_assignment a \
           WHERE a.user_id = $1 AND (a.state <> 'removed' OR a.removed_at >= $2) \
             AND a.from_day <= $3 AND (a.to_day IS NULL OR a.to_day >= $3) \
           UNION SELECT held.assignment_id, i.included_id, held.depth + 1 FROM held \
           JOIN directory_position_inclusion i ON i.position_id = held.position_id WHERE held.depth < 8) \
         SELECT DISTINCT o.organisation_person_id, r.role_profile_id, f.access_profile_id, held.position_id, \
           held.assignment_id, g.made_at, g.removed_at \
         FROM held CROSS JOIN directory_access_profile f \
         JOIN directory_role_profile r ON r.user_id = $1 AND r.access_profile_id = f.access_profile_id \
         JOIN directory_organisation_person o ON o.user_id = $1 AND o.organisation = f.organisation \
         JOIN directory_assignment g ON g.assignment_id = held.assignment_id \
         WHERE f.position_id = held.position_id AND (f.removed_at IS NULL OR f.removed_at >= $2)",
    )
    .bind(user.to_owned())
    .bind(at.0)
    .bind(day.to_string())
    .fetch_all(&mut *tx)
    .await?;
    let given =
        |(member, role, access_profile, position, assignment, made_at, removed_at): GivenColumns| Given {
            member,
            role,
            access_profile,
            position,
            assignment,
            made_at: Millis(made_at),
            removed_at: removed_at.map(Millis),
        };
    Ok(rows.into_iter().map(given).collect())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;
    use platform::id::OdsCode;

    use super::*;
    use crate::api::ChangeKind;
    use crate::changes::tell;
    use crate::store::organisations_written;

    platform::both_engines! {
        /// How far the feed reaches is told before anything was told, and after; every question about people is one that the
        /// database understands.
        async fn what_is_touched_is_asked(db: Db) {
            assert_eq!(kept(db.read()).await.unwrap(), (1, 0, 0));
            let now = Millis(1_795_540_800_000);
            db.write(move |tx| Box::pin(async move { tell(tx, now, ChangeKind::SystemChanged, "1", None).await }))
                .await
                .unwrap();
            assert_eq!(kept(db.read()).await.unwrap(), (1, 1, now.0));
            assert_eq!(told_at(db.read(), 1).await.unwrap(), Some(now.0));
            assert_eq!(told_at(db.read(), 2).await.unwrap(), None);
            let mut tx = db.read().acquire().await.unwrap();
            let nobody = Vec::<String>::new();
            let page = Page { after: "555000000108", limit: 10 };
            assert_eq!(of_any_organisation(&mut tx, page).await.unwrap(), nobody);
            assert_eq!(of_organisation(&mut tx, "RXX", page).await.unwrap(), nobody);
            assert_eq!(of_position(&mut tx, "1", page).await.unwrap(), nobody);
            assert_eq!(of_workgroup(&mut tx, "1", page).await.unwrap(), nobody);
            assert_eq!(renamed(&mut tx, &["RXX".to_owned(), "RYY".to_owned()], 7).await.unwrap(), nobody);
            let day = Day::of(now);
            for ends in [Ends::OnLastDay, Ends::AfterLastDay] {
                assert_eq!(of_days(&mut tx, day.plus_days(-1), day, ends, page).await.unwrap(), nobody);
            }
            assert!(ids_below(&mut tx, "555021942107").await.unwrap().is_empty());
            assert!(given_at(&mut tx, "555021942107", now, day).await.unwrap().is_empty());
        }

        /// People are read page by page, each once; of an organisation whose name is not known to be older than a change, that is told.
        async fn crowds_are_read_by_pages(db: Db) {
            let users = ["555000000108", "555000000207", "555000000306"];
            let written: Result<(), Error> = db
                .write(move |tx| {
                    Box::pin(async move {
                        for (user, organisation) in users.into_iter().zip(["RXX", "RXX", "RYY"]) {
                            let text = "INSERT INTO directory_organisation_person (user_id, organisation, \
                                        organisation_person_id) VALUES ($1, $2, $1)";
                            sqlx::query(text).bind(user).bind(organisation).execute(&mut *tx).await?;
                        }
                        let text = "INSERT INTO directory_organisation (ods, name, status, version) \
                                    VALUES ('RXX', 'RXX', 'active', 1)";
                        sqlx::query(text).execute(&mut *tx).await?;
                        Ok(())
                    })
                })
                .await;
            written.unwrap();
            let mut tx = db.read().acquire().await.unwrap();
            let page = |after, limit| Page { after, limit };
            assert_eq!(of_organisation(&mut tx, "RXX", page("", 1)).await.unwrap(), [users[0]]);
            assert_eq!(of_organisation(&mut tx, "RXX", page(users[0], 9)).await.unwrap(), [users[1]]);
            assert_eq!(of_any_organisation(&mut tx, page(users[0], 9)).await.unwrap(), &users[1..]);
            let codes = ["RXX".to_owned(), "RYY".to_owned()];
            assert_eq!(renamed(&mut tx, &codes, 9).await.unwrap(), ["RXX"], "it is not known");
            drop(tx);
            let noted: Result<(), Error> = db
                .write(|tx| {
                    Box::pin(async move {
                        let code: OdsCode = "RXX".parse().unwrap();
                        organisations_written::note_names(tx, &[&code], 7).await?;
                        organisations_written::note_names(tx, &[&code], 9).await
                    })
                })
                .await;
            noted.unwrap();
            let mut tx = db.read().acquire().await.unwrap();
            assert_eq!(renamed(&mut tx, &codes, 6).await.unwrap(), ["RXX"]);
            assert!(renamed(&mut tx, &codes, 7).await.unwrap().is_empty(), "what is known stays");
        }
    }
}
