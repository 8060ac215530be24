//! The house test: the rules of ARCHITECTURE.md that a program can check, read from manifests, source and migrations.
//!
//! Each check is a function from data to findings. Here they run over the tree; beside each check stands a
//! counter-example that it must find.

mod alerts;
mod arrows;
mod binary;
mod callers;
mod citations;
mod dependencies;
mod described;
mod failpoints;
mod fuzzing;
mod migrations;
mod pages;
mod places;
mod plans;
mod settings;
mod threats;
mod tree;
mod words;
mod writing;

use tree::Source;

/// Fails with one finding a line.
fn expect_clean(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Every arrow between our packages goes down, in manifests and in source.
#[test]
fn arrows_go_down() {
    let sources = tree::sources();
    expect_clean(&arrows::between_manifests(&tree::manifests()));
    expect_clean(&arrows::in_source(&sources));
    assert!(sources.iter().any(|source| source.path == "src/main.rs"), "the tree was not read");
}

/// Web, SQL and PKCS#11 are named only where they belong.
#[test]
fn libraries_are_named_where_they_belong() {
    expect_clean(&places::in_source(&tree::sources()));
    expect_clean(&places::in_manifests(&tree::manifests()));
}

/// SHA-1 is used in sign-in where old cards and old apps need it, and nowhere else.
#[test]
fn sha1_stays_in_its_places() {
    expect_clean(&places::sha1_elsewhere(&tree::sources()));
}

/// Every module has the same files, so that the way is known on day one.
#[test]
fn modules_have_the_same_files() {
    expect_clean(&places::same_files(&tree::sources()));
}

/// What we build with holds no second TLS or arithmetic library, and a card reader is opened only by the agent.
#[test]
fn dependencies_keep_to_the_rules() {
    expect_clean(&dependencies::locked(&tree::read("Cargo.lock")));
    expect_clean(&dependencies::inherited(&tree::manifests()));
}

/// Both engines have the same migrations, in types that both can read.
#[test]
fn migrations_agree() {
    let migrations = tree::files(&["migrations/"], &["sql"]);
    assert!(!migrations.is_empty(), "no migration was found");
    expect_clean(&migrations::same_on_both_engines(&migrations));
    expect_clean(&migrations::portable(&migrations));
}

/// Files stay short, nothing is ignored or allowed in silence, and every test says what it shows.
#[test]
fn source_is_written_as_agreed() {
    let sources = tree::sources();
    expect_clean(&writing::lengths(&sources));
    expect_clean(&writing::attributes(&sources));
    expect_clean(&writing::tests_say_what_they_show(&sources));
    expect_clean(&writing::sql(&sources));
    expect_clean(&writing::open_ends(&sources));
    expect_clean(&writing::unsafe_is_forbidden(&sources));
    let bare = source("pki/src/lib.rs", "//! A crate.\n");
    assert_eq!(writing::unsafe_is_forbidden(&[bare]).len(), 1, "the counter-example is found");
}

/// Who calls is found out in a few files, each of which has seen a proof.
#[test]
fn callers_are_made_in_their_places() {
    let sources = tree::sources();
    expect_clean(&callers::made_elsewhere(&sources));
    let maker = sources.iter().find(|source| source.path == "src/callers/rules.rs").expect("it is there");
    assert!(callers::makes_one(&maker.text), "the words are found where they are");
}

/// What the code cites of the practice statement stands there.
#[test]
fn the_practice_statement_says_what_is_cited() {
    let sources: Vec<_> =
        tree::sources().into_iter().filter(|source| !source.path.starts_with("tests/")).collect();
    assert!(sources.iter().flat_map(|source| citations::cited(&source.text)).count() > 10, "none was found");
    expect_clean(&citations::dangling(&sources, &tree::read("docs/cps.md")));
}

/// Every threat that is said to be countered names tests, and they exist.
#[test]
fn threats_name_their_tests() {
    let (page, sources) = (tree::read("docs/threat-model.md"), tree::sources());
    expect_clean(&threats::without_a_test(&page, &sources));
    let rows = "| threat | what counters it | test |\n|---|---|---|\n| a | b | `no_such_test_anywhere` |\n| a | b | hope |\n";
    assert_eq!(threats::without_a_test(rows, &sources).len(), 2, "the counter-examples are found");
}

/// The list of the modules of the OpenID Foundation's plans is whole, makes none up, and names tests that exist.
#[test]
fn plans_are_held() {
    let (page, sources) = (tree::read("docs/compatibility.md"), tree::sources());
    expect_clean(&plans::not_held(&page, &sources));
    let lacking = page.replace("`response-type-missing`", "`response-type-there`");
    assert_eq!(plans::not_held(&lacking, &sources).len(), 2, "one is missing and one is made up");
    let untested = page.replace("`a_request_names_its_response_type`", "`no_such_test_anywhere`");
    assert_eq!(plans::not_held(&untested, &sources).len(), 1, "the counter-example is found");
}

/// Every page that people see is judged by axe: each template, and each title by a page that is built the same.
#[test]
fn pages_are_judged() {
    let list = pages::Pages::parse(&tree::read("tests/judges/sign_in/js/pages.json"));
    let templates = tree::files(&["authn/templates/", "signer/templates/"], &["html"]);
    let scripts = tree::files(&["tests/judges/sign_in/js/"], &["mjs"]);
    assert!(templates.len() > 20 && scripts.len() > 5, "the pages were not read");
    expect_clean(&pages::not_judged(&list, &templates, &scripts));
    expect_clean(&pages::not_listed(&list, &tree::sources()));
}

/// Every fuzz target is built, and a stable test calls what it calls.
#[test]
fn fuzz_targets_have_tests() {
    let sources = tree::sources();
    assert!(sources.iter().any(|source| source.path.starts_with("fuzz/")), "no fuzz target was found");
    expect_clean(&fuzzing::targets(&tree::read("fuzz/Cargo.toml"), &sources));
}

/// Every point at which a process can be killed is in a list that a test goes through, and only tests have such points.
#[test]
fn fail_points_are_listed_and_for_tests_alone() {
    expect_clean(&failpoints::listed(&tree::sources()));
    expect_clean(&failpoints::only_in_tests(&tree::manifests()));
}

/// No tracked text names a folder of the machine it was written on.
#[test]
fn no_file_names_the_machine_it_was_written_on() {
    expect_clean(&writing::machine_paths(&tree::texts(), env!("CARGO_MANIFEST_DIR")));
}

/// The server binary links neither a card library nor a second TLS library.
#[test]
fn server_links_what_it_should() {
    expect_clean(&binary::linked(&binary::needed(env!("CARGO_BIN_EXE_lanyard"))));
}

/// The catalogue of events in the documents is the one that the types give.
#[test]
fn catalogue_of_events_is_current() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_lanyard")).args(["audit", "catalogue"]).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let current = String::from_utf8_lossy(&output.stdout) == tree::read("docs/events.md");
    assert!(current, "docs/events.md is old: write it anew by `lanyard audit catalogue > docs/events.md`");
}

