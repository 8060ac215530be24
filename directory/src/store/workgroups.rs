//! Rows of `directory_workgroup` and of the memberships.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::{list, read};
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AccessProfileId, MemberId, RoleProfileId, WorkgroupId};
use crate::position::AccessProfile;
use crate::version::Version;
use crate::workgroup::{Member, Workgroup};

type Columns = (String, String, Option<String>, String, i64);

fn workgroup((id, organisation, parent, name, version): Columns) -> Result<Workgroup, Error> {
    Ok(Workgroup {
        id: read("directory_workgroup.workgroup_id", &id)?,
        organisation: read("directory_workgroup.organisation", &organisation)?,
        parent: parent.map(|id| read("directory_workgroup.parent", &id)).transpose()?,
        name,
        version: Version(version),
    })
}

/// A workgroup.
pub(crate) async fn find(tx: &mut Tx, id: &WorkgroupId) -> Result<Option<Workgroup>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT workgroup_id, organisation, parent, name, version FROM directory_workgroup WHERE workgroup_id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(workgroup).transpose()
}

/// The root of an organisation's tree.
pub(crate) async fn root(tx: &mut Tx, organisation: &OdsCode) -> Result<Option<Workgroup>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT workgroup_id, organisation, parent, name, version FROM directory_workgroup \
         WHERE organisation = $1 AND parent IS NULL",
    )
    .bind(organisation.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(workgroup).transpose()
}

/// A workgroup with those above it, itself first.
pub(crate) async fn above(tx: &mut Tx, id: &WorkgroupId, most: usize) -> Result<Vec<Workgroup>, Error> {
    let mut line = Vec::new();
    let mut next = Some(id.clone());
    while let Some(id) = next.filter(|_| line.len() < most) {
        let Some(found) = find(tx, &id).await? else { break };
        let parent = found.parent.clone();
        line.push(found);
        next = parent;
    }
    Ok(line)
}

/// How many workgroups lie one below the other from this one on, itself counted; at most one more than `most`.
pub(crate) async fn height(tx: &mut Tx, id: &WorkgroupId, most: usize) -> Result<usize, Error> {
    let (height,): (i64,) = sqlx::query_as(
        "WITH RECURSIVE below(workgroup_id, depth) AS (SELECT workgroup_id, CAST(1 AS BIGINT) FROM directory_workgroup \
         WHERE workgroup_id = $1 UNION SELECT w.workgroup_id, below.depth + 1 FROM below \
         JOIN directory_workgroup w ON w.parent = below.workgroup_id WHERE below.depth <= $2) \
         SELECT CAST(COALESCE(MAX(depth), 0) AS BIGINT) FROM below",
    )
    .bind(id.as_str())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_one(&mut *tx)
    .await?;
    Ok(usize::try_from(height).unwrap_or(usize::MAX))
}

/// The workgroups of an organisation, in the order of their making.
pub(crate) async fn of_organisation(
    tx: &mut Tx,
    organisation: &OdsCode,
    after: Option<&WorkgroupId>,
    limit: u32,
) -> Result<Vec<Workgroup>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT workgroup_id, organisation, parent, name, version FROM directory_workgroup \
         WHERE organisation = $1 AND workgroup_id > $2 ORDER BY workgroup_id LIMIT $3",
    )
    .bind(organisation.as_str())
    .bind(after.map_or("", WorkgroupId::as_str))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(workgroup).collect()
}

/// Every workgroup, in the order of their ids.
pub(crate) async fn page(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<Workgroup>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT workgroup_id, organisation, parent, name, version FROM directory_workgroup \
         WHERE workgroup_id > $1 ORDER BY workgroup_id LIMIT $2",
    )
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(workgroup).collect()
}

/// The same of an organisation, whatever its code may look like.
pub(crate) async fn of(
    tx: &mut Tx,
    organisation: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<Workgroup>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT workgroup_id, organisation, parent, name, version FROM directory_workgroup \
         WHERE organisation = $1 AND workgroup_id > $2 ORDER BY workgroup_id LIMIT $3",
    )
    .bind(organisation.to_owned())
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(workgroup).collect()
}

