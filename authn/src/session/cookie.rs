//! The cookies of sign-in. All are `__Host-`: no other host can set them, and they never travel in the clear.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The session of this browser.
pub(crate) const SESSION: &str = "__Host-lanyard-session";

/// By what a browser is known in which somebody has signed in with a password.
pub(crate) const KNOWN: &str = "__Host-lanyard-known";

/// A cookie to be set or taken away.
pub(crate) struct Cookie {
    name: Cow<'static, str>,
    value: Zeroizing<String>,
    /// How long the browser keeps it; until it is closed where nothing is said.
    keep_seconds: Option<u32>,
}

impl Cookie {
    /// A secret that lives as long as the browser is open.
    pub(crate) fn secret(name: &'static str, secret: &Secret) -> Self {
        Self { name: name.into(), value: secret.text(), keep_seconds: None }
    }

    /// A secret that is kept, whether or not the browser is closed.
    pub(crate) fn secret_for(name: impl Into<Cow<'static, str>>, secret: &Secret, seconds: u32) -> Self {
        Self { name: name.into(), value: secret.text(), keep_seconds: Some(seconds) }
    }

    /// A word that is kept.
    pub(crate) fn kept(name: &'static str, word: &str, seconds: u32) -> Self {
        Self { name: name.into(), value: Zeroizing::new(word.to_owned()), keep_seconds: Some(seconds) }
    }

    /// Takes a cookie away.
    pub(crate) fn gone(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), value: Zeroizing::default(), keep_seconds: Some(0) }
    }

    /// The field of the answer. Lax, so that it comes along when a relying party sends the browser here, and with no request
    /// that another site makes by itself.
    pub(crate) fn field(&self) -> Option<HeaderValue> {
        let age = self.keep_seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text =
            format!("{}={}; Path=/; Secure; HttpOnly; SameSite=Lax{age}", self.name, self.value.as_str());
        let mut field = HeaderValue::try_from(text).ok()?;
        field.set_sensitive(true);
        Some(field)
    }
}

/// The names and values of the cookies of a request.
pub(crate) fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// The value of a cookie; none where the browser sent two of that name, of which one is not ours.
pub(crate) fn presented<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = pairs(headers).filter(|(given, _)| *given == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether a request that changes something was not made by one of our own pages.
///
/// Browsers say from which origin a POST comes. What says nothing is no browser of today, or a page that hides where it comes
/// from, and is refused too.
pub(crate) fn stranger(headers: &HeaderMap, ours: &[&str]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next().and_then(|origin| origin.to_str().ok());
    origins.next().is_some() || !origin.is_some_and(|origin| ours.contains(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::try_from(*value).unwrap());
        }
        headers
    }

    /// A cookie is found among others; one that came twice is not believed.
    #[test]
    fn cookies_are_found_once() {
        let check = |fields: &[&str], expected: Option<&str>| {
            assert_eq!(presented(&with(&header::COOKIE, fields), SESSION), expected, "{fields:?}");
        };
        check(&[], None);
        check(&["a=b; __Host-lanyard-session=x; c=d"], Some("x"));
        check(&["a=b", "__Host-lanyard-session=x"], Some("x"));
        check(&["__Host-lanyard-session=x; __Host-lanyard-session=y"], None);
        check(&["lanyard-session=x"], None);
    }

    /// Only our own pages change anything: another origin, a hidden one, two, and none are strangers.
    #[test]
    fn strangers_are_known() {
        let ours = ["https://id.example.org"];
        let check = |fields: &[&str]| stranger(&with(&header::ORIGIN, fields), &ours);
        assert!(!check(&["https://id.example.org"]));
        for fields in [
            &[][..],
            &["null"],
            &["https://id.example.org.evil.example"],
            &["http://id.example.org"],
            &["https://id.example.org", "https://evil.example"],
        ] {
            assert!(check(fields), "{fields:?}");
        }
    }

    /// The field says everything that keeps the cookie with us.
    #[test]
    fn fields_are_strict() {
        let secret = Secret::parse(&"A".repeat(43)).unwrap();
        let field = Cookie::secret(SESSION, &secret).field().unwrap();
        insta::assert_snapshot!(field.to_str().unwrap(), @"__Host-lanyard-session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(Cookie::gone(SESSION).field().unwrap().to_str().unwrap().ends_with("Max-Age=0"));
    }
}
