//! Names as they are written, as they are searched, and as they sound.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::error::Error;

/// The longest part of a name.
pub(crate) const LONGEST: usize = 70;

/// Takes a line of text that people read: blanks around it go, runs of blanks become one, and it holds at most `longest`
/// characters, none of which breaks the line or controls anything.
pub(crate) fn line(field: &'static str, text: &str, longest: usize) -> Result<String, Error> {
    if text.trim().chars().any(|letter| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')) {
        let sentence = "It has a break of the line, a tab or another character that cannot be seen. Write it in one line.";
        return Err(Error::field(field, sentence));
    }
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(Error::field(field, "It is empty. Leave it out, or write something."));
    }
    if text.chars().count() > longest {
        return Err(Error::field(field, format!("Write at most {longest} characters.")));
    }
    if text.chars().any(is_invisible) {
        return Err(Error::field(field, "It holds characters that cannot be seen. Type it anew."));
    }
    Ok(text)
}

/// Takes a name of something: one line, trimmed, in the composed form of Unicode (NFC), so that what looks the same is the same. A
/// line break or anything that cannot be seen is refused and not taken away: two names that differ by it alone would be one.
pub(crate) fn named(field: &'static str, text: &str, longest: usize) -> Result<String, Error> {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text.trim());
    if text.is_empty() {
        return Err(Error::field(field, "Write something: it must not be empty."));
    }
    if text.chars().count() > longest {
        return Err(Error::field(field, format!("It is longer than {longest} characters. Shorten it.")));
    }
    if text.chars().any(breaks_a_line) {
        return Err(Error::field(
            field,
            "A name stands on one line, and this one has a line break or a tab in it. Take it out.",
        ));
    }
    if text.chars().any(|letter| letter.is_control() || is_invisible(letter)) {
        return Err(Error::field(field, "It holds characters that cannot be seen. Type it anew."));
    }
    Ok(text.into_owned())
}

