//! Signed requests: the flattened JWS of RFC 7515 7.2.2, as RFC 8555 6.2 narrows it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::jwk::{Algorithm, Jwk};
use super::problem::Problem;

/// The largest request we read: far above a certification request with a hundred names.
pub(crate) const MOST_OCTETS: usize = 64 * 1024;
/// How deep a request may nest; none of RFC 8555 goes deeper than four.
const DEEPEST: usize = 10;

/// A request whose form is right. Nothing in it is believed before [`Request::verify`].
pub(crate) struct Request {
    pub(crate) header: Header,
    /// The payload, empty for POST-as-GET (RFC 8555 6.3).
    payload: Vec<u8>,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

/// A request that its key has signed. Only [`Request::verify`] makes one.
pub(crate) struct Verified {
    payload: Vec<u8>,
}

/// The protected header.
pub(crate) struct Header {
    pub(crate) algorithm: String,
    /// RFC 8555 6.5. Absent in the inner ones of key change and account binding.
    pub(crate) nonce: Option<String>,
    /// RFC 8555 6.4.
    pub(crate) url: String,
    pub(crate) signer: Signer,
}

/// RFC 8555 6.2: a request has one of the two.
pub(crate) enum Signer {
    Key(Box<Jwk>),
    Kid(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flattened {
    protected: String,
    payload: String,
    signature: String,
}

/// RFC 7515 4: members that are not known are not looked at, except `crit`.
#[derive(Deserialize)]
struct ProtectedHeader {
    alg: String,
    url: Option<String>,
    nonce: Option<String>,
    jwk: Option<Value>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
}

impl Request {
    /// Reads a request.
    pub(crate) fn parse(body: &[u8]) -> Result<Request, Problem> {
        if body.len() > MOST_OCTETS {
            return Err(Problem {
                status: 413,
                ..Problem::malformed("the request is larger than is read here")
            });
        }
        Request::of(&read(body)?)
    }

    /// Reads a request that is part of another one.
    pub(crate) fn from_value(value: Value) -> Result<Request, Problem> {
        let flattened: Flattened = serde_json::from_value(value)
            .map_err(|_| Problem::malformed("the inner JWS is not a flattened one"))?;
        Request::of(&flattened)
    }

    fn of(flattened: &Flattened) -> Result<Request, Problem> {
        let protected: ProtectedHeader = read(&decoded("protected", &flattened.protected)?)?;
        if protected.crit.is_some() || protected.b64.is_some() {
            return Err(Problem::malformed(
                "the protected header asks for extensions that are not known here",
            ));
        }
        let signer = match (protected.jwk, protected.kid) {
            (Some(jwk), None) => Signer::Key(Box::new(Jwk::parse(&jwk)?)),
            (None, Some(kid)) => Signer::Kid(kid),
            _ => return Err(Problem::malformed("the protected header must have one of \"jwk\" and \"kid\"")),
        };
        let url = protected.url.ok_or_else(|| Problem::malformed("the protected header has no \"url\""))?;
        Ok(Request {
            header: Header { algorithm: protected.alg, nonce: protected.nonce, url, signer },
            payload: decoded("payload", &flattened.payload)?,
            signature: decoded("signature", &flattened.signature)?,
            signing_input: format!("{}.{}", flattened.protected, flattened.payload).into_bytes(),
        })
    }

    /// The payload, signed by this key.
    pub(crate) fn verify(self, key: &Jwk) -> Result<Verified, Problem> {
        let algorithm = Algorithm::parse(&self.header.algorithm)?;
        key.verify(algorithm, &self.signing_input, &self.signature)?;
        Ok(Verified { payload: self.payload })
    }

    /// The payload, with a MAC under this secret: the binding of RFC 8555 7.3.4.
    pub(crate) fn verify_mac(self, secret: &[u8]) -> Result<Verified, Problem> {
        use aws_lc_rs::hmac;
        let algorithm = match self.header.algorithm.as_str() {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => return Err(Problem::malformed("an account is bound with HS256, HS384 or HS512")),
        };
        hmac::verify(&hmac::Key::new(algorithm, secret), &self.signing_input, &self.signature)
            .map_err(|_| Problem::unauthorized("the external account's MAC is not right"))?;
        Ok(Verified { payload: self.payload })
    }
}

impl Verified {
    /// Whether this is a POST-as-GET.
    pub(crate) fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// The payload as its type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read(&self.payload)
    }

    /// Refuses a payload where there must be none: RFC 8555 6.3.
    pub(crate) fn must_be_empty(&self) -> Result<(), Problem> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Problem::malformed("this is fetched with an empty payload"))
        }
    }
}

