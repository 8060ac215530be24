//! Milliseconds in Rust, RFC 3339 text on the wire.

use platform::clock::Millis;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes an instant as RFC 3339 in UTC.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
pub(crate) fn serialize<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    let text = to_text(*at).ok_or_else(|| S::Error::custom("a time outside the years 0 to 9999"))?;
    serializer.serialize_str(&text)
}

/// Reads an instant from RFC 3339 in any offset.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(deserializer)?;
    from_text(&text).ok_or_else(|| D::Error::custom("expected a time such as 2026-11-24T09:00:00Z"))
}

pub(crate) fn to_text(at: Millis) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()?;
    moment.format(&Rfc3339).ok()
}

fn from_text(text: &str) -> Option<Millis> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Millis)
}

/// The same for a time that may be absent.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Millis, Serializer};

    /// Writes RFC 3339 or null.
    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub(crate) fn serialize<S: Serializer>(at: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads RFC 3339 or null.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Millis>, D::Error> {
        #[derive(Deserialize)]
        struct Wrapped(#[serde(with = "super")] Millis);
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}
