//! Whose entries look otherwise because of something that is not a person, and how far the change feed reaches back.

use platform::db::Tx;

use super::Reader;
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

/// People who are, or were, in an organisation.
pub(crate) async fn of_organisation(tx: &mut Tx, ods: &str, limit: u32) -> Result<Vec<String>, Error> {
    let text =
        "SELECT user_id FROM directory_organisation_person WHERE organisation = $1 ORDER BY user_id LIMIT $2";
    some(tx, text, ods, limit).await
}

/// People who were ever assigned to a position, or to one that includes it.
pub(crate) async fn of_position(tx: &mut Tx, position: &str, limit: u32) -> Result<Vec<String>, Error> {
    let text = "WITH RECURSIVE above(id) AS (\
                SELECT position_id FROM directory_position_inclusion WHERE included_id = $1 \
                UNION SELECT i.position_id FROM directory_position_inclusion i JOIN above ON i.included_id = above.id) \
                SELECT a.user_id FROM directory_assignment a WHERE a.position_id = $1 UNION \
                SELECT a.user_id FROM directory_assignment a WHERE a.position_id IN (SELECT id FROM above) \
                ORDER BY 1 LIMIT $2";
    some(tx, text, position, limit).await
}

/// People who are, or were, in a workgroup, by themselves or by what their position gives.
pub(crate) async fn of_workgroup(tx: &mut Tx, workgroup: &str, limit: u32) -> Result<Vec<String>, Error> {
    let text = "SELECT m.user_id FROM directory_workgroup_member m WHERE m.workgroup_id = $1 UNION \
                SELECT r.user_id FROM directory_access_profile_workgroup w \
                JOIN directory_role_profile r ON r.access_profile_id = w.access_profile_id \
                WHERE w.workgroup_id = $1 ORDER BY 1 LIMIT $2";
    some(tx, text, workgroup, limit).await
}

async fn some(tx: &mut Tx, text: &'static str, subject: &str, limit: u32) -> Result<Vec<String>, Error> {
    let rows =
        sqlx::query_scalar(text).bind(subject.to_owned()).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
    Ok(rows)
}

/// People of whom an assignment, or a place in a workgroup, begins to count after a day, up to another, or counts no more since.
pub(crate) async fn of_days(tx: &mut Tx, after: Day, today: Day, limit: u32) -> Result<Vec<String>, Error> {
    let rows = sqlx::query_scalar(
        "SELECT user_id FROM directory_assignment WHERE state = 'live' AND from_day > $1 AND from_day <= $2 UNION \
         SELECT user_id FROM directory_assignment WHERE state = 'live' AND to_day >= $1 AND to_day < $2 UNION \
         SELECT user_id FROM directory_workgroup_member WHERE removed_at IS NULL \
         AND ((from_day > $1 AND from_day <= $2) OR (to_day >= $1 AND to_day < $2)) \
         ORDER BY 1 LIMIT $3",
    )
    .bind(after.to_string())
    .bind(today.to_string())
    .bind(i64::from(limit))
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

#[cfg(test)]
mod tests {
    use platform::clock::Millis;
    use platform::db::Db;

    use super::*;
    use crate::api::ChangeKind;
    use crate::changes::tell;

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
            assert_eq!(of_organisation(&mut tx, "RXX", 10).await.unwrap(), nobody);
            assert_eq!(of_position(&mut tx, "1", 10).await.unwrap(), nobody);
            assert_eq!(of_workgroup(&mut tx, "1", 10).await.unwrap(), nobody);
            let day = Day::of(now);
            assert_eq!(of_days(&mut tx, day.plus_days(-1), day, 10).await.unwrap(), nobody);
            assert!(ids_below(&mut tx, "555021942107").await.unwrap().is_empty());
        }
    }
}
