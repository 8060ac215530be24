//! Codes of the national model of roles, by their shape. Whether a code is in the national list, the list says.

use std::fmt;
use std::str::FromStr;

use platform::id::NotAnId;

/// Makes a type of codes in which each part is a letter and four digits.
macro_rules! code {
    ($(#[$attribute:meta])* $name:ident, $letters:literal, $expected:literal) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Takes small letters and blanks around as people type them.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let plain = text.trim().to_ascii_uppercase();
                let parts: Vec<&str> = plain.split(':').collect();
                let shaped = parts.len() == $letters.len()
                    && parts.iter().zip($letters.chars()).all(|(part, letter)| is_part(part, letter));
                if shaped { Ok(Self(plain)) } else { Err(NotAnId { expected: $expected }) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code!(
    /// A job role with its staff group and sub-group, as in `S0080:G0450:R5080`.
    JobRole, "SGR", "a job role with its groups, as in S0080:G0450:R5080"
);
code!(
    /// An activity, as in `B0264`.
    Activity, "B", "the code of an activity, as in B0264"
);
code!(
    /// An area of work, as in `P0010:Q0020:T0030`.
    Area, "PQT", "an area of work, as in P0010:Q0020:T0030"
);

impl JobRole {
    /// The job role without its groups, as in `R5080`.
    pub fn role(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }
}

fn is_part(part: &str, letter: char) -> bool {
    part.len() == 5
        && part.strip_prefix(letter).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes have their letters and digits; small letters and blanks around are taken, anything else is not.
    #[test]
    fn codes_have_their_shape() {
        let role: JobRole = " s0080:g0450:r5080 ".parse().unwrap();
        assert_eq!((role.as_str(), role.role()), ("S0080:G0450:R5080", "R5080"));
        for bad in
            ["R5080", "S0080:G0450", "S0080:G0450:R508", "S0080:G0450:X5080", "", "S0080:G0450:R5080:B1"]
        {
            assert!(bad.parse::<JobRole>().is_err(), "{bad}");
        }
        assert!("b0264".parse::<Activity>().is_ok() && "B264".parse::<Activity>().is_err());
        assert!("P0010:Q0020:T0030".parse::<Area>().is_ok() && "P0010".parse::<Area>().is_err());
    }
}
