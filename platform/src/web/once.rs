//! The key by which a POST is done once (`draft-ietf-httpapi-idempotency-key-header`).

/// The longest idempotency key that is taken.
pub const LONGEST_KEY: usize = 128;

/// The key that a header says: a string of RFC 9651, or the bare word that many clients send.
pub fn idempotency_key(header: &str) -> Option<String> {
    let text = header.trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let plain = !bare.is_empty()
        && bare.len() <= LONGEST_KEY
        && bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    plain.then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key is taken with quotation marks or without; none, one that is too long and one of other characters are not.
    #[test]
    fn keys_are_taken_in_both_forms() {
        for header in ["\"8e03978e\"", "8e03978e", "  8e03978e "] {
            assert_eq!(idempotency_key(header).as_deref(), Some("8e03978e"), "{header}");
        }
        for header in ["", "\"\"", "a b", "a\"b", "a\\b", "é"] {
            assert_eq!(idempotency_key(header), None, "{header}");
        }
        assert!(idempotency_key(&"a".repeat(LONGEST_KEY)).is_some());
        assert!(idempotency_key(&"a".repeat(LONGEST_KEY + 1)).is_none());
    }
}
