//! What a request asks to have signed: `authorization_details` (RFC 9396), or the parameters of the API of the Cloud Signature
//! Consortium (CSC API v2, 8.4.2). It is read at the door; the signer asks the person.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::refusal::{Code, Refusal};
use crate::api::{SigningDetails, SigningDocument};

/// The types that are known: that of the specification, and its name as an address.
pub(crate) const TYPES: [&str; 2] = ["credential", "https://cloudsignatureconsortium.org/2.0/credential"];
/// SHA-256, the one hash by which documents are authorised.
const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
/// How many documents one authorisation covers at most.
const MOST: usize = 250;
/// The longest parameter that is read: that many documents with labels.
const LONGEST: usize = 96 * 1024;
/// The longest name of a credential, of a document, and the longest description (CSC API v2, 8.4.2).
const LONGEST_CREDENTIAL: usize = 100;
const LONGEST_LABEL: usize = 200;
const LONGEST_DESCRIPTION: usize = 500;

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "credentialID")]
    credential: Option<String>,
    #[serde(rename = "documentDigests")]
    digests: Option<Vec<WrittenDigest>>,
    #[serde(rename = "hashAlgorithmOID")]
    hash_algorithm: Option<String>,
}

#[derive(Deserialize)]
struct WrittenDigest {
    hash: String,
    #[serde(default)]
    label: Option<String>,
}

/// Whether a request asks for signatures at all.
pub(crate) fn asked(parameters: &Parameters) -> bool {
    parameters.get("authorization_details").is_some() || parameters.list("scope").contains(&"credential")
}

/// What is to be signed; nothing where signatures are not asked for.
pub(crate) fn read(parameters: &Parameters) -> Result<Option<SigningDetails>, Refusal> {
    if !asked(parameters) {
        return Ok(None);
    }
    let description = match parameters.get("description") {
        None => None,
        Some(text) if plain(text, LONGEST_DESCRIPTION) => Some(text.to_owned()),
        Some(_) => return Err(bad("description has at most 500 characters, and no control characters.")),
    };
    let (credential, documents) = match parameters.get("authorization_details") {
        Some(text) => of_details(text)?,
        None => of_parameters(parameters)?,
    };
    let mut seen = std::collections::HashSet::new();
    if !documents.iter().all(|document| seen.insert(document.hash.as_str())) {
        return Err(bad("A document stands in the request twice; each is signed once."));
    }
    Ok(Some(SigningDetails { credential, documents, description }))
}

/// What was granted, as the answer to a code says it. RFC 9396 7.
pub(crate) fn granted(details: &SigningDetails) -> Value {
    json!([{
        "type": TYPES[0],
        "credentialID": details.credential,
        "hashAlgorithmOID": SHA_256,
        "documentDigests": details.documents,
    }])
}

fn of_details(text: &str) -> Result<(String, Vec<SigningDocument>), Refusal> {
    // RFC 9396 5.
    let wrong = |sentence: &str| Refusal::new(Code::InvalidAuthorizationDetails, sentence);
    if text.len() > LONGEST {
        return Err(wrong("authorization_details is longer than any that is taken."));
    }
    let read: Vec<Written> = serde_json::from_str(text).map_err(|_| {
        wrong("authorization_details is a JSON array of objects with type, credentialID, documentDigests and hashAlgorithmOID.")
    })?;
    let [one] = <[Written; 1]>::try_from(read)
        .map_err(|_| wrong("authorization_details has one element: one credential signs at a time."))?;
    if !TYPES.contains(&one.kind.as_str()) {
        return Err(wrong("The one type of authorization_details here is credential."));
    }
    let credential = one.credential.filter(|id| is_credential(id));
    let credential = credential
        .ok_or_else(|| wrong("credentialID names the credential; a signatureQualifier chooses none here."))?;
    if one.hash_algorithm.as_deref() != Some(SHA_256) {
        return Err(wrong("hashAlgorithmOID is that of SHA-256, 2.16.840.1.101.3.4.2.1."));
    }
    let digests = one.digests.unwrap_or_default();
    if digests.is_empty() || digests.len() > MOST {
        return Err(wrong("documentDigests has 1 to 250 elements."));
    }
    let document = |digest: WrittenDigest| {
        let hash = STANDARD.decode(&digest.hash).ok().filter(|octets| octets.len() == 32);
        let hash = hash.ok_or_else(|| wrong("Each hash is the base64 of 32 octets."))?;
        if digest.label.as_deref().is_some_and(|label| !plain(label, LONGEST_LABEL)) {
            return Err(wrong("A label has at most 200 characters, and no control characters."));
        }
        Ok(SigningDocument { hash: STANDARD.encode(hash), label: digest.label })
    };
    Ok((credential, digests.into_iter().map(document).collect::<Result<_, _>>()?))
}

fn of_parameters(parameters: &Parameters) -> Result<(String, Vec<SigningDocument>), Refusal> {
    let credential = parameters.get("credentialID").filter(|id| is_credential(id));
    let credential = credential.ok_or_else(|| bad("With the scope credential name the credentialID."))?;
    let algorithm = parameters.get("hashAlgorithmOID");
    let (hashes, algorithm) = match (parameters.get("hashes"), parameters.get("hash")) {
        // CSC API 1.0.4.0, 8.3.2: version 1 calls them so, and names no algorithm here.
        (None, Some(hashes)) => (hashes, algorithm.or(Some(SHA_256))),
        (hashes, None) => (hashes.unwrap_or_default(), algorithm),
        (Some(_), Some(_)) => return Err(bad("Name what is signed once: hashes, or hash as in version 1.")),
    };
    if algorithm != Some(SHA_256) {
        return Err(bad("hashAlgorithmOID is that of SHA-256, 2.16.840.1.101.3.4.2.1."));
    }
    let hashes: Vec<&str> = hashes.split(',').collect();
    if hashes.len() > MOST {
        return Err(bad("Numbers of signatures is too high"));
    }
    let number = parameters.get("numSignatures").and_then(|number| number.parse::<usize>().ok());
    if number != Some(hashes.len()) {
        return Err(bad("numSignatures is the number of hashes, and each hash is named."));
    }
    let document = |text: &&str| {
        let octets = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text));
        let octets = octets.ok().filter(|octets| octets.len() == 32);
        let octets =
            octets.ok_or_else(|| bad("hashes are base64url of 32 octets each, joined by commas."))?;
        Ok::<_, Refusal>(SigningDocument { hash: STANDARD.encode(octets), label: None })
    };
    Ok((credential.to_owned(), hashes.iter().map(document).collect::<Result<_, _>>()?))
}