/// Every setting that the configuration's types know stands in the documents, and no other; the types name a section of each
/// shape.
#[test]
fn every_setting_is_documented() {
    let (known, told) = (settings::of_types(), settings::of_page(&tree::read("docs/operations.md")));
    for (section, key) in [
        ("[limits]", "bodies_per_address"),
        ("[limits.per_client]", "burst"),
        ("[[hsm.tokens]]", "pin"),
        ("[ca.enrol.roads.NAME]", "profile"),
        ("[clients.NAME]", "acts"),
    ] {
        assert!(known.contains(&(section.to_owned(), key.to_owned())), "{section} {key} in {known:#?}");
    }
    let missing = known.difference(&told).map(|(section, key)| {
        format!("docs/operations.md, \"Every setting\": {section} lacks a row for `{key}`")
    });
    let extra = told.difference(&known).map(|(section, key)| {
        format!("docs/operations.md, \"Every setting\": {section} has a row for `{key}`, which is no setting")
    });
    expect_clean(&missing.chain(extra).collect::<Vec<_>>());
}

/// Every route of a router is in the description, and every route of the description is in a router.
#[test]
fn routes_are_described() {
    let document = serde_json::to_value(lanyard::serve::openapi()).expect("the description is JSON");
    let (routed, described) = (described::routes(&tree::sources()), described::described(&document));
    assert!(routed.len() > 50, "the routers were not read");
    let missing: Vec<_> = routed.difference(&described).collect();
    let dead: Vec<_> = described.difference(&routed).collect();
    assert!(
        missing.is_empty() && dead.is_empty(),
        "not described: {missing:?}; described and not there: {dead:?}"
    );
}

/// Every metric is in the table of docs/operations.md, the table has no other, and alerts name only what is there.
#[test]
fn metrics_are_documented() {
    let measured = described::measured(&tree::sources());
    assert!(measured.len() > 30, "the metrics were not read");
    let documented = described::documented(&tree::read("docs/operations.md"));
    let missing: Vec<_> = measured.difference(&documented).collect();
    let dead: Vec<_> = documented.difference(&measured).collect();
    assert!(
        missing.is_empty() && dead.is_empty(),
        "not documented: {missing:?}; documented and not there: {dead:?}"
    );
    let alerted = described::alerted(&tree::read("docs/alerts.yml"));
    let unknown: Vec<_> = alerted.difference(&measured).collect();
    assert!(!alerted.is_empty() && unknown.is_empty(), "alerts on what nobody measures: {unknown:?}");
}

/// Prometheus takes the alerting rules, and each fires when it must and is silent when it must not.
#[test]
fn alerts_fire_when_they_must() {
    let (rules, moments) = (tree::read(alerts::RULES), tree::read(alerts::MOMENTS));
    expect_clean(&alerts::refused(tree::root()));
    expect_clean(&alerts::without_a_moment(&rules, &moments));

    let elsewhere = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = elsewhere.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder is made");
        std::fs::write(path, text).expect("the file is written");
    };
    write(alerts::MOMENTS, &moments);
    let deaf = rules.replace("hsm_token_ready == 0", "hsm_token_ready == 2");
    write(alerts::RULES, &deaf);
    assert_eq!(alerts::refused(elsewhere.path()).len(), 1, "a rule that never fires is found");
    let twice = format!("{rules}  - name: lanyard-server\n    rules: []\n");
    write(alerts::RULES, &twice);
    assert_eq!(alerts::refused(elsewhere.path()).len(), 2, "a group that is there twice is found");
}

/// A source file made up for a counter-example.
fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}
