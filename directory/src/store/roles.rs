//! The roles that assignments give, over everything their positions include.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::position_links::codes;
use super::{list, places, read};
use crate::authority::Rank;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AccessProfileId, OrganisationPersonId, RoleProfileId};
use crate::position::AccessProfile;

/// A role of a person: an access profile that one of their assignments gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The organisation of the position that was assigned.
    pub(crate) employer: OdsCode,
    /// The first day.
    pub(crate) from: Day,
    /// The last day; none if no end is set.
    pub(crate) to: Option<Day>,
    /// What it gives, without workgroups.
    pub(crate) profile: AccessProfile,
    /// The role profile, once it was minted.
    pub(crate) role_profile: Option<RoleProfileId>,
    /// The person in the organisation of the profile, once it was minted.
    pub(crate) organisation_person: Option<OrganisationPersonId>,
}

impl Held {
    /// Whether it can be used on a day.
    pub(crate) fn is_live(&self, today: Day) -> bool {
        self.from <= today && self.to.is_none_or(|to| today <= to)
    }
}

/// A row of what one of several people holds.
pub(super) struct OfOne {
    employer: String,
    from_day: String,
    to_day: Option<String>,
    access_profile_id: String,
    position_id: String,
    organisation: String,
    job_role: String,
    areas: String,
    activities: String,
    role_profile_id: Option<String>,
    organisation_person_id: Option<String>,
    user_id: String,
}

platform::from_row!(OfOne {
    employer,
    from_day,
    to_day,
    access_profile_id,
    position_id,
    organisation,
    job_role,
    areas,
    activities,
    role_profile_id,
    organisation_person_id,
    user_id
});

impl OfOne {
    /// Whose it is, and what.
    pub(super) fn read(self) -> Result<(UserId, Held), Error> {
        let user = read("directory_assignment.user_id", &self.user_id)?;
        let held = held_of((
            self.employer,
            self.from_day,
            self.to_day,
            self.access_profile_id,
            self.position_id,
            self.organisation,
            self.job_role,
            self.areas,
            self.activities,
            self.role_profile_id,
            self.organisation_person_id,
        ))?;
        Ok((user, held))
    }
}

type Columns = (
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
);

/// How many rows of what somebody holds count for what they may do themselves.
const MOST: i64 = 2000;

/// What a person's assignments give, those to come among them; nothing of a person who is closed. Of somebody who holds more than
/// anybody does, a part: it gives them less.
pub(crate) async fn held(tx: &mut Tx, user: &UserId, today: Day) -> Result<Vec<Held>, Error> {
    held_at_most(tx, user, today, MOST).await
}

/// Everything that a person's assignments give, however much it is: for who may do something to them.
pub(crate) async fn held_whole(tx: &mut Tx, user: &UserId, today: Day) -> Result<Vec<Held>, Error> {
    held_at_most(tx, user, today, i64::MAX).await
}

