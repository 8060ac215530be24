//! What a relying party is registered with, checked once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use platform::id::ClientId;
use serde_json::Value;
use url::{Host, Url};

use super::strict;
use crate::api::{AuthMethod, ClientConfig, GrantType};
use crate::error::Error;
use crate::interaction::Acr;
use crate::oidc::scope::{Scope, Scopes};
use crate::policy;
use crate::secret::sha256_hex;

/// How many addresses, scopes and keys one relying party may have.
const MOST: usize = 50;
/// The longest address.
const LONGEST: usize = 2000;
/// How many registrations are kept as they were read, and how many octets one of them may have.
const MOST_READ: usize = 1000;
const LONGEST_READ: usize = 16 * 1024;

/// Registrations that were read from what is stored, by just that: each is asked for whenever its relying party is heard of, and the text is
/// fetched each time, so that a change counts at once. Held to look one up or to put one in.
static READ: LazyLock<Mutex<HashMap<String, Arc<ClientConfig>>>> = LazyLock::new(Mutex::default);

/// A registration that can be worked with. There is no other way to one than through the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings(Arc<ClientConfig>);

impl Settings {
    /// Checks a registration.
    pub(crate) fn checked(config: ClientConfig) -> Result<Self, Error> {
        names(&config)?;
        addresses(&config)?;
        authentication(&config)?;
        keys(&config)?;
        signing(&config)?;
        defaults(&config)?;
        strict::check(&config)?;
        Ok(Self(Arc::new(config)))
    }

    /// Reads a registration that was checked when it was stored.
    pub(crate) fn stored(text: &str) -> Result<Self, Error> {
        let known = || READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = known().get(text) {
            return Ok(Self(Arc::clone(read)));
        }
        let read = serde_json::from_str(text).map_err(|_| Error::Stored { what: "authn_client.settings" })?;
        let read = Arc::new(read);
        if text.len() <= LONGEST_READ {
            let mut known = known();
            if known.len() >= MOST_READ {
                known.clear();
            }
            known.insert(text.to_owned(), Arc::clone(&read));
        }
        Ok(Self(read))
    }

    /// As it is stored.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self.config()).unwrap_or_default()
    }

    /// What was registered.
    pub(crate) fn config(&self) -> &ClientConfig {
        &self.0
    }

    /// What a change has to name: the registration and how often it was written.
    pub(crate) fn hash(&self, version: i64) -> String {
        sha256_hex(format!("{version}:{}", self.text()).as_bytes())
    }
}

