//! The national roles of the demonstration, from the project's own fixtures.

use std::io::{Error as IoError, ErrorKind};

use crate::error::Error;
use crate::rbac::{Content, from_csv};

/// The files of the release: `fixtures/national-roles` says what of it is invented.
const FILES: [(&str, &str); 5] = [
    ("job-roles.csv", include_str!("../../../fixtures/national-roles/job-roles.csv")),
    ("areas.csv", include_str!("../../../fixtures/national-roles/areas.csv")),
    ("activities.csv", include_str!("../../../fixtures/national-roles/activities.csv")),
    ("inclusions.csv", include_str!("../../../fixtures/national-roles/inclusions.csv")),
    ("baselines.csv", include_str!("../../../fixtures/national-roles/baselines.csv")),
];

/// An invented release of national roles, ready to be brought in.
pub fn national_roles() -> Result<Content, Error> {
    from_csv("invented 1", |file| {
        let found = FILES.iter().find(|row| row.0 == file);
        found.map(|row| row.1.as_bytes()).ok_or_else(|| IoError::from(ErrorKind::NotFound))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::Book;
    use crate::seed::World;

    /// The release makes a book, and every code that a position of the world has is in it, under the same groups.
    #[test]
    fn the_world_has_no_code_of_its_own() {
        let content = national_roles().unwrap();
        Book::new(1, content.clone()).unwrap();
        for seat in World::new(1).seats {
            let role = seat.job_role.rsplit(':').next().unwrap();
            let found = content.job_roles.iter().find(|entry| entry.code.as_str() == role).expect(role);
            assert_eq!(found.path().as_deref(), Some(seat.job_role), "{}", seat.key);
            for area in seat.areas {
                assert!(content.areas.iter().any(|entry| area.ends_with(entry.code.as_str())), "{area}");
            }
            for activity in seat.activities {
                assert!(content.activities.iter().any(|one| one.code.as_str() == *activity), "{activity}");
            }
        }
    }
}
