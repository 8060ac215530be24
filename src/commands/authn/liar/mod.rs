//! A provider that signs everybody in at once, and lies about one thing when it is told to.

mod addresses;
mod asking;
mod giving;
mod proof;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use platform::clock::Clock;
use platform::web::{ClientCertificates, Json, Listener, ListenerConfig, Protocols, Resumption, TlsConfig};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::addresses::{Addresses, Endpoint};
pub(super) use self::proof::Proof;
use super::plan::Plan;
use super::token::{self, Key};

/// Who signs in.
const PERSON: &str = "500111222333";

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
    addresses: Addresses,
    client: String,
    redirect_uris: Vec<Url>,
    clock: Clock,
    key: Key,
    /// One that is not published.
    stranger: Key,
    lie: Mutex<Lie>,
    /// Requests that were pushed and not used.
    pushed: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    given: Mutex<BTreeMap<String, Given>>,
    /// Of assertions.
    jtis: Mutex<BTreeSet<String>>,
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
    /// Its authorisation requests, without what proves who it is.
    pub(super) asked: Vec<BTreeMap<String, String>>,
    /// How it proved who it is, each time.
    pub(super) proofs: Vec<Proof>,
    /// Of each code, whether its proof key belonged to the request; none where there was no challenge.
    pub(super) proof_keys: Vec<Option<bool>>,
    /// How often it asked for userinfo.
    pub(super) userinfo: usize,
    /// The session that was given last.
    pub(super) sid: String,
}

impl Liar {
    /// Listens from then on.
    pub(super) async fn start(plan: &Plan, clock: Clock) -> anyhow::Result<Self> {
        let tls = TlsConfig {
            certificate: plan.provider.certificate.clone(),
            key: plan.provider.key.clone(),
            client_certificates: ClientCertificates::AcceptAny,
            resumption: Resumption::Allowed,
            protocols: Protocols::Http1,
        };
        let listener = Listener::bind(&ListenerConfig::new(plan.provider.listen, Some(tls)))
            .await
            .with_context(|| format!("{} cannot be listened on", plan.provider.listen))?;
        let shared = Arc::new(Shared {
            addresses: Addresses::of(&plan.provider.issuer, &plan.issuer_url()?),
            client: plan.client.id.clone(),
            redirect_uris: plan.client.redirect_uris.clone(),
            clock,
            key: Key::new("published")?,
            stranger: Key::new("published")?,
            lie: Mutex::new(Lie::Nothing),
            pushed: Mutex::default(),
            given: Mutex::default(),
            jtis: Mutex::default(),
            seen: Mutex::default(),
        });
        let router = router(&shared.addresses).with_state(Arc::clone(&shared));
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

    /// Where browsers are sent.
    pub(super) fn authorise(&self) -> anyhow::Result<Url> {
        self.shared.addresses.url(Endpoint::Authorise)
    }

    /// A message that a session has ended, with a change to its claims; with no signature, or that of a stranger, if that is the lie.
    pub(super) fn logout(&self, sid: &str, change: &Value, lie: Lie) -> anyhow::Result<String> {
        let now = self.shared.clock.now();
        let past = if lie == Lie::Expired { Duration::from_hours(1) } else { Duration::ZERO };
        let begins = now.minus(past);
        let mut claims = json!({
            "iss": self.shared.addresses.issuer, "aud": self.shared.client, "sub": PERSON, "sid": sid,
            "jti": token::secret()?, "iat": begins.seconds(), "exp": begins.plus(Duration::from_mins(2)).seconds(),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        match lie {
            Lie::Unsigned => Ok(token::none(&claims)),
            Lie::Signature => self.shared.stranger.sign("logout+jwt", &claims),
            _ => self.shared.key.sign("logout+jwt", &claims),
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Shown = State<Arc<Shared>>;

fn router(at: &Addresses) -> Router<Arc<Shared>> {
    Router::new()
        .route(&at.route(Endpoint::Discovery), get(discovery))
        .route(&at.route(Endpoint::Keys), get(keys))
        .route(&at.route(Endpoint::Authorise), get(asking::by_address).post(asking::by_form))
        .route(&at.route(Endpoint::Push), post(asking::push))
        .route(&at.route(Endpoint::Token), post(giving::exchange))
        .route(&at.route(Endpoint::Userinfo), get(giving::userinfo).post(giving::userinfo))
        .route(&at.route(Endpoint::EndSession), get(signed_out).post(signed_out))
}

async fn discovery(State(shared): Shown) -> Json<Value> {
    Json(shared.addresses.discovery())
}

async fn keys(State(shared): Shown) -> Json<Value> {
    Json(json!({"keys": [shared.key.published()]}))
}

/// Nobody is sent on from here: this provider knows no address for that.
async fn signed_out() -> &'static str {
    "You are signed out."
}

/// The pairs of a query or a form.
fn pairs(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
