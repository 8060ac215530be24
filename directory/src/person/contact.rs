//! Addresses, and the codes that show whose they are.

use platform::clock::Millis;
use platform::message::code::TRIES;

use super::keyed::{DocumentKey, same};
use crate::api::Channel;
use crate::error::Error;

/// How many addresses of a channel somebody has at most.
pub(crate) const MOST: usize = 10;

/// Takes an address in its one form.
pub(crate) fn checked(channel: Channel, text: &str) -> Result<String, Error> {
    match channel {
        Channel::Email => email(text)
            .ok_or_else(|| Error::field("email", "Write an e-mail address, such as a.nurse@trust.example.")),
        Channel::Mobile => mobile(text).ok_or_else(|| {
            Error::field("mobile", "Write a mobile number of the United Kingdom, such as 07700 900123, or one with + and its country.")
        }),
    }
}

/// Small letters; a plain local part and a domain of at least two labels.
fn email(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let local_part = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte));
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let whole = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label);
    (local_part && whole).then_some(text)
}

/// ITU-T E.164: a plus and at most 15 digits.
fn mobile(text: &str) -> Option<String> {
    let plain: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '(' | ')' | '.')).collect();
    let international = match plain.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => match plain.strip_prefix('0') {
            Some(rest) => format!("+44{rest}"),
            None => plain,
        },
    };
    let digits = international.strip_prefix('+')?;
    let fits = (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    // In the United Kingdom mobiles begin with 7 and have ten digits.
    let fits = fits && digits.strip_prefix("44").is_none_or(|rest| rest.len() == 10 && rest.starts_with('7'));
    (fits && !digits.starts_with('0')).then_some(international)
}

/// What of a code is kept.
pub(crate) fn code_hash(key: &DocumentKey, contact: &str, code: &str) -> String {
    key.hash("contact-code", &[contact, code])
}

/// A code that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) hash: String,
    pub(crate) until: Millis,
    pub(crate) tries: u32,
}

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The address is its holder's.
    Right,
    /// It was another code; so many tries are left.
    Wrong {
        /// Tries that are left.
        left: u32,
    },
    /// No code can be used any more: none was sent, its time is over, or it was tried too often.
    Spent,
}

/// Tries a code, given as its hash.
pub(crate) fn tried(pending: Option<&Pending>, given: &str, now: Millis) -> Tried {
    let Some(pending) = pending else { return Tried::Spent };
    if now >= pending.until || pending.tries >= TRIES {
        return Tried::Spent;
    }
    if same(&pending.hash, given) {
        return Tried::Right;
    }
    Tried::Wrong { left: TRIES - pending.tries - 1 }
}

#[cfg(test)]
mod tests {
    use platform::message::code::{LIFETIME, six_digits};

    use super::*;

    /// Addresses come out in one form however they are typed; what is none is refused.
    #[test]
    fn addresses_have_one_form() {
        let email = |text| checked(Channel::Email, text).ok();
        assert_eq!(email(" A.Nurse@Trust.Example ").as_deref(), Some("a.nurse@trust.example"));
        for bad in [
            "a.nurse",
            "@trust.example",
            "a@b",
            "a b@trust.example",
            "a@-x.example",
            ".a@x.example",
            "a@x..example",
        ] {
            assert_eq!(email(bad), None, "{bad}");
        }
        let mobile = |text| checked(Channel::Mobile, text).ok();
        for good in ["07700 900123", "+44 7700 900-123", "0044 7700900123", "(07700) 900123"] {
            assert_eq!(mobile(good).as_deref(), Some("+447700900123"), "{good}");
        }
        assert_eq!(mobile("+353 85 012 3456").as_deref(), Some("+353850123456"));
        for bad in ["", "020 7946 0123", "0770090012", "+0123456789", "7700900123", "07700 90012x"] {
            assert_eq!(mobile(bad), None, "{bad}");
        }
    }

    /// A code holds for fifteen minutes and six tries; then even the right one is refused.
    #[test]
    fn codes_hold_for_a_time_and_some_tries() {
        let key = DocumentKey::new(&[1; 32]);
        let right = code_hash(&key, "contact", "012345");
        let wrong = code_hash(&key, "contact", "543210");
        let until = Millis(1000).plus(LIFETIME);
        let after = |tries| Pending { hash: right.clone(), until, tries };
        let at = Millis(1000);
        assert_eq!(tried(Some(&after(0)), &right, at), Tried::Right);
        assert_eq!(tried(Some(&after(0)), &wrong, at), Tried::Wrong { left: 5 });
        assert_eq!(tried(Some(&after(5)), &wrong, at), Tried::Wrong { left: 0 });
        assert_eq!(tried(Some(&after(5)), &right, at), Tried::Right);
        assert_eq!(tried(Some(&after(6)), &right, at), Tried::Spent);
        assert_eq!(tried(Some(&after(0)), &right, until), Tried::Spent);
        assert_eq!(tried(None, &right, at), Tried::Spent);
        assert_ne!(right, code_hash(&key, "another", "012345"));
        assert_eq!((six_digits([0; 8]).as_str(), six_digits([255; 8]).len()), ("000000", 6));
    }
}
