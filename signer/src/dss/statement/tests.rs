//! Statements that are read, and the many that are not.

use serde_json::{Value, json};

use super::*;

const AUDIENCE: &str = "https://id.example.org/signing-service";
const NOW: Millis = Millis(1_795_540_800_000);

/// A statement about a document of this number, base64.
fn info(number: u32, method: &str, hash: &str, length: usize) -> String {
    let mut octets = vec![0; length];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    let text = format!(
        "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></CanonicalizationMethod><SignatureMethod \
         Algorithm=\"{method}\"></SignatureMethod><Reference><Transforms><Transform \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></Transform></Transforms><DigestMethod \
         Algorithm=\"{hash}\"></DigestMethod><DigestValue>{}</DigestValue></Reference></SignedInfo>",
        STANDARD.encode(octets)
    );
    STANDARD.encode(text)
}

fn sha_256(number: u32) -> String {
    info(
        number,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        32,
    )
}

fn sha_1(number: u32) -> String {
    info(number, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1", 20)
}

fn good() -> Value {
    json!({
        "iss": "practice", "sub": "555021942107", "aud": AUDIENCE, "iat": NOW.seconds(), "exp": NOW.seconds() + 600,
        "algorithm": "RS256", "payloads": [{"id": "one", "payload": sha_256(1)}, {"id": "two", "payload": sha_256(2)}],
    })
}

fn compact(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.c2ln", encode(header), encode(claims))
}

fn header() -> Value {
    json!({"typ": "JWT", "alg": "RS512", "kid": "1"})
}

fn refused(header: &Value, claims: &Value) -> Option<&'static str> {
    let read = Statement::read(&compact(header, claims));
    read.and_then(|statement| statement.check(AUDIENCE, NOW)).err().map(|problem| problem.code)
}

/// A good statement reads, with its documents in their order and the hash by which it is known again.
#[test]
fn statements_read() {
    let statement = Statement::read(&compact(&header(), &good())).unwrap();
    statement.check(AUDIENCE, NOW).unwrap();
    let ids: Vec<&str> = statement.payloads.iter().map(|payload| payload.id.as_str()).collect();
    assert_eq!((ids, statement.hash.len()), (vec!["one", "two"], 64));
    assert_eq!(statement.algorithm, Algorithm::Rs256);
}

/// Each wrong header, claim and time has its word.
#[test]
fn wrong_statements_have_their_words() {
    let at = |seconds: i64| json!(NOW.seconds() + seconds);
    let check = |change: Value, expected: Option<&str>| {
        let (mut header, mut claims) = (header(), good());
        for (name, value) in change.as_object().unwrap() {
            let member = name.strip_prefix("header.");
            match member {
                Some(member) => header[member] = value.clone(),
                None => claims[name] = value.clone(),
            }
        }
        assert_eq!(refused(&header, &claims), expected, "{change}");
    };
    check(json!({}), None);
    check(json!({"header.typ": "jwt"}), None);
    check(json!({"aud": [AUDIENCE]}), None);
    check(json!({"header.typ": "JOSE"}), Some("jwt-typ"));
    check(json!({"header.typ": null}), Some("jwt-typ"));
    for alg in ["none", "HS512", "RS256", "PS512", "ES512"] {
        check(json!({"header.alg": alg}), Some("jwt-alg"));
    }
    check(json!({"header.kid": null}), Some("jwt-kid"));
    check(json!({"header.kid": ""}), Some("jwt-kid"));
    check(json!({"header.crit": ["exp"]}), Some("jwt-malformed"));
    check(json!({"aud": "https://other.example/signing-service"}), Some("jwt-audience"));
    check(json!({"aud": [AUDIENCE, "https://other.example"]}), Some("jwt-audience"));
    check(json!({"iat": at(-300), "exp": at(301)}), Some("jwt-age"));
    check(json!({"iat": at(-601), "exp": at(-1)}), Some("jwt-expired"));
    check(json!({"iat": at(-601), "exp": at(1)}), Some("jwt-age"));
    check(json!({"exp": at(0)}), Some("jwt-expired"));
    check(json!({"iat": at(31), "exp": at(60)}), Some("jwt-age"));
    check(json!({"nbf": at(31)}), Some("jwt-age"));
    check(json!({"iat": i64::MIN}), Some("jwt-age"));
    check(json!({"sub": null}), Some("jwt-malformed"));
    check(json!({"algorithm": "RS512"}), Some("algorithm-unknown"));
}

/// Documents are 1 to 250, each with a name of its own and none twice, each the statement of the algorithm that is named.
#[test]
fn wrong_documents_have_their_words() {
    let check = |payloads: Value, expected: Option<&str>| {
        let mut claims = good();
        claims["payloads"] = payloads;
        assert_eq!(refused(&header(), &claims), expected);
    };
    let many = |number: u32| {
        let one = |place: u32| json!({"id": place.to_string(), "payload": sha_256(place)});
        Value::Array((1..=number).map(one).collect())
    };
    check(many(250), None);
    check(many(251), Some("payloads-number"));
    check(json!([]), Some("payloads-number"));
    let pair = |one: &str, other: &str, payload: &str| json!([{"id": one, "payload": sha_256(1)}, {"id": other, "payload": payload}]);
    check(pair("one", "one", &sha_256(2)), Some("payload-id"));
    check(pair("one", "", &sha_256(2)), Some("payload-id"));
    check(pair("one", &"x".repeat(129), &sha_256(2)), Some("payload-id"));
    check(pair("one", "two", &sha_256(1)), Some("payload-repeated"));
    let text = String::from_utf8(STANDARD.decode(sha_256(2)).unwrap()).unwrap();
    let not = Some("payload-not-signed-info");
    for payload in [
        sha_1(2),
        "!".to_owned(),
        STANDARD.encode("a prescription"),
        STANDARD.encode("<SignedInfo/>"),
        STANDARD.encode(format!("{text} ")),
        STANDARD.encode(text.replace("><", "> <")),
        STANDARD.encode(text.replace("<Reference>", "<Reference URI=\"\">")),
        STANDARD.encode(text.replace("<SignedInfo", "<!DOCTYPE a []><SignedInfo")),
        STANDARD.encode(" ".repeat(LONGEST_PAYLOAD)),
    ] {
        check(pair("one", "two", &payload), not);
    }
    let mut claims = good();
    claims["algorithm"] = json!("RS1");
    assert_eq!(refused(&header(), &claims), not);
    claims["payloads"] = json!([{"id": "one", "payload": sha_1(1)}]);
    assert_eq!(refused(&header(), &claims), None, "whether the application may, is asked elsewhere");
}

/// Whatever comes is read or refused, and a key of another kind verifies nothing.
#[test]
fn anything_can_be_read() {
    let sample = compact(&header(), &good());
    let key = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
    let read = |octets: &[u8]| {
        if let Ok(statement) = Statement::read(&String::from_utf8_lossy(octets)) {
            assert!(!statement.is_by(&key) && statement.payloads.len() <= MOST);
        }
    };
    assert_eq!(platform::hammer::hammer(sample.as_bytes(), 300, read), Ok(()));
}
