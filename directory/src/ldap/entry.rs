//! An entry of the directory, whatever part of the register it is made of.

use uuid::{Builder, Uuid};

use super::dn::Dn;
use super::schema::{AttributeType, SUBSCHEMA, attribute};

/// An entry: its name and its attributes in the order in which they are shown, none of them without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(super) dn: Dn,
    pub(super) attributes: Vec<(&'static AttributeType, Vec<String>)>,
}

impl Entry {
    /// An entry with its classes, the one that says what it is among them, and what every entry has.
    pub(super) fn new(dn: Dn, classes: &[&str], structural: &'static str) -> Self {
        let (name, uuid) = (dn.to_string(), uuid_of(&dn).to_string());
        let mut entry = Self { dn, attributes: Vec::with_capacity(16) };
        entry.put("objectClass", classes.iter().map(|&class| class.to_owned()));
        entry.put("structuralObjectClass", [structural.to_owned()]);
        entry.put("entryDN", [name]);
        entry.put("entryUUID", [uuid]);
        entry.put("subschemaSubentry", [SUBSCHEMA.to_owned()]);
        entry
    }

    /// Adds values to an attribute; those that are empty are none. A name that the schema lacks adds nothing.
    pub(super) fn put(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        let Some(one) = attribute(name) else { return };
        let values = values.into_iter().filter(|value| !value.is_empty());
        if let Some((_, here)) = self.attributes.iter_mut().find(|(here, _)| std::ptr::eq(*here, one)) {
            here.extend(values);
            return;
        }
        let values: Vec<String> = values.collect();
        if !values.is_empty() {
            self.attributes.push((one, values));
        }
    }

    /// An entry of nothing but attributes, for what is made of them.
    #[cfg(test)]
    pub(crate) fn of_attributes<'a>(attributes: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut entry = Self { dn: Dn::default(), attributes: Vec::new() };
        attributes.into_iter().for_each(|(name, value)| entry.put(name, [value]));
        entry
    }

    /// The same with another value of an attribute, in place of all that it has.
    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        if let Some(one) = attribute(name) {
            self.attributes.retain(|(here, _)| *here != one);
            self.put(name, [value]);
        }
        self
    }

    /// The same without an attribute.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.attributes.retain(|(here, _)| attribute(name) != Some(*here));
        self
    }

    /// The values of an attribute.
    pub(crate) fn values(&self, name: &str) -> &[String] {
        attribute(name).map_or(&[], |one| self.of(one))
    }

    /// The values of an attribute type.
    pub(super) fn of(&self, one: &AttributeType) -> &[String] {
        // There is one of each.
        let found = self.attributes.iter().find(|(here, _)| std::ptr::eq(*here, one));
        found.map_or(&[], |(_, values)| values)
    }
}

/// The unique id of an entry (RFC 4530): of its name, which is for life. A UUID of version 8 (RFC 9562 5.8) over SHA-256.
pub(super) fn uuid_of(dn: &Dn) -> Uuid {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, dn.normal().as_bytes());
    let mut octets = [0u8; 16];
    octets.copy_from_slice(&digest.as_ref()[..16]);
    Builder::from_custom_bytes(octets).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Empty values are none, names are found in any spelling, and equal names have one unique id.
    #[test]
    fn entries_have_what_they_were_given() {
        let dn = Dn::parse("o=nhs").unwrap();
        let mut entry = Entry::new(dn, &["organization", "top"], "organization");
        entry.put("o", ["nhs".to_owned(), String::new()]);
        entry.put("description", [String::new()]);
        entry.put("nhsNothing", ["x".to_owned()]);
        assert_eq!(entry.values("O"), ["nhs"]);
        assert!(entry.values("description").is_empty() && entry.values("nhsNothing").is_empty());
        assert_eq!(uuid_of(&Dn::parse("O=NHS").unwrap()).to_string(), entry.values("entryUUID")[0]);
    }
}