fn names(config: &ClientConfig) -> Result<(), Error> {
    let fits = |text: &str, most: usize| {
        !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    if !fits(&config.client_name, 100) {
        return Err(Error::field("client_name", "Give a name of at most 100 letters."));
    }
    if config.description.as_deref().is_some_and(|text| !fits(text, 500)) {
        return Err(Error::field("description", "At most 500 letters."));
    }
    Ok(())
}

fn addresses(config: &ClientConfig) -> Result<(), Error> {
    let codes = config.grant_types.contains(&GrantType::AuthorizationCode);
    if codes && config.redirect_uris.is_empty() {
        return Err(Error::field(
            "redirect_uris",
            "Name at least one address that browsers are sent back to.",
        ));
    }
    for (field, addresses) in [
        ("redirect_uris", &config.redirect_uris),
        ("post_logout_redirect_uris", &config.post_logout_redirect_uris),
    ] {
        if addresses.len() > MOST {
            return Err(Error::field(field, format!("At most {MOST}.")));
        }
        if let Some(address) = addresses.iter().find(|address| !is_redirect(address)) {
            return Err(Error::field(
                field,
                format!(
                    "{address:?} is none: https, or http to this machine itself for a program on it, without fragment, \
                     user name and wildcard."
                ),
            ));
        }
    }
    for (field, address) in [
        ("backchannel_logout_uri", &config.backchannel_logout_uri),
        ("security_events_uri", &config.security_events_uri),
        ("jwks_uri", &config.jwks_uri),
    ] {
        if address.as_deref().is_some_and(|address| !is_server(address)) {
            return Err(Error::field(field, "An address that begins with https:// and has no fragment."));
        }
    }
    Ok(())
}

/// What a browser can be sent to. RFC 6749 3.1.2, RFC 8252 7.3.
fn is_redirect(address: &str) -> bool {
    let Some(url) = parsed(address) else { return false };
    match url.scheme() {
        "https" => url.has_host(),
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

fn is_server(address: &str) -> bool {
    parsed(address).is_some_and(|url| url.scheme() == "https" && url.has_host())
}

fn parsed(address: &str) -> Option<Url> {
    let strange = |letter: char| letter.is_control() || letter.is_whitespace() || "\\*<>\"".contains(letter);
    if address.len() > LONGEST || address.contains(strange) {
        return None;
    }
    let url = Url::parse(address).ok()?;
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    plain.then_some(url)
}

fn authentication(config: &ClientConfig) -> Result<(), Error> {
    let keys = config.jwks.is_some() || config.jwks_uri.is_some();
    match config.token_endpoint_auth_method {
        AuthMethod::PrivateKeyJwt if config.jwks.is_some() == config.jwks_uri.is_some() => {
            Err(Error::field("jwks_uri", "With private_key_jwt give either jwks_uri or jwks."))
        }
        AuthMethod::PrivateKeyJwt if config.jwks_uri_signing_algorithm.is_none() => Err(Error::field(
            "jwks_uri_signing_algorithm",
            "With private_key_jwt say how assertions are signed: RS256, RS512, PS256 or ES256.",
        )),
        AuthMethod::PrivateKeyJwt => Ok(()),
        _ if keys && config.signing.is_none() => {
            Err(Error::field("jwks_uri", "Keys are for private_key_jwt and for signing only."))
        }
        AuthMethod::TlsClientAuth if config.tls_client_auth_subject_dn.is_none() => Err(Error::field(
            "tls_client_auth_subject_dn",
            "With tls_client_auth give CN= and the system's name.",
        )),
        AuthMethod::TlsClientAuth => {
            let subject = config.tls_client_auth_subject_dn.as_deref().unwrap_or_default();
            let name = subject.strip_prefix("CN=").and_then(|name| name.parse::<ClientId>().ok());
            let sentence = match name {
                Some(name) if name.is_common_name() => return Ok(()),
                Some(_) => "At most 64 letters after CN=: it is the common name of a certificate.",
                None => "CN= and the name under which [clients] has the system.",
            };
            Err(Error::field("tls_client_auth_subject_dn", sentence))
        }
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => Ok(()),
    }
}

fn keys(config: &ClientConfig) -> Result<(), Error> {
    let Some(set) = &config.jwks else { return Ok(()) };
    let private =
        |key: &Value| ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|name| key.get(name).is_some());
    let named = |key: &Value| key.get("kid").and_then(Value::as_str).is_some_and(|kid| !kid.is_empty());
    match set.get("keys").and_then(Value::as_array) {
        Some(keys) if keys.iter().any(private) => Err(Error::field(
            "jwks",
            "There is a private key among them, which has now been sent. Make a new one, and send its public half.",
        )),
        Some(keys) if !keys.is_empty() && keys.len() <= MOST && keys.iter().all(named) => Ok(()),
        _ => Err(Error::field("jwks", "An object with `keys`: at least one, at most 50, each with a kid.")),
    }
}

/// Whoever has people sign says so by a key, and browsers come back to one address alone.
fn signing(config: &ClientConfig) -> Result<(), Error> {
    let Some(signing) = &config.signing else { return Ok(()) };
    if !is_redirect(&signing.callback_uri) {
        let sentence =
            "signing.callback_uri is https, or http to this machine itself, without fragment and user name.";
        return Err(Error::field("signing", sentence));
    }
    if config.jwks.is_some() == config.jwks_uri.is_some() {
        return Err(Error::field(
            "signing",
            "With signing give either jwks_uri or jwks: requests to sign are signed.",
        ));
    }
    Ok(())
}

fn defaults(config: &ClientConfig) -> Result<(), Error> {
    let is_scope = |word: &String| {
        !word.is_empty()
            && word.len() <= 100
            && word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    if config.scopes.len() > MOST || !config.scopes.iter().all(is_scope) {
        return Err(Error::field("scopes", format!("At most {MOST} words without blanks.")));
    }
    let scopes = Scopes::of(config.scopes.iter().map(String::as_str));
    let known = |word: &&str| Scope::ALL.iter().any(|scope| scope.word() == *word);
    let codes = config.grant_types.contains(&GrantType::AuthorizationCode);
    if codes && !scopes.has(Scope::OpenId) {
        return Err(Error::field("scopes", "Whoever exchanges codes needs openid."));
    }
    if codes
        && ![GrantType::ClientCredentials, GrantType::TokenExchange]
            .iter()
            .any(|own| config.grant_types.contains(own))
        && let Some(word) = scopes.words().find(|word| !known(word))
    {
        return Err(Error::field("scopes", format!("There is no scope {word} of a person.")));
    }
    if !Scopes::of(config.default_scopes.iter().map(String::as_str)).is_within(&scopes) {
        return Err(Error::field("default_scopes", "Only what stands in scopes too."));
    }
    if config.default_acr_values.iter().any(|word| word.parse::<Acr>().is_err()) {
        let all: Vec<&str> = Acr::ALL.into_iter().map(Acr::word).collect();
        return Err(Error::field("default_acr_values", format!("Of {}.", all.join(", "))));
    }
    policy::methods("authenticators", &config.authenticators)?;
    if config.default_max_age.is_some_and(|seconds| seconds > 86_400) {
        return Err(Error::field("default_max_age", "At most 86400 seconds."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(change: &Value) -> Result<Settings, Error> {
        let mut config = json!({
            "client_name": "Practice system", "redirect_uris": ["https://rp.example/cb"],
            "token_endpoint_auth_method": "client_secret_basic"
        });
        for (name, value) in change.as_object().unwrap() {
            config[name] = value.clone();
        }
        Settings::checked(serde_json::from_value(config).unwrap())
    }

    /// What was stored reads as it was, again and again; a change of it is another registration, and what does not read is refused each time.
    #[test]
    fn what_is_stored_is_read_as_it_is() {
        let (one, other) =
            (checked(&json!({})).unwrap(), checked(&json!({"client_name": "Another"})).unwrap());
        for _ in 0..2 {
            assert_eq!(Settings::stored(&one.text()).unwrap(), one);
            assert_eq!(Settings::stored(&other.text()).unwrap(), other);
            assert!(Settings::stored("{").is_err());
        }
        assert_ne!(one, other);
    }

    /// Addresses that a browser must not be sent to are refused when they are registered.
    #[test]
    fn addresses_are_plain() {
        for good in [
            "https://rp.example/cb?x=1",
            "http://127.0.0.1:9000/cb",
            "http://localhost/cb",
            "http://[::1]/cb",
        ] {
            assert!(checked(&json!({"redirect_uris": [good]})).is_ok(), "{good}");
        }
        for bad in [
            "http://rp.example/cb",
            "https://rp.example/cb#fragment",
            "https://*.rp.example/cb",
            "https://user@rp.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "//rp.example/cb",
            "/cb",
            "https://rp.example\\@evil.example/cb",
            "https://rp.example/\ncb",
            "http://localhost.evil.example/cb",
            "",
        ] {
            assert!(checked(&json!({"redirect_uris": [bad]})).is_err(), "{bad}");
        }
    }

    /// What does not fit together is refused, each by its member.
    #[test]
    fn what_does_not_fit_is_named() {
        let check = |change: Value, expected: &str| match checked(&change) {
            Err(Error::Field { field, .. }) => assert_eq!(field, expected, "{change}"),
            other => panic!("{change}: {other:?}"),
        };
        check(json!({"client_name": " "}), "client_name");
        check(json!({"redirect_uris": []}), "redirect_uris");
        check(json!({"jwks_uri": "http://rp.example/jwks"}), "jwks_uri");
        check(json!({"token_endpoint_auth_method": "private_key_jwt"}), "jwks_uri");
        let key = json!({"keys": [{"kty": "EC", "kid": "1"}]});
        check(json!({"jwks": key}), "jwks_uri");
        check(
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key}),
            "jwks_uri_signing_algorithm",
        );
        let private = json!({"keys": [{"kty": "EC", "kid": "1", "d": "x"}]});
        let signed = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks": private, "jwks_uri_signing_algorithm": "ES256"
        });
        check(signed, "jwks");
        check(json!({"scopes": ["profile"]}), "scopes");
        check(json!({"scopes": ["openid", "everything"]}), "scopes");
        check(json!({"default_scopes": ["profile"]}), "default_scopes");
        check(json!({"default_acr_values": ["AAL9"]}), "default_acr_values");
        check(json!({"authenticators": ["password"]}), "authenticators");
        check(json!({"security_events_uri": "http://rp.example/events"}), "security_events_uri");
        check(json!({"token_endpoint_auth_method": "tls_client_auth"}), "tls_client_auth_subject_dn");
        let system = |letters: usize| {
            json!({
                "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_subject_dn": format!("CN={}", "a".repeat(letters))
            })
        };
        check(system(65), "tls_client_auth_subject_dn");
        assert!(checked(&system(64)).is_ok());
        check(json!({"resources": ["/relative"]}), "resources");
        check(json!({"access_token_binding": "tls"}), "access_token_binding");
        check(json!({"signing": {"callback_uri": "https://rp.example/signed"}}), "signing");
        let signs = |address: &str| json!({"signing": {"callback_uri": address}, "jwks": key});
        check(signs("http://rp.example/signed"), "signing");
        assert!(checked(&signs("https://rp.example/signed")).is_ok());
        check(json!({"acts": ["directory:read"]}), "acts");
        check(json!({"grant_types": ["client_credentials"], "acts": ["Everything"]}), "acts");
        check(json!({"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]}), "token_exchanges");
    }

    /// The strict profile refuses what is weaker than it asks.
    #[test]
    fn strict_means_strict() {
        let key = json!({"keys": [{"kty": "EC", "kid": "1"}]});
        let good = json!({
            "security_profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt", "jwks": key,
            "jwks_uri_signing_algorithm": "ES256", "access_token_binding": "dpop", "id_token_signed_response_alg": "PS256"
        });
        assert!(checked(&good).is_ok(), "{:?}", checked(&good).err());
        for (member, value, expected) in [
            ("access_token_binding", json!("offered"), "access_token_binding"),
            ("id_token_signed_response_alg", json!("RS256"), "id_token_signed_response_alg"),
            ("userinfo_signed_response_alg", json!("RS256"), "userinfo_signed_response_alg"),
            ("jwks_uri_signing_algorithm", json!("RS512"), "jwks_uri_signing_algorithm"),
        ] {
            let mut weak = good.clone();
            weak[member] = value;
            assert!(
                matches!(checked(&weak), Err(Error::Field { field, .. }) if field == expected),
                "{member}"
            );
        }
        let secret = json!({
            "security_profile": "fapi2", "access_token_binding": "dpop", "id_token_signed_response_alg": "PS256"
        });
        assert!(matches!(checked(&secret), Err(Error::Field { field: "token_endpoint_auth_method", .. })));
    }
}