async fn held_at_most(tx: &mut Tx, user: &UserId, today: Day, most: i64) -> Result<Vec<Held>, Error> {
    // CROSS JOIN keeps SQLite to this order: it would otherwise begin at all access profiles.
    let rows: Vec<Columns> = sqlx::query_as(
        "WITH RECURSIVE held(employer, position_id, from_day, to_day, depth) AS (\
           SELECT a.organisation, a.position_id, a.from_day, a.to_day, CAST(0 AS BIGINT) FROM directory_assignment a \
           WHERE a.user_id = $1 AND a.state = 'live' AND (a.to_day IS NULL OR a.to_day >= $2) \
           UNION SELECT held.employer, i.included_id, held.from_day, held.to_day, held.depth + 1 FROM held \
           JOIN directory_position_inclusion i ON i.position_id = held.position_id WHERE held.depth < 8) \
         SELECT held.employer, held.from_day, held.to_day, f.access_profile_id, f.position_id, f.organisation, \
           f.job_role, f.areas, f.activities, r.role_profile_id, o.organisation_person_id \
         FROM held CROSS JOIN directory_position p CROSS JOIN directory_access_profile f \
         LEFT JOIN directory_role_profile r ON r.user_id = $1 AND r.access_profile_id = f.access_profile_id \
         LEFT JOIN directory_organisation_person o ON o.user_id = $1 AND o.organisation = f.organisation \
         WHERE p.position_id = held.position_id AND p.state = 'open' \
           AND f.position_id = held.position_id AND f.removed_at IS NULL \
           AND EXISTS (SELECT 1 FROM directory_person u WHERE u.user_id = $1 AND u.state = 'open') \
         ORDER BY f.access_profile_id, held.from_day LIMIT $3",
    )
    .bind(user.as_str())
    .bind(today.to_string())
    .bind(most)
    .fetch_all(&mut *tx)
    .await?;
    let mut all: Vec<Held> = Vec::with_capacity(rows.len());
    for row in rows {
        let one = held_of(row)?;
        // The same position may be included over several ways.
        if all.last() != Some(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

fn held_of(row: Columns) -> Result<Held, Error> {
    let (employer, from, to, id, position, organisation, job_role, areas, activities, role, member) = row;
    Ok(Held {
        employer: read("directory_assignment.organisation", &employer)?,
        from: read("directory_assignment.from_day", &from)?,
        to: to.map(|to| read("directory_assignment.to_day", &to)).transpose()?,
        profile: AccessProfile {
            id: read("directory_access_profile.access_profile_id", &id)?,
            position: read("directory_access_profile.position_id", &position)?,
            organisation: read("directory_access_profile.organisation", &organisation)?,
            codes: codes(&job_role, &areas, &activities)?,
            workgroups: Vec::new(),
        },
        role_profile: role.map(|id| read("directory_role_profile.role_profile_id", &id)).transpose()?,
        organisation_person: member
            .map(|id| read("directory_organisation_person.organisation_person_id", &id))
            .transpose()?,
    })
}

/// The highest rank that the assignments of each of these people give, those to come among them, for those who have one.
pub(crate) async fn ranks(
    tx: &mut Tx,
    users: &[UserId],
    today: Day,
) -> Result<BTreeMap<UserId, Rank>, Error> {
    let mut ranks: BTreeMap<UserId, Rank> = BTreeMap::new();
    if users.is_empty() {
        return Ok(ranks);
    }
    let text = format!(
        "SELECT DISTINCT a.user_id, p.rank FROM directory_assignment a \
         JOIN directory_position p ON p.position_id = a.position_id \
         WHERE a.state = 'live' AND p.state = 'open' AND p.rank IS NOT NULL \
         AND (a.to_day IS NULL OR a.to_day >= $1) AND a.user_id IN ({})",
        list(2, users.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(today.to_string());
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    for (user, rank) in rows {
        let rank: Rank = read("directory_position.rank", &rank)?;
        let highest = ranks.entry(read("directory_assignment.user_id", &user)?).or_insert(rank);
        *highest = rank.max(*highest);
    }
    Ok(ranks)
}

/// Who manages the registration authority of an organisation now, with the last day of each assignment that says so. At most
/// a hundred.
pub(crate) async fn managers(
    tx: &mut Tx,
    organisation: &OdsCode,
    today: Day,
) -> Result<Vec<(UserId, Option<Day>)>, Error> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT a.user_id, a.to_day FROM directory_assignment a \
         JOIN directory_position p ON p.position_id = a.position_id \
         JOIN directory_person u ON u.user_id = a.user_id \
         WHERE p.organisation = $1 AND p.rank = $2 AND p.state = 'open' AND u.state = 'open' AND a.state = 'live' \
         AND a.from_day <= $3 AND (a.to_day IS NULL OR a.to_day >= $3) ORDER BY a.user_id LIMIT 100",
    )
    .bind(organisation.as_str())
    .bind(Rank::RaManager.word())
    .bind(today.to_string())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|(user, to)| {
            let to = to.as_deref().map(|to| read("directory_assignment.to_day", to)).transpose()?;
            Ok((read("directory_assignment.user_id", user)?, to))
        })
        .collect()
}

/// Of these people and organisations, those pairs that have an id.
pub(crate) async fn organisation_people(
    tx: &mut Tx,
    users: &[UserId],
    organisations: &[OdsCode],
) -> Result<Vec<(UserId, OdsCode)>, Error> {
    let organisations: Vec<&str> = organisations.iter().map(OdsCode::as_str).collect();
    let rows = pairs(tx, "directory_organisation_person", "organisation", users, &organisations).await?;
    rows.iter()
        .map(|(user, organisation)| {
            Ok((
                read("directory_organisation_person.user_id", user)?,
                read("directory_organisation_person.organisation", organisation)?,
            ))
        })
        .collect()
}

/// The access profiles for which a person has a role profile, or had one.
pub(crate) async fn access_profiles_of(tx: &mut Tx, user: &UserId) -> Result<Vec<AccessProfileId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT access_profile_id FROM directory_role_profile WHERE user_id = $1 ORDER BY access_profile_id",
    )
    .bind(user.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(id,)| read("directory_role_profile.access_profile_id", id)).collect()
}

