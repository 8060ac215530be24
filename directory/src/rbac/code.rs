//! Codes of the national role-based access control.

use std::fmt;
use std::str::FromStr;

use platform::id::NotAnId;
use serde::{Deserialize, Serialize};

/// Makes a type of codes: a letter and four digits. It is read alone and below the codes of its group and category, as in
/// `S8000:G8000:R8000`.
macro_rules! code {
    ($(#[$attribute:meta])* $name:ident, $letters:expr, $expected:literal, $pattern:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, pattern = $pattern)]
        pub struct $name([u8; 5]);

        impl $name {
            /// The letters of a code with those above it: the last one's is the code's own.
            pub(crate) const LETTERS: &'static [u8] = $letters;

            /// The text.
            pub fn as_str(&self) -> &str {
                // Made of one letter and four digits only.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                last(text, Self::LETTERS).map(Self).ok_or(NotAnId { expected: $expected })
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

code!(
    /// A job role.
    JobRoleCode, b"SGR", "a job role code such as R8000 or S8000:G8000:R8000", "^(S[0-9]{4}:G[0-9]{4}:)?R[0-9]{4}$"
);
code!(
    /// An area of work.
    AreaCode, b"PQT", "an area of work code such as T0640 or P0020:Q0300:T0640", "^(P[0-9]{4}:Q[0-9]{4}:)?T[0-9]{4}$"
);
code!(
    /// An activity.
    ActivityCode, b"B", "an activity code such as B0825", "^B[0-9]{4}$"
);

/// Makes a type of codes with those of their group and category above them.
macro_rules! path {
    ($(#[$attribute:meta])* $name:ident, $code:ident, $expected:literal) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            path: String,
            code: $code,
        }

        impl $name {
            /// The text, with the codes above it.
            pub fn as_str(&self) -> &str {
                &self.path
            }

            /// The code alone.
            pub fn code(&self) -> $code {
                self.code
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Takes small letters and blanks around as people type them.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let path = text.trim().to_ascii_uppercase();
                let whole = path.split(':').count() == $code::LETTERS.len();
                match path.parse() {
                    Ok(code) if whole => Ok(Self { path, code }),
                    _ => Err(NotAnId { expected: $expected }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.path)
            }
        }
    };
}

path!(
    /// A job role with its staff group and sub-group, as in `S0080:G0450:R5080`.
    JobRolePath, JobRoleCode, "a job role with its groups, as in S0080:G0450:R5080"
);
path!(
    /// An area of work with those it belongs to, as in `P0010:Q0020:T0030`.
    AreaPath, AreaCode, "an area of work, as in P0010:Q0020:T0030"
);

/// The last of the codes of a path, or the code that stands alone.
fn last(text: &str, letters: &[u8]) -> Option<[u8; 5]> {
    let text = text.trim();
    let letters = match text.split(':').count() {
        1 => &letters[letters.len().saturating_sub(1)..],
        many if many == letters.len() => letters,
        _ => return None,
    };
    text.split(':').zip(letters).try_fold(None, |_, (part, letter)| one(part, *letter).map(Some))?
}

/// One letter and four digits; small letters are taken as meant.
pub(crate) fn one(text: &str, letter: u8) -> Option<[u8; 5]> {
    let bytes: [u8; 5] = text.as_bytes().try_into().ok()?;
    let code = bytes.map(|byte| byte.to_ascii_uppercase());
    (code[0] == letter && code[1..].iter().all(u8::is_ascii_digit)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code is read alone and at the end of its path; anything else is none.
    #[test]
    fn codes_are_read_with_their_path() {
        for good in ["R8000", " r8000 ", "S8000:G8000:R8000"] {
            assert_eq!(good.parse::<JobRoleCode>().unwrap().to_string(), "R8000", "{good}");
        }
        for bad in [
            "",
            "R800",
            "R80000",
            "B8000",
            "G8000:R8000",
            "S8000:G8000:",
            "S8000:R8000:G8000",
            "R800O",
            "Ｒ8000",
        ] {
            assert!(bad.parse::<JobRoleCode>().is_err(), "{bad}");
        }
        assert_eq!("P0020:Q0300:T0640".parse::<AreaCode>().unwrap().as_str(), "T0640");
        assert!("P0020:B0825".parse::<ActivityCode>().is_err() && "B0825".parse::<ActivityCode>().is_ok());
        assert_eq!(serde_json::to_string(&"B0825".parse::<ActivityCode>().unwrap()).unwrap(), "\"B0825\"");
    }
    /// A path is whole: with every code above it. Small letters and blanks around are taken.
    #[test]
    fn paths_are_whole() {
        let role: JobRolePath = " s0080:g0450:r5080 ".parse().unwrap();
        assert_eq!((role.as_str(), role.code().as_str()), ("S0080:G0450:R5080", "R5080"));
        for bad in
            ["R5080", "S0080:G0450", "S0080:G0450:R508", "S0080:G0450:X5080", "", "S0080:G0450:R5080:B1"]
        {
            assert!(bad.parse::<JobRolePath>().is_err(), "{bad}");
        }
        let area: AreaPath = "P0010:Q0020:T0030".parse().unwrap();
        assert_eq!(area.code().as_str(), "T0030");
        assert!("P0010".parse::<AreaPath>().is_err() && "T0030".parse::<AreaPath>().is_err());
    }
}
