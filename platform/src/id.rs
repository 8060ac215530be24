//! Identifiers that more than one module uses, and the macro for a module's own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// Text that is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct NotAnId {
    /// What it should be, with its article.
    pub expected: &'static str,
}

/// Makes the text conversions of an identifier that holds checked text.
macro_rules! checked_text {
    ($name:ident, $expected:literal, $check:expr) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(NotAnId { expected: $expected }) }
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

/// A person: twelve digits for life. Ours end in a check digit; imported ones are taken as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9]{12}$")]
pub struct UserId(String);

checked_text!(UserId, "a user id of twelve digits", |text| {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
});

impl UserId {
    /// The id of the person with this running number, of eleven digits at most; `None` for a larger number.
    pub fn from_number(number: u64) -> Option<Self> {
        if number > 99_999_999_999 {
            return None;
        }
        let digits = format!("{number:011}");
        let check = damm(&digits);
        Some(Self(format!("{digits}{check}")))
    }

    /// Whether the last digit is the check digit. An imported id may lack it and is good all the same; one that
    /// somebody types for a person of ours should have it.
    pub fn has_check_digit(&self) -> bool {
        damm(&self.0) == 0
    }
}

/// Damm's check digit: it catches every single wrong digit and every swap of neighbours. Zero over digits that end
/// in their check digit.
fn damm(digits: &str) -> u8 {
    const TABLE: [[u8; 10]; 10] = [
        [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
        [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
        [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
        [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
        [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
        [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
        [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
        [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
        [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
        [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
    ];
    digits.bytes().fold(0, |row, digit| TABLE[usize::from(row)][usize::from(digit.wrapping_sub(b'0') % 10)])
}

/// An organisation by its ODS code: three to twelve capital letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Z0-9]{3,12}$")]
pub struct OdsCode(String);

checked_text!(OdsCode, "an ODS code of three to twelve capital letters and digits", |text| {
    (3..=12).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
});

/// A calling program, as the operator has named it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._:-]{0,127}$")]
pub struct ClientId(String);

checked_text!(
    ClientId,
    "a client id of at most 128 small letters, digits, dots, colons, lines and hyphens",
    |text| {
        text.len() <= 128
            && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-'))
    }
);

impl ClientId {
    /// A module of this server as a client of another.
    pub fn module(name: &'static str) -> Self {
        Self(format!("module:{name}"))
    }

    /// Whether it can be the common name of a certificate, as that of a system that is known by one is.
    pub fn is_common_name(&self) -> bool {
        // RFC 5280 A.1: ub-common-name.
        self.0.len() <= 64
    }
}

/// Makes a type of identifiers that are uuids of version 7 in text: unique, and sorted by the time of their making.
///
/// ```
/// platform::text_id!(
///     /// A letter in the post.
///     LetterId
/// );
/// let id = LetterId::new(platform::Millis(1_700_000_000_000));
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[macro_export]
macro_rules! text_id {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive($crate::id::reexport::Serialize, $crate::id::reexport::Deserialize)]
        #[serde(crate = "platform::id::reexport::serde", try_from = "String", into = "String")]
        pub struct $name(String);

        $crate::text_id_impl!($name);
    };
}

/// The functions of [`text_id`]'s types.
#[doc(hidden)]
#[macro_export]
macro_rules! text_id_impl {
    ($name:ident) => {
        impl $name {
            /// A new identifier made at `now`.
            pub fn new(now: $crate::clock::Millis) -> Self {
                Self($crate::id::uuid_text(now))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::id::NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::id::check_uuid_text(text).map(Self)
            }
        }

        impl ::std::convert::TryFrom<String> for $name {
            type Error = $crate::id::NotAnId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl ::std::convert::From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// What the macro's expansion names.
#[doc(hidden)]
pub mod reexport {
    pub use serde::{self, Deserialize, Serialize};
}

/// One request, in logs and in the answer's `x-request-id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(String);

text_id_impl!(RequestId);

/// The text of a new uuid of version 7.
#[doc(hidden)]
pub fn uuid_text(now: Millis) -> String {
    // RFC 9562 5.7: 48 bits of time, 74 of chance.
    let mut chance = [0u8; 10];
    aws_lc_rs::rand::fill(&mut chance)
        .expect("the process's random generator never fails once it has started");
    let at = u64::try_from(now.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(at, &chance).into_uuid().to_string()
}

/// Takes the text of a uuid in its one canonical form, so that equal ids are equal texts.
#[doc(hidden)]
pub fn check_uuid_text(text: &str) -> Result<String, NotAnId> {
    let expected = "a uuid in small letters with hyphens";
    let parsed = uuid::Uuid::try_parse(text).map_err(|_| NotAnId { expected })?;
    if parsed.to_string() == text { Ok(text.to_owned()) } else { Err(NotAnId { expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our user ids carry a check digit that catches a wrong digit and a swap; foreign ones are taken.
    #[test]
    fn user_ids_carry_a_check_digit() {
        let id = UserId::from_number(55_508_123_456).unwrap();
        assert!(id.has_check_digit());
        let text = id.as_str().to_owned();
        for at in 0..12 {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = b'0' + (wrong[at] - b'0' + 1) % 10;
            let wrong: UserId = String::from_utf8(wrong).unwrap().parse().unwrap();
            assert!(!wrong.has_check_digit(), "{wrong}");
        }
        let mut swapped = text.into_bytes();
        swapped.swap(7, 8);
        assert!(!String::from_utf8(swapped).unwrap().parse::<UserId>().unwrap().has_check_digit());
        assert_eq!(UserId::from_number(100_000_000_000), None);
    }

    /// Text that is no identifier is refused, with what was expected.
    #[test]
    fn nonsense_is_no_identifier() {
        let user = |text: &str| text.parse::<UserId>().is_ok();
        assert!(
            user("555081234567") && !user("55508123456") && !user("55508123456x") && !user("٥٥٥٠٨١٢٣٤٥٦٧")
        );
        let ods = |text: &str| text.parse::<OdsCode>().is_ok();
        assert!(ods("A81001") && ods("RXX") && !ods("rxx") && !ods("AB") && !ods("A81001'; --"));
        let client = |text: &str| text.parse::<ClientId>().is_ok();
        let of_cis2 = "9999999999.an-application-of-a-hospital.00000000-0000-4000-8000-000000000000.apps";
        assert!(client(of_cis2) && client(&"a".repeat(128)) && !client(&"a".repeat(129)));
        let common = |length: usize| "a".repeat(length).parse::<ClientId>().unwrap().is_common_name();
        assert!(common(64) && !common(65));
        assert!(client("gp-system.1") && client("module:ca") && !client("") && !client("A") && !client("-a"));
        assert_eq!("x".parse::<UserId>().unwrap_err().to_string(), "not a user id of twelve digits");
    }

    /// Request ids sort by time, and only the canonical text is one.
    #[test]
    fn uuid_ids_sort_by_time() {
        let (early, late) = (RequestId::new(Millis(1_000)), RequestId::new(Millis(2_000)));
        assert!(early < late);
        assert_eq!(early.to_string().parse(), Ok(early.clone()));
        assert!(early.to_string().to_uppercase().parse::<RequestId>().is_err());
    }
}
