//! What the audit record holds of a consent, so that nothing of its evidence can be put in place of something else: one hash for each
//! part. The parts themselves are no business of the record; a hash of them tells nobody what is in it, because what could be guessed
//! is hashed together with the random octets of the presence.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::error::Error;

/// SHA-256, in hexadecimal, of JSON without blanks and with the members of each object in the order of their names (those of RFC 8785 3.2.3
/// for names in ASCII, as all of ours are): however somebody keeps and prints it, it has one hash.
pub(crate) fn anchor(value: &Value) -> String {
    hex::encode(digest(&SHA256, sorted(value).to_string().as_bytes()))
}

/// The anchor of what was shown of one document, under the nonce of the presence that saw it.
pub(crate) fn shown_anchor(nonce: &str, document: &Value) -> String {
    anchor(&json!([nonce, document]))
}

/// The anchor of each document that is shown, in their order. Each has a salt of its own, so that nobody who has one guesses another.
pub(crate) fn anchors(shown: &str) -> Result<Vec<String>, Error> {
    let documents: Vec<Value> =
        serde_json::from_str(shown).map_err(|_| Error::StoredRow { what: "list of documents" })?;
    Ok(documents.iter().map(anchor).collect())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(members) => Value::Array(members.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which members are written changes nothing; what they say, and the nonce, does.
    #[test]
    fn one_value_has_one_anchor() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let one = read(r#"{"b": [1, {"d": "x", "c": null}], "a": true}"#);
        let same = read(r#"{"a":true,"b":[1,{"c":null,"d":"x"}]}"#);
        assert_eq!(anchor(&one), anchor(&same));
        assert_eq!(
            anchor(&json!({"a": 1})),
            "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
        );
        assert_ne!(anchor(&one), anchor(&read(r#"{"a":true,"b":[{"c":null,"d":"x"},1]}"#)));
        assert_ne!(shown_anchor("n", &one), shown_anchor("m", &one));
    }
}