fn is_credential(id: &str) -> bool {
    (1..=LONGEST_CREDENTIAL).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn plain(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

fn bad(sentence: &str) -> Refusal {
    Refusal::new(Code::InvalidRequest, sentence)
}

#[cfg(test)]
mod tests {
    use url::form_urlencoded::Serializer;

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Parameters {
        let text = Serializer::new(String::new()).extend_pairs(pairs).finish();
        Parameters::parse(text.as_bytes()).unwrap()
    }

    fn details(change: &Value) -> Value {
        let mut one = json!({
            "type": "credential", "credentialID": "GBR-1", "hashAlgorithmOID": SHA_256,
            "documentDigests": [{"hash": STANDARD.encode([7; 32]), "label": "Letter"}, {"hash": STANDARD.encode([8; 32])}]
        });
        for (name, value) in change.as_object().unwrap() {
            one[name] = value.clone();
        }
        one
    }

    /// Both forms of the specification say the same, and what asks for nothing is nothing.
    #[test]
    fn both_forms_are_read() {
        let text = json!([details(&json!({}))]).to_string();
        let one =
            read(&query(&[("authorization_details", &text), ("description", "Ward 4")])).unwrap().unwrap();
        assert_eq!((one.credential.as_str(), one.description.as_deref()), ("GBR-1", Some("Ward 4")));
        assert_eq!(one.documents[0].label.as_deref(), Some("Letter"));
        let long = json!([details(&json!({"type": TYPES[1]}))]).to_string();
        assert!(read(&query(&[("authorization_details", &long)])).unwrap().is_some());
        let hashes = format!("{},{}", URL_SAFE_NO_PAD.encode([7; 32]), URL_SAFE.encode([8; 32]));
        let plain = [
            ("scope", "credential"),
            ("credentialID", "GBR-1"),
            ("numSignatures", "2"),
            ("hashes", &hashes),
            ("hashAlgorithmOID", SHA_256),
        ];
        let two = read(&query(&plain)).unwrap().unwrap();
        let hashes = |details: &SigningDetails| -> Vec<String> {
            details.documents.iter().map(|document| document.hash.clone()).collect()
        };
        assert_eq!(hashes(&two), hashes(&one));
        let older = [plain[0], plain[1], plain[2], ("hash", plain[3].1)];
        assert_eq!(hashes(&read(&query(&older)).unwrap().unwrap()), hashes(&one), "as version 1 has it");
        assert!(read(&query(&[("scope", "openid service")])).unwrap().is_none());
    }

    /// Whatever would let something be signed that was not named is refused.
    #[test]
    fn what_is_not_named_is_refused() {
        let hash = STANDARD.encode([7; 32]);
        for change in [
            json!({"type": "payment"}),
            json!({"credentialID": null}),
            json!({"hashAlgorithmOID": "1.3.14.3.2.26"}),
            json!({"documentDigests": []}),
            json!({"documentDigests": [{"hash": "AAAA"}]}),
            json!({"documentDigests": [{"hash": "no base64"}]}),
            json!({"documentDigests": [{"hash": hash, "label": "a\nb"}]}),
            json!({"documentDigests": [{"hash": hash}, {"hash": hash}]}),
            json!({"documentDigests": vec![json!({"hash": hash}); 251]}),
        ] {
            let text = json!([details(&change)]).to_string();
            read(&query(&[("authorization_details", &text)])).expect_err(&change.to_string());
        }
        let twice = json!([details(&json!({})), details(&json!({}))]).to_string();
        for text in ["{}", "[]", "[1]", "nonsense", &twice] {
            let refused = read(&query(&[("authorization_details", text)])).expect_err(text);
            assert_eq!(refused.code, Code::InvalidAuthorizationDetails, "{text}");
        }
        let hashes = URL_SAFE_NO_PAD.encode([7; 32]);
        let whole = [
            ("scope", "credential"),
            ("credentialID", "GBR-1"),
            ("numSignatures", "1"),
            ("hashes", hashes.as_str()),
            ("hashAlgorithmOID", SHA_256),
        ];
        assert!(read(&query(&whole)).is_ok());
        for left_out in 1..whole.len() {
            let mut some = whole.to_vec();
            let (name, _) = some.remove(left_out);
            read(&query(&some)).expect_err(name);
        }
        let more = [whole[0], whole[1], ("numSignatures", "2"), whole[3], whole[4]];
        read(&query(&more)).expect_err("more signatures than hashes");
        let both = [&whole[..], &[("hash", hashes.as_str())]].concat();
        read(&query(&both)).expect_err("of two versions");
        let other =
            [whole[0], whole[1], whole[2], ("hash", hashes.as_str()), ("hashAlgorithmOID", "1.3.14.3.2.26")];
        read(&query(&other)).expect_err("version 1 with another hash");
    }
}
