//! Assertions by which relying parties prove who they are: RFC 7523, as CIS2 takes them.

use std::time::Duration;

use platform::clock::Millis;
use platform::id::ClientId;

use super::failure::Failure;
use crate::oidc::face::Faces;
use crate::secret::sha256_hex;
use crate::token::jws::Jws;

/// How far ahead the end may lie.
const LONGEST: Duration = Duration::from_mins(30);
/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(10);
/// How many audiences one may name.
const MOST_AUDIENCES: usize = 8;
/// The algorithms that are taken.
const ALGORITHMS: [&str; 4] = ["RS256", "RS512", "PS256", "ES256"];

/// An assertion whose claims are right, and whose signature is still to be verified.
pub(crate) struct Claimed<'t> {
    /// Whom it claims to be.
    pub(crate) client: ClientId,
    /// By which key.
    pub(crate) kid: String,
    /// SHA-256 of its `jti`.
    pub(crate) jti_hash: String,
    /// Until when it could be presented again.
    pub(crate) expires_at: Millis,
    /// The signature.
    pub(crate) jws: Jws<'t>,
}

/// Looks at everything that needs no knowledge of the client, so that whatever is told is about what was sent. Where the claims
/// name a client, it comes with the failure, for its owner's list.
pub(crate) fn claimed<'t>(
    text: &'t str,
    given: Option<&str>,
    faces: &Faces,
    (restored, now): (Option<Millis>, Millis),
) -> Result<Claimed<'t>, (Option<ClientId>, Failure)> {
    let jws = Jws::parse(text).map_err(|bad| {
        (None, Failure::told("malformed", format!("The client assertion is not read: {bad}.")))
    })?;
    let client = jws.text("sub").and_then(|sub| sub.parse::<ClientId>().ok());
    let fail = |failed, sentence: String| (client.clone(), Failure::told(failed, sentence));
    let Some(named) = client.clone().filter(|client| jws.text("iss") == Some(client.as_str())) else {
        return Err(fail(
            "subject",
            "In the client assertion iss and sub are both the client id.".to_owned(),
        ));
    };
    if given.is_some_and(|given| given != named.as_str()) {
        return Err(fail("subject", "client_id is not the sub of the client assertion.".to_owned()));
    }
    if !ALGORITHMS.contains(&jws.alg.as_str()) {
        let known = ALGORITHMS.join(", ");
        return Err(fail("algorithm", format!("The client assertion is signed in none of {known}.")));
    }
    let Some(kid) = jws.kid.clone().filter(|kid| !kid.is_empty()) else {
        return Err(fail("kid", "The header of the client assertion has no kid.".to_owned()));
    };
    audience(&jws, faces).map_err(|sentence| fail("audience", sentence))?;
    let expires_at = times(&jws, now).map_err(|(failed, sentence)| fail(failed, sentence))?;
    if let Some(at) = restored.filter(|at| may_be_of_before(&jws, expires_at, *at)) {
        let sentence = format!(
            "The provider's database was put back from a copy at {at}, and an assertion of before then may have been used. Make \
             a new one, whose iat is later."
        );
        return Err(fail("restored", sentence));
    }
    let Some(jti) = jws.text("jti").filter(|jti| !jti.is_empty() && jti.len() <= 256) else {
        return Err(fail("jti", "The client assertion has no jti of at most 256 octets.".to_owned()));
    };
    let jti_hash = sha256_hex(jti.as_bytes());
    Ok(Claimed { client: named, kid, jti_hash, expires_at, jws })
}

/// RFC 7523 3: the audience is us. There are libraries that name the issuer and the token endpoint in a list; one that names others too is
/// refused, so that nobody else can present it.
fn audience(jws: &Jws<'_>, faces: &Faces) -> Result<(), String> {
    let is_ours = |audience: &serde_json::Value| audience.as_str().is_some_and(|one| faces.is_audience(one));
    let ours = match jws.claims.get("aud") {
        Some(serde_json::Value::Array(all)) => {
            (1..=MOST_AUDIENCES).contains(&all.len()) && all.iter().all(is_ours)
        }
        Some(one) => is_ours(one),
        None => false,
    };
    if ours {
        return Ok(());
    }
    Err(format!(
        "The aud of the client assertion is the token endpoint as discovery has it, such as {}, and nobody else.",
        faces.audience()
    ))
}

