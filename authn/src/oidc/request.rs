//! Authorisation requests, read at the door: OpenID Connect Core 3.1.2.1 and 3.1.2.2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use platform::id::{ClientId, UserId};
use serde::{Deserialize, Serialize};

use super::claims_request::{self, Named};
use super::details;
use super::face::Face;
use super::parameters::Parameters;
use super::prompt::{self, Prompt};
use super::refusal::{Code, Refusal};
use super::scope::{Scope, Scopes};
use crate::api::{GrantType, Pkce, SigningDetails};
use crate::client::Client;
use crate::interaction::{Acceptable, Acr, Wanted};
use crate::token::Keys;

/// The longest `state`, `nonce` and hint.
const LONGEST: usize = 2048;

/// How the browser brings the answer back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    /// In the query of the address.
    Query,
    /// In a form that a page sends.
    FormPost,
    /// In the fragment of the address, which no server sees.
    Fragment,
}

/// Who sees what a browser shows on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Onlooker {
    /// Whoever signs in.
    #[default]
    Person,
    /// Nobody: the relying party asked silently, most likely in a hidden frame.
    Nobody,
}

/// Where an answer goes, whatever it says. It is made only after client and address were found to belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Return {
    /// Where to.
    pub(crate) redirect_uri: String,
    /// In which way.
    pub(crate) mode: ResponseMode,
    /// The relying party's word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// Under which issuer.
    pub(crate) face: Face,
    /// Who sees what is on the way.
    #[serde(default)]
    pub(crate) onlooker: Onlooker,
}

/// An authorisation request that can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorisationRequest {
    /// Whose.
    pub(crate) client: ClientId,
    /// Where the answer goes.
    pub(crate) back: Return,
    /// For what.
    pub(crate) scope: Scopes,
    /// The relying party's word for the ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// The S256 challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<String>,
    /// The thumbprint of the key by which the code is to be exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// Whether people may be asked.
    pub(crate) prompt: Prompt,
    /// Who is meant, by an ID token of ours or by the `sub` that `claims` demands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hinted: Option<UserId>,
    /// The classes of sign-in of which the ID token has to name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acr: Vec<String>,
    /// Claims asked for by name in the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) id_token_claims: Vec<String>,
    /// Claims asked for by name at userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) userinfo_claims: Vec<String>,
    /// What is to be signed, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signing: Option<SigningDetails>,
}

/// Finds where the answer goes. What fails here is told on a page and never to an address, which could be anybody's.
pub(crate) fn back(parameters: &Parameters, client: &Client, face: Face) -> Result<Return, Refusal> {
    let bad = |sentence: &str| Refusal::new(Code::InvalidRequest, sentence);
    let given = parameters.get("redirect_uri").ok_or_else(|| bad("The request has no redirect_uri."))?;
    // RFC 9700 4.1.3: letter by letter.
    if !client.config().redirect_uris.iter().any(|registered| registered == given) {
        return Err(bad("The redirect_uri is none that is registered for this client, letter by letter."));
    }
    let state = parameters.get("state").filter(|state| state.len() <= LONGEST).map(str::to_owned);
    let mode = match parameters.get("response_mode") {
        Some("form_post") => ResponseMode::FormPost,
        Some("fragment") => ResponseMode::Fragment,
        _ => ResponseMode::Query,
    };
    let silent = parameters.list("prompt").contains(&"none");
    let onlooker = if silent { Onlooker::Nobody } else { Onlooker::Person };
    Ok(Return { redirect_uri: given.to_owned(), mode, state, face, onlooker })
}

