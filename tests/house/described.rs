//! What is described is there, and what is there is described: routes and metrics.

use std::collections::BTreeSet;

use crate::tree::Source;
use crate::words::{self, Kind, Token};

/// How the addresses of pages begin: they are for people, and no description has them.
const PAGES: [&str; 6] =
    ["/sign-in/", "/enrol/", "/account", "/card/", "/signing-service/sign/", "/signing-service/account"];

/// How the addresses begin that are there only where an installation asks for them: the description is the same everywhere, so
/// `docs/sign-in.md` tells of them instead.
const OFF_UNLESS_ASKED_FOR: [&str; 4] = ["/login/", "/saml/", "/sessionmanager/", "/sandbox"];

/// A route by its method in capitals and its path.
pub(crate) type Route = (String, String);

/// Routes that no description has: pages, the private port, and the answer for methods that are not built.
const UNDESCRIBED: [&str; 12] = [
    "/",
    "/cps",
    "/live",
    "/ready",
    "/metrics",
    "/unlock",
    "/csc/v1/{method}",
    "/csc/v2/{method}",
    "/signing-service/authorise/{request}",
    "/signing-service/confirm/{request}",
    "/signing-service/confirm/{request}/cancel",
    "/signing-service/confirm/{request}/options",
];

/// Every route that a router in the source is given, and no description leaves out on purpose.
pub(crate) fn routes(sources: &[Source]) -> BTreeSet<Route> {
    // The agent answers in place of a national program, which gives its routes; `docs/agent.md` describes them.
    let ours = |path: &str| path.contains("src/") && !path.starts_with("agent/");
    let ours = sources.iter().filter(|source| ours(&source.path));
    let mut found = BTreeSet::new();
    for source in ours {
        let tokens = outside_tests(&source.text);
        for at in 0..tokens.len() {
            let Some(path) = routed(&tokens, at) else { continue };
            let path = path.replace("{*", "{");
            let left_out = PAGES.iter().chain(&OFF_UNLESS_ASKED_FOR).any(|begin| path.starts_with(begin));
            if left_out || UNDESCRIBED.contains(&path.as_str()) {
                continue;
            }
            found.extend(methods(&tokens[at + 4..]).map(|method| (method, path.clone())));
        }
    }
    found
}

/// The path, where these tokens begin `.route("…"`.
fn routed(tokens: &[Token], at: usize) -> Option<&str> {
    let kinds: Vec<_> = tokens.get(at..at + 4)?.iter().map(|token| &token.kind).collect();
    match kinds[..] {
        [Kind::Mark('.'), Kind::Word(word), Kind::Mark('('), Kind::Text(path)] if word == "route" => {
            Some(path)
        }
        _ => None,
    }
}

/// The methods that are named before the call ends.
fn methods(tokens: &[Token]) -> impl Iterator<Item = String> {
    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];
    let (mut depth, mut found) = (1, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Mark('(') => depth += 1,
            Kind::Mark(')') => depth -= 1,
            Kind::Word(word) => {
                let called = tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Mark('('));
                if called && METHODS.contains(&word.as_str()) {
                    found.push(word.to_uppercase());
                }
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.into_iter()
}

/// The routes of an OpenAPI document.
pub(crate) fn described(document: &serde_json::Value) -> BTreeSet<Route> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, _)| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

/// Every metric that the source measures.
pub(crate) fn measured(sources: &[Source]) -> BTreeSet<String> {
    const MACROS: [&str; 3] = ["counter", "gauge", "histogram"];
    // The agent answers in place of a national program, which gives its routes; `docs/agent.md` describes them.
    let ours = |path: &str| path.contains("src/") && !path.starts_with("agent/");
    let ours = sources.iter().filter(|source| ours(&source.path));
    let mut found = BTreeSet::new();
    for source in ours {
        let tokens = outside_tests(&source.text);
        for four in tokens.windows(4) {
            if let [Kind::Word(word), Kind::Mark('!'), Kind::Mark('('), Kind::Text(name)] =
                [&four[0].kind, &four[1].kind, &four[2].kind, &four[3].kind]
                && MACROS.contains(&word.as_str())
            {
                found.insert(name.clone());
            }
        }
    }
    found
}

/// The metrics of the table in a document: the first word in backticks of each row whose name is of this form.
pub(crate) fn documented(text: &str) -> BTreeSet<String> {
    // The tables of settings name keys, not metrics.
    let text = text.split_once("## Every setting").map_or(text, |(before, _)| before);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split_once("` |")).map(|(name, _)| name);
    names.filter(|name| is_metric(name)).map(str::to_owned).collect()
}

/// The metrics that the expressions of alerting rules name, without what Prometheus makes of a histogram.
pub(crate) fn alerted(rules: &str) -> BTreeSet<String> {
    let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr:"));
    let words = expressions
        .flat_map(|line| line.split(|c: char| !c.is_ascii_lowercase() && c != '_' && !c.is_ascii_digit()));
    let plain = words.map(|word| {
        ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
    });
    plain.filter(|word| is_metric(word)).map(str::to_owned).collect()
}

/// Whether a word begins as our metrics do.
fn is_metric(word: &str) -> bool {
    const MODULES: [&str; 11] = [
        "audit_",
        "authn_",
        "ca_",
        "db_",
        "directory_",
        "hsm_",
        "http_",
        "ldap_",
        "message",
        "signer_",
        "tls_",
    ];
    MODULES.iter().any(|module| word.starts_with(module))
}

/// The tokens before the tests at the foot of a file.
pub(crate) fn outside_tests(text: &str) -> Vec<Token> {
    words::tokens(text.split("#[cfg(test)]\nmod ").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// Routes are found with each of their methods, across lines, and not in tests.
    #[test]
    fn routes_are_found() {
        let text = "Router::new().route(\"/a/{*b}\", post(x::y).delete(z))\n.route(\n \"/c\",\n get(|| async {}),\n)\n\
                    #[cfg(test)]\nmod tests { fn f() { r.route(\"/d\", get(e)) } }";
        let found = routes(&[
            source("ca/src/http/mod.rs", text),
            source("ca/tests/it/x.rs", ".route(\"/e\", get(f))"),
        ]);
        let expected = [("DELETE", "/a/{b}"), ("GET", "/c"), ("POST", "/a/{b}")];
        assert_eq!(found, expected.map(|(method, path)| (method.to_owned(), path.to_owned())).into());
    }

    /// Metrics are found in source, in the table and in rules, by the same names.
    #[test]
    fn metrics_are_found() {
        let code =
            "metrics::counter!(\"ca_x_total\", \"a\" => b).increment(1); histogram!(\"hsm_y_seconds\");";
        let names = BTreeSet::from(["ca_x_total".to_owned(), "hsm_y_seconds".to_owned()]);
        assert_eq!(measured(&[source("ca/src/a.rs", code)]), names);
        assert_eq!(
            documented("| `ca_x_total` | a |\n| `--other` | b |\n| `hsm_y_seconds` | c |\ntext `db_z`"),
            names
        );
        let rules = "  expr: rate(ca_x_total[5m]) > 0 and sum by (le) (hsm_y_seconds_bucket)\n  for: 5m";
        assert_eq!(alerted(rules), names);
    }
}
