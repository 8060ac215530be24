//! What retention finds and erases.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::{Reader, read};
use crate::error::Error;
use crate::person::Erasure;

/// Profiles that have something of which the time is over, oldest first, with everything they hold. Each thing has its
/// own time: what closed before it is found.
pub(crate) async fn overdue<'c>(
    reader: impl Reader<'c>,
    before: impl Fn(Erasure) -> Millis,
    limit: i64,
) -> Result<Vec<(UserId, Vec<Erasure>)>, Error> {
    let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT user_id, photo, contacts, numbers FROM (SELECT p.user_id, p.closed_at, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_photo f WHERE f.user_id = p.user_id) AS photo, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_contact c WHERE c.user_id = p.user_id) AS contacts, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_evidence e WHERE e.user_id = p.user_id \
         AND e.number_mask IS NOT NULL) + (CASE WHEN p.ni_hash IS NULL THEN 0 ELSE 1 END) AS numbers \
         FROM directory_person p WHERE p.state = 'closed') held \
         WHERE (photo > 0 AND closed_at < $1) OR (contacts > 0 AND closed_at < $2) OR (numbers > 0 AND closed_at < $3) \
         ORDER BY closed_at, user_id LIMIT $4",
    )
    .bind(before(Erasure::Photo).0)
    .bind(before(Erasure::Contacts).0)
    .bind(before(Erasure::Numbers).0)
    .bind(limit)
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|(user, photo, contacts, numbers)| {
            let holds = [(Erasure::Photo, photo), (Erasure::Contacts, contacts), (Erasure::Numbers, numbers)];
            let holds = holds.into_iter().filter(|(_, many)| *many > 0).map(|(what, _)| what);
            Ok((read("directory_person.user_id", &user)?, holds.collect()))
        })
        .collect()
}

/// Erases something of a person; the columns of the profile itself are the caller's.
pub(crate) async fn erase(tx: &mut Tx, user: &UserId, what: Erasure, now: Millis) -> Result<(), Error> {
    let texts: &[&'static str] = match what {
        Erasure::Photo => &["DELETE FROM directory_photo WHERE user_id = $1 AND $2 > 0"],
        Erasure::Contacts => &[
            "DELETE FROM directory_contact WHERE user_id = $1 AND $2 > 0",
            "DELETE FROM directory_message WHERE user_id = $1 AND $2 > 0",
        ],
        Erasure::Numbers => {
            &["UPDATE directory_evidence SET number_mask = NULL, number_hash = NULL, erased_at = $2 \
             WHERE user_id = $1 AND number_mask IS NOT NULL"]
        }
    };
    for text in texts {
        sqlx::query(*text).bind(user.as_str()).bind(now.0).execute(&mut *tx).await?;
    }
    Ok(())
}
