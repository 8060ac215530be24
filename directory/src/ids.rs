//! The register's own identifiers.

use std::fmt;
use std::str::FromStr;

use platform::clock::Millis;
use platform::id::{NotAnId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

platform::text_id!(
    /// A position of an organisation.
    PositionId
);
platform::text_id!(
    /// What a position gives in one organisation and job role.
    AccessProfileId
);
platform::text_id!(
    /// A person in a position, from a day to a day.
    AssignmentId
);
platform::text_id!(
    /// A request that somebody decides.
    RequestId
);
platform::text_id!(
    /// A workgroup.
    WorkgroupId
);
platform::text_id!(
    /// A role profile in a workgroup, from a day to a day.
    MemberId
);
platform::text_id!(
    /// Somebody's leaving.
    LeavingId
);
platform::text_id!(
    /// A campaign of recertification.
    CampaignId
);

platform::text_id!(
    /// A position of a personnel system that stands for one here.
    FeedLinkId
);
platform::text_id!(
    /// Something that a personnel system told.
    FeedEventId
);

platform::text_id!(
    /// A row that belongs to a profile: a document that was shown, an address, a message, a time of custody.
    RecordId
);

/// Twelve digits for life, with the check digit of user ids, of which it is a kind of its own.
macro_rules! twelve_digits {
    ($(#[$attribute:meta])* $name:ident, $expected:literal) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, pattern = "^[0-9]{12}$")]
        pub struct $name(String);

        impl $name {
            /// The id with this running number, of eleven digits at most; `None` for a larger number.
            pub fn from_number(number: u64) -> Option<Self> {
                UserId::from_number(number).map(|id| Self(id.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                match text.parse::<UserId>() {
                    Ok(id) => Ok(Self(id.into())),
                    Err(_) => Err(NotAnId { expected: $expected }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

twelve_digits!(
    /// A person in an organisation (`person_orgid`): twelve digits for life.
    OrganisationPersonId,
    "the id of a person in an organisation, of twelve digits"
);
twelve_digits!(
    /// A role profile (`person_roleid`): a person with an access profile, twelve digits for life.
    RoleProfileId,
    "a role profile id of twelve digits"
);

/// When the thing was made whose id this is, of the kind that says so: RFC 9562 5.7.
pub(crate) fn made_at(id: &str) -> Option<Millis> {
    let (seconds, nanos) = Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Some(Millis(seconds.checked_mul(1000)?.checked_add(i64::from(nanos / 1_000_000))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id says when its thing was made, and no other text does.
    #[test]
    fn ids_say_when_they_were_made() {
        let now = Millis(1_795_540_800_123);
        assert_eq!(made_at(AccessProfileId::new(now).as_str()), Some(now));
        for other in ["1", "555000000207", "5f0c7a1e-9a3b-4c1d-8e2f-0a1b2c3d4e5f"] {
            assert_eq!(made_at(other), None, "{other}");
        }
    }

    /// A role profile id is twelve digits that end in a check digit; what is not twelve digits is refused.
    #[test]
    fn role_profile_ids_are_twelve_digits() {
        let id = RoleProfileId::from_number(10_000_000_001).unwrap();
        assert_eq!(id.as_str().len(), 12);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("12".parse::<RoleProfileId>().is_err());
        assert_eq!(OrganisationPersonId::from_number(100_000_000_000), None);
    }
}
