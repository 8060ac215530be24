//! Texts made for search.

use crate::person::composed;

/// A name as it is searched: small letters and digits in words with single blanks between them, nothing else.
///
/// An apostrophe joins, so that `ST MARY'S` is found by `st marys`; every other mark parts words.
pub(crate) fn name_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    let mut gap = false;
    for character in composed(name).chars() {
        if character.is_alphanumeric() {
            if gap && !key.is_empty() {
                key.push(' ');
            }
            gap = false;
            key.extend(character.to_lowercase());
        } else if !matches!(character, '\'' | '’') {
            gap = true;
        }
    }
    key
}

/// A postcode as it is searched: capitals and digits.
pub(crate) fn postcode_key(postcode: &str) -> String {
    postcode.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How somebody writes a name or a postcode does not matter.
    #[test]
    fn spelling_does_not_matter() {
        for same in ["ST. MARY'S  SURGERY", "st mary’s surgery", " St.Marys - Surgery "] {
            assert_eq!(name_key(same), "st marys surgery", "{same}");
        }
        assert_eq!(name_key("Ysbyty Gwynedd & Môn (2)"), "ysbyty gwynedd môn 2");
        assert_eq!(name_key("Mo\u{302}n"), name_key("M\u{f4}n"));
        assert_eq!((name_key(" -- ").as_str(), postcode_key(" ls1 4ap")), ("", "LS14AP".to_owned()));
    }
}
