//! The filters that are understood (RFC 7644 3.4.2.2): one attribute that equals one text.

use super::Refused;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// The name that the system gave.
    UserName(String),
    /// The id that the system gave.
    ExternalId(String),
    /// Our id.
    Id(String),
}

/// Reads a filter.
pub(crate) fn filter(text: &str) -> Result<Filter, Refused> {
    let refused = || {
        Refused::invalid(
            "invalidFilter",
            "Filters are userName, externalId or id, then eq, then a text in quotes.",
        )
    };
    let (attribute, rest) = text.trim().split_once(' ').ok_or_else(refused)?;
    let (operator, value) = rest.trim_start().split_once(' ').ok_or_else(refused)?;
    let value: String = serde_json::from_str(value.trim()).map_err(|_| refused())?;
    if !operator.eq_ignore_ascii_case("eq") || value.is_empty() || value.contains('\0') {
        return Err(refused());
    }
    let plain = attribute.rsplit(':').next().unwrap_or(attribute);
    match plain.to_ascii_lowercase().as_str() {
        "username" => Ok(Filter::UserName(value)),
        "externalid" => Ok(Filter::ExternalId(value)),
        "id" => Ok(Filter::Id(value)),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One attribute, one operator, one text, with what JSON escapes; everything else is refused.
    #[test]
    fn filters_compare_one_attribute() {
        let read = |text: &str| filter(text).ok();
        assert_eq!(read("userName eq \"ann\""), Some(Filter::UserName("ann".to_owned())));
        assert_eq!(read(" externalid EQ \"47 \\\"11\" "), Some(Filter::ExternalId("47 \"11".to_owned())));
        assert_eq!(
            read("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"a\""),
            Some(Filter::UserName("a".to_owned()))
        );
        for bad in [
            "",
            "userName",
            "userName eq ann",
            "userName co \"a\"",
            "title eq \"a\"",
            "userName eq \"a\" and id eq \"b\"",
            "userName eq \"\"",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
