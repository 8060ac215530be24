//! People with a name that many have, in the order of their ids: by the first letters of their keys, of which an index holds them in that
//! order. To gather everybody who has the name takes the longer the more there are; here a page takes what stands before its end under
//! the same letters.

use platform::db::Tx;
use platform::id::UserId;

use super::read;
use crate::error::Error;

/// How many letters of a key the index `directory_person_key_start` begins with.
const LETTERS: usize = 3;

/// Whether a name has the letters that the index begins with.
pub(super) fn is_long_enough(name: &str) -> bool {
    name.chars().count() >= LETTERS
}

/// A page of the people behind an id who have a key from this name on and before that text. Cards and robots are none, nor are second
/// records of one person.
pub(super) async fn named(
    tx: &mut Tx,
    (name, end): (&str, &str),
    after: &str,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let letters: String = name.chars().take(LETTERS).collect();
    // Joined to nothing, a key finds no index of its own, so that no planner gathers everybody who has it after all.
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT k.user_id FROM directory_person_key k JOIN directory_person p ON p.user_id = k.user_id \
         WHERE substr(k.key, 1, 3) = $1 AND k.key || '' >= $2 AND k.key || '' < $3 AND k.user_id > $4 \
         AND p.kind = 'person' AND p.state <> 'merged' GROUP BY k.user_id ORDER BY k.user_id LIMIT $5",
    )
    .bind(letters)
    .bind(name.to_owned())
    .bind(end.to_owned())
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(id,)| read("directory_person_key.user_id", id)).collect()
}
