//! The plans of the OpenID Foundation: `docs/compatibility.md` has each of their modules, with tests that exist, and no other.

use std::collections::BTreeSet;

use crate::threats::functions;
use crate::tree::Source;

/// Under which heading the plans stand.
const HEADING: &str = "## The plans of the OpenID Foundation";

/// The modules of each plan, as the suite has them, without `oidcc-`.
const PLANS: [(&str, &[&str]); 4] = [
    (
        "oidcc-basic-certification-test-plan",
        &[
            "alternate-happy-flow",
            "claims-essential",
            "claims-locales",
            "codereuse",
            "codereuse-30seconds",
            "display-page",
            "display-popup",
            "ensure-other-scope-order-succeeds",
            "ensure-post-request-succeeds",
            "ensure-registered-redirect-uri",
            "ensure-request-object-with-redirect-uri",
            "ensure-request-with-acr-values-succeeds",
            "ensure-request-with-unknown-parameter-succeeds",
            "ensure-request-with-valid-pkce-succeeds",
            "ensure-request-without-nonce-succeeds-for-code-flow",
            "id-token-hint",
            "idtoken-signature",
            "idtoken-unsigned",
            "login-hint",
            "max-age-1",
            "max-age-10000",
            "prompt-login",
            "prompt-none-logged-in",
            "prompt-none-not-logged-in",
            "refresh-token",
            "request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
            "response-type-missing",
            "scope-address",
            "scope-all",
            "scope-email",
            "scope-phone",
            "scope-profile",
            "server",
            "server-client-secret-post",
            "ui-locales",
            "unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
            "userinfo-get",
            "userinfo-post-body",
            "userinfo-post-header",
        ],
    ),
    ("oidcc-config-certification-test-plan", &["discovery-endpoint-verification"]),
    (
        "oidcc-rp-initiated-logout-certification-test-plan",
        &[
            "rp-initiated-logout",
            "rp-initiated-logout-bad-id-token-hint",
            "rp-initiated-logout-bad-post-logout-redirect-uri",
            "rp-initiated-logout-discovery-endpoint-verification",
            "rp-initiated-logout-modified-id-token-hint",
            "rp-initiated-logout-no-id-token-hint",
            "rp-initiated-logout-no-params",
            "rp-initiated-logout-no-post-logout-redirect-uri",
            "rp-initiated-logout-no-state",
            "rp-initiated-logout-only-state",
            "rp-initiated-logout-query-added-to-post-logout-redirect-uri",
        ],
    ),
    (
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan",
        &["backchannel-logout-discovery-endpoint-verification", "backchannel-rp-initiated-logout"],
    ),
];

/// Finds modules that the page lacks or makes up, and rows without a test that exists.
pub(crate) fn not_held(page: &str, sources: &[Source]) -> Vec<String> {
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| functions(&source.text)).collect();
    let section = page.split_once(HEADING).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    let (mut findings, mut plan, mut named) = (Vec::new(), "", BTreeSet::new());
    for line in section.lines() {
        if let Some(found) = plan_of(line) {
            plan = found;
        }
        let Some((modules, tests)) = row(line) else { continue };
        for module in modules {
            named.insert((plan, module));
        }
        let tests: Vec<&str> = tests.into_iter().filter(|word| word.contains('_')).collect();
        if tests.is_empty() {
            findings.push(format!("a row names no test: {line}"));
        }
        let unknown = tests.into_iter().filter(|name| !known.contains(name));
        findings.extend(unknown.map(|name| format!("there is no test {name}: {line}")));
    }
    let listed: BTreeSet<(&str, String)> = PLANS
        .iter()
        .flat_map(|(plan, modules)| modules.iter().map(|module| (*plan, (*module).to_owned())))
        .collect();
    findings.extend(listed.difference(&named).map(|(plan, module)| format!("{plan}: {module} has no row")));
    findings.extend(named.difference(&listed).map(|(plan, module)| format!("{plan}: there is no {module}")));
    findings
}

/// The plan that a line begins with, if it is one of those with modules of their own.
fn plan_of(line: &str) -> Option<&'static str> {
    let name = line.strip_prefix('`')?.split('`').next()?;
    PLANS.iter().map(|(plan, _)| *plan).find(|plan| *plan == name)
}

/// The modules and the words of a row of a table, or of a line that says of a plan's one module which tests it is.
fn row(line: &str) -> Option<(Vec<String>, Vec<&str>)> {
    if let Some((plan, rest)) = line.split_once("`: `").filter(|(plan, _)| plan.starts_with("`oidcc-")) {
        let (module, tests) = rest.split_once("` is ")?;
        return plan_of(&format!("{plan}`")).map(|_| (vec![module.to_owned()], quoted(tests)));
    }
    let (modules, tests) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once(" | ")?;
    let first = modules.split('`').next()?;
    let words = modules.split('`').step_by(2).filter(|word| !word.trim().is_empty() && *word != ", ");
    // What begins with a hyphen goes on where the first of the row ends.
    let whole = |word: &str| if word.starts_with('-') { format!("{first}{word}") } else { word.to_owned() };
    Some((words.map(whole).collect(), quoted(tests)))
}

/// The words of a text that stand in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
