//! The face as SVG: a template with places that are filled in.
//!
//! A name that is long is put on two lines and written smaller, so that it is whole and stays on the card.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What we print on where nobody brought a template.
pub(super) const BUILT_IN: &str = include_str!("face.svg");

/// How wide a line of the face may be, in millimetres.
const WIDTH: f32 = 48.0;
/// How wide a letter is for its size, on the wide side of the mean.
const LETTER: f32 = 0.6;
/// The largest and the smallest letters, in millimetres.
const LARGEST: f32 = 5.2;
const SMALLEST: f32 = 2.2;

/// What stands on a face.
pub(crate) struct Face {
    /// The name that its holder has on the card.
    pub(crate) name: String,
    /// Twelve digits.
    pub(crate) user_id: String,
    pub(crate) organisation: String,
    /// JPEG or PNG.
    pub(crate) photo: Vec<u8>,
}

/// A template names a place that there is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSuchPlace(pub(super) String);

/// Fills a template.
pub(super) fn fill(template: &str, face: &Face) -> Result<String, NoSuchPlace> {
    let (name, organisation) = (Lines::of(&face.name), Lines::of(&face.organisation));
    let media = if face.photo.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" };
    let places = [
        ("name_1", escaped(&name.first)),
        ("name_2", escaped(&name.second)),
        ("name_size", name.size),
        ("organisation_1", escaped(&organisation.first)),
        ("organisation_2", escaped(&organisation.second)),
        ("organisation_size", organisation.size),
        ("user_id", escaped(&in_fours(&face.user_id))),
        ("photo", format!("data:{media};base64,{}", STANDARD.encode(&face.photo))),
    ];
    let (mut filled, mut rest) = (String::new(), template);
    // What is filled in is not looked at again: a name that looks like a place stays a name.
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").ok_or_else(|| NoSuchPlace(first_of(after)))?;
        let value = places.iter().find(|(name, _)| *name == place.trim());
        let (_, value) = value.ok_or_else(|| NoSuchPlace(first_of(place)))?;
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn first_of(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A text on one line or two, and how large it is written.
struct Lines {
    first: String,
    second: String,
    size: String,
}

impl Lines {
    /// Breaks a text at the blank nearest to its middle, where one line would be written too small.
    fn of(text: &str) -> Self {
        let text = text.trim();
        let letters = text.chars().count();
        let blanks = text.char_indices().filter(|(_, letter)| *letter == ' ').map(|(at, _)| at);
        let nearest = blanks.min_by_key(|at| at.abs_diff(text.len() / 2));
        let (first, second) = match nearest {
            Some(at) if size_of(letters) < LARGEST => (&text[..at], &text[at + 1..]),
            _ => (text, ""),
        };
        let longest = first.chars().count().max(second.chars().count());
        Self { first: first.to_owned(), second: second.to_owned(), size: format!("{:.2}", size_of(longest)) }
    }
}

/// How large letters are of which so many stand on one line.
fn size_of(letters: usize) -> f32 {
    // No line of a name comes near to where this is not exact.
    let letters = f32::from(u16::try_from(letters.max(1)).unwrap_or(u16::MAX));
    (WIDTH / (LETTER * letters)).clamp(SMALLEST, LARGEST)
}

/// A number as people read it.
fn in_fours(digits: &str) -> String {
    let letters: Vec<char> = digits.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// A text as it stands in XML. XML 1.0 2.4; what XML has no place for is left out.
fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&apos;".to_owned(),
        letter if letter.is_control() => String::new(),
        letter => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(name: &str) -> Face {
        Face {
            name: name.to_owned(),
            user_id: "555021942107".to_owned(),
            organisation: "Larkfield".to_owned(),
            photo: b"\x89PNG".to_vec(),
        }
    }

    /// A name is text, whatever it looks like; each place is filled, and one that there is not is named.
    #[test]
    fn places_are_filled() {
        let filled = fill(BUILT_IN, &face("{{photo}} <b>&")).unwrap();
        for there in
            ["{{photo}} &lt;b&gt;&amp;", "5550 2194 2107", "Larkfield", "data:image/png;base64,iVBORw=="]
        {
            assert!(filled.contains(there), "{there}: {filled}");
        }
        assert!(!filled.contains("<b>"));
        assert_eq!(
            fill("<text>{{ shoe_size }}</text>", &face("A")),
            Err(NoSuchPlace(" shoe_size ".to_owned()))
        );
        assert_eq!(fill("{{name_1", &face("A")), Err(NoSuchPlace("name_1".to_owned())));
    }

    /// Long names are put on two lines and written smaller, short ones are as large as can be; a name of one long word stays whole.
    #[test]
    fn names_stay_on_the_card() {
        let cases = [
            ("Zoë O’Neill", "Zoë O’Neill", "", "5.20"),
            ("Aisha Rahman-Featherstonehaugh", "Aisha", "Rahman-Featherstonehaugh", "3.33"),
            ("Anna Maria Luise von der Heide", "Anna Maria Luise", "von der Heide", "5.00"),
            ("Featherstonehaughsworthington", "Featherstonehaughsworthington", "", "2.76"),
            ("", "", "", "5.20"),
        ];
        for (name, first, second, size) in cases {
            let lines = Lines::of(name);
            assert_eq!(
                (lines.first.as_str(), lines.second.as_str(), lines.size.as_str()),
                (first, second, size),
                "{name}"
            );
        }
    }
}