/// Reads JSON that nests no deeper than we ever need.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if depth(bytes) > DEEPEST {
        return Err(Problem::malformed("the request nests too deeply"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::malformed(format!("not the JSON it must be: {error}")))
}

/// How deep brackets nest outside of strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => now += 1,
            b']' | b'}' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// RFC 7515 2: base64url without padding, nothing else between.
fn decoded(name: &str, text: &str) -> Result<Vec<u8>, Problem> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Problem::malformed(format!("\"{name}\" is not base64url")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::problem::Kind;

    fn request(header: &str, extra: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(header);
        format!(r#"{{"protected":"{header}","payload":"","signature":"AA"{extra}}}"#)
    }

    const KID: &str = r#"{"alg":"ES256","nonce":"n","url":"u","kid":"k"}"#;

    fn refused(text: &str) -> Problem {
        Request::parse(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was read"))
    }

    /// What RFC 8555 6.2 does not allow is refused: other forms, both keys or none, unprotected headers, extensions.
    #[test]
    fn only_flattened_requests_are_read() {
        assert!(Request::parse(request(KID, "").as_bytes()).is_ok());
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, URL_SAFE_NO_PAD.encode([7; 32]));
        for bad in [
            request(KID, r#","header":{"kid":"x"}"#),
            request(KID, r#","signatures":[]"#),
            request(KID, r#","payload":"AA""#),
            request(r#"{"alg":"ES256","nonce":"n","url":"u"}"#, ""),
            request(&format!(r#"{{"alg":"EdDSA","nonce":"n","url":"u","kid":"k","jwk":{jwk}}}"#), ""),
            request(r#"{"alg":"ES256","nonce":"n","kid":"k"}"#, ""),
            request(r#"{"alg":"ES256","nonce":"n","url":"u","kid":"k","crit":["x"]}"#, ""),
            request(r#"{"alg":"ES256","nonce":"n","url":"u","kid":"k","b64":false}"#, ""),
            request(r#"{"alg":"ES256","alg":"none","nonce":"n","url":"u","kid":"k"}"#, ""),
            format!("[{}]", request(KID, "")),
            r#"{"protected":"AA==","payload":"","signature":""}"#.to_owned(),
            r#"{"protected":"A A","payload":"","signature":""}"#.to_owned(),
            "{}".to_owned(),
            String::new(),
        ] {
            assert_eq!(refused(&bad).kind, Kind::Malformed, "{bad}");
        }
    }

    /// Deep nesting and size are refused before anything is built from them.
    #[test]
    fn large_and_deep_requests_are_refused() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(refused(&deep).detail.contains("deeply"));
        assert_eq!(refused(&" ".repeat(MOST_OCTETS + 1)).status, 413);
        assert_eq!(depth(br#"{"a":"[[[[\"[["}"#), 1);
        let header =
            format!(r#"{{"alg":"ES256","url":"u","kid":"k","x":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
        assert!(refused(&request(&header, "")).detail.contains("deeply"));
    }

    /// No algorithm but those we name, and none that is not of the key's kind.
    #[test]
    fn algorithms_must_fit_their_key() {
        let key = Jwk::Ed25519 { x: vec![7; 32] };
        for algorithm in ["none", "HS256", "RS256", "ES256", "RS1"] {
            let text = request(&format!(r#"{{"alg":"{algorithm}","nonce":"n","url":"u","kid":"k"}}"#), "");
            let problem =
                Request::parse(text.as_bytes()).unwrap_or_else(|_| panic!()).verify(&key).err().unwrap();
            assert_eq!(problem.kind, Kind::BadSignatureAlgorithm, "{algorithm}");
        }
    }
}