/// Of these people and access profiles, those pairs that have an id.
pub(crate) async fn role_profiles(
    tx: &mut Tx,
    users: &[UserId],
    profiles: &[AccessProfileId],
) -> Result<Vec<(UserId, AccessProfileId)>, Error> {
    let profiles: Vec<&str> = profiles.iter().map(AccessProfileId::as_str).collect();
    let rows = pairs(tx, "directory_role_profile", "access_profile_id", users, &profiles).await?;
    rows.iter()
        .map(|(user, profile)| {
            Ok((
                read("directory_role_profile.user_id", user)?,
                read("directory_role_profile.access_profile_id", profile)?,
            ))
        })
        .collect()
}

async fn pairs(
    tx: &mut Tx,
    table: &'static str,
    column: &'static str,
    users: &[UserId],
    others: &[&str],
) -> Result<Vec<(String, String)>, Error> {
    if users.is_empty() || others.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT user_id, {column} FROM {table} WHERE user_id IN ({}) AND {column} IN ({})",
        list(1, users.len()),
        list(users.len() + 1, others.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    for other in others {
        query = query.bind((*other).to_owned());
    }
    Ok(query.fetch_all(&mut *tx).await?)
}

/// Stores new ids of people in organisations.
pub(crate) async fn insert_organisation_people(
    tx: &mut Tx,
    rows: &[(UserId, OdsCode, OrganisationPersonId)],
) -> Result<(), Error> {
    let rows: Vec<[&str; 3]> = rows
        .iter()
        .map(|(user, organisation, id)| [user.as_str(), organisation.as_str(), id.as_str()])
        .collect();
    insert(tx, "directory_organisation_person (user_id, organisation, organisation_person_id)", &rows).await
}

/// Stores new role profiles.
pub(crate) async fn insert_role_profiles(
    tx: &mut Tx,
    rows: &[(UserId, AccessProfileId, RoleProfileId)],
) -> Result<(), Error> {
    let rows: Vec<[&str; 3]> =
        rows.iter().map(|(user, profile, id)| [user.as_str(), profile.as_str(), id.as_str()]).collect();
    insert(tx, "directory_role_profile (user_id, access_profile_id, role_profile_id)", &rows).await
}

async fn insert(tx: &mut Tx, into: &'static str, rows: &[[&str; 3]]) -> Result<(), Error> {
    for rows in rows.chunks(500) {
        let text = format!("INSERT INTO {into} VALUES {}", places(rows.len(), 3));
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in rows {
            for value in row {
                query = query.bind((*value).to_owned());
            }
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Whose role profile this is, and for which access profile.
pub(crate) async fn holder(
    tx: &mut Tx,
    role_profile: &RoleProfileId,
) -> Result<Option<(UserId, AccessProfileId)>, Error> {
    let row: Option<(String, String)> = sqlx::query_as(
        "SELECT user_id, access_profile_id FROM directory_role_profile WHERE role_profile_id = $1",
    )
    .bind(role_profile.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(|(user, profile)| {
        Ok((
            read("directory_role_profile.user_id", &user)?,
            read("directory_role_profile.access_profile_id", &profile)?,
        ))
    })
    .transpose()
}
