//! The workstation's agent of CIS1 and an application behind it. What they look for in the answers is what public ones look for.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http_body_util::BodyExt as _;
use platform::web::PeerAddress;
use tower::ServiceExt as _;

use super::{Answered, Card};

/// An agent at a workstation.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) router: Router,
    pub(crate) device: String,
    pub(crate) address: IpAddr,
}

/// What an agent has of a challenge.
#[derive(Clone)]
pub(crate) struct Challenge {
    pub(crate) challenge: String,
    pub(crate) signature: String,
}

impl Challenge {
    pub(crate) fn octets(&self) -> Vec<u8> {
        STANDARD.decode(&self.challenge).unwrap()
    }
}

/// A parameter as agents find it.
pub(crate) fn parameter(answered: &Answered, name: &str) -> String {
    let rest = answered.body.split_once(&format!("name=\"{name}\">"));
    let rest = rest.unwrap_or_else(|| panic!("{name}: {} {}", answered.status, answered.body)).1;
    rest.split('<').next().unwrap().to_owned()
}

impl Agent {
    pub(crate) fn new(router: &Router) -> Self {
        let (device, address) = ("w0rk5tat,ClientIP=10.0.0.5".to_owned(), IpAddr::from([192, 0, 2, 7]));
        Self { router: router.clone(), device, address }
    }

    /// The same at another machine of the service.
    pub(crate) fn at(&self, router: &Router) -> Self {
        Self { router: router.clone(), ..self.clone() }
    }

    async fn send(&self, request: http::request::Builder, body: Body) -> Answered {
        let request =
            request.extension(PeerAddress(SocketAddr::new(self.address, 40_000))).body(body).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Sends a message.
    pub(crate) async fn say(&self, method: &str, path: &str, body: impl Into<Body>) -> Answered {
        self.send(Request::builder().method(method).uri(path), body.into()).await
    }

    fn message(&self, service: &str, more: &[(&str, &str)]) -> String {
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n        <!DOCTYPE USER SYSTEM \"gpOBJECT.DTD\">\n        <gpOBJECT>\n"
            .to_owned();
        let all = [
            ("auth_method", "3"),
            ("app_url", "NHST"),
            ("log_session_id", "Ao9qufl+uA"),
            ("device_id", self.device.as_str()),
            ("service", service),
        ];
        for (name, value) in all.iter().chain(more) {
            writeln!(text, "        <gpPARAM name=\"{name}\">{value}</gpPARAM>").unwrap();
        }
        text + "        </gpOBJECT>"
    }

    /// What comes of asking for a challenge.
    pub(crate) async fn activated(&self) -> Answered {
        self.say("POST", "/login/authactivate", self.message("ACTIVATION", &[])).await
    }

    /// Asks for a challenge.
    pub(crate) async fn activate(&self) -> Challenge {
        let answered = self.activated().await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let found = |name: &str| parameter(&answered, name);
        Challenge { challenge: found("challenge"), signature: found("signature") }
    }

    /// Answers a challenge.
    pub(crate) async fn validate(&self, challenge: &Challenge, uid: &str, response: &str) -> Answered {
        let more = [
            ("challenge", challenge.challenge.as_str()),
            ("signature", &challenge.signature),
            ("uid", uid),
            ("card_type", "p11"),
            ("mobility", "0"),
            ("response", response),
        ];
        self.say("POST", "/login/authvalidate", self.message("AUTHENTICATION", &more)).await
    }

    /// Signs in with a card.
    pub(crate) async fn insert(&self, card: &Card, uid: &str, digest: &str) -> Answered {
        let challenge = self.activate().await;
        let response = card.sign(&challenge.octets(), digest);
        self.validate(&challenge, uid, &response).await
    }

    /// The ticket of somebody who signs in.
    pub(crate) async fn ticket(&self, card: &Card, uid: &str) -> String {
        let answered = self.insert(card, uid, "sha1").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        parameter(&answered, "sso_ticket")
    }

    /// Chooses a role.
    pub(crate) async fn choose(&self, ticket: &str, role: &str, mode: &str) -> Answered {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("token", ticket),
                ("selectedRoleUid", role),
                ("ssbMode", mode),
                ("fallbackStatus", "0"),
                ("gacVersion", "GACv10. 0. 0. 1"),
            ])
            .finish();
        self.say("GET", &format!("/saml/RoleSelectionGP.jsp?{query}"), Body::empty()).await
    }

    /// Gives a ticket back, as a Linux agent does: by GET, with a body.
    pub(crate) async fn log_out(&self, ticket: &str, uid: &str) -> Answered {
        let message = self.message("LOGOUT", &[("sso_ticket", ticket), ("uid", uid)]);
        self.say("GET", "/login/authlogout", message).await
    }

    /// Asks how long a session lives, with a message.
    pub(crate) async fn ask(&self, ticket: &str, uid: &str) -> Answered {
        let message = self.message("SESSIONUPDATE", &[("sso_ticket", ticket), ("uid", uid)]);
        self.say("POST", "/sessionmanager/session/update", message).await
    }

    /// Asks the same with the ticket alone.
    pub(crate) async fn look(&self, ticket: &str) -> Answered {
        let ticket: String = url::form_urlencoded::byte_serialize(ticket.as_bytes()).collect();
        self.say("GET", &format!("/sessionmanager/session/update?token={ticket}"), Body::empty()).await
    }

    /// An application asks who it is.
    pub(crate) async fn assertion(&self, ticket: &str) -> Answered {
        let ticket: String = url::form_urlencoded::byte_serialize(ticket.as_bytes()).collect();
        self.say("GET", &format!("/saml/RoleAssertion?token={ticket}"), Body::empty()).await
    }
}

/// The attributes of an assertion as the strictest reader takes them: the first XML attribute of each is its name.
pub(crate) fn attributes(text: &str) -> Vec<(String, Vec<String>)> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut found, mut inside): (Vec<(String, Vec<String>)>, bool) = (Vec::new(), false);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => return found,
            quick_xml::events::Event::Start(element) => {
                inside = element.name().into_inner() == "saml:AttributeValue";
                if element.name().into_inner() == "saml:Attribute" {
                    let first = element.attributes().next().unwrap().unwrap();
                    found.push((first.value.to_string(), Vec::new()));
                } else if inside {
                    found.last_mut().unwrap().1.push(String::new());
                }
            }
            quick_xml::events::Event::End(_) => inside = false,
            quick_xml::events::Event::Text(text) if inside => {
                found.last_mut().unwrap().1.last_mut().unwrap().push_str(&text.xml10_content());
            }
            _ => {}
        }
    }
}