/// What begins a new line, or stands for one (Unicode 5.8).
fn breaks_a_line(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Takes text of some lines, such as notes.
pub(crate) fn notes(field: &'static str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    let plain = text.chars().all(|letter| letter == '\n' || !(letter.is_control() || is_invisible(letter)));
    if text.is_empty() || text.chars().count() > 2000 || !plain {
        return Err(Error::field(field, "Write at most 2,000 characters that can be seen, or leave it out."));
    }
    Ok(text.to_owned())
}

/// What turns or hides the letters beside it.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}

/// Text in the composed form of Unicode (NFC), in which names are kept: what looks the same is the same.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    // Most is, and needs no tables.
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A name as it is searched: small letters without accents, digits, and single blanks for everything else.
pub(crate) fn plain(text: &str) -> String {
    let text = composed(text);
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            // O'Brien and Obrien are one; and what is put on a letter may stand by itself.
            '\'' | '\u{2019}' | '\u{2018}' | '`' | '.' | '\u{300}'..='\u{36f}' => {}
            // At the end of a word sigma has another form, which is the same letter.
            'ς' => folded.push('σ'),
            other => match unaccented(other) {
                Some(plain) => folded.push_str(plain),
                None if other.is_alphanumeric() => folded.push(other),
                None => folded.push(' '),
            },
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Latin letters with marks, in their plain spelling.
const PLAIN: &[(&str, &str)] = &[
    ("a", "àáâãåāăąǎ"),
    ("ae", "äæǽ"),
    ("c", "çćĉċč"),
    ("d", "ďđð"),
    ("e", "èéêëēĕėęě"),
    ("g", "ĝğġģ"),
    ("h", "ĥħ"),
    ("i", "ìíîïĩīĭįı"),
    ("j", "ĵ"),
    ("k", "ķ"),
    ("l", "ĺļľŀł"),
    ("n", "ñńņňŉ"),
    ("o", "òóôõōŏő"),
    ("oe", "öøœ"),
    ("r", "ŕŗř"),
    ("s", "śŝşšș"),
    ("ss", "ß"),
    ("t", "ţťŧț"),
    ("th", "þ"),
    ("u", "ùúûũūŭůűų"),
    ("ue", "ü"),
    ("w", "ŵẁẃẅ"),
    ("y", "ýÿŷỳ"),
    ("z", "źżž"),
];

fn unaccented(letter: char) -> Option<&'static str> {
    if letter.is_ascii() {
        return None;
    }
    PLAIN.iter().find(|row| row.1.contains(letter)).map(|row| row.0)
}

/// How a plain name sounds: the Soundex code of its letters from a to z; the plain name itself where it has none.
///
/// The rule is that of the United States' National Archives: letters of one code next to each other, or with only h or w
/// between them, count once.
pub(crate) fn sound(plain: &str) -> String {
    let mut letters = plain.bytes().filter(u8::is_ascii_lowercase);
    let Some(first) = letters.next() else { return plain.to_owned() };
    let mut code = String::from(char::from(first.to_ascii_uppercase()));
    let mut last = digit(first);
    for letter in letters {
        let next = digit(letter);
        if let Some(next) = next
            && Some(next) != last
        {
            code.push(next);
            if code.len() == 4 {
                break;
            }
        }
        if !matches!(letter, b'h' | b'w') {
            last = next;
        }
    }
    while code.len() < 4 {
        code.push('0');
    }
    code
}

fn digit(letter: u8) -> Option<char> {
    match letter {
        b'b' | b'f' | b'p' | b'v' => Some('1'),
        b'c' | b'g' | b'j' | b'k' | b'q' | b's' | b'x' | b'z' => Some('2'),
        b'd' | b't' => Some('3'),
        b'l' => Some('4'),
        b'm' | b'n' => Some('5'),
        b'r' => Some('6'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accents, apostrophes, capitals and spare blanks do not hide anybody from a search.
    #[test]
    fn names_are_searched_plainly() {
        for (written, searched) in [
            ("O’Brien", "obrien"),
            ("  Núñez-Ferrão ", "nunez ferrao"),
            ("MÜLLER", "mueller"),
            ("Mu\u{308}ller", "mueller"),
            ("A\u{30a}SA O\u{308}berg", "asa oeberg"),
            ("q\u{308}", "q"),
            ("Siân", "sian"),
            ("Sia\u{302}n", "sian"),
            ("St. John", "st john"),
            ("Łukasz", "lukasz"),
            ("Ωmega", "ωmega"),
        ] {
            assert_eq!(plain(written), searched);
        }
    }

    /// The archives' own examples, and names that are heard as one.
    #[test]
    fn names_have_a_sound() {
        for (name, code) in [
            ("robert", "R163"),
            ("rupert", "R163"),
            ("ashcraft", "A261"),
            ("tymczak", "T522"),
            ("pfister", "P236"),
            ("honeyman", "H555"),
            ("lee", "L000"),
        ] {
            assert_eq!(sound(name), code, "{name}");
        }
        assert_eq!(sound("smith"), sound("smyth"));
        assert_eq!(sound("ωmega"), "M200");
        assert_eq!(sound("王"), "王");
    }

    /// Names are trimmed and composed; a line break says so, and what cannot be seen is refused.
    #[test]
    fn names_stand_on_one_line() {
        assert_eq!(named("name", " Cafe\u{301} staff ", 10).unwrap(), "Caf\u{e9} staff");
        for broken in ["a\nb", "a\r\nb", "a\tb", "a\u{2028}b", "a\u{85}b", "a\u{b}b"] {
            let told = named("name", broken, 70).unwrap_err().to_string();
            assert!(told.contains("one line"), "{broken:?}: {told}");
        }
        for bad in
            ["", " \n", "a\u{0}b", "a\u{7f}b", "a\u{202e}b", "a\u{200b}b", "a\u{feff}b", &"x".repeat(71)]
        {
            assert!(named("name", bad, 70).is_err(), "{bad:?}");
        }
        assert!(named("name", &"e\u{301}".repeat(70), 70).is_ok(), "composed, it is short enough");
    }

    /// Lines are trimmed; what cannot be seen, nothing at all and too much are refused.
    #[test]
    fn lines_are_readable() {
        assert_eq!(line("given", " Ann  Marie ", 70).unwrap(), "Ann Marie");
        for bad in ["", "  ", "a\u{0}b", "ab\u{202e}c", &"x".repeat(71)] {
            assert!(line("given", bad, 70).is_err(), "{bad:?}");
        }
        assert_eq!(line("given", "Sia\u{302}n", 4).unwrap(), "Si\u{e2}n");
        assert_eq!(notes("notes", "one\ntwo ").unwrap(), "one\ntwo");
        assert!(notes("notes", "a\u{7}").is_err() && notes("notes", " ").is_err());
    }
}
