//! The cookie that binds a waiting request to the browser that began it.

use aws_lc_rs::rand::SecureRandom;
use http::{HeaderMap, HeaderValue, header};

use crate::error::Error;
use crate::secret::Secret;

/// Its name. `__Host-`: no other host can set it, and it never travels in the clear.
const NAME: &str = "__Host-lanyard-interaction";

/// What a browser holds: one secret for all its requests, so that they do not take each other's place.
pub(super) struct Browser(Secret);

impl Browser {
    /// What it holds already; none where it sent two, of which one is not ours.
    pub(super) fn held(headers: &HeaderMap) -> Option<Self> {
        let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
        let pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Secret::parse(value).map(Self),
            _ => None,
        }
    }

    /// What it holds, or something new for it.
    pub(super) fn held_or_new(headers: &HeaderMap, random: &dyn SecureRandom) -> Result<Self, Error> {
        Self::held(headers).map_or_else(|| Secret::generate(random).map(Self), Ok)
    }

    /// As it stands in rows.
    pub(super) fn stored(&self) -> String {
        self.0.stored()
    }

    /// Whether it began a request.
    pub(super) fn began(headers: &HeaderMap, stored: &str) -> bool {
        Self::held(headers).is_some_and(|browser| browser.stored() == stored)
    }

    /// The field that makes it hold this. Lax, so that it comes along when somebody is sent here, and with no request that another
    /// site makes by itself.
    pub(super) fn field(&self) -> Option<HeaderValue> {
        let text = format!("{NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax", &*self.0.text());
        let mut field = HeaderValue::try_from(text).ok()?;
        field.set_sensitive(true);
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cookie is found among others; one that came twice is not believed.
    #[test]
    fn cookies_are_found_once() {
        let value = "A".repeat(43);
        let check = |fields: &[String], expected: bool| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(header::COOKIE, HeaderValue::try_from(field.as_str()).unwrap());
            }
            assert_eq!(Browser::held(&headers).is_some(), expected, "{fields:?}");
        };
        check(&[], false);
        check(&[format!("a=b; {NAME}={value}; c=d")], true);
        check(&[format!("{NAME}={value}; {NAME}={value}")], false);
        check(&[format!("{NAME}=short")], false);
    }
}
