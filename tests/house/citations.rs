//! Clauses of our own practice statement that the code cites.

use crate::tree::Source;

/// How the code names it.
const PAGE: &str = "docs/cps.md ";

/// Finds citations of sections that the page does not have.
pub(crate) fn dangling(sources: &[Source], page: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        for section in cited(&source.text) {
            if !page.contains(&format!("**{section} ")) {
                findings.push(format!("{}: cites {PAGE}{section}, which does not exist", source.path));
            }
        }
    }
    findings
}

/// The sections that a text cites.
pub(crate) fn cited(text: &str) -> Vec<String> {
    text.split(PAGE)
        .skip(1)
        .map(|rest| rest.chars().take_while(|next| next.is_ascii_digit() || *next == '.').collect::<String>())
        .map(|section| section.trim_end_matches('.').to_owned())
        .filter(|section| section.contains('.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// A section that is not in the page is found, one that is, is not.
    #[test]
    fn dangling_citation_is_found() {
        let sources = [source(
            "ca/src/lint/keys.rs",
            "\"docs/cps.md 3.5, RFC 3279\" \"docs/cps.md 9.9\" // docs/cps.md 3.5.",
        )];
        assert_eq!(cited(&sources[0].text), ["3.5", "9.9", "3.5"]);
        let found = dangling(&sources, "**3.5 Keys.** They are kept.");
        assert_eq!(found, ["ca/src/lint/keys.rs: cites docs/cps.md 9.9, which does not exist"]);
    }
}
