//! The keys that sign tokens, and what is published of them.
//!
//! A key is rolled over by the configuration: the next one is listed last and published with the others, later it is put first and
//! signs, and the old one goes when nothing that it signed is good any more.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hsm::{Alg, Hsm, Key};
use platform::clock::Millis;
use platform::db::Db;
use serde_json::{Map, Value, json};
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::alg::TokenAlg;
use super::jws::Jws;
use crate::config::KeyConfig;
use crate::error::Error;
use crate::events::Event;
use crate::store::token_keys;

/// The type of ID tokens, and of what userinfo answers.
const ID_TOKEN: &str = "JWT";

/// The keys of the provider.
pub(crate) struct Keys(Vec<Published>);

/// One key in one algorithm. An RSA key is published twice, because each entry says its algorithm.
struct Published {
    label: String,
    kid: String,
    alg: TokenAlg,
    key: Key,
    jwk: Value,
    /// The header of an ID token as it travels: nearly every token has it.
    header: String,
}

impl Published {
    /// The header of a token of another type.
    fn header(&self, typ: &str) -> String {
        header(self.alg, &self.kid, typ)
    }
}

impl Keys {
    /// Finds the keys in the token, and makes those that are missing.
    pub(crate) async fn open(hsm: &Hsm, configured: &[KeyConfig]) -> Result<Self, Error> {
        let mut published = Vec::new();
        for KeyConfig { label, alg } in configured {
            let key = match hsm.key(label).await {
                Ok(key) => key,
                Err(hsm::Error::KeyNotFound { .. }) => make(hsm, label, *alg).await?,
                Err(error) => return Err(error.into()),
            };
            if key.alg() != *alg {
                return Err(Error::Setting {
                    sentence: "a key of authn.keys has another algorithm in the token",
                });
            }
            published.extend(entries(label, &key)?);
        }
        Ok(Self(published))
    }

    /// Records the keys that are here for the first time, made a moment ago or by whoever looks after the token. What a crash leaves
    /// out the next start records.
    pub(crate) async fn record(&self, db: &Db, now: Millis) -> Result<(), Error> {
        for one in &self.0 {
            if token_keys::is_taken(db.read(), &one.label, &one.kid).await? {
                continue;
            }
            let (label, kid, alg) = (one.label.clone(), one.kid.clone(), one.alg.word().to_owned());
            let recorded: Result<(), Error> = db
                .write(move |tx| {
                    Box::pin(async move {
                        if token_keys::take(tx, &label, &kid, now).await? {
                            let event = Event::TokenKeyTaken { label, kid, alg };
                            audit::record(tx, now, &Actor::system("authn"), &event).await?;
                        }
                        Ok(())
                    })
                })
                .await;
            recorded?;
        }
        Ok(())
    }

    /// What relying parties get: RFC 7517.
    pub(crate) fn set(&self) -> Value {
        json!({"keys": self.0.iter().map(|one| &one.jwk).collect::<Vec<_>>()})
    }

    /// The algorithms that there is a key for.
    pub(crate) fn algorithms(&self) -> Vec<&'static str> {
        let mut words: Vec<&str> = Vec::new();
        for one in &self.0 {
            if !words.contains(&one.alg.word()) {
                words.push(one.alg.word());
            }
        }
        words
    }

    /// Whether there is a key for an algorithm.
    pub(crate) fn has(&self, alg: TokenAlg) -> bool {
        self.0.iter().any(|one| one.alg == alg)
    }

    /// Signs claims with the key that signs now. The type goes into the header.
    pub(crate) async fn sign(&self, alg: TokenAlg, typ: &str, claims: &Value) -> Result<String, Error> {
        let one = self.0.iter().find(|one| one.alg == alg);
        let one = one.ok_or(Error::Setting { sentence: "authn.keys has no key for a client's algorithm" })?;
        let mut text = if typ == ID_TOKEN { one.header.clone() } else { one.header(typ) };
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
        let signature = one.key.sign(alg.scheme(), text.as_bytes()).await?;
        let signature = if alg == TokenAlg::Es256 { fixed(&signature)? } else { signature };
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }

    /// The claims of an ID token of ours, whenever it was signed; none if it is not ours, or is another kind of token.
    pub(crate) fn read(&self, text: &str) -> Option<Map<String, Value>> {
        let jws = Jws::parse_ours(text).ok()?;
        // What userinfo answers is signed too, and has no time.
        if jws.typ.as_deref() != Some(ID_TOKEN) || !jws.claims.contains_key("auth_time") {
            return None;
        }
        let one = self.0.iter().find(|one| jws.kid.as_deref() == Some(one.kid.as_str()))?;
        jws.is_by(&one.jwk).then_some(jws.claims)
    }
}

