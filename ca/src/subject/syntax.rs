//! The syntax of host names, mailboxes, addresses of resources and user principal names.

use std::net::{Ipv4Addr, Ipv6Addr};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use idna::AsciiDenyList;

/// What is wrong with a host name: RFC 5280 4.2.1.6 asks for the preferred name syntax of RFC 1034 3.5, RFC 5890
/// 2.3.2.1 for labels in other scripts to be A-labels that can be read back.
pub(crate) fn dns_fault(name: &str) -> Option<String> {
    let looks_like_address =
        name.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    let well_formed = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| label_fault(label).is_none())
        && !looks_like_address;
    if !well_formed {
        let start = printable_start(name);
        return Some(format!("\"{start}\" is not a host name in lower case without wildcard"));
    }
    let has_a_labels = name.split('.').any(|label| label.starts_with("xn--"));
    let readable = || {
        idna::domain_to_ascii_cow(name.as_bytes(), AsciiDenyList::STD3).is_ok_and(|written| written == name)
    };
    (has_a_labels && !readable())
        .then(|| format!("\"{}\" has a label with \"xn--\" that is no punycode", printable_start(name)))
}

/// What is wrong with one label of a host name.
pub(super) fn label_fault(label: &str) -> Option<String> {
    let fits = (1..=63).contains(&label.len())
        && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-');
    (!fits).then(|| format!("\"{}\" is not a label of a host name", printable_start(label)))
}

/// What is wrong with a user principal name.
pub(crate) fn upn_fault(upn: &str) -> Option<String> {
    let well_formed = upn.split_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
            && dns_fault(domain).is_none()
    });
    (!well_formed).then(|| format!("\"{}\" is not of the form name@domain", printable_start(upn)))
}

/// What is wrong with a mailbox: RFC 5280 4.2.1.6 takes `local@domain` of RFC 5321 4.1.2 in ASCII, without a name or
/// comment. The quoted form is not taken.
pub(crate) fn email_fault(mailbox: &str) -> Option<String> {
    let well_formed = mailbox.len() <= 254
        && mailbox.rsplit_once('@').is_some_and(|(local, domain)| {
            local.len() <= 64
                && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
                && dns_fault(domain).is_none()
        });
    (!well_formed)
        .then(|| format!("\"{}\" is not a mailbox such as name@example.org", printable_start(mailbox)))
}

/// RFC 5322 3.2.3, atext.
fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// What is wrong with the address of a resource: RFC 5280 4.2.1.6 asks for an absolute URI of RFC 3986 with a part of
/// its scheme, whose host, where it has one, is a whole host name or an address.
pub(crate) fn uri_fault(uri: &str) -> Option<String> {
    let fault = |what: &str| Some(format!("\"{}\" {what}", printable_start(uri)));
    if uri.len() > 2000 {
        return fault("is longer than 2000 characters");
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return fault("is not an absolute URI: it has no scheme");
    };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !scheme_fits || rest.is_empty() {
        return fault("is not an absolute URI such as https://example.org/a");
    }
    if !has_uri_characters(rest) {
        return fault("has a character that must be percent-encoded in a URI");
    }
    match rest.strip_prefix("//").map(authority) {
        Some(authority) if !authority_fits(authority) => {
            fault("has no whole host name or address, or has a user's name in it")
        }
        _ => None,
    }
}

/// RFC 3986 2.
fn has_uri_characters(text: &str) -> bool {
    let hexadecimal = |part: &str| part.len() >= 2 && part.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c))
        && text.split('%').skip(1).all(hexadecimal)
        && text.matches('#').count() <= 1
}

fn authority(after_slashes: &str) -> &str {
    after_slashes.split(['/', '?', '#']).next().unwrap_or_default()
}

