//! How systems are gone through page by page: from where one page ended, whatever has gone since.

use serde_json::Value;

use crate::system::{System, folded};

/// What parts a cursor; no identifier has it.
const PARTS: char = '~';

/// A resource that was found, with whose it is: systems come in the order of their identifiers, folded.
pub(super) struct Found {
    system: String,
    pub(super) resource: Value,
}

impl Found {
    /// One of the resources of a system.
    pub(super) fn new(system: &System, resource: Value) -> Self {
        Self { system: folded(system.id.as_str()), resource }
    }

    fn id(&self) -> &str {
        self.resource["id"].as_str().unwrap_or_default()
    }

    /// After what the next page begins, if this is the last of one.
    pub(super) fn cursor(&self) -> String {
        format!("{}{PARTS}{}", self.system, self.id())
    }
}

/// At which of those that were found the page after a cursor begins; nothing where it is no cursor. A system that was withdrawn is passed over;
/// of one that lost the address after which the page begins everything is told, once more rather than never.
pub(super) fn begin(found: &[Found], cursor: &str) -> Option<usize> {
    let (system, id) =
        cursor.split_once(PARTS).filter(|(system, id)| !system.is_empty() && !id.is_empty())?;
    let first = found.partition_point(|one| one.system.as_str() < system);
    let mut own = found[first..].iter().take_while(|one| one.system == system);
    Some(first + own.position(|one| one.id() == id).map_or(0, |place| place + 1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(all: &[(&str, &str)]) -> Vec<Found> {
        let one =
            |(system, id): &(&str, &str)| Found { system: (*system).to_owned(), resource: json!({"id": id}) };
        all.iter().map(one).collect()
    }

    /// A page begins after the last of the one before, and where that is gone at what comes next.
    #[test]
    fn pages_go_on() {
        let all = list(&[("a", "A.h1"), ("a", "A.h2"), ("b", "B"), ("c.d", "C.dd")]);
        let begins: Vec<_> = all.iter().map(|one| begin(&all, &one.cursor())).collect();
        assert_eq!(begins, [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(begin(&all, "aa~AA"), Some(2), "it was withdrawn");
        assert_eq!(begin(&all, "a~A.h3"), Some(0), "its address went");
        assert_eq!((begin(&all, "z~Z"), begin(&[], "a~A")), (Some(4), Some(0)));
        for bad in ["", "~", "a", "a~", "~A", "A.h1"] {
            assert_eq!(begin(&all, bad), None, "{bad}");
        }
    }
}
