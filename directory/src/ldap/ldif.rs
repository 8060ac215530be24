//! Entries and changes as LDIF (RFC 2849).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::entry::Entry;
use super::schema::{Usage, attribute, class};

/// The content of an entry, a line for each value.
pub(super) fn content(entry: &Entry) -> String {
    let mut text = String::new();
    for (place, one) in entry.types().enumerate().filter(|(_, one)| one.usage == Usage::User) {
        for value in entry.at(place) {
            line(&mut text, one.name(), value);
        }
    }
    text
}

/// What makes an older form of an entry into this one: each attribute that its classes allow is replaced by what it has now, or taken
/// away. The attribute of its name stays, and so do its classes.
pub(super) fn replacing(entry: &Entry) -> String {
    let name = entry.dn.0.first().map(|part| &*part.attribute).unwrap_or_default();
    let mut allowed: Vec<&'static str> = Vec::new();
    for of in entry.values("objectClass").filter_map(class) {
        for &one in of.must.iter().chain(of.may) {
            if !one.eq_ignore_ascii_case(name)
                && !one.eq_ignore_ascii_case("objectClass")
                && !allowed.contains(&one)
            {
                allowed.push(one);
            }
        }
    }
    let mut text = String::new();
    for one in allowed {
        // Secrets and pictures are shown of nobody, so nothing is said of them either.
        if attribute(one).is_none_or(|one| one.usage != Usage::User) || UNSHOWN.contains(&one) {
            continue;
        }
        line(&mut text, "replace", one);
        for value in entry.values(one) {
            line(&mut text, one, value);
        }
        text.push_str("-\n");
    }
    text
}

/// Attributes that classes allow and that no entry here ever has.
const UNSHOWN: [&str; 5] =
    ["userPassword", "userCertificate", "userSMIMECertificate", "userPKCS12", "jpegPhoto"];

/// One line; what is not safe as it stands is written in base64. Lines are not folded: readers have to take them of any length.
fn line(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    if is_safe(value) {
        text.push_str(": ");
        text.push_str(value);
    } else {
        text.push_str(":: ");
        text.push_str(&BASE64.encode(value));
    }
    text.push('\n');
}

/// `SAFE-STRING`, and no blank at its end.
fn is_safe(value: &str) -> bool {
    let starts_safe = !value.starts_with([' ', ':', '<']);
    starts_safe && !value.ends_with(' ') && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e | 0x09))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::dn::Dn;

    /// Values that would be misread stand in base64; a replacing names what there is no more, and never the name itself.
    #[test]
    fn entries_are_written() {
        let dn = Dn::parse("uniqueIdentifier=1,ou=Services,o=nhs").unwrap();
        let mut entry = Entry::new(dn, &["nhsAs", "top"], "nhsAs");
        entry.put("uniqueIdentifier", ["1"]);
        entry.put("nhsIDCode", ["RXX"]);
        entry.put("nhsProductName", ["Größe"]);
        entry.put("nhsAsSvcIA", [" a", "b"]);
        let text = content(&entry);
        assert!(text.starts_with("objectClass: nhsAs\nobjectClass: top\n"), "{text}");
        assert!(
            text.contains("\nnhsProductName:: R3LDtsOfZQ==\nnhsAsSvcIA:: IGE=\nnhsAsSvcIA: b\n"),
            "{text}"
        );
        assert!(!text.contains("entryUUID"), "{text}");
        let text = replacing(&entry);
        assert!(text.contains("replace: nhsIDCode\nnhsIDCode: RXX\n-\n"), "{text}");
        assert!(text.contains("replace: nhsAsClient\n-\n"), "what it has none of is taken away: {text}");
        assert!(!text.contains("uniqueIdentifier") && !text.contains("objectClass"), "{text}");
        assert!(
            ["<x", ":x", "x ", "a\nb"].iter().all(|value| !is_safe(value))
                && is_safe("")
                && is_safe("a<b: c")
        );
    }
}
