//! Which version of a user a client means (RFC 7644 3.14, RFC 9110 13.1).

use http::{HeaderMap, HeaderName, header};

use super::headers::together;
use crate::scim::Refused;

/// How many entity tags one may name at once.
const MOST: usize = 8;

/// What a request says of versions; nothing where a client does not, which SCIM lets it.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// The insides of entity tags, or a star. Weak ones are as good as strong ones: RFC 7644 has them everywhere.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<String>),
}

impl Conditions {
    /// Reads the header fields.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refused> {
        let read = |name: HeaderName| match together(headers, &name) {
            None => Ok(None),
            Some(text) => tags(&text).map(Some).ok_or_else(|| {
                let sentence =
                    format!("{name} holds entity tags as they were answered, {MOST} at most, or a star.");
                Refused::invalid("invalidValue", sentence)
            }),
        };
        Ok(Self { if_match: read(header::IF_MATCH)?, if_none_match: read(header::IF_NONE_MATCH)? })
    }

    /// Whether a change may be made to the version that has this tag.
    pub(super) fn allow(&self, tag: &str) -> bool {
        self.allow_match(tag) && self.if_none_match.as_ref().is_none_or(|tags| !tags.name(tag))
    }

    /// Whether this is a version that `If-Match` names.
    pub(super) fn allow_match(&self, tag: &str) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.name(tag))
    }
}

impl Tags {
    fn name(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|one| one == tag.trim_matches('"')),
        }
    }
}

fn tags(text: &str) -> Option<Tags> {
    let text = text.trim();
    if text == "*" {
        return Some(Tags::Any);
    }
    let (mut tags, mut rest) = (Vec::new(), text);
    loop {
        let tag = rest.strip_prefix("W/").unwrap_or(rest);
        let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
        if tags.len() == MOST || !opaque.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push(opaque.to_owned());
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Tags::These(tags));
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags, weak or strong, or a star; each of several counts, and what is no tag is refused.
    #[test]
    fn tags_are_read() {
        let named = |text: &str| tags(text).map(|tags| tags.name("\"7.1\""));
        for good in ["*", "\"7.1\"", "W/\"7.1\"", "\"8\", W/\"7.1\"", " \"7.1\" ,\"x\""] {
            assert_eq!(named(good), Some(true), "{good}");
        }
        for other in ["\"7\"", "W/\"7.2\"", "\"\"", "\"8\", \"9\""] {
            assert_eq!(named(other), Some(false), "{other}");
        }
        for bad in [
            "",
            "7.1",
            "\"7.1",
            "\"7.1\",",
            "\"7.1\" \"8\"",
            "*, \"7.1\"",
            "\"a b\"",
            &["\"7.1\""; MOST + 1].join(","),
        ] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }
}
