//! Passwords: what may be one, and argon2id on a bounded pool of threads.
//!
//! A password alone signs nobody in: it goes with the code of an authenticator app.

mod pool;
mod settings;

use zeroize::Zeroizing;

use crate::error::Error;

pub(crate) use pool::Pool;
pub use settings::Passwords;

/// Fewest characters.
const SHORTEST: usize = 12;
/// Most characters.
pub(crate) const LONGEST: usize = 128;

/// A password that obeys the rules. Wiped when dropped, never shown.
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// Takes a new password: 12 to 128 characters, at least five different ones, without the address it goes with. NIST SP
    /// 800-63B 5.1.1.2 asks for length and against the obvious, not for kinds of characters.
    pub(crate) fn parse(text: Zeroizing<String>, email: &str) -> Result<Self, Error> {
        let refused = |sentence| Err(Error::field("password", sentence));
        if !(SHORTEST..=LONGEST).contains(&text.chars().count()) {
            return refused("Choose a password of 12 to 128 characters.");
        }
        if text.chars().any(char::is_control) {
            return refused("Choose a password without characters that cannot be seen.");
        }
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        if characters.len() < 5 {
            return refused("Choose a password with at least five different characters.");
        }
        let lower = Zeroizing::new(text.to_lowercase());
        let name = email.split('@').next().unwrap_or_default();
        if lower.contains(email) || (name.len() >= 4 && lower.contains(name)) {
            return refused("Choose a password that does not contain your e-mail address.");
        }
        Ok(Self(text))
    }
}

/// An e-mail address in the one form in which it is kept and found.
pub(crate) fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (name, domain) = text.split_once('@')?;
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !c.is_control());
    (text.len() <= 254 && plain(name) && plain(domain) && !domain.contains('@') && domain.contains('.'))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Short, monotonous, hidden and obvious passwords are refused.
    #[test]
    fn rules() {
        let check =
            |text: &str| Password::parse(Zeroizing::new(text.to_owned()), "jo.bloggs@example.org").is_ok();
        assert!(check("correct horse battery"));
        for wrong in [
            "short",
            "aaaabbbbccccdddd",
            "correct\u{7}horse battery",
            "Jo.Bloggs is here",
            &"xyzab".repeat(30),
        ] {
            assert!(!check(wrong), "{wrong}");
        }
    }

    /// Addresses are taken in one form.
    #[test]
    fn addresses_have_one_form() {
        assert_eq!(email(" Jo@Example.ORG "), Some("jo@example.org".to_owned()));
        for wrong in ["jo", "@example.org", "jo@", "jo@localhost", "j o@example.org", "jo@a@example.org"] {
            assert_eq!(email(wrong), None, "{wrong}");
        }
    }
}