/// Reads the rest of a request. What fails here is told to the relying party.
pub(crate) fn read(
    parameters: &Parameters,
    client: &Client,
    back: Return,
    keys: &Keys,
    now: Millis,
) -> Result<(AuthorisationRequest, Wanted), Refusal> {
    form(parameters, client)?;
    let scope = scope(parameters, client)?;
    let (prompt, since) = prompt::read(parameters, client.config(), now)?;
    let named = claims_request::read(parameters.get("claims"))?;
    let acceptable = acceptable(parameters, client, &named)?;
    let hinted = match (parameters.hinted(), parameters.get("id_token_hint")) {
        (Some(person), _) => Some(person.clone()),
        (None, Some(hint)) => Some(hinted(hint, keys)?),
        (None, None) => None,
    };
    let hinted = meant(hinted, named.sub)?;
    let request = AuthorisationRequest {
        client: client.id.clone(),
        back,
        scope,
        nonce: parameters.get("nonce").map(str::to_owned),
        challenge: challenge(parameters, client)?,
        key: key(parameters)?,
        prompt,
        hinted,
        acr: named.essential,
        id_token_claims: named.id_token,
        userinfo_claims: named.userinfo,
        signing: details::read(parameters)?,
    };
    let short = |text: &str| text.chars().filter(|letter| !letter.is_control()).take(200).collect();
    let wanted = Wanted {
        acceptable,
        fresh_after: since,
        login_hint: parameters.get("login_hint").map(short),
        ui_locales: parameters.list("ui_locales").into_iter().take(10).map(short).collect(),
        role: None,
    };
    Ok((request, wanted))
}

fn form(parameters: &Parameters, client: &Client) -> Result<(), Refusal> {
    if parameters.get("request").is_some() {
        return Err(Refusal::new(
            Code::RequestNotSupported,
            "Request objects are not read here. Push the request.",
        ));
    }
    if parameters.get("response_type") != Some("code") {
        return Err(Refusal::new(Code::UnsupportedResponseType, "response_type is code."));
    }
    if !matches!(parameters.get("response_mode"), None | Some("query" | "form_post" | "fragment")) {
        return Err(Refusal::new(Code::InvalidRequest, "response_mode is query, form_post or fragment."));
    }
    if !client.may(GrantType::AuthorizationCode) {
        let sentence =
            "The client is not registered for authorization_code. Add it to grant_types of its registration.";
        return Err(Refusal::new(Code::UnauthorizedClient, sentence));
    }
    for name in ["state", "nonce", "claims"] {
        if parameters.get(name).is_some_and(|text| text.len() > LONGEST) {
            return Err(Refusal::new(
                Code::InvalidRequest,
                format!("{name} is longer than {LONGEST} octets."),
            ));
        }
    }
    Ok(())
}

fn scope(parameters: &Parameters, client: &Client) -> Result<Scopes, Refusal> {
    let given = parameters.list("scope");
    let words = if given.is_empty() {
        client.config().default_scopes.iter().map(String::as_str).collect()
    } else {
        given
    };
    // OpenID Connect Core 3.1.2.1: words that are not known are left out.
    let known = |word: &&str| Scope::ALL.iter().any(|scope| scope.word() == *word);
    // CSC API v2, 8.4.2: the details stand for the scope.
    let implied = details::asked(parameters).then_some(Scope::Credential.word());
    let asked = Scopes::of(words.into_iter().filter(known).chain(implied));
    if !asked.has(Scope::OpenId) && !asked.are_of_signing() {
        return Err(Refusal::new(Code::InvalidScope, "The scope openid is missing."));
    }
    if !asked.is_within(&client.scopes()) {
        let allowed = client.scopes().text();
        return Err(Refusal::new(
            Code::InvalidScope,
            format!("The client may ask for no more than: {allowed}."),
        ));
    }
    Ok(asked)
}

fn acceptable(parameters: &Parameters, client: &Client, named: &Named) -> Result<Acceptable, Refusal> {
    // OpenID Connect Core 5.5.1.1: what is essential is one of those, whatever else would do.
    let mut words = if named.essential.is_empty() { parameters.list("acr_values") } else { Vec::new() };
    words.extend(named.acr.iter().map(String::as_str));
    let classes: Vec<Acr> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let unmet = |sentence| Err(Refusal::new(Code::UnmetAuthenticationRequirements, sentence));
    if classes.is_empty() && !words.is_empty() {
        return unmet("None of the acr_values is offered here; discovery lists those that are.");
    }
    let registered: Vec<Acr> =
        client.config().default_acr_values.iter().filter_map(|word| word.parse().ok()).collect();
    if registered.is_empty() {
        return Ok(Acceptable::any_of(&classes));
    }
    // A browser can change what stands in its address: it asks for more than what is registered, and never for less.
    let least = Acceptable::any_of(&registered);
    let acceptable = if words.is_empty() { least } else { least.and(&Acceptable::any_of(&classes)) };
    if acceptable.is_empty() {
        return unmet("The client is registered for more than the acr_values ask for.");
    }
    Ok(acceptable)
}

