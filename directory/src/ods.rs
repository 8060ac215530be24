//! ODS codes as people type them.

use platform::id::{NotAnId, OdsCode};

/// Reads an ODS code with blanks around or in it and small letters, as people type it.
pub(crate) fn normalised(text: &str) -> Result<OdsCode, NotAnId> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    plain.to_ascii_uppercase().parse()
}

/// The virtual organisation of those who work in many places that nobody knows beforehand, as locum pharmacists do. What is
/// given in it counts anywhere, and no registration authority is below or above it.
const ANYWHERE: &str = "FFFFF";

/// Whether what is given in this organisation counts anywhere.
pub(crate) fn is_anywhere(organisation: &OdsCode) -> bool {
    organisation.as_str() == ANYWHERE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blanks and small letters are taken as they are meant; anything else is no code.
    #[test]
    fn typed_codes_are_normalised() {
        assert_eq!(normalised(" rxx 01 ").unwrap().as_str(), "RXX01");
        assert!(normalised("rx-1").is_err() && normalised("r").is_err() && normalised("").is_err());
    }
}
