//! The pages that people see: each is judged by axe, by the list that the scripts of the judges go by.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::described::outside_tests;
use crate::tree::Source;
use crate::words::{Kind, Token};

/// Where the titles of pages and of what they say went wrong are given.
const TITLED: [&str; 3] = ["authn/src/http/", "authn/src/sign_in/why.rs", "signer/src/http/dss/"];

/// What is judged: `tests/judges/sign_in/js/pages.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pages {
    /// Each judged page by its name, with the template that it is made of.
    templates: BTreeMap<String, String>,
    /// The pages that each script judges; it fails if it judged others or less.
    judged: BTreeMap<String, BTreeSet<String>>,
    /// Each title that a page or a message on it has, with the judged page that is built the same.
    titles: BTreeMap<String, String>,
    /// Templates that no script judges yet, with why.
    #[serde(default)]
    unjudged: BTreeMap<String, String>,
}

impl Pages {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).expect("the list of judged pages reads")
    }
}

/// Finds templates of which no judged page is made, pages that no script judges, and scripts that judge without the list.
pub(crate) fn not_judged(list: &Pages, templates: &[Source], scripts: &[Source]) -> Vec<String> {
    let used: BTreeSet<&str> = list.templates.values().map(String::as_str).collect();
    let whole = templates.iter().filter(|one| !is_part(one, templates));
    let whole: BTreeSet<&str> = whole.map(|one| one.path.as_str()).collect();
    let left: BTreeSet<&str> = list.unjudged.keys().map(String::as_str).collect();
    let used: BTreeSet<&str> = used.union(&left).copied().collect();
    let unseen = whole.difference(&used).map(|path| format!("{path}: no judged page is made of it"));
    let gone = used.difference(&whole).map(|path| format!("{path}: is no template of a page"));
    let named: BTreeSet<&String> = list.judged.values().flatten().collect();
    let known: BTreeSet<&String> = list.templates.keys().collect();
    let missing = known.symmetric_difference(&named);
    let missing =
        missing.map(|name| format!("pages.json: {name} is not both in `templates` and in `judged`"));
    unseen
        .chain(gone)
        .chain(missing)
        .chain(scripts.iter().filter_map(|script| without_list(list, script)))
        .collect()
}

/// Whether another template is built on this one, or holds it.
fn is_part(template: &Source, all: &[Source]) -> bool {
    let (folder, name) = template.path.rsplit_once('/').expect("a template lies in a folder");
    let mut beside = all.iter().filter(|one| one.path.starts_with(folder));
    let words = ["extends", "include"].map(|word| format!("{{% {word} \"{name}\" %}}"));
    beside.any(|one| words.iter().any(|word| one.text.contains(word)))
}

/// A script in which somebody has a browser ends with the question whether it judged every page.
fn without_list(list: &Pages, script: &Source) -> Option<String> {
    let name = script.path.rsplit('/').next().unwrap_or_default();
    let browses = script.text.contains("from './browser.mjs'");
    let asks = script.text.contains(&format!("everyPageWasJudged('{name}')"));
    let listed = list.judged.contains_key(name);
    (browses != asks || asks != listed).then(|| format!("{}: does not judge by the list", script.path))
}

/// Finds titles that the list does not have, and those that it has and nobody gives.
pub(crate) fn not_listed(list: &Pages, sources: &[Source]) -> Vec<String> {
    let titled = sources.iter().filter(|source| TITLED.iter().any(|place| source.path.starts_with(place)));
    let given: BTreeSet<String> = titled.flat_map(titles).collect();
    let listed: BTreeSet<String> = list.titles.keys().cloned().collect();
    let missing = given.difference(&listed);
    let missing =
        missing.map(|title| format!("pages.json: \"{title}\" lacks the judged page that is built the same"));
    let dead = listed.difference(&given).map(|title| format!("pages.json: no page says \"{title}\""));
    let unknown = list.titles.values().filter(|page| !list.templates.contains_key(*page));
    let unknown = unknown.map(|page| format!("pages.json: {page} is no judged page"));
    missing.chain(dead).chain(unknown).collect()
}

/// The titles that a file gives: `Frame::new(…, "…")`, `Told::new("…"`, `told("…"`, `title: "…"`, and all texts of a function `title`.
fn titles(source: &Source) -> Vec<String> {
    let tokens = outside_tests(&source.text);
    (0..tokens.len()).flat_map(|at| titles_at(&tokens[at..])).collect()
}

