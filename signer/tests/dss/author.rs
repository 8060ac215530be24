//! Whose the role is in which the sample of a prescription was written, in the register.

use super::World;

/// The role profile of its author.
pub(super) const ROLE: &str = "555000000203";

/// The role is this person's, and an assignment gives it to them.
pub(super) async fn has(world: &World, user: &str) {
    nobody(world).await;
    let position = "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
                    VALUES ('gp', 'A83008', 'GPs', 'gps', 'open', $1)";
    world.write(position, Vec::new(), 1).await;
    let profile = "INSERT INTO directory_access_profile (access_profile_id, position_id, organisation, job_role, areas, \
                   activities, place) VALUES ('1', 'gp', 'A83008', 'S0030:G0100:R0260', '', '', $1)";
    world.write(profile, Vec::new(), 0).await;
    had(world, user, ROLE).await;
    let assignment = "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, \
                      made_by, made_at, version) VALUES ('one', $1, 'gp', 'A83008', '2020-01-01', 'live', 'cim', 'desk', 1, $2)";
    world.write(assignment, vec![user.to_owned()], 1).await;
}

/// A role profile was minted for this person.
pub(super) async fn had(world: &World, user: &str, role: &str) {
    let sql = "INSERT INTO directory_role_profile (user_id, access_profile_id, role_profile_id) \
               SELECT $1, '1', $2 WHERE CAST($3 AS BIGINT) = 0";
    world.write(sql, vec![user.to_owned(), role.to_owned()], 0).await;
}

/// What gave the role has ended.
pub(super) async fn loses(world: &World) {
    let sql = "UPDATE directory_assignment SET state = 'removed' WHERE version = $1";
    world.write(sql, Vec::new(), 1).await;
}

/// What had ended is there again.
pub(super) async fn regains(world: &World) {
    let sql = "UPDATE directory_assignment SET state = 'live' WHERE version = $1";
    world.write(sql, Vec::new(), 1).await;
}

/// The register knows the role no more.
pub(super) async fn nobody(world: &World) {
    for sql in [
        "DELETE FROM directory_assignment WHERE version > $1",
        "DELETE FROM directory_role_profile WHERE CAST($1 AS BIGINT) = 0",
        "DELETE FROM directory_access_profile WHERE place >= $1",
        "DELETE FROM directory_position WHERE version > $1",
    ] {
        world.write(sql, Vec::new(), 0).await;
    }
}
