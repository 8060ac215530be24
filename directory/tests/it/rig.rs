//! A register with its router, and short words for what the tests say to it.

use axum::Router;
use axum::body::Body;
use directory::{Config, DocumentKey, Parts, Register, router};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::{Act, Caller, CallerKind};
use platform::clock::{Clock, ManualClock, Millis};
use platform::db::Db;
use platform::web::{CallerLimit, Limits, Lines, Rate, Steps, Told, around, stack_within};
use serde_json::Value;
use tower::ServiceExt as _;

/// The time at which a test begins: 2026-11-24.
pub(crate) const START: Millis = Millis(1_795_540_800_000);

/// Everything one test needs.
pub(crate) struct Rig {
    pub(crate) db: Db,
    pub(crate) hand: ManualClock,
    clock: Clock,
    pub(crate) register: Register,
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answered {
    /// The entity tag.
    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    /// The word of a problem.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Rig {
    pub(crate) fn new(db: Db) -> Self {
        Self::with(db, Config::default())
    }

    pub(crate) fn with(db: Db, config: Config) -> Self {
        let (clock, hand) = Clock::manual(START);
        let parts =
            Parts { config, db: db.clone(), clock: clock.clone(), document_key: DocumentKey::new(&[7; 32]) };
        let register = Register::new(parts).unwrap();
        Self { db, hand, clock, router: router(register.clone()), register }
    }

    /// Fills the read model and keeps it, as the server does. What a test writes past the acts of the register is not known to it.
    pub(crate) fn keep_model(&self) {
        tokio::spawn(self.register.clone().keep_model());
    }

    /// The same behind what lies around a whole port.
    pub(crate) fn port(self) -> Self {
        let told = Told { port: "test", lines: Lines::All };
        let words: Steps = vec![Box::new(directory::FhirWords), Box::new(directory::ScimWords)];
        Self { router: stack_within(self.router, &Limits::default(), told, words), ..self }
    }

    /// The same where every application may ask so often.
    pub(crate) fn counted(self, rate: Rate) -> Self {
        Self { router: around(self.router, vec![Box::new(CallerLimit::new(rate))]), ..self }
    }

    /// Asks as nobody.
    pub(crate) async fn ask_as_nobody(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        answered(response).await
    }

    /// The same database and clock behind a register of other settings.
    pub(crate) fn beside(&self, register: Register) -> Self {
        let (db, hand, clock) = (self.db.clone(), self.hand.clone(), self.clock.clone());
        Self { db, hand, clock, router: router(register.clone()), register }
    }

    /// The clock of the test.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Sends a request as this caller; a POST gets a key of its own unless one is among the headers.
    pub(crate) async fn send(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answered {
        let mut request = Request::builder().method(method.clone()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let keyed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        if method == Method::POST && !keyed {
            request = request.header("idempotency-key", uuid::Uuid::now_v7().to_string());
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(caller.clone());
        let response = self.router.clone().oneshot(request).await.unwrap();
        if method == Method::POST {
            // Ids sort by the millisecond of their making.
            self.hand.advance(std::time::Duration::from_millis(1));
        }
        answered(response).await
    }

    /// Sends a file.
    pub(crate) async fn file(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        bytes: &[u8],
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(bytes.to_vec())).unwrap();
        request.extensions_mut().insert(caller.clone());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(hex::encode(&bytes)));
        Answered { status: parts.status, headers: parts.headers, body }
    }

    /// Asks for something of which the answer is not read yet.
    pub(crate) async fn begin(
        &self,
        caller: &Caller,
        path: &str,
        headers: &[(&str, &str)],
    ) -> http::Response<Body> {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(caller.clone());
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, caller: &Caller, path: &str) -> Answered {
        self.send(caller, Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, caller: &Caller, path: &str, body: &Value) -> Answered {
        self.send(caller, Method::POST, path, &[], Some(body)).await
    }
}

async fn answered(response: http::Response<Body>) -> Answered {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
    Answered { status: parts.status, headers: parts.headers, body }
}

/// A system with these acts.
pub(crate) fn system(name: &str, acts: &[Act]) -> Caller {
    Caller::new(CallerKind::System, name, name.parse().unwrap(), acts.iter().map(|act| act.0))
}

/// A person who has signed in with a smartcard.
pub(crate) fn person(user: &str) -> Caller {
    let mut caller = Caller::new(
        CallerKind::Person,
        user,
        "sign-in-certificate".parse().unwrap(),
        [directory::api::ACT.0],
    );
    caller.assurance = Some("aal3".to_owned());
    caller
}