fn titles_at(tokens: &[Token]) -> Vec<String> {
    let kinds: Vec<&Kind> = tokens.iter().take(6).map(|token| &token.kind).collect();
    match &kinds[..] {
        [Kind::Word(fun), Kind::Word(name), ..] if fun == "fn" && name == "title" => in_braces(&tokens[2..]),
        [Kind::Word(frame), Kind::Mark(':'), Kind::Mark(':'), Kind::Word(new), Kind::Mark('('), ..]
            if frame == "Frame" && new == "new" =>
        {
            in_brackets(&tokens[5..]).pop().into_iter().collect()
        }
        [
            Kind::Word(told),
            Kind::Mark(':'),
            Kind::Mark(':'),
            Kind::Word(new),
            Kind::Mark('('),
            Kind::Text(title),
        ] if told == "Told" && new == "new" => {
            vec![title.clone()]
        }
        [Kind::Word(told), Kind::Mark('('), Kind::Text(title), ..] if told == "told" => vec![title.clone()],
        [Kind::Word(field), Kind::Mark(':'), Kind::Text(title), ..] if field == "title" => {
            vec![title.clone()]
        }
        _ => Vec::new(),
    }
}

/// The texts up to the bracket that closes what was opened before.
fn in_brackets(tokens: &[Token]) -> Vec<String> {
    texts_within(tokens, 1, ('(', ')'))
}

/// The texts of the block that follows.
fn in_braces(tokens: &[Token]) -> Vec<String> {
    texts_within(tokens, 0, ('{', '}'))
}

fn texts_within(tokens: &[Token], opened: usize, (open, close): (char, char)) -> Vec<String> {
    let (mut depth, mut found) = (opened, Vec::new());
    for token in tokens {
        match &token.kind {
            Kind::Mark(mark) if *mark == open => depth += 1,
            Kind::Mark(mark) if *mark == close => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            Kind::Text(text) => found.push(text.clone()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    fn list() -> Pages {
        Pages::parse(
            r#"{"templates": {"choose": "authn/templates/choose.html", "told": "authn/templates/told.html"},
                "judged": {"people.mjs": ["choose", "told"]}, "titles": {"Choose": "choose", "Wait": "told"}}"#,
        )
    }

    fn templates() -> Vec<Source> {
        let page = "{% extends \"base.html\" %}\n{% include \"ways.html\" %}";
        vec![
            source("authn/templates/base.html", "<html>"),
            source("authn/templates/ways.html", "<p>"),
            source("authn/templates/choose.html", page),
            source("authn/templates/told.html", page),
        ]
    }

    fn script(name: &str, end: &str) -> Source {
        source(
            &format!("tests/judges/sign_in/js/{name}"),
            &format!("import {{ Person }} from './browser.mjs';\n{end}"),
        )
    }

    /// What is judged is in order; a new template, a script without the question and a page that nobody judges are found.
    #[test]
    fn pages_that_nobody_judges_are_found() {
        let good = script("people.mjs", "everyPageWasJudged('people.mjs');");
        assert_eq!(not_judged(&list(), &templates(), std::slice::from_ref(&good)), Vec::<String>::new());
        let mut more = templates();
        more.push(source("authn/templates/protocol/new.html", "{% extends \"base.html\" %}"));
        assert_eq!(not_judged(&list(), &more, &[good]).len(), 1);
        let silent = [script("people.mjs", ""), script("cards.mjs", "everyPageWasJudged('cards.mjs');")];
        assert_eq!(not_judged(&list(), &templates(), &silent).len(), 2);
        let mut less = list();
        less.judged.clear();
        assert_eq!(not_judged(&less, &templates(), &[]).len(), 2);
    }

    /// Titles are found in each of their forms, outside of tests, and in the places where there are pages.
    #[test]
    fn titles_are_found() {
        let code = "fn a() { Frame::new(&site(\"x\"), \"One\").telling(None); Told::new(\"Two\", \"s\"); told(\"Three\", \"s\"); \
                    Told { title: \"Four\".to_owned(), sentence: \"s\" } }\n\
                    fn title(&self) -> &str { match self { A => \"Five\", B => { \"Six\" } } }\nfn other() { \"no\" }\n\
                    #[cfg(test)]\nmod tests { fn b() { told(\"Seven\", \"s\"); } }";
        let found = titles(&source("authn/src/http/a.rs", code));
        assert_eq!(found, ["One", "Two", "Three", "Four", "Five", "Six"]);
        let page = source("authn/src/http/a.rs", "fn a() { told(\"Choose\", \"s\"); told(\"New\", \"s\") }");
        let elsewhere = source("authn/src/oidc/a.rs", "fn a() { told(\"else\", \"s\") }");
        let findings = not_listed(&list(), &[page, elsewhere]);
        assert_eq!(findings.len(), 2, "a new one, and one that is gone: {findings:?}");
    }
}
