//! A provider that signs everybody in at once, and lies about one thing when it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use platform::clock::Clock;
use platform::web::{ClientCertificates, Json, Listener, ListenerConfig, Protocols, Resumption, TlsConfig};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::plan::Plan;
use super::token::{self, Key};

/// Who signs in.
pub(super) const PERSON: &str = "500111222333";
/// How long ago they signed in where that is the lie.
const LONG_AGO: Duration = Duration::from_hours(24);

/// What is not true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// Nothing: everything is.
    Nothing,
    /// The state that comes back.
    State,
    /// The nonce in the ID token.
    Nonce,
    /// For whom the ID token is.
    Audience,
    /// Who made it.
    Issuer,
    /// Its signature.
    Signature,
    /// It has none.
    Unsigned,
    /// It is over.
    Expired,
    /// They signed in yesterday.
    LongAgo,
    /// Userinfo tells of somebody else.
    Subject,
    /// The person did not want to sign in.
    Denied,
}

/// The provider. It stops when it is dropped.
pub(super) struct Liar {
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

struct Shared {
    issuer: String,
    client: String,
    redirect_uris: Vec<Url>,
    clock: Clock,
    key: Key,
    /// One that is not published.
    stranger: Key,
    lie: Mutex<Lie>,
    given: Mutex<BTreeMap<String, Given>>,
    seen: Mutex<Seen>,
}

/// What a code or a token stands for.
#[derive(Clone)]
struct Given {
    asked: BTreeMap<String, String>,
    sid: String,
}

/// What the client did.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Its authorisation requests.
    pub(super) asked: Vec<BTreeMap<String, String>>,
    /// How it exchanged codes.
    pub(super) exchanged: Vec<Exchanged>,
    /// How often it asked for userinfo.
    pub(super) userinfo: usize,
    /// The session that was given last.
    pub(super) sid: String,
}

/// One exchange of a code.
#[derive(Debug, Clone)]
pub(super) struct Exchanged {
    /// By which way the client proved itself.
    pub(super) method: &'static str,
    /// Whether the proof key belonged to the request; none where there was no challenge.
    pub(super) proof_key: Option<bool>,
    /// What is wrong with its assertion.
    pub(super) assertion: Option<String>,
}

impl Liar {
    /// Listens from then on.
    pub(super) async fn start(plan: &Plan, clock: Clock) -> anyhow::Result<Self> {
        let tls = TlsConfig {
            certificate: plan.provider.certificate.clone(),
            key: plan.provider.key.clone(),
            client_certificates: ClientCertificates::Never,
            resumption: Resumption::Allowed,
            protocols: Protocols::Http1,
        };
        let listener = Listener::bind(&ListenerConfig::new(plan.provider.listen, Some(tls)))
            .await
            .with_context(|| format!("{} cannot be listened on", plan.provider.listen))?;
        let shared = Arc::new(Shared {
            issuer: plan.issuer().to_owned(),
            client: plan.client.id.clone(),
            redirect_uris: plan.client.redirect_uris.clone(),
            clock,
            key: Key::new("published")?,
            stranger: Key::new("published")?,
            lie: Mutex::new(Lie::Nothing),
            given: Mutex::default(),
            seen: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/authorize", get(authorise))
            .route("/token", post(exchange))
            .route("/userinfo", get(userinfo).post(userinfo))
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            // An error says that the sender is gone, which is a stop too.
            listener.serve(router, async move { drop(stopped.await) }).await
        });
        Ok(Self { shared, _stop: stop })
    }

    /// Lies about this from now on.
    pub(super) fn lies(&self, lie: Lie) {
        *held(&self.shared.lie) = lie;
    }

    /// What the client did so far.
    pub(super) fn seen(&self) -> Seen {
        held(&self.shared.seen).clone()
    }

