//! Rust source as tokens, so that comments and text in quotes are never taken for code.
//!
//! It reads what the compiler has already accepted, so it need not find mistakes.

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name, a keyword or a number.
    Word(String),
    /// Text in quotes, without them and as it is written.
    Text(String),
    /// A line or a block of documentation.
    Documentation,
    /// Any other character that is not blank.
    Mark(char),
}

/// One token and the line it begins on.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// A path as it is written, from its root: `use a::{b, c::d}` gives `a`, `a::b` and `a::c::d`.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
}

/// An attribute: what stands in its brackets, without spaces.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The tokens of a file.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < letters.len() {
        let (kind, end) = token(&letters, at);
        found.extend(kind.map(|kind| Token { kind, line }));
        line += letters[at..end].iter().filter(|letter| **letter == '\n').count();
        at = end;
    }
    found
}

/// Every path in the tokens.
pub(crate) fn names(tokens: &[Token]) -> Vec<Name> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at = name(tokens, at, &[], &mut found);
    }
    found
}

/// Every attribute in the tokens, outer and inner.
pub(crate) fn attributes(tokens: &[Token]) -> Vec<Attribute> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark('#')) {
        let open = at + 1 + usize::from(is_mark(tokens, at + 1, '!'));
        if !is_mark(tokens, open, '[') {
            continue;
        }
        let (mut text, mut depth) = (String::new(), 1);
        for token in &tokens[open + 1..] {
            match &token.kind {
                Kind::Mark('[') => depth += 1,
                Kind::Mark(']') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            match &token.kind {
                Kind::Word(word) => text.push_str(word),
                Kind::Text(quoted) => text.extend(["\"", quoted, "\""]),
                Kind::Mark(mark) => text.push(*mark),
                Kind::Documentation => {}
            }
        }
        found.push(Attribute { text, line: token.line });
    }
    found
}

/// Reads one path, or one token that begins none, and says where to go on.
fn name(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<Name>) -> usize {
    let Kind::Word(first) = &tokens[at].kind else { return at + 1 };
    let line = tokens[at].line;
    let mut parts = before.to_vec();
    parts.push(first.clone());
    at += 1;
    while is_mark(tokens, at, ':') && is_mark(tokens, at + 1, ':') {
        match tokens.get(at + 2).map(|token| &token.kind) {
            Some(Kind::Word(next)) => parts.push(next.clone()),
            // The braces of a `use`: what stands in them goes on from here.
            Some(Kind::Mark('{')) => {
                at += 3;
                while !is_mark(tokens, at, '}') {
                    at = name(tokens, at, &parts, found);
                }
                at += 1;
                break;
            }
            _ => break,
        }
        at += 3;
    }
    found.push(Name { parts, line });
    at
}

fn is_mark(tokens: &[Token], at: usize, mark: char) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == Kind::Mark(mark))
}

/// Reads one token, or none where there is a blank or a comment, and says where it ends.
fn token(letters: &[char], at: usize) -> (Option<Kind>, usize) {
    let next = |ahead: usize| letters.get(at + ahead).copied().unwrap_or('\0');
    match letters[at] {
        letter if letter.is_whitespace() => (None, at + 1),
        '/' if next(1) == '/' => {
            let end = letters[at..]
                .iter()
                .position(|letter| *letter == '\n')
                .map_or(letters.len(), |found| at + found);
            let documents = (next(2) == '/' && next(3) != '/') || next(2) == '!';
            (documents.then_some(Kind::Documentation), end)
        }
        '/' if next(1) == '*' => {
            let documents = (next(2) == '*' && next(3) != '/') || next(2) == '!';
            (documents.then_some(Kind::Documentation), block_comment(letters, at))
        }
        '"' => quoted(letters, at),
        '\'' if next(1) == '\\' => {
            let close =
                letters[at + 3..].iter().position(|letter| *letter == '\'').expect("a character is closed");
            (None, at + 3 + close + 1)
        }
        '\'' if next(2) == '\'' => (None, at + 3),
        // A lifetime: its name follows as a word.
        '\'' => (None, at + 1),
        letter if letter == '_' || letter.is_alphanumeric() => word(letters, at),
        mark => (Some(Kind::Mark(mark)), at + 1),
    }
}

/// Reads a word, or the text that a word such as `r#` begins.
fn word(letters: &[char], at: usize) -> (Option<Kind>, usize) {
    let inside = |letter: &char| *letter == '_' || letter.is_alphanumeric();
    let end =
        letters[at..].iter().position(|letter| !inside(letter)).map_or(letters.len(), |found| at + found);
    let word: String = letters[at..end].iter().collect();
    match (word.as_str(), letters.get(end)) {
        ("b" | "c", Some('"')) => quoted(letters, end),
        ("r" | "br" | "cr", Some('"' | '#')) => {
            let hashes = letters[end..].iter().take_while(|letter| **letter == '#').count();
            let open = end + hashes;
            if letters.get(open) != Some(&'"') {
                // A raw name, `r#type`.
                return (None, open);
            }
            let closes = |from: usize| {
                letters[from] == '"' && letters[from + 1..].iter().take(hashes).all(|it| *it == '#')
            };
            let close = (open + 1..letters.len()).find(|from| closes(*from)).expect("raw text is closed");
            (Some(Kind::Text(letters[open + 1..close].iter().collect())), close + 1 + hashes)
        }
        _ => (Some(Kind::Word(word)), end),
    }
}

/// Reads text from its opening quote.
fn quoted(letters: &[char], open: usize) -> (Option<Kind>, usize) {
    let mut at = open + 1;
    while letters[at] != '"' {
        at += 1 + usize::from(letters[at] == '\\');
    }
    (Some(Kind::Text(letters[open + 1..at].iter().collect())), at + 1)
}

/// The end of a block comment, which may hold others.
fn block_comment(letters: &[char], open: usize) -> usize {
    let (mut at, mut depth) = (open, 0);
    loop {
        match (letters[at], letters[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths are read through braces and macros, and not out of comments or text.
    #[test]
    fn names_are_paths_from_their_root() {
        let text = "// axum::a\n/* b /* axum::c */ axum::d */ use one::{two, three::{four}};\n\
                    fn f<'a>(x: &'a str) { m!(axum::get(\"sqlx::x\", r#\"sqlx::\"y\"#, '\"', '\\'', b\"sqlx::z\")); }";
        let found: Vec<String> = names(&tokens(text)).iter().map(|name| name.parts.join("::")).collect();
        for expected in ["one", "one::two", "one::three::four", "axum::get"] {
            assert!(found.contains(&expected.to_owned()), "{expected} is not in {found:?}");
        }
        for unexpected in ["axum::a", "axum::c", "axum::d", "sqlx::x", "sqlx", "two", "four"] {
            assert!(!found.contains(&unexpected.to_owned()), "{unexpected} is in {found:?}");
        }
        assert_eq!(names(&tokens(text)).last().unwrap().line, 3, "lines are counted through comments");
    }

    /// Attributes are found at any depth and with any spacing; text in quotes is none.
    #[test]
    fn attributes_are_read_at_any_depth() {
        let text = "#![ allow (x) ]\nmod m { #[cfg_attr(test, allow(y))] fn f() { let _ = \"#[ignore]\"; } }";
        let found: Vec<String> = attributes(&tokens(text)).into_iter().map(|found| found.text).collect();
        assert_eq!(found, ["allow(x)", "cfg_attr(test,allow(y))"]);
    }
}
