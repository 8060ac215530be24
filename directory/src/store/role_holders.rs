//! Whose role profile it is, and whether they have it now: asked by whoever shares the database and is told a role profile by somebody.

use platform::db;
use sqlx::{Any, Executor};

use crate::day::Day;

/// Somebody who has a role profile, or had it: it is theirs for life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleHolder {
    /// The person, by their number.
    pub user_id: String,
    /// Whether they can use it.
    pub standing: RoleStanding,
}

/// Whether a role profile can be used on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleStanding {
    /// An assignment gives it, and the person has not left.
    Live,
    /// Nothing gives it: it has ended, or not begun.
    Idle,
}

/// The person to whom this role profile belongs, and whether they have it on a day; nothing where the register has none of this id.
///
/// They have it while they are in the register, and an assignment that is under way is to its position, or to one that includes that.
pub async fn role_holder<'c>(
    reader: impl Executor<'c, Database = Any>,
    role_profile: &str,
    today: Day,
) -> Result<Option<RoleHolder>, db::Error> {
    // CROSS JOIN keeps SQLite to this order.
    let row: Option<(String, i64)> = sqlx::query_as(
        "WITH RECURSIVE giving(position_id, depth) AS (\
           SELECT f.position_id, CAST(0 AS BIGINT) FROM directory_role_profile o \
           JOIN directory_access_profile f ON f.access_profile_id = o.access_profile_id \
           JOIN directory_position p ON p.position_id = f.position_id \
           WHERE o.role_profile_id = $1 AND f.removed_at IS NULL AND p.state = 'open' \
           UNION SELECT i.position_id, giving.depth + 1 FROM giving \
           JOIN directory_position_inclusion i ON i.included_id = giving.position_id WHERE giving.depth < 8) \
         SELECT r.user_id, (SELECT CAST(COUNT(*) AS BIGINT) FROM giving CROSS JOIN directory_assignment a \
           WHERE a.user_id = r.user_id AND a.position_id = giving.position_id AND a.state = 'live' \
           AND a.from_day <= $2 AND (a.to_day IS NULL OR a.to_day >= $2) \
           AND EXISTS (SELECT 1 FROM directory_person u WHERE u.user_id = a.user_id AND u.state = 'open')) \
         FROM directory_role_profile r WHERE r.role_profile_id = $1",
    )
    .bind(role_profile)
    .bind(today.to_string())
    .fetch_optional(reader)
    .await?;
    Ok(row.map(|(user_id, giving)| {
        let standing = if giving > 0 { RoleStanding::Live } else { RoleStanding::Idle };
        RoleHolder { user_id, standing }
    }))
}

/// Whether the register has given this person role profiles, or ever had.
pub async fn has_role_profiles<'c>(
    reader: impl Executor<'c, Database = Any>,
    user: &str,
) -> Result<bool, db::Error> {
    let sql = "SELECT role_profile_id FROM directory_role_profile WHERE user_id = $1 LIMIT 1";
    let found: Option<String> = sqlx::query_scalar(sql).bind(user).fetch_optional(reader).await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    const HOLDER: &str = "555021942107";
    const ROLE: &str = "555000000203";

    async fn run(db: &Db, statements: &'static [&'static str]) {
        db.write(move |tx| {
            Box::pin(async move {
                for sql in statements {
                    sqlx::query(*sql).execute(&mut *tx).await?;
                }
                Ok::<_, db::Error>(())
            })
        })
        .await
        .unwrap();
    }

    async fn on(db: &Db, day: &str) -> RoleStanding {
        let holder = role_holder(db.read(), ROLE, day.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(holder.user_id, HOLDER);
        holder.standing
    }

    /// A position, and one that includes it; an assignment to the latter.
    static WORLD: [&str; 6] = [
        "INSERT INTO directory_person (user_id, kind, state, version) VALUES ('555021942107', 'person', 'open', 1)",
        "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
         VALUES ('inner', 'A81001', 'GP', 'gp', 'open', 1), ('outer', 'A81001', 'Lead', 'lead', 'open', 1)",
        "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, \
         activities) VALUES ('profile', 'inner', 0, 'A81001', 'S0030:G0100:R0260', '', '')",
        "INSERT INTO directory_position_inclusion (position_id, included_id) VALUES ('outer', 'inner')",
        "INSERT INTO directory_role_profile (user_id, access_profile_id, role_profile_id) \
         VALUES ('555021942107', 'profile', '555000000203')",
        "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, to_day, state, \
         via, made_by, made_at, version) VALUES ('one', '555021942107', 'outer', 'A81001', '2026-11-02', '2026-11-30', \
         'live', 'cim', 'desk', 1, 1)",
    ];

    /// What takes a role away, and what gives it back.
    static TAKEN: [[&str; 2]; 5] = [
        ["UPDATE directory_person SET state = 'closed'", "UPDATE directory_person SET state = 'open'"],
        [
            "UPDATE directory_position SET state = 'closed' WHERE position_id = 'inner'",
            "UPDATE directory_position SET state = 'open'",
        ],
        [
            "UPDATE directory_access_profile SET removed_at = 5",
            "UPDATE directory_access_profile SET removed_at = NULL",
        ],
        [
            "UPDATE directory_assignment SET state = 'removed'",
            "UPDATE directory_assignment SET state = 'live'",
        ],
        [
            "UPDATE directory_assignment SET user_id = '555021942115'",
            "UPDATE directory_assignment SET user_id = '555021942107'",
        ],
    ];

    platform::both_engines! {
        /// A role profile is somebody's for life, and theirs to use while an assignment gives it, on its first and last day too.
        async fn a_role_is_used_while_it_is_given(db: Db) {
            run(&db, &WORLD).await;
            for (day, standing) in [
                ("2026-11-01", RoleStanding::Idle),
                ("2026-11-02", RoleStanding::Live),
                ("2026-11-30", RoleStanding::Live),
                ("2026-12-01", RoleStanding::Idle),
            ] {
                assert_eq!(on(&db, day).await, standing, "{day}");
            }
            for change in &TAKEN {
                run(&db, &change[..1]).await;
                assert_eq!(on(&db, "2026-11-10").await, RoleStanding::Idle, "{}", change[0]);
                run(&db, &change[1..]).await;
                assert_eq!(on(&db, "2026-11-10").await, RoleStanding::Live, "{}", change[1]);
            }
            let day = "2026-11-10".parse().unwrap();
            assert_eq!(role_holder(db.read(), "555000000211", day).await.unwrap(), None);
            assert!(has_role_profiles(db.read(), HOLDER).await.unwrap());
            assert!(!has_role_profiles(db.read(), "555021942115").await.unwrap());
        }
    }
}