/// Makes a key. Another machine may be first; then it is found.
async fn make(hsm: &Hsm, label: &str, alg: Alg) -> Result<Key, Error> {
    match hsm.generate(label, alg).await {
        Ok(key) => {
            tracing::info!(key = %label, "made the key {label}, which signs tokens");
            Ok(key)
        }
        Err(error) => hsm.key(label).await.map_err(|_| error.into()),
    }
}

fn entries(label: &str, key: &Key) -> Result<Vec<Published>, Error> {
    let unreadable = || Error::Stored { what: "public key of a token key" };
    let members = members(key.alg(), key.public_key()).ok_or_else(unreadable)?;
    let thumbprint = thumbprint(&members);
    let entry = |alg: &TokenAlg| {
        // RFC 7638; the second entry of an RSA key needs a name of its own.
        let kid = if *alg == TokenAlg::Ps256 { format!("{thumbprint}.ps256") } else { thumbprint.clone() };
        let mut jwk = members.clone();
        jwk.insert("use".to_owned(), "sig".into());
        jwk.insert("alg".to_owned(), alg.word().into());
        jwk.insert("kid".to_owned(), kid.clone().into());
        let (label, key, header) = (label.to_owned(), key.clone(), header(*alg, &kid, ID_TOKEN));
        Published { label, kid, alg: *alg, key, jwk: Value::Object(jwk), header }
    };
    Ok(TokenAlg::of_key(key.alg()).iter().map(entry).collect())
}

/// The header of a token as it travels.
fn header(alg: TokenAlg, kid: &str, typ: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({"alg": alg.word(), "kid": kid, "typ": typ}).to_string())
}

/// The members that make a key, RFC 7518 6 and RFC 8037 2.
fn members(alg: Alg, spki: &[u8]) -> Option<Map<String, Value>> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    let bits = info.subject_public_key.as_bytes()?;
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let members = match alg {
        Alg::P256 => {
            // SEC 1 2.3.3: the octet 4, then both coordinates.
            let (x, y) = bits.strip_prefix(&[4])?.split_at_checked(32)?;
            json!({"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)})
        }
        Alg::Ed25519 => json!({"crv": "Ed25519", "kty": "OKP", "x": encode(bits)}),
        _ => {
            let (n, e) = rsa(bits)?;
            json!({"e": encode(&e), "kty": "RSA", "n": encode(&n)})
        }
    };
    members.as_object().cloned()
}

/// RFC 8017 A.1.1.
fn rsa(bits: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(bits).ok()?;
    let found = reader.sequence(|inner| {
        let n = UintRef::decode(inner)?.as_bytes().to_vec();
        let e = UintRef::decode(inner)?.as_bytes().to_vec();
        Ok::<_, x509_cert::der::Error>((n, e))
    });
    found.ok()
}

/// RFC 7638 3. The map keeps the members in the order of their names, which is the order that counts.
pub(super) fn thumbprint(members: &Map<String, Value>) -> String {
    let ordered: std::collections::BTreeMap<&String, &Value> = members.iter().collect();
    let text = serde_json::to_string(&ordered).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

/// An ECDSA signature as RFC 7518 3.4 has it: both numbers in 32 octets each.
fn fixed(der: &[u8]) -> Result<Vec<u8>, Error> {
    let unreadable = || Error::Stored { what: "signature of the token" };
    let (r, s) = rsa(der).ok_or_else(unreadable)?;
    let mut octets = vec![0; 64];
    for (number, place) in [(r, 0), (s, 32)] {
        let at =
            (place + 32_usize).checked_sub(number.len()).filter(|at| *at >= place).ok_or_else(unreadable)?;
        octets[at..place + 32].copy_from_slice(&number);
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7638 3.1.
    #[test]
    fn thumbprints_are_those_of_the_standard() {
        let members = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB"
        });
        assert_eq!(thumbprint(members.as_object().unwrap()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// Numbers are filled up to 32 octets; a longer one is refused.
    #[test]
    fn signatures_have_a_fixed_length() {
        let short = [0x30, 0x07, 0x02, 0x01, 0x05, 0x02, 0x02, 0x01, 0x00];
        let octets = fixed(&short).unwrap();
        assert_eq!((octets.len(), octets[31], octets[62], octets[63]), (64, 5, 1, 0));
        let mut long = vec![0x30, 0x26, 0x02, 0x21];
        long.extend([0x01; 33]);
        long.extend([0x02, 0x01, 0x05]);
        assert!(fixed(&long).is_err());
        assert!(fixed(b"no").is_err());
    }
}
