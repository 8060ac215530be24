//! How source is written.

use crate::{
    tree::Source,
    words::{self, Kind, Token},
};

/// No file of code is longer.
const LONGEST: usize = 500;

/// Finds files that want to be two.
pub(crate) fn lengths(sources: &[Source]) -> Vec<String> {
    let lengths = sources.iter().map(|source| (&source.path, source.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| format!("{path}: has {lines} lines"))
        .collect()
}

/// Finds attributes that hide something: a test that does not run, one that passes by panicking, a lint switched off.
pub(crate) fn attributes(sources: &[Source]) -> Vec<String> {
    let hides = |text: &str| {
        let last = text
            .strip_prefix("cfg_attr(")
            .map_or(text, |inside| inside.split_once(',').map_or("", |(_, it)| it));
        ["ignore", "should_panic", "allow("].iter().any(|word| last.starts_with(word))
    };
    let mut findings = Vec::new();
    for source in sources {
        let found = words::attributes(&words::tokens(&source.text));
        let found = found.into_iter().filter(|attribute| hides(&attribute.text));
        findings.extend(
            found.map(|attribute| format!("{}:{}: #[{}]", source.path, attribute.line, attribute.text)),
        );
    }
    findings
}

/// Finds what we ship and could do without a guarantee of the compiler: only `platform` has a call that needs one, which
/// reads the kernel's clock; kept crates that wrap it either change the clock too or are not kept.
pub(crate) fn unsafe_is_forbidden(sources: &[Source]) -> Vec<String> {
    let root = |path: &str| match path.split('/').collect::<Vec<_>>()[..] {
        ["src", "lib.rs" | "main.rs"] => true,
        [package, "src", "lib.rs"] => package != "platform",
        _ => false,
    };
    let roots = sources.iter().filter(|source| root(&source.path));
    roots
        .filter(|source| !source.text.contains("forbid(unsafe_code)"))
        .map(|source| format!("{}: does not forbid unsafe code", source.path))
        .collect()
}

/// Finds tests without a sentence on top.
pub(crate) fn tests_say_what_they_show(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        let lines = silent_tests(&words::tokens(&source.text));
        findings.extend(
            lines.iter().map(|line| format!("{}:{line}: a test without a sentence on top", source.path)),
        );
    }
    findings
}

/// The lines of the functions that are tests and have no documentation.
fn silent_tests(tokens: &[Token]) -> Vec<usize> {
    let (mut lines, mut test, mut documented) = (Vec::new(), false, false);
    for (at, token) in tokens.iter().enumerate() {
        let word = |ahead: usize| match tokens.get(at + ahead).map(|token| &token.kind) {
            Some(Kind::Word(word)) => word.as_str(),
            _ => "",
        };
        match &token.kind {
            Kind::Documentation => documented = true,
            // `#[test]` and `#[tokio::test]`, with or without arguments.
            Kind::Mark('#') => test |= word(2) == "test" || (word(2) == "tokio" && word(5) == "test"),
            Kind::Word(keyword) if keyword == "fn" => {
                if test && !documented {
                    lines.push(token.line);
                }
                (test, documented) = (false, false);
            }
            Kind::Mark('{' | '}' | ';') => (test, documented) = (false, false),
            _ => {}
        }
    }
    lines
}

/// Finds SQL that asks for every column, or that locks rows instead of claiming them.
pub(crate) fn sql(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let built = sources.iter().filter(|source| source.path.contains("src/store"));
    for source in built {
        for token in words::tokens(&source.text) {
            let Token { kind: Kind::Text(text), line } = token else { continue };
            let text = text.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
            for (bad, why) in
                [("SELECT *", "list the columns"), ("FOR UPDATE", "claim rows by a conditional UPDATE")]
            {
                if text.contains(bad) {
                    findings.push(format!("{}:{line}: {bad}: {why}", source.path));
                }
            }
        }
    }
    findings
}

/// Finds open ends that no issue keeps.
pub(crate) fn open_ends(sources: &[Source]) -> Vec<String> {
    // Put together here, so that this file is not found.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut findings = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            let open = marks.iter().any(|mark| {
                line.split(mark)
                    .skip(1)
                    .any(|rest| !rest.starts_with("(#") && !rest.starts_with(char::is_alphanumeric))
                    && line.contains("//")
            });
            if open {
                findings.push(format!(
                    "{}:{}: an open end without an issue: {}",
                    source.path,
                    at + 1,
                    line.trim()
                ));
            }
        }
    }
    findings
}

