//! Which port asks for certificates, and what it serves.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use platform::web::{
    CallerLimit, ClientCertificates, Limits, Lines, ListenerConfig, Protocols, Resumption, Steps, TlsConfig,
    Told, around, stack, stack_within,
};

use super::health::Numbers;
use super::{ClockState, cards, clock, docs, health};
use crate::callers::{self, Callers};
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
        match self {
            Self::Public => {
                let modules = modules(app).merge(docs::router());
                let router = around(modules, steps(app, clock, None));
                in_their_words(router, &limits.anybody(), self.told())
            }
            Self::Systems => {
                let router = around(modules(app), steps(app, clock, Some(app.callers.clone())));
                in_their_words(router, &limits.known_callers(), self.told())
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
pub(super) fn in_their_words(router: Router, limits: &Limits, told: Told) -> Router {
    let words: Steps =
        vec![Box::new(directory::FhirWords), Box::new(directory::ScimWords), Box::new(signer::CscWords)];
    stack_within(router, limits, told, words)
}

/// What stands before the modules. It is asked who calls only once the clock is known to be right: on a wrong one no list is current,
/// and that would be the answer.
fn steps(app: &App, clock: &ClockState, certified: Option<Callers>) -> Steps {
    let limits = &app.config.limits;
    let mut steps: Steps = vec![Box::new(time(app, clock))];
    if let Some(callers) = certified {
        steps.push(Box::new(callers));
    }
    // Requests that show an access token are those of its client.
    if let Some(provider) = &app.provider {
        steps.push(Box::new(authn::TokenCallers::new(provider.clone())));
    }
    // Applications that show a key, where one is taken, are who they are by it, unless a certificate or a token said so.
    steps.push(Box::new(callers::Keys::new(app.config.clients.clone(), limits.per_address)));
    steps.push(Box::new(CallerLimit::new(limits.per_client)));
    steps
}

/// Whose card it is, and sign-in with it; a browser is told in a page why it is refused.
fn for_cards(app: &App, clock: &ClockState) -> Router {
    let steps = || -> Steps { vec![Box::new(time(app, clock)), Box::new(app.callers.clone())] };
    match &app.provider {
        None => around(cards::router(), steps()),
        Some(provider) => {
            let router = cards::router().merge(authn::cards_router(provider.clone()));
            authn::in_pages(around(router, steps()), provider.clone())
        }
    }
}

/// Every module; and what the plain port serves, for those who cannot reach it.
fn modules(app: &App) -> Router {
    app.modules().merge(ca::public_router(app.authority.clone()))
}

/// What refuses changes, and signing in, while the clock cannot be believed.
fn time(app: &App, state: &ClockState) -> clock::Time {
    let (clock, high_water) = (app.clock.clone(), app.high_water.clone());
    clock::Time { state: state.clone(), clock, high_water }
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
