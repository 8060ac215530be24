//! What is asked for: parameters of a search in the order in which they came, with their modifiers.

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

    /// Its values: any of them is enough. A comma after a backslash parts nothing (FHIR R4 3.1.1.4.1).
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
        values.into_iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
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

    /// Whether nothing is asked for.
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
        assert_eq!(token("s|c"), (Some("s"), "c"));
        assert_eq!((token("|c"), token("c")), ((Some(""), "c"), (None, "c")));
    }
}
