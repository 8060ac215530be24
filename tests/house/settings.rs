//! Every setting of the configuration stands in `docs/operations.md`, and nothing else does.
//!
//! Which settings there are is asked of the types: given a key that does not exist, each of them names those that do.

use std::collections::BTreeSet;

use lanyard::config::Config;
use serde::Deserialize as _;
use toml::{Table, Value};

/// A key that no section has.
const NONE_SUCH: &str = "no-such-key";
/// A name for entries that are named by whoever writes them.
const ANY_NAME: &str = "name";
/// The heading under which the settings stand.
const HEADING: &str = "## Every setting";

/// A step from the whole configuration into it.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    /// Into each of a list of tables.
    Each,
    /// Into a table of tables, by any name.
    Named,
}

/// Every setting, as its section and its key.
pub(crate) fn of_types() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    explore(&mut Vec::new(), &mut found);
    found
}

/// Finds the settings below a path; says whether there are any.
fn explore(path: &mut Vec<Step>, found: &mut BTreeSet<(String, String)>) -> bool {
    let Some(keys) = keys_at(path) else { return false };
    let section = section(path);
    for key in keys {
        path.push(Step::Key(key.clone()));
        let below = explore(path, found)
            || [Step::Each, Step::Named].into_iter().any(|step| {
                path.push(step);
                let below = explore(path, found);
                path.pop();
                below
            });
        path.pop();
        if !below {
            found.insert((section.clone(), key));
        }
    }
    true
}

/// The keys of the table at this path, if there is one.
fn keys_at(path: &[Step]) -> Option<Vec<String>> {
    let mut value = Value::Table(Table::from_iter([(NONE_SUCH.to_owned(), Value::Integer(1))]));
    for step in path.iter().rev() {
        value = match step {
            Step::Key(key) => Value::Table(Table::from_iter([(key.clone(), value)])),
            Step::Each => Value::Array(vec![value]),
            Step::Named => Value::Table(Table::from_iter([(ANY_NAME.to_owned(), value)])),
        };
    }
    let said = Config::deserialize(value).err()?.to_string();
    let expected = said.split_once(&format!("unknown field `{NONE_SUCH}`, expected "))?.1;
    let line = expected.lines().next().unwrap_or_default();
    Some(line.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The heading of a section in a file: `[ca.lists.NAME]`, `[[hsm.tokens]]`.
fn section(path: &[Step]) -> String {
    let names: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Named => Some("NAME"),
            Step::Each => None,
        })
        .collect();
    let name = names.join(".");
    if name.is_empty() {
        return "top level".to_owned();
    }
    if matches!(path.last(), Some(Step::Each)) { format!("[[{name}]]") } else { format!("[{name}]") }
}

/// Every setting that the page tells: a heading for each section, a table with a row for each key.
pub(crate) fn of_page(page: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut section = String::new();
    let told = page.split_once(HEADING).map_or("", |(_, told)| told);
    for line in told.lines().take_while(|line| !line.starts_with("## ")) {
        if let Some(heading) = line.strip_prefix("### `") {
            heading.trim_end_matches('`').clone_into(&mut section);
        } else if let Some((key, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`')) {
            found.insert((section.clone(), key.to_owned()));
        }
    }
    found
}