/// The organisations of the workgroups that access profiles name, each once; every one must be there.
pub(crate) async fn organisations_of(
    tx: &mut Tx,
    profiles: &[AccessProfile],
) -> Result<BTreeSet<OdsCode>, Error> {
    let wanted: BTreeSet<&WorkgroupId> = profiles.iter().flat_map(|profile| &profile.workgroups).collect();
    let mut organisations = BTreeSet::new();
    if wanted.is_empty() {
        return Ok(organisations);
    }
    let text = format!(
        "SELECT workgroup_id, organisation FROM directory_workgroup WHERE workgroup_id IN ({})",
        list(1, wanted.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in &wanted {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    if let Some(missing) = wanted.iter().find(|id| !rows.iter().any(|row| row.0 == id.as_str())) {
        return Err(Error::unknown("workgroup", missing));
    }
    for (_, organisation) in rows {
        organisations.insert(read("directory_workgroup.organisation", &organisation)?);
    }
    Ok(organisations)
}

/// Stores a new workgroup.
pub(crate) async fn insert(tx: &mut Tx, workgroup: &Workgroup) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_workgroup (workgroup_id, organisation, parent, name, version) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(workgroup.id.as_str())
    .bind(workgroup.organisation.as_str())
    .bind(workgroup.parent.as_ref().map(WorkgroupId::as_str))
    .bind(&workgroup.name)
    .bind(workgroup.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores parent, name and version.
pub(crate) async fn update(tx: &mut Tx, workgroup: &Workgroup) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_workgroup SET parent = $2, name = $3, version = $4 WHERE workgroup_id = $1",
    )
    .bind(workgroup.id.as_str())
    .bind(workgroup.parent.as_ref().map(WorkgroupId::as_str))
    .bind(&workgroup.name)
    .bind(workgroup.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

type MemberColumns = (String, String, String, String, String, Option<String>, i64);

fn member_of(row: MemberColumns) -> Result<Member, Error> {
    let (id, workgroup, role_profile, user, from, to, version) = row;
    Ok(Member {
        id: read("directory_workgroup_member.member_id", &id)?,
        workgroup: read("directory_workgroup_member.workgroup_id", &workgroup)?,
        role_profile: read("directory_workgroup_member.role_profile_id", &role_profile)?,
        user: read("directory_workgroup_member.user_id", &user)?,
        from: read("directory_workgroup_member.from_day", &from)?,
        to: to.map(|to| read("directory_workgroup_member.to_day", &to)).transpose()?,
        version: Version(version),
    })
}

/// A membership that was not taken away.
pub(crate) async fn member(tx: &mut Tx, id: &MemberId) -> Result<Option<Member>, Error> {
    let row: Option<MemberColumns> = sqlx::query_as(
        "SELECT member_id, workgroup_id, role_profile_id, user_id, from_day, to_day, version \
         FROM directory_workgroup_member WHERE member_id = $1 AND removed_at IS NULL",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(member_of).transpose()
}

/// The memberships of a role profile in a workgroup; at most a thousand.
pub(crate) async fn memberships(
    tx: &mut Tx,
    workgroup: &WorkgroupId,
    role_profile: &RoleProfileId,
) -> Result<Vec<Member>, Error> {
    let rows: Vec<MemberColumns> = sqlx::query_as(
        "SELECT member_id, workgroup_id, role_profile_id, user_id, from_day, to_day, version \
         FROM directory_workgroup_member WHERE role_profile_id = $1 AND workgroup_id = $2 AND removed_at IS NULL \
         ORDER BY member_id LIMIT 1000",
    )
    .bind(role_profile.as_str())
    .bind(workgroup.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(member_of).collect()
}

/// The direct memberships of a workgroup that end on this day or later.
pub(crate) async fn members(
    tx: &mut Tx,
    workgroup: &WorkgroupId,
    today: Day,
    after: Option<&MemberId>,
    limit: u32,
) -> Result<Vec<Member>, Error> {
    let rows: Vec<MemberColumns> = sqlx::query_as(
        "SELECT member_id, workgroup_id, role_profile_id, user_id, from_day, to_day, version \
         FROM directory_workgroup_member WHERE workgroup_id = $1 AND member_id > $2 AND removed_at IS NULL \
         AND (to_day IS NULL OR to_day >= $3) ORDER BY member_id LIMIT $4",
    )
    .bind(workgroup.as_str())
    .bind(after.map_or("", MemberId::as_str))
    .bind(today.to_string())
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(member_of).collect()
}

/// The direct memberships of people that end on this day or later, in the order of the people.
pub(crate) async fn open_of(tx: &mut Tx, users: &[UserId], today: Day) -> Result<Vec<Member>, Error> {
    let mut open = Vec::new();
    for users in users.chunks(500) {
        // CROSS JOIN keeps SQLite to this order: it would otherwise read every membership.
        let text = format!(
            "SELECT m.member_id, m.workgroup_id, m.role_profile_id, m.user_id, m.from_day, m.to_day, m.version \
             FROM directory_role_profile r CROSS JOIN directory_workgroup_member m \
             WHERE r.user_id IN ({}) AND m.role_profile_id = r.role_profile_id AND m.removed_at IS NULL \
             AND (m.to_day IS NULL OR m.to_day >= $1) ORDER BY m.user_id, m.member_id",
            list(2, users.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(today.to_string());
        for user in users {
            query = query.bind(user.as_str().to_owned());
        }
        let rows: Vec<MemberColumns> = query.fetch_all(&mut *tx).await?;
        for row in rows {
            open.push(member_of(row)?);
        }
    }
    Ok(open)
}

/// Those whom a position puts into a workgroup on a day, over everything that includes it.
pub(crate) async fn by_position(
    tx: &mut Tx,
    workgroup: &WorkgroupId,
    today: Day,
    after: Option<&RoleProfileId>,
    limit: u32,
) -> Result<Vec<(RoleProfileId, UserId)>, Error> {
    // CROSS JOIN: SQLite would begin with everybody's assignments or role profiles and not with the few positions.
    let rows: Vec<(String, String)> = sqlx::query_as(
        "WITH RECURSIVE up(position_id, access_profile_id) AS (\
           SELECT f.position_id, f.access_profile_id FROM directory_access_profile_workgroup w \
           JOIN directory_access_profile f ON f.access_profile_id = w.access_profile_id AND f.removed_at IS NULL \
           WHERE w.workgroup_id = $1 \
           UNION SELECT i.position_id, up.access_profile_id FROM up \
           JOIN directory_position_inclusion i ON i.included_id = up.position_id) \
         SELECT DISTINCT r.role_profile_id, r.user_id FROM up CROSS JOIN directory_assignment a \
         CROSS JOIN directory_role_profile r WHERE r.user_id = a.user_id AND r.access_profile_id = up.access_profile_id \
           AND a.position_id = up.position_id AND a.state = 'live' AND a.from_day <= $2 \
           AND (a.to_day IS NULL OR a.to_day >= $2) AND r.role_profile_id > $3 ORDER BY r.role_profile_id LIMIT $4",
    )
    .bind(workgroup.as_str())
    .bind(today.to_string())
    .bind(after.map_or("", RoleProfileId::as_str))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|(role_profile, user)| {
            Ok((
                read("directory_role_profile.role_profile_id", role_profile)?,
                read("directory_role_profile.user_id", user)?,
            ))
        })
        .collect()
}

/// Stores a new membership.
pub(crate) async fn insert_member(tx: &mut Tx, member: &Member) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_workgroup_member (member_id, workgroup_id, role_profile_id, user_id, from_day, to_day, \
         version) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(member.id.as_str())
    .bind(member.workgroup.as_str())
    .bind(member.role_profile.as_str())
    .bind(member.user.as_str())
    .bind(member.from.to_string())
    .bind(member.to.map(String::from))
    .bind(member.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores the end and the version of a membership.
pub(crate) async fn set_member_end(tx: &mut Tx, member: &Member) -> Result<(), Error> {
    sqlx::query("UPDATE directory_workgroup_member SET to_day = $2, version = $3 WHERE member_id = $1")
        .bind(member.id.as_str())
        .bind(member.to.map(String::from))
        .bind(member.version.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Gives the memberships of one person to another, who has role profiles for the same access profiles.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_workgroup_member SET user_id = $2, version = version + 1, role_profile_id = \
         (SELECT theirs.role_profile_id FROM directory_role_profile old JOIN directory_role_profile theirs \
          ON theirs.access_profile_id = old.access_profile_id AND theirs.user_id = $2 \
          WHERE old.role_profile_id = directory_workgroup_member.role_profile_id) \
         WHERE user_id = $1 AND removed_at IS NULL",
    )
    .bind(from.as_str())
    .bind(to.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Marks a membership as taken away.
pub(crate) async fn remove_member(tx: &mut Tx, id: &MemberId, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_workgroup_member SET removed_at = $2 WHERE member_id = $1 AND removed_at IS NULL",
    )
    .bind(id.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Marks every direct membership of a person that ends on this day or later as taken away, and says which those were.
pub(crate) async fn remove_all_of(
    tx: &mut Tx,
    user: &UserId,
    today: Day,
    now: Millis,
) -> Result<Vec<(MemberId, WorkgroupId)>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "UPDATE directory_workgroup_member SET removed_at = $3 WHERE removed_at IS NULL \
         AND (to_day IS NULL OR to_day >= $2) AND user_id = $1 \
         AND role_profile_id IN (SELECT role_profile_id FROM directory_role_profile WHERE user_id = $1) \
         RETURNING member_id, workgroup_id",
    )
    .bind(user.as_str())
    .bind(today.to_string())
    .bind(now.0)
    .fetch_all(&mut *tx)
    .await?;
    let mut removed: Vec<(MemberId, WorkgroupId)> = rows
        .iter()
        .map(|(member, workgroup)| {
            Ok((
                read("directory_workgroup_member.member_id", member)?,
                read("directory_workgroup_member.workgroup_id", workgroup)?,
            ))
        })
        .collect::<Result<_, Error>>()?;
    removed.sort();
    Ok(removed)
}

/// The workgroups that access profiles put their holders into.
pub(crate) async fn of_profiles(
    tx: &mut Tx,
    profiles: &[AccessProfileId],
) -> Result<Vec<(AccessProfileId, WorkgroupId)>, Error> {
    if profiles.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT access_profile_id, workgroup_id FROM directory_access_profile_workgroup \
         WHERE access_profile_id IN ({})",
        list(1, profiles.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in profiles {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    rows.iter()
        .map(|(profile, workgroup)| {
            Ok((
                read("directory_access_profile_workgroup.access_profile_id", profile)?,
                read("directory_access_profile_workgroup.workgroup_id", workgroup)?,
            ))
        })
        .collect()
}

/// The workgroups that role profiles are in directly on a day.
pub(crate) async fn of_role_profiles(
    tx: &mut Tx,
    role_profiles: &[RoleProfileId],
    today: Day,
) -> Result<Vec<(RoleProfileId, WorkgroupId)>, Error> {
    if role_profiles.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT role_profile_id, workgroup_id FROM directory_workgroup_member WHERE removed_at IS NULL \
         AND from_day <= $1 AND (to_day IS NULL OR to_day >= $1) AND role_profile_id IN ({})",
        list(2, role_profiles.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(today.to_string());
    for id in role_profiles {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    rows.iter()
        .map(|(role_profile, workgroup)| {
            Ok((
                read("directory_workgroup_member.role_profile_id", role_profile)?,
                read("directory_workgroup_member.workgroup_id", workgroup)?,
            ))
        })
        .collect()
}