    /// Whether an address is the provider's own.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        self.shared.issuer.starts_with(&url.origin().ascii_serialization())
    }

    /// A message that a session has ended, with a change to its claims; signed by a stranger if that is the lie.
    pub(super) fn logout(&self, sid: &str, change: &Value, lie: Lie) -> anyhow::Result<String> {
        let now = self.shared.clock.now();
        let mut claims = json!({
            "iss": self.shared.issuer, "aud": self.shared.client, "sub": PERSON, "sid": sid, "jti": token::secret()?,
            "iat": now.seconds(), "exp": now.plus(Duration::from_mins(2)).seconds(),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let key = if lie == Lie::Signature { &self.shared.stranger } else { &self.shared.key };
        key.sign("logout+jwt", &claims)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Shown = State<Arc<Shared>>;

async fn discovery(State(shared): Shown) -> Json<Value> {
    let url = |path: &str| format!("{}{path}", shared.issuer);
    Json(json!({
        "issuer": shared.issuer, "authorization_endpoint": url("/authorize"), "token_endpoint": url("/token"),
        "userinfo_endpoint": url("/userinfo"), "jwks_uri": url("/jwks"), "response_types_supported": ["code"],
        "response_modes_supported": ["query"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS512", "PS256", "ES256"],
        "authorization_response_iss_parameter_supported": true, "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    }))
}

async fn keys(State(shared): Shown) -> Json<Value> {
    Json(json!({"keys": [shared.key.published()]}))
}

async fn authorise(State(shared): Shown, uri: Uri) -> Response {
    let asked = pairs(uri.query().unwrap_or_default());
    held(&shared.seen).asked.push(asked.clone());
    let back = asked.get("redirect_uri").and_then(|text| Url::parse(text).ok());
    let back = back.filter(|back| shared.redirect_uris.contains(back));
    let (Some(mut back), Ok(code), Ok(sid)) = (back, token::secret(), token::secret()) else {
        let sentence = "redirect_uri is none of those in the plan of this check";
        return (StatusCode::BAD_REQUEST, sentence).into_response();
    };
    let lie = *held(&shared.lie);
    {
        let mut query = back.query_pairs_mut();
        if lie == Lie::Denied {
            query.append_pair("error", "access_denied");
        } else {
            query.append_pair("code", &code);
        }
        if let Some(state) = asked.get("state") {
            query.append_pair("state", if lie == Lie::State { "another" } else { state });
        }
        query.append_pair("iss", &shared.issuer);
    }
    held(&shared.given).insert(code, Given { asked, sid });
    (StatusCode::SEE_OTHER, [(header::LOCATION, back.to_string())]).into_response()
}

async fn exchange(State(shared): Shown, headers: HeaderMap, body: Bytes) -> Response {
    let form = pairs(&String::from_utf8_lossy(&body));
    let given = form.get("code").and_then(|code| held(&shared.given).remove(code));
    let Some(given) = given else {
        let said = json!({"error": "invalid_grant", "error_description": "There is no such code."});
        return (StatusCode::BAD_REQUEST, Json(said)).into_response();
    };
    let exchanged = exchanged(&shared, &headers, &form, &given);
    {
        let mut seen = held(&shared.seen);
        seen.exchanged.push(exchanged);
        seen.sid.clone_from(&given.sid);
    }
    match tokens(&shared, &given) {
        Ok((access_token, id_token)) => {
            let scope = given.asked.get("scope").cloned().unwrap_or_default();
            held(&shared.given).insert(access_token.clone(), given);
            Json(json!({
                "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": id_token, "scope": scope,
            }))
            .into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// How the client proved itself, and that the code is its own.
fn exchanged(
    shared: &Shared,
    headers: &HeaderMap,
    form: &BTreeMap<String, String>,
    given: &Given,
) -> Exchanged {
    let assertion = form.get("client_assertion");
    let method = match assertion {
        Some(_) => "private_key_jwt",
        None if headers.contains_key(header::AUTHORIZATION) => "client_secret_basic",
        None if form.contains_key("client_secret") => "client_secret_post",
        None => "none",
    };
    let proof_key = given.asked.get("code_challenge").map(|wanted| {
        form.get("code_verifier").is_some_and(|verifier| token::challenge(verifier) == *wanted)
    });
    let assertion = assertion.and_then(|text| wrong_assertion(shared, text));
    Exchanged { method, proof_key, assertion }
}

/// What Lanyard would refuse about an assertion, apart from its signature.
fn wrong_assertion(shared: &Shared, text: &str) -> Option<String> {
    let (Some(header), Some(claims)) = (token::part(text, 0), token::part(text, 1)) else {
        return Some("it does not read".to_owned());
    };
    let now = shared.clock.now();
    let ends = claims["exp"].as_i64().unwrap_or_default();
    if header["kid"].as_str().is_none() {
        return Some("its header has no kid".to_owned());
    }
    if claims["jti"].as_str().is_none() {
        return Some("it has no jti".to_owned());
    }
    if ends <= now.seconds() || ends > now.plus(Duration::from_mins(30)).seconds() {
        return Some("its exp is not within the next 30 minutes".to_owned());
    }
    let ours = claims["aud"].as_str().is_some_and(|audience| audience.starts_with(&shared.issuer));
    (!ours).then(|| "its aud is not one address of the provider".to_owned())
}

fn tokens(shared: &Shared, given: &Given) -> anyhow::Result<(String, String)> {
    let lie = *held(&shared.lie);
    let now = shared.clock.now();
    let access_token = token::secret()?;
    let ago = if lie == Lie::LongAgo { LONG_AGO } else { Duration::ZERO };
    let ends = if lie == Lie::Expired {
        now.minus(Duration::from_hours(1))
    } else {
        now.plus(Duration::from_hours(1))
    };
    let mut claims = json!({
        "iss": shared.issuer, "aud": shared.client, "azp": shared.client, "sub": PERSON, "sid": given.sid,
        "iat": now.minus(if lie == Lie::Expired { Duration::from_hours(2) } else { Duration::ZERO }).seconds(),
        "exp": ends.seconds(), "auth_time": now.minus(ago).seconds(), "acr": "AAL3_ANY", "amr": ["FIDO2"],
        "at_hash": token::half_hash(&access_token), "authentication_assurance_level": "3", "id_assurance_level": "3",
        "idassurancelevel": "3", "uid": PERSON, "selected_roleid": "500999888777",
    });
    if let Some(nonce) = given.asked.get("nonce") {
        claims["nonce"] = if lie == Lie::Nonce { "another".into() } else { nonce.clone().into() };
    }
    match lie {
        Lie::Audience => claims["aud"] = "another".into(),
        Lie::Issuer => claims["iss"] = "https://another.example".into(),
        _ => {}
    }
    let id_token = match lie {
        Lie::Unsigned => token::none(&claims),
        Lie::Signature => shared.stranger.sign("JWT", &claims)?,
        _ => shared.key.sign("JWT", &claims)?,
    };
    Ok((access_token, id_token))
}

async fn userinfo(State(shared): Shown, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' ')).map(|(_, token)| token).unwrap_or_default();
    if !held(&shared.given).contains_key(token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    held(&shared.seen).userinfo += 1;
    let subject = if *held(&shared.lie) == Lie::Subject { "500444555666" } else { PERSON };
    Json(json!({
        "sub": subject, "uid": subject, "nhsid_useruid": subject, "name": "Okafor Ada Dr", "given_name": "Ada",
        "family_name": "Okafor", "idassurancelevel": "3", "nhsid_nrbac_roles": [],
    }))
    .into_response()
}

/// The pairs of a query or a form.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let Ok(url) = Url::parse(&format!("https://form.example/?{text}")) else { return BTreeMap::new() };
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
