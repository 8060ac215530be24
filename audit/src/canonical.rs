//! One spelling for one value: the canonical JSON of RFC 8785, without fractions.
//!
//! A leaf of the log commits to bytes, so the bytes of an event must be the same whoever writes them. Fractions
//! are left out on purpose: their shortest spelling is the one part of RFC 8785 that independent readers get wrong.

use serde::Serialize;
use serde_json::{Map, Number, Value};

/// The largest integer that every JSON reader keeps exactly. RFC 8785 appendix D, RFC 7493 2.2.
const LARGEST: u64 = (1 << 53) - 1;

/// Why a value has no canonical spelling.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCanonical {
    /// The value does not serialise to JSON at all.
    #[error("the value does not serialise to JSON")]
    NotJson(#[source] serde_json::Error),
    /// A number is a fraction or lies outside ±(2^53 - 1).
    #[error("the number {0} is not an integer that every reader keeps exactly; write it as text")]
    Number(Number),
}

/// The canonical bytes of anything that serialises to JSON.
pub(crate) fn bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(value).map_err(NotCanonical::NotJson)?;
    let mut out = Vec::with_capacity(256);
    write_value(&mut out, &value)?;
    Ok(out)
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, number)?,
        Value::String(text) => write_string(out, text)?,
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(out, members)?,
    }
    Ok(())
}

fn write_object(out: &mut Vec<u8>, members: &Map<String, Value>) -> Result<(), NotCanonical> {
    // RFC 8785 3.2.3: by UTF-16 code units, whatever order the map keeps. Of ASCII that is the order of the octets.
    if members.keys().all(|name| name.is_ascii()) && members.keys().is_sorted() {
        return write_members(out, members.iter());
    }
    let mut members: Vec<(&String, &Value)> = members.iter().collect();
    members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    write_members(out, members.into_iter())
}

fn write_members<'v>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'v String, &'v Value)>,
) -> Result<(), NotCanonical> {
    out.push(b'{');
    for (place, (name, value)) in members.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(out, name)?;
        out.push(b':');
        write_value(out, value)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_number(out: &mut Vec<u8>, number: &Number) -> Result<(), NotCanonical> {
    let magnitude = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
    if magnitude.is_none_or(|magnitude| magnitude > LARGEST) {
        return Err(NotCanonical::Number(number.clone()));
    }
    out.extend_from_slice(number.to_string().as_bytes());
    Ok(())
}

/// `serde_json` escapes exactly as RFC 8785 3.2.2.2 asks: the two-letter forms, lower-case `\u00xx`, nothing else.
fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), NotCanonical> {
    serde_json::to_writer(out, text).map_err(NotCanonical::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value, wanted: &str) {
        assert_eq!(String::from_utf8(bytes(value).unwrap()).unwrap(), wanted);
    }

    /// Members are ordered by UTF-16 code units and strings escaped as RFC 8785 shows; no space is ever written.
    #[test]
    fn spelling_is_that_of_rfc_8785() {
        check(&json!({"b": 1, "a": [true, null, "x"]}), r#"{"a":[true,null,"x"],"b":1}"#);
        check(
            &json!({"\u{20ac}": 1, "\r": 2, "1": 3, "\u{1f600}": 4, "\u{fb33}": 5, "\u{f6}": 6}),
            "{\"\\r\":2,\"1\":3,\"\u{f6}\":6,\"\u{20ac}\":1,\"\u{1f600}\":4,\"\u{fb33}\":5}",
        );
        check(
            &json!("\u{0}\u{1f}\u{8}\u{c}\n\r\t\"\\/\u{7f}\u{e9}"),
            "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\u{7f}\u{e9}\"",
        );
        check(&json!([0, -1, 9_007_199_254_740_991_u64]), "[0,-1,9007199254740991]");
    }

    /// A fraction and an integer beyond 2^53 - 1 are refused, because readers would disagree about them.
    #[test]
    fn doubtful_numbers_are_refused() {
        for value in [json!(0.5), json!(1e3), json!(9_007_199_254_740_992_u64), json!(i64::MIN)] {
            assert!(matches!(bytes(&value), Err(NotCanonical::Number(_))), "{value} was accepted");
        }
    }
}