fn authority_fits(authority: &str) -> bool {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    is_port(port) && (host.parse::<Ipv4Addr>().is_ok() || dns_fault(host).is_none())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// How many marks may stand on one letter; no language needs more.
const MOST_MARKS: usize = 4;

/// Characters that have no place in a name: control, direction overrides, invisible and unassigned ones, private use, blanks
/// other than the space.
pub(crate) fn is_deceptive(c: char) -> bool {
    use GeneralCategory as Category;
    let unseen = match CodePointMapData::<Category>::new().get(c) {
        Category::Control
        | Category::Format
        | Category::Unassigned
        | Category::PrivateUse
        | Category::Surrogate
        | Category::LineSeparator
        | Category::ParagraphSeparator => true,
        Category::SpaceSeparator => c != ' ',
        _ => false,
    };
    // The braille pattern without a dot is as blank as a space; what stands for characters that were lost is none.
    unseen
        || matches!(c, '\u{2800}' | '\u{fff9}'..='\u{fffd}')
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// What is wrong with how characters are put together: two texts that look alike are one text, and nothing is hidden under marks.
pub(crate) fn composition_fault(text: &str) -> Option<String> {
    if !ComposingNormalizerBorrowed::new_nfc().is_normalized(text) {
        return Some(
            "has letters and marks apart; write them as one character where there is one (NFC)".to_owned(),
        );
    }
    let categories = CodePointMapData::<GeneralCategory>::new();
    let mut marks = 0;
    for c in text.chars() {
        let marks_letter =
            matches!(categories.get(c), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark);
        marks = if marks_letter { marks + 1 } else { 0 };
        if marks > MOST_MARKS {
            return Some(format!("has more than {MOST_MARKS} marks on one letter"));
        }
    }
    None
}

/// The beginning of a text, fit for a message.
pub(crate) fn printable_start(text: &str) -> String {
    text.chars().take(60).map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fault: fn(&str) -> Option<String>, goods: &[&str], bads: &[&str]) {
        for good in goods {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in bads {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }

    /// Host names are lower-case labels without wildcard; addresses are not host names, and an A-label must be
    /// punycode.
    #[test]
    fn host_names_are_strict() {
        let long = format!("{}.example", "a".repeat(64));
        check(
            dns_fault,
            &["localhost", "a.example", "xn--caf-dma.example", "1a.example", "a--b.example"],
            &[
                "",
                "*.example",
                "A.example",
                "a..b",
                "a.",
                ".a",
                "-a.b",
                "a-.b",
                "a_b",
                "192.0.2.1",
                "é.fr",
                &long,
                "xn--.example",
                "xn--a-0000000000.example",
                "xn--abc.example",
                "a.xn--zzzzzzz99999.example",
            ],
        );
    }

    /// Mailboxes are a dotted local part and a host name, in ASCII and in the lengths of RFC 5321.
    #[test]
    fn mailboxes_are_strict() {
        let (local, longer) =
            (format!("{}@a.example", "a".repeat(64)), format!("{}@a.example", "a".repeat(65)));
        check(
            email_fault,
            &["a@b.example", "zoe.o'neill@nhs.example", "a+b@xn--caf-dma.example", &local],
            &[
                "",
                "a",
                "@b.example",
                "a@",
                ".a@b.example",
                "a.@b.example",
                "a..b@b.example",
                "a b@c.example",
                "Zoë@b.example",
                "\"a\"@b.example",
                "a@b@c.example",
                "a@B.example",
                "A <a@b.example>",
                "a@[192.0.2.1]",
                "a\r\n@b.example",
                &longer,
            ],
        );
    }

    /// URIs are absolute, in RFC 3986's characters, with a whole host name or an address where they have an authority.
    #[test]
    fn uris_are_absolute() {
        check(
            uri_fault,
            &[
                "https://a.example",
                "https://a.example:8443/b?c=d#e",
                "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "ldap://[2001:db8::7]/c=GB?objectClass",
                "http://192.0.2.1/a%20b",
                "spiffe://nhs.example/a",
                "mailto:a@b.example",
            ],
            &[
                "",
                "a",
                "/a/b",
                "//a.example",
                "https:",
                "https://",
                "https:///a",
                "1a:b",
                "https://a b",
                "https://é.fr",
                "https://a.example/%2",
                "https://a.example/%zz",
                "https://u:p@a.example/",
                "https://a.example:99999/",
                "https://*.example/",
                "https://[::1",
                "https://a.example/#b#c",
                "https://a.example/\n",
            ],
        );
    }

    /// A user principal name is a name and a host name.
    #[test]
    fn principal_names_are_strict() {
        check(
            upn_fault,
            &["zoe@surgery.example", "a.b@c.example"],
            &["zoe", "@a.example", "a@", "a b@c.example", "..@a.example", ".a@b.example", "a.@b.example"],
        );
    }
}