/// RFC 7636 4.3: S256 alone, because `plain` keeps nothing secret.
fn challenge(parameters: &Parameters, client: &Client) -> Result<Option<String>, Refusal> {
    let bad = |sentence: &str| Refusal::new(Code::InvalidRequest, sentence);
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) => {
            let right = URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|octets| octets.len() == 32);
            if right {
                Ok(Some(challenge.to_owned()))
            } else {
                Err(bad("code_challenge is a SHA-256 in base64url without padding."))
            }
        }
        (Some(_), _) => Err(bad("code_challenge_method is S256.")),
        (None, Some(_)) => Err(bad("There is a code_challenge_method and no code_challenge.")),
        (None, None) if client.config().pkce == Pkce::Required || client.is_strict() => {
            Err(bad("This client must send a code_challenge with the method S256."))
        }
        (None, None) => Ok(None),
    }
}

/// RFC 9449 10: a thumbprint of RFC 7638.
fn key(parameters: &Parameters) -> Result<Option<String>, Refusal> {
    let Some(thumbprint) = parameters.get("dpop_jkt") else { return Ok(None) };
    if URL_SAFE_NO_PAD.decode(thumbprint).is_ok_and(|octets| octets.len() == 32) {
        return Ok(Some(thumbprint.to_owned()));
    }
    Err(Refusal::new(Code::InvalidRequest, "dpop_jkt is a SHA-256 in base64url without padding."))
}

/// OpenID Connect Core 3.1.2.1: an ID token of ours, which may be over; it says who, and proves nothing else.
fn hinted(hint: &str, keys: &Keys) -> Result<UserId, Refusal> {
    let claims = keys.read(hint);
    let sub = claims.as_ref().and_then(|claims| claims.get("sub")).and_then(serde_json::Value::as_str);
    sub.and_then(|sub| sub.parse().ok())
        .ok_or_else(|| Refusal::new(Code::InvalidRequest, "id_token_hint is no ID token of this provider."))
}

