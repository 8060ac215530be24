//! What is asked for: parameters of a search in the order in which they came, with their modifiers.

use std::collections::BTreeSet;

/// How many texts a search looks for at most, and how many values it has at most beside them, in all its parameters together. Each text is
/// looked for in names or addresses, one after another.
const MOST: (usize, usize) = (20, 200);

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// What stands after the colon, as in `name:exact`.
    pub(crate) modifier: Option<String>,
    pub(crate) value: String,
}

impl Parameter {
    /// Name and modifier as they were written.
    pub(crate) fn whole(&self) -> String {
        self.modifier
            .as_ref()
            .map_or_else(|| self.name.clone(), |modifier| format!("{}:{modifier}", self.name))
    }

    /// Its values, each once: any of them is enough. A comma after a backslash parts nothing (FHIR R4 3.1.1.4.1).
    pub(crate) fn any(&self) -> Vec<String> {
        let mut values = vec![String::new()];
        let mut characters = self.value.chars();
        while let Some(character) = characters.next() {
            let last = values.len() - 1;
            match character {
                ',' => values.push(String::new()),
                '\\' => values[last].extend(characters.next()),
                other => values[last].push(other),
            }
        }
        let mut known = BTreeSet::new();
        let values = values.into_iter().map(|value| value.trim().to_owned());
        values.filter(|value| !value.is_empty() && known.insert(value.clone())).collect()
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked(pub(crate) Vec<Parameter>);

impl Asked {
    /// Reads a query and a form; a value that is blank counts as missing.
    pub(crate) fn read(query: &str, form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        let parameter = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            let (name, modifier) = match name.split_once(':') {
                Some((name, modifier)) => (name.to_owned(), Some(modifier.to_owned())),
                None => (name.into_owned(), None),
            };
            Parameter { name, modifier, value: value.trim().to_owned() }
        };
        Self(pairs.map(parameter).filter(|parameter| !parameter.value.is_empty()).collect())
    }

    /// The last value of a parameter that counts once.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        let mut of =
            self.0.iter().rev().filter(|parameter| parameter.name == name && parameter.modifier.is_none());
        of.next().map(|parameter| parameter.value.as_str())
    }

    /// Every value of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Parameter> {
        self.0.iter().filter(move |parameter| parameter.name == name)
    }

    /// Refuses a search with more values than any has, with a sentence; `texts` says which parameters are looked for as texts.
    pub(crate) fn demand_few(&self, texts: &[&str]) -> Result<(), String> {
        let (mut of_texts, mut others) = (0, 0);
        for one in &self.0 {
            let place = if texts.contains(&one.name.as_str()) { &mut of_texts } else { &mut others };
            *place += one.any().len();
        }
        if of_texts > MOST.0 {
            let names = texts.join(", ");
            return Err(format!("A search has at most {} values of {names}, all of them together.", MOST.0));
        }
        if others > MOST.1 {
            return Err(format!("A search has at most {} values. Ask in parts.", MOST.1));
        }
        Ok(())
    }

    /// Whether something is asked for under this name.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// A token: its system, if it has one, and its code. `|code` has an empty system.
pub(crate) fn token(value: &str) -> (Option<&str>, &str) {
    match value.split_once('|') {
        Some((system, code)) => (Some(system.trim()), code.trim()),
        None => (None, value.trim()),
    }
}

/// Text for a sentence: short, and without what cannot be seen.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, modifiers and values are read from query and form; blank values are none; commas part values.
    #[test]
    fn parameters_are_read() {
        let asked = Asked::read("name:exact=A%2CB\\,C&empty=%20&x=1", b"x=2&type=RC1");
        assert_eq!(asked.0.len(), 4);
        assert_eq!(
            (asked.0[0].whole().as_str(), asked.0[0].any()),
            ("name:exact", vec!["A".to_owned(), "B,C".to_owned()])
        );
        assert_eq!((asked.last("x"), asked.all("x").count(), asked.names("empty")), (Some("2"), 2, false));
        assert_eq!(Asked::read("a=2,1,2,1", b"").0[0].any(), ["2", "1"], "each once");
        assert_eq!(token("s|c"), (Some("s"), "c"));
        assert_eq!((token("|c"), token("c")), ((Some(""), "c"), (None, "c")));
    }

    /// As many values as there may be are taken, in one parameter or in several; of texts there may be fewer.
    #[test]
    fn values_are_bounded() {
        let few = |query: &str| Asked::read(query, b"").demand_few(&["name"]).is_ok();
        let list = |many: usize| (0..many).map(|one| one.to_string()).collect::<Vec<_>>().join(",");
        assert!(few(&format!("name={}&_id={}", list(MOST.0), list(MOST.1))));
        assert!(few(&format!("name={}", "a,".repeat(1_000))), "each counts once");
        assert!(!few(&format!("name:contains={}", list(MOST.0 + 1))));
        assert!(!few(&format!("name=x&name={}", list(MOST.0))));
        assert!(!few(&format!("_id={}", list(MOST.1 + 1))));
    }
}
