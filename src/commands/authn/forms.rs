//! Forms that a browser sends by itself or by one button: the request of a client that asks by POST, and an answer by form.

/// A form that is sent by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Where it goes, as the page has it; empty for the page's own address.
    pub(super) action: String,
    /// What it says.
    pub(super) fields: Vec<(String, String)>,
}

/// Inputs that say nothing unless somebody presses or ticks them.
const SILENT: [&str; 6] = ["submit", "button", "image", "reset", "checkbox", "radio"];

/// The first form of a page that is sent by POST.
pub(super) fn posted(page: &str) -> Option<Form> {
    let mut tags = Tags(page);
    let form = tags.by_ref().find(|tag| tag.name == "form" && tag.is("method", "post"))?;
    let inputs = tags.take_while(|tag| tag.name != "/form").filter(|tag| tag.name == "input");
    let fields = inputs.filter(|tag| !SILENT.iter().any(|silent| tag.is("type", silent)));
    let fields = fields.filter_map(|tag| {
        Some((tag.value("name")?.to_owned(), tag.value("value").unwrap_or_default().to_owned()))
    });
    Some(Form {
        action: form.value("action").unwrap_or_default().trim().to_owned(),
        fields: fields.collect(),
    })
}

/// A tag: its name in small letters, and what it says.
struct Tag {
    name: String,
    said: Vec<(String, String)>,
}

impl Tag {
    fn value(&self, name: &str) -> Option<&str> {
        self.said.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.value(name).is_some_and(|given| given.eq_ignore_ascii_case(value))
    }
}

/// The tags of a page, in order. Comments are passed over.
struct Tags<'p>(&'p str);

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        loop {
            let rest = &self.0[self.0.find('<')? + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                self.0 = comment.split_once("-->")?.1;
                continue;
            }
            let end = rest.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let (said, rest) = attributes(rest);
            self.0 = rest;
            return Some(Tag { name: name.to_ascii_lowercase(), said });
        }
    }
}

/// Reads attributes up to the end of a tag; what they are, and what comes after it.
fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut said, mut rest) = (Vec::new(), text);
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
        let Some(first) = rest.chars().next() else { return (said, rest) };
        if first == '>' {
            return (said, &rest[1..]);
        }
        let end = rest
            .find(|letter: char| letter.is_whitespace() || "=>/".contains(letter))
            .unwrap_or(rest.len())
            .max(first.len_utf8());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.trim_start().strip_prefix('=') {
            Some(after) => value(after.trim_start()),
            None => ("", after),
        };
        said.push((name.to_ascii_lowercase(), plain(value)));
        rest = after;
    }
}

/// The value at the beginning of a text, in quotes or not, and what comes after it.
fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    text.split_at(text.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(text.len()))
}

/// Text without the references with which pages write what would be markup.
fn plain(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = after.split_once(';').and_then(|(name, after)| Some((letter(name)?, after)));
        if let Some((letter, after)) = known {
            out.push(letter);
            rest = after;
        } else {
            out.push('&');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn letter(name: &str) -> Option<char> {
    let number = |text: &str, radix| u32::from_str_radix(text, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16),
            decimal => number(decimal, 10),
        },
    }
}

/// Text as it stands in a page.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(page: &str) -> Vec<(String, String)> {
        posted(page).unwrap().fields
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// A form is read however its page is written, and its buttons say nothing.
    #[test]
    fn forms_are_read() {
        let page = "<!doctype html><form action=/search><input name=q></form><!-- <form method=post action='/no'> -->\n\
                    <FORM METHOD='POST' Action = \"https://id.example/a?b=1&amp;c=2\">\n\
                    <input type=hidden name=scope value='openid profile'/><INPUT name=\"state\" value=a&#x26;b>\
                    <input type=submit name=go value=Go><input name=empty><button name=b>Go</button></form>\
                    <input name=outside value=1>";
        let form = posted(page).unwrap();
        assert_eq!(form.action, "https://id.example/a?b=1&c=2");
        assert_eq!(form.fields, [pair("scope", "openid profile"), pair("state", "a&b"), pair("empty", "")]);
        assert_eq!(posted("<p>no form</p>"), None);
        assert_eq!(posted("<form method=get action=/a></form>"), None);
    }

    /// What was escaped reads as it was, and what never ends is read to its end.
    #[test]
    fn odd_pages_are_read() {
        let odd = "<>\"'&amp; é &unknown; &#0;";
        let page = format!("<form method=post><input name=a value=\"{}\"></form>", escaped(odd));
        assert_eq!(fields(&page), [pair("a", odd)]);
        for cut in 0..page.len() {
            if page.is_char_boundary(cut) {
                let _read = posted(&page[..cut]);
            }
        }
        assert_eq!(fields("<form method=post><input name=a value=\"never ends"), [pair("a", "never ends")]);
        assert_eq!(fields("<form method=post><input =a name=b value=1 <p>"), [pair("b", "1")]);
    }
}