/// OpenID Connect Core 3.1.2.2: the tokens are of whom the hint or `claims` names, and of nobody where they name two.
fn meant(hinted: Option<UserId>, demanded: Option<UserId>) -> Result<Option<UserId>, Refusal> {
    match (hinted, demanded) {
        (Some(hinted), Some(demanded)) if hinted != demanded => {
            let sentence = "id_token_hint and the sub in claims name two people. Send one of them.";
            Err(Refusal::new(Code::InvalidRequest, sentence))
        }
        (hinted, demanded) => Ok(hinted.or(demanded)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::{Settings, State};

    /// A request as it waits.
    pub(crate) fn sample() -> AuthorisationRequest {
        AuthorisationRequest {
            client: "rp".parse().unwrap(),
            back: Return {
                redirect_uri: "https://rp.example/cb".to_owned(),
                mode: ResponseMode::FormPost,
                state: Some("xyz".to_owned()),
                face: Face::Cis2,
                onlooker: Onlooker::Person,
            },
            scope: Scopes::of(["openid", "selectedrole"]),
            nonce: Some("n".to_owned()),
            challenge: None,
            key: None,
            prompt: Prompt::Anew,
            hinted: None,
            acr: vec![],
            id_token_claims: vec!["email".to_owned()],
            userinfo_claims: vec![],
            signing: None,
        }
    }

    fn client(change: &serde_json::Value) -> Client {
        let mut config = json!({
            "client_name": "x", "token_endpoint_auth_method": "client_secret_basic", "scopes": ["openid", "profile"],
            "redirect_uris": ["https://rp.example/cb", "https://rp.example/cb?tenant=1"]
        });
        for (name, value) in change.as_object().unwrap() {
            config[name] = value.clone();
        }
        Client {
            id: "rp".parse().unwrap(),
            team: "team".to_owned(),
            state: State::Open,
            settings: Settings::checked(serde_json::from_value(config).unwrap()).unwrap(),
            version: 1,
            secret: None,
            made_at: Millis(0),
            changed_at: Millis(0),
        }
    }

    /// Only an address that is registered, letter by letter, gets an answer.
    #[test]
    fn addresses_are_exact() {
        let goes = |uri: &str| {
            let encoded: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
            let parameters = Parameters::parse(format!("redirect_uri={encoded}").as_bytes()).unwrap();
            back(&parameters, &client(&json!({})), Face::Plain).is_ok()
        };
        assert!(goes("https://rp.example/cb") && goes("https://rp.example/cb?tenant=1"));
        for trick in [
            "https://rp.example/cb/",
            "https://rp.example/CB",
            "https://rp.example/cb?tenant=2",
            "https://rp.example/cb#x",
            "https://rp.example/cb/../evil",
            "https://rp.example:443/cb",
            "https://rp.example.evil.example/cb",
            "https://rp.example@evil.example/cb",
            "https://evil.example/?https://rp.example/cb",
            "https://rp.example/cb%2f..",
            "//rp.example/cb",
            "",
        ] {
            assert!(!goes(trick), "{trick}");
        }
    }

    fn refusal(query: &str, change: &serde_json::Value) -> Option<Code> {
        let parameters = Parameters::parse(query.as_bytes()).unwrap();
        let client = client(change);
        form(&parameters, &client)
            .and_then(|()| scope(&parameters, &client))
            .and_then(|_| acceptable(&parameters, &client, &Named::default()))
            .and_then(|_| challenge(&parameters, &client))
            .err()
            .map(|refusal| refusal.code)
    }

    /// What a request lacks or has too much of is refused in the words of the standard.
    #[test]
    fn requests_are_checked() {
        let good = "response_type=code&scope=openid";
        let challenge = URL_SAFE_NO_PAD.encode([7; 32]);
        for (query, change, expected) in [
            (good.to_owned(), json!({}), None),
            (format!("{good}+unknown"), json!({}), None),
            (format!("{good}&code_challenge={challenge}&code_challenge_method=S256"), json!({}), None),
            (format!("{good}&acr_values=AAL3_IOS+AAL3_ANY"), json!({}), None),
            ("response_type=code".to_owned(), json!({"default_scopes": ["openid"]}), None),
            ("response_type=code".to_owned(), json!({}), Some(Code::InvalidScope)),
            ("response_type=code&scope=profile".to_owned(), json!({}), Some(Code::InvalidScope)),
            (format!("{good}+email"), json!({}), Some(Code::InvalidScope)),
            ("scope=openid".to_owned(), json!({}), Some(Code::UnsupportedResponseType)),
            (
                "response_type=code+id_token&scope=openid".to_owned(),
                json!({}),
                Some(Code::UnsupportedResponseType),
            ),
            (format!("{good}&response_mode=fragment"), json!({}), None),
            (format!("{good}&response_mode=query.jwt"), json!({}), Some(Code::InvalidRequest)),
            (format!("{good}&request=a.b.c"), json!({}), Some(Code::RequestNotSupported)),
            (format!("{good}&acr_values=AAL3_IOS"), json!({}), Some(Code::UnmetAuthenticationRequirements)),
            (good.to_owned(), json!({"pkce": "required"}), Some(Code::InvalidRequest)),
            (format!("{good}&code_challenge={challenge}"), json!({}), Some(Code::InvalidRequest)),
            (
                format!("{good}&code_challenge={challenge}&code_challenge_method=plain"),
                json!({}),
                Some(Code::InvalidRequest),
            ),
            (
                format!("{good}&code_challenge=short&code_challenge_method=S256"),
                json!({}),
                Some(Code::InvalidRequest),
            ),
            (good.to_owned(), json!({"grant_types": ["client_credentials"]}), Some(Code::UnauthorizedClient)),
        ] {
            assert_eq!(refusal(&query, &change), expected, "{query} {change}");
        }
    }
}
