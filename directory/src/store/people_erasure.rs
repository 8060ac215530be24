//! What retention finds and erases. `directory_retention` has a row for each thing of each closed profile until its day has
//! come, so that a look costs what is due and not everybody who ever left.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use platform::message;
use sqlx::AssertSqlSafe;

use super::{Reader, places, read, scim_users};
use crate::error::Error;
use crate::person::{Erasure, MODULE};

/// A profile closed: everything of it has its day from then on.
pub(crate) async fn expect(tx: &mut Tx, user: &UserId, closed_at: Millis) -> Result<(), Error> {
    let text = format!(
        "INSERT INTO directory_retention (user_id, what, closed_at) VALUES {} ON CONFLICT (user_id, what) DO UPDATE \
         SET closed_at = excluded.closed_at",
        places(Erasure::ALL.len(), 3)
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for what in Erasure::ALL {
        query = query.bind(user.as_str().to_owned()).bind(what.word()).bind(closed_at.0);
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

/// A profile is no longer closed: nothing of it is erased.
pub(crate) async fn keep(tx: &mut Tx, user: &UserId) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_retention WHERE user_id = $1")
        .bind(user.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// A thing of a profile was erased, or there was nothing: nobody need look again.
pub(crate) async fn settle(tx: &mut Tx, user: &UserId, what: Erasure) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_retention WHERE user_id = $1 AND what = $2")
        .bind(user.as_str())
        .bind(what.word())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Profiles of which the time of this thing is over, those that closed first before the others.
pub(crate) async fn overdue<'c>(
    reader: impl Reader<'c>,
    what: Erasure,
    before: Millis,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT user_id FROM directory_retention WHERE what = $1 AND closed_at < $2 ORDER BY closed_at, user_id LIMIT $3",
    )
    .bind(what.word())
    .bind(before.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.iter().map(|(user,)| read("directory_retention.user_id", user)).collect()
}

/// Whether there is anything of this kind to erase of a person.
pub(crate) async fn holds(tx: &mut Tx, user: &UserId, what: Erasure) -> Result<bool, Error> {
    let text = match what {
        Erasure::Photo => "SELECT CAST(1 AS BIGINT) FROM directory_photo WHERE user_id = $1 LIMIT 1",
        Erasure::Contacts => {
            "SELECT CAST(1 AS BIGINT) FROM directory_person p WHERE p.user_id = $1 AND (EXISTS (SELECT 1 FROM \
             directory_contact c WHERE c.user_id = p.user_id) OR EXISTS (SELECT 1 FROM directory_person_link l \
             JOIN directory_scim_value v ON v.source = l.source AND v.external_id = l.external_id \
             WHERE l.user_id = p.user_id) OR EXISTS (SELECT 1 FROM directory_request r WHERE r.user_id = p.user_id \
             AND ((r.kind = 'create-person' AND (r.asked LIKE '%\"emails\":%' OR r.asked LIKE '%\"mobiles\":%')) \
             OR (r.kind = 'add-contact' AND r.asked NOT LIKE '%\"value\":\"\"}'))))"
        }
        Erasure::Numbers => {
            "SELECT CAST(1 AS BIGINT) FROM directory_person p WHERE p.user_id = $1 AND (p.ni_hash IS NOT NULL \
             OR EXISTS (SELECT 1 FROM directory_evidence e WHERE e.user_id = p.user_id AND e.number_mask IS NOT NULL) \
             OR EXISTS (SELECT 1 FROM directory_request r WHERE r.user_id = p.user_id \
             AND ((r.kind IN ('change-person', 'create-person') AND r.asked NOT LIKE '%:{}}') \
             OR (r.kind = 'rename' AND r.asked LIKE '%\"evidence\":%'))))"
        }
    };
    let row: Option<(i64,)> = sqlx::query_as(text).bind(user.as_str()).fetch_optional(&mut *tx).await?;
    Ok(row.is_some())
}

/// Erases something of a person; the columns of the profile itself are the caller's.
pub(crate) async fn erase(tx: &mut Tx, user: &UserId, what: Erasure, now: Millis) -> Result<(), Error> {
    let texts: &[&'static str] = match what {
        Erasure::Photo => &["DELETE FROM directory_photo WHERE user_id = $1 AND $2 > 0"],
        Erasure::Contacts => &["DELETE FROM directory_contact WHERE user_id = $1 AND $2 > 0"],
        Erasure::Numbers => {
            &[
                "UPDATE directory_evidence SET number_mask = NULL, number_hash = NULL, erased_at = $2 \
             WHERE user_id = $1 AND number_mask IS NOT NULL",
                // What was asked for of their profile, in the form in which it is read.
                "UPDATE directory_request SET before_it = '{}', asked = '{\"kind\":\"change-person\",\"person\":\"' || user_id || '\",\"patch\":{}}' \
             WHERE user_id = $1 AND kind = 'change-person' AND $2 > 0",
                "UPDATE directory_request SET asked = '{\"kind\":\"create-person\",\"organisation\":\"' || organisation || '\",\"profile\":{}}' \
             WHERE user_id = $1 AND kind = 'create-person' AND organisation IS NOT NULL AND $2 > 0",
            ]
        }
    };
    for text in texts {
        sqlx::query(*text).bind(user.as_str()).bind(now.0).execute(&mut *tx).await?;
    }
    if what == Erasure::Contacts {
        scim_users::erase_values(tx, user).await?;
        // Where what they were told went to.
        message::erase(tx, MODULE, user.as_str()).await?;
    }
    Ok(())
}
