//! Writing XML: text that may be anything, in its place.

/// Appends text as an element's content. Double quotes stay as they are, as agents look for them in the names of roles.
pub(super) fn content(into: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            letter if is_written(letter) => into.push(letter),
            _ => into.push(' '),
        }
    }
}

/// Appends an attribute.
pub(super) fn attribute(into: &mut String, name: &str, value: &str) {
    into.push(' ');
    into.push_str(name);
    into.push_str("=\"");
    for letter in value.chars() {
        match letter {
            '"' => into.push_str("&quot;"),
            '\n' | '\t' | '\r' => into.push(' '),
            letter => content(into, letter.encode_utf8(&mut [0; 4])),
        }
    }
    into.push('"');
}

/// XML 1.0 2.2: what no document may hold, not even by a reference. A line of ours is one line, so that breaks are none either.
fn is_written(letter: char) -> bool {
    letter >= ' ' && !matches!(letter, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing breaks out of its place.
    #[test]
    fn text_stays_in_its_place() {
        let mut text = String::new();
        content(&mut text, "A & B <\"Ward\">\u{0}\n");
        attribute(&mut text, "id", "1\" x=\"<&\n");
        assert_eq!(text, "A &amp; B &lt;\"Ward\"&gt;   id=\"1&quot; x=&quot;&lt;&amp; \"");
    }
}