/// Finds text that names a folder of the machine it was written on: the folder of this tree, or somebody's home.
pub(crate) fn machine_paths(texts: &[Source], root: &str) -> Vec<String> {
    let homes = [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    let mut findings = Vec::new();
    for file in texts {
        for (at, line) in file.text.lines().enumerate() {
            // Part of a longer path or URL is nobody's home.
            let home = homes.iter().find(|home| {
                line.match_indices(*home).any(|(found, _)| {
                    let before = line[..found].chars().next_back();
                    !before.is_some_and(|letter| letter.is_alphanumeric() || "/.-_}$".contains(letter))
                })
            });
            if line.contains(root) || home.is_some() {
                findings.push(format!(
                    "{}:{}: names a folder of one machine: {}",
                    file.path,
                    at + 1,
                    line.trim()
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// A file of 501 lines is found, one of 500 is not.
    #[test]
    fn long_file_is_found() {
        assert!(lengths(&[source("a.rs", &"\n".repeat(500))]).is_empty());
        assert_eq!(lengths(&[source("a.rs", &"\n".repeat(501))]), ["a.rs: has 501 lines"]);
    }

    /// Tests that do not run and lints switched off are found, also behind a condition; an expectation is not.
    #[test]
    fn hiding_attribute_is_found() {
        for bad in [
            "#[ignore = \"slow\"] fn f() {}",
            "#![allow(dead_code)]",
            "#[cfg_attr(test, allow(x))] fn f() {}",
            "#[should_panic] fn f() {}",
        ] {
            assert_eq!(attributes(&[source("a.rs", bad)]).len(), 1, "{bad}");
        }
        let good = "#[expect(x, reason = \"y\")] fn f() { let _ = \"#[ignore]\"; }";
        assert!(attributes(&[source("a.rs", good)]).is_empty());
    }

    /// A test without a sentence is found, wherever the attribute stands and whatever stood before.
    #[test]
    fn silent_test_is_found() {
        let good = "/// It works.\n#[test]\nfn a() {}\nfn helper() {}\nmod m { #[tokio::test]\n/// It works.\nasync fn b() {} }";
        let bad = "/// Helps.\nfn helper() {}\n#[test]\nfn a() {}\nmod m { #[tokio::test(flavor = \"multi_thread\")] async fn b() {} }";
        assert!(tests_say_what_they_show(&[source("a.rs", good)]).is_empty());
        assert_eq!(tests_say_what_they_show(&[source("a.rs", bad)]).len(), 2);
    }

    /// SQL with a star is found in a store, and only in text.
    #[test]
    fn starry_sql_is_found() {
        let good = source("ca/src/store.rs", "// SELECT * is bad\nconst A: &str = \"SELECT a FROM b\";");
        let bad = source("ca/src/store/keys.rs", "const A: &str = \"select\n  * FROM b FOR UPDATE\";");
        assert!(sql(&[good]).is_empty());
        assert_eq!(sql(&[bad]).len(), 2);
    }

    /// An open end needs the number of its issue.
    #[test]
    fn open_end_is_found() {
        let mark = concat!("TO", "DO");
        assert!(open_ends(&[source("a.rs", &format!("// {mark}(#12): later"))]).is_empty());
        assert_eq!(open_ends(&[source("a.rs", &format!("// {mark}: later"))]).len(), 1);
    }

    /// Somebody's home and the folder of the tree are found; a path inside a URL is not.
    #[test]
    fn machine_path_is_found() {
        let home = concat!("/ho", "me/jo/lanyard");
        assert_eq!(machine_paths(&[source("a.md", &format!("see {home}"))], "/nowhere").len(), 1);
        assert_eq!(machine_paths(&[source("a.md", "see /build/place/x")], "/build/place").len(), 1);
        assert!(
            machine_paths(&[source("a.md", &format!("https://example.org{home}"))], "/nowhere").is_empty()
        );
    }
}