fn times(jws: &Jws<'_>, now: Millis) -> Result<Millis, (&'static str, String)> {
    let at = |name: &str| jws.seconds(name).map(|seconds| Millis(seconds.saturating_mul(1000)));
    let Some(expires_at) = at("exp") else {
        return Err(("expiry", "The client assertion has no exp.".to_owned()));
    };
    if expires_at.plus(LEEWAY) <= now {
        return Err(("expiry", format!("The client assertion ended at {expires_at}; it is {now}.")));
    }
    if expires_at >= now.plus(LONGEST) {
        return Err(("expiry", format!("The client assertion ends 30 minutes ahead or later; it is {now}.")));
    }
    for name in ["iat", "nbf"] {
        if at(name).is_some_and(|begins| begins > now.plus(LEEWAY)) {
            return Err((
                "future",
                format!("The {name} of the client assertion lies in the future; it is {now}."),
            ));
        }
    }
    Ok(expires_at.plus(LEEWAY))
}

/// Whether an assertion may have been used before the database was put back: that is forgotten. One that was made since says so by
/// its `iat`, or by an end that no assertion of before then could have had.
fn may_be_of_before(jws: &Jws<'_>, expires_at: Millis, restored: Millis) -> bool {
    let made_at = jws.seconds("iat").map(|seconds| Millis(seconds.saturating_mul(1000)));
    let made_since = made_at.is_some_and(|at| at > restored.plus(LEEWAY));
    !made_since && expires_at < restored.plus(LONGEST).plus(LEEWAY)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;

    const NOW: Millis = Millis(1_795_540_800_000);

    fn failed(header: &Value, change: &Value) -> Option<&'static str> {
        failed_since(None, header, change)
    }

    fn failed_since(restored: Option<Millis>, header: &Value, change: &Value) -> Option<&'static str> {
        let mut claims = json!({
            "iss": "rp", "sub": "rp", "aud": "https://id.example.org/token", "jti": "1", "iat": NOW.seconds(),
            "exp": NOW.seconds() + 300
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}.c2ln", encode(header), encode(&claims));
        let faces = Faces::of(&Config::new("https://id.example.org"));
        claimed(&text, None, &faces, (restored, NOW)).err().map(|(_, failure)| {
            assert_eq!(failure.told, super::super::failure::Told::Sentence);
            failure.failed
        })
    }

    /// What may have been used before the database was put back is not taken; what says that it is of since is.
    #[test]
    fn nothing_of_before_a_restore_is_taken() {
        let good = json!({"alg": "RS256", "kid": "1"});
        let at = |seconds: i64| json!(NOW.seconds() + seconds);
        let since =
            |ago: u64, change: &Value| failed_since(Some(NOW.minus(Duration::from_secs(ago))), &good, change);
        assert_eq!(since(60, &json!({})), None);
        assert_eq!(since(5, &json!({})), Some("restored"), "the client's clock may be ahead");
        assert_eq!(since(60, &json!({"iat": at(-61)})), Some("restored"));
        assert_eq!(since(60, &json!({"iat": null})), Some("restored"));
        assert_eq!(
            since(60, &json!({"iat": null, "exp": at(1740)})),
            None,
            "no assertion of before ended so late"
        );
        assert_eq!(since(60, &json!({"iat": at(-61), "exp": at(1739)})), Some("restored"));
        assert_eq!(since(1800, &json!({"iat": null})), None, "all of before are over");
    }

    /// Each claim that is wrong is named, and a good one goes on.
    #[test]
    fn each_check_has_its_word() {
        let good = json!({"alg": "RS256", "kid": "1"});
        let at = |seconds: i64| json!(NOW.seconds() + seconds);
        assert_eq!(failed(&good, &json!({})), None);
        assert_eq!(failed(&good, &json!({"aud": ["https://id.example.org:443/token"]})), None);
        assert_eq!(failed(&good, &json!({"exp": at(1799)})), None);
        for (header, change, expected) in [
            (&json!({"alg": "none", "kid": "1"}), json!({}), "algorithm"),
            (&json!({"alg": "HS256", "kid": "1"}), json!({}), "algorithm"),
            (&json!({"alg": "RS256"}), json!({}), "kid"),
            (&good, json!({"iss": "other"}), "subject"),
            (&good, json!({"sub": "No Client"}), "subject"),
            (&good, json!({"aud": "https://id.example.org/other"}), "audience"),
            (&good, json!({"aud": ["https://id.example.org/token", "https://evil.example"]}), "audience"),
            (&good, json!({"exp": null}), "expiry"),
            (&good, json!({"exp": at(-11)}), "expiry"),
            (&good, json!({"exp": at(1800)}), "expiry"),
            (&good, json!({"exp": 1e300}), "expiry"),
            (&good, json!({"iat": at(60)}), "future"),
            (&good, json!({"nbf": at(60)}), "future"),
            (&good, json!({"jti": ""}), "jti"),
            (&good, json!({"jti": "x".repeat(257)}), "jti"),
        ] {
            assert_eq!(failed(header, &change), Some(expected), "{header} {change}");
        }
    }
}
