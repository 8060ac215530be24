//! The attributes of an entry with values of their own, for what is made of them beside LDAP.

use super::entry::Entry;
use super::schema::{AttributeType, attribute};

/// Attributes in the order in which they are shown, none of them without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<(&'static AttributeType, Vec<String>)>);

impl Attributes {
    /// Those of an entry.
    pub(super) fn of(entry: &Entry) -> Self {
        let all = entry.types().enumerate();
        Self(all.map(|(place, one)| (one, entry.at(place).map(str::to_owned).collect())).collect())
    }

    /// Of nothing but these.
    #[cfg(test)]
    pub(crate) fn of_attributes<'a>(all: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut own: Vec<(&'static AttributeType, Vec<String>)> = Vec::new();
        for (name, value) in all {
            let Some(one) = attribute(name).filter(|_| !value.is_empty()) else { continue };
            match own.iter_mut().find(|(here, _)| *here == one) {
                Some((_, values)) => values.push(value),
                None => own.push((one, vec![value])),
            }
        }
        Self(own)
    }

    /// The same with another value of an attribute, in place of all that it has.
    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        if let Some(one) = attribute(name) {
            self.0.retain(|(here, _)| *here != one);
            if !value.is_empty() {
                self.0.push((one, vec![value]));
            }
        }
        self
    }

    /// The values of an attribute.
    pub(crate) fn values(&self, name: &str) -> &[String] {
        let Some(one) = attribute(name) else { return &[] };
        let found = self.0.iter().find(|(here, _)| std::ptr::eq(*here, one));
        found.map_or(&[], |(_, values)| values)
    }
}
