//! The role profiles that positions give, as a new release of roles is asked of them.

use platform::db::Tx;

use super::read;
use crate::error::Error;
use crate::rbac::Profile;

/// How many are read at once.
const PART: i64 = 5_000;

/// Every access profile of an open position. There are as many as positions, and not as many as people.
pub(crate) async fn in_force(tx: &mut Tx) -> Result<Vec<Profile>, Error> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(
            "SELECT f.access_profile_id, f.position_id, f.job_role, f.areas, f.activities FROM directory_access_profile f \
             JOIN directory_position q ON q.position_id = f.position_id \
             WHERE f.access_profile_id > $1 AND f.removed_at IS NULL AND q.state = 'open' \
             ORDER BY f.access_profile_id LIMIT $2",
        )
        .bind(after.clone())
        .bind(PART)
        .fetch_all(&mut *tx)
        .await?;
        let Some((last, ..)) = rows.last() else { return Ok(all) };
        after.clone_from(last);
        for (_, position, job_role, areas, activities) in rows {
            all.push(Profile {
                position,
                job_role: read("directory_access_profile.job_role", &job_role)?,
                areas: codes("directory_access_profile.areas", &areas)?,
                activities: codes("directory_access_profile.activities", &activities)?,
            });
        }
    }
}

fn codes<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<Vec<T>, Error> {
    text.split_whitespace().map(|code| read(what, code)).collect()
}
