//! Which port asks for certificates, and what it serves.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use platform::web::{
    ClientCertificates, Lines, ListenerConfig, Protocols, Resumption, TlsConfig, Told, limit_callers, stack,
};

use super::health::Numbers;
use super::{ClockState, cards, clock, docs, health};
use crate::callers;
use crate::config::Config;
use crate::wiring::App;

/// The five ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// HTTPS that never asks for a certificate.
    Public,
    /// HTTPS for systems.
    Systems,
    /// HTTPS for people with a card.
    Cards,
    /// Plain HTTP for revocation lists and authority certificates.
    Plain,
    /// Metrics and health.
    Private,
}

impl Port {
    pub(super) const ALL: [Self; 5] = [Self::Public, Self::Systems, Self::Cards, Self::Plain, Self::Private];

    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Systems => "systems",
            Self::Cards => "cards",
            Self::Plain => "plain",
            Self::Private => "private",
        }
    }

    /// How it listens.
    pub(super) fn listener(self, config: &Config) -> ListenerConfig {
        let tls = |client_certificates, resumption, protocols| {
            Some(TlsConfig {
                certificate: config.tls.certificate.clone(),
                key: config.tls.key.clone(),
                client_certificates,
                resumption,
                protocols,
            })
        };
        let listen = &config.listen;
        let (address, tls) = match self {
            Self::Public => {
                let tls = tls(ClientCertificates::Never, Resumption::Allowed, Protocols::Http2);
                (listen.public, tls)
            }
            Self::Systems => {
                let tls = tls(ClientCertificates::AcceptAny, Resumption::Allowed, Protocols::Http2);
                (listen.systems, tls)
            }
            // The next person at the same desk proves the next card.
            Self::Cards => {
                let tls = tls(ClientCertificates::AcceptAny, Resumption::Refused, Protocols::Http1);
                (listen.cards, tls)
            }
            Self::Plain => (listen.plain, None),
            Self::Private => (listen.private, None),
        };
        let balancers = if self == Self::Private { Vec::new() } else { listen.balancers.clone() };
        ListenerConfig { balancers, ..ListenerConfig::new(address, tls) }
    }

    /// What it serves, with the limits around it.
    pub(super) fn router(self, app: &App, clock: &ClockState, numbers: &Numbers) -> Router {
        let limits = &app.config.limits;
        let known = from_fn_with_state(app.callers.clone(), callers::authenticate);
        match self {
            Self::Public => {
                let router = limit_callers(modules(app).merge(docs::router()), limits.per_client);
                let router = by_api_key(router, app);
                let router = behind_the_clock(by_token(router, app), app, clock);
                in_their_words(stack(router, &limits.anybody(), self.told()))
            }
            Self::Systems => {
                let router = by_api_key(limit_callers(modules(app), limits.per_client), app);
                let router = by_token(router, app).layer(known);
                // Before it is asked who calls: on a wrong clock no list is current, and that would be the answer.
                let router = behind_the_clock(router, app, clock);
                in_their_words(stack(router, &limits.known_callers(), self.told()))
            }
            Self::Cards => stack(for_cards(app, clock), &limits.anybody(), self.told()),
            Self::Plain => stack(ca::public_router(app.authority.clone()), &limits.plain(), self.told()),
            Self::Private => health::router(app.clone(), clock.clone(), numbers.clone())
                .layer(from_fn_with_state(self.name(), in_flight))
                .layer(from_fn(no_sniffing)),
        }
    }

    /// What is told of its requests.
    pub(super) fn told(self) -> Told {
        let lines = if self == Self::Plain { Lines::Failures } else { Lines::All };
        Told { port: self.name(), lines }
    }
}

/// A whole port, on which what stands before the routes refuses in the words of the API that is asked.
pub(super) fn in_their_words(port: Router) -> Router {
    directory::in_fhir_words(directory::in_scim_words(signer::in_csc_words(port)))
}

/// Whose card it is, and sign-in with it; a browser is told in a page why it is refused.
fn for_cards(app: &App, clock: &ClockState) -> Router {
    let known = from_fn_with_state(app.callers.clone(), callers::authenticate);
    match &app.provider {
        None => behind_the_clock(cards::router().layer(known), app, clock),
        Some(provider) => {
            let router = cards::router().merge(authn::cards_router(provider.clone())).layer(known);
            authn::in_pages(behind_the_clock(router, app, clock), provider.clone())
        }
    }
}

/// Requests that show an access token are those of its client.
fn by_token(router: Router, app: &App) -> Router {
    match &app.provider {
        None => router,
        Some(provider) => authn::with_token_callers(router, provider.clone()),
    }
}

/// Applications that show a key, where one is taken, are who they are by it, unless a certificate or a token said so.
fn by_api_key(router: Router, app: &App) -> Router {
    let keys = callers::Keys::new(app.config.clients.clone(), app.config.limits.per_address);
    router.layer(from_fn_with_state(std::sync::Arc::new(keys), callers::by_key))
}

/// Every module; and what the plain port serves, for those who cannot reach it.
fn modules(app: &App) -> Router {
    app.modules().merge(ca::public_router(app.authority.clone()))
}

/// Refuses changes, and signing in, while the clock cannot be believed.
fn behind_the_clock(router: Router, app: &App, state: &ClockState) -> Router {
    let (clock, high_water) = (app.clock.clone(), app.high_water.clone());
    let time = clock::Time { state: state.clone(), clock, high_water };
    router.layer(from_fn_with_state(time, clock::demand))
}

/// Counts the requests that are under way.
async fn in_flight(State(port): State<&'static str>, request: Request, next: Next) -> Response {
    struct Counted(metrics::Gauge);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.decrement(1.0);
        }
    }
    let gauge = metrics::gauge!("http_requests_in_flight", "port" => port);
    gauge.increment(1.0);
    let _counted = Counted(gauge);
    next.run(request).await
}

/// A browser takes our answers for what they say they are.
async fn no_sniffing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(axum::http::header::X_CONTENT_TYPE_OPTIONS, axum::http::HeaderValue::from_static("nosniff"));
    response
}
