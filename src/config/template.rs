//! The configuration that `lanyard init` writes, with the reason of each line beside it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::Listen;

/// What differs from one installation to the next.
#[derive(Debug, Clone)]
pub struct Template {
    /// Where to listen.
    pub listen: Listen,
    /// The PKCS#11 library.
    pub module: PathBuf,
    /// The label of the token.
    pub label: String,
    /// Who makes the token.
    pub token: Token,
    /// By which host name others reach it.
    pub host: String,
    /// What the installation is for.
    pub purpose: Purpose,
}

/// Who makes the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// `lanyard init`, with SoftHSM in the folder of the installation.
    Made,
    /// Somebody else did, with its own tools.
    Found,
}

/// What an installation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Whatever its operator wants.
    Work,
    /// To look around in an invented world.
    Demonstration,
}

impl Template {
    /// A template as `lanyard init` fills it on a machine with SoftHSM.
    pub fn example() -> Self {
        Self {
            listen: Listen::default(),
            module: PathBuf::from("/usr/lib/softhsm/libsofthsm2.so"),
            label: "lanyard".to_owned(),
            token: Token::Made,
            host: "localhost".to_owned(),
            purpose: Purpose::Work,
        }
    }

    /// The file.
    pub fn render(&self) -> String {
        let Listen { public, systems, cards, plain, private, .. } = self.listen;
        let token = self.token_lines();
        let base = toml_string(&self.public_base());
        let acme = toml_string(&format!("https://{}:{}", self.host, public.port()));
        let issuer = toml_string(&self.issuer());
        let cards_origin = toml_string(&format!("https://{}:{}", self.host, cards.port()));
        let origin = toml_string(&format!("{}/lanyard", self.host));
        let (register, sandbox, messages, operator) = self.purpose.lines();
        let statement = toml_string(&format!("https://{}:{}/cps", self.published_host(), public.port()));
        format!(
            r#"# Lanyard. Paths that are not absolute start at the folder of this file.
# `lanyard check` says what is wrong with it, and what to do.

[listen]
public = "{public}"     # HTTPS, never asks for a certificate
systems = "{systems}"    # HTTPS, asks systems for their certificate
cards = "{cards}"      # HTTPS, asks people for their card
plain = "{plain}"      # plain HTTP: revocation lists and authority certificates only
private = "{private}"  # metrics and health, on this machine only

[tls]                          # read again on SIGHUP
certificate = "tls/server.pem"
key = "tls/server.key"

[database]
url = "sqlite:lanyard.db"      # or postgres://user@host/name

{token}
[time]
# "kernel" or "chrony" refuse to issue and sign on a clock that is not synchronised;
# "host-trusted" takes the host's word for it and is for trying out only.
source = "host-trusted"

[ca]
public_url = {base}  # stands in every certificate: choose what will last
practice_statement = {statement}  # and this does

[ca.acme]                      # certificates for machines that renew by themselves (RFC 8555)
url = {acme}

[ca.enrol]
default_road = "systems"       # of EST and CMP requests that name none

[ca.enrol.roads.systems]       # a system's own certificate: /.well-known/est/systems, /.well-known/cmp/p/systems
profile = "system-tls-client"

[signer]

[signer.time_stamps]           # time-stamps for everybody at /tsa (RFC 3161)

[directory]                    # people, organisations, roles
document_key = "secrets/document.key"  # numbers of documents are hashed under it: keep a copy elsewhere
{register}
[authn]                        # sign-in for relying parties
issuer = {issuer}  # stands in every ID token: choose what will last
cards_origin = {cards_origin}  # where browsers show a card
{sandbox}
[messages]                     # codes and notices to people; without a way they are not sent
{messages}
[audit]
origin = {origin}  # the name of this log of acts; never used for another

[telemetry]
# The PKCS#11 binding calls each mechanism that it does not know an error.
filter = "info,cryptoki=off"

# Who may call on the systems port. The name is the common name in the client's certificate.
# `lanyard enrol NAME` makes one.
[clients.registration-desk]    # registers prescribers and ends what they hold
acts = ["ca:issue", "ca:enrol", "ca:revoke", "ca:renew", "ca:read", "ca:acme", "signer:credentials", "audit:read"]
# The profiles it may ask for. Where one desk registers people and another systems, give each its own.
profiles = ["person-sign-in", "card-authentication", "card-signing", "system-tls-client"]

[clients.prescribing-system]   # sends prescriptions to be signed
organisation = "Z99901"
acts = ["signer:sign", "ca:enrol"]
{operator}"#
        )
    }

    /// The sections of the token and of what its library reads.
    fn token_lines(&self) -> String {
        let environment = match self.token {
            Token::Made => "environment\nSOFTHSM2_CONF = \"./token/softhsm2.conf\"",
            Token::Found => "environment, as in NAME = \"value\"",
        };
        let module = toml_string(&self.module.display().to_string());
        let label = toml_string(&self.label);
        format!(
            r#"[environment]                  # what the PKCS#11 library reads from its {environment}

[[hsm.tokens]]
module = {module}
label = {label}
pin = {{ file = "secrets/user.pin" }}
"#
        )
    }

    /// The issuer of tokens: the public port, which is said where it is not the default one.
    fn issuer(&self) -> String {
        match self.listen.public.port() {
            443 => format!("https://{}", self.host),
            port => format!("https://{}:{port}", self.host),
        }
    }

    /// The address that certificates name for revocation lists and authority certificates.
    fn public_base(&self) -> String {
        let host = self.published_host();
        match self.listen.plain.port() {
            80 => format!("http://{host}"),
            port => format!("http://{host}:{port}"),
        }
    }

    /// The host as certificates may name it: RFC 5280 4.2.1.6 asks for a fully qualified name or an address, and
    /// `localhost` is neither.
    fn published_host(&self) -> &str {
        if self.host == "localhost" { "127.0.0.1" } else { &self.host }
    }
}

impl Purpose {
    /// What is added to the section of the register, to sign-in, to messages, and to the clients.
    fn lines(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Work => ("", "", WORK_MESSAGES, ""),
            Self::Demonstration => (
                DEMONSTRATION_REGISTER,
                DEMONSTRATION_SANDBOX,
                DEMONSTRATION_MESSAGES,
                DEMONSTRATION_OPERATOR,
            ),
        }
    }
}

/// The invented people have their keys in files, and act with them all the same.
const DEMONSTRATION_REGISTER: &str = r#"# Only because this is a demonstration: the keys of its people lie in files, and count as if they lay on cards.
sign_in_certificate = "three"
local_smartcard_administrator = "B9990"  # of the invented national roles
"#;

/// Anybody signs in as anybody, which the ceremony of a demonstration alone permits.
const DEMONSTRATION_SANDBOX: &str = r#"
[authn.sandbox]                # sign in as anybody without proving it: refused unless every authority is a demonstration's

[[authn.sandbox.personas]]
user = "555000000108"
about = "Dr Ottoline Marchbanks, partner of the surgery, who prescribes."

[[authn.sandbox.personas]]
user = "555000000119"
about = "A nurse of ward 7 who was taken over from another register."
"#;

/// What to write where e-mail and text messages are to be sent.
const WORK_MESSAGES: &str = r#"# from = "Registration authority <no-reply@example.org>"
# smtp = { host = "mail.example.org", user = "lanyard", password = "secrets/smtp.password" }
# text = { url = "https://messages.example.org/text", secret = "secrets/text.key" }
"#;

/// Nothing leaves this machine: messages can be read in a folder.
const DEMONSTRATION_MESSAGES: &str = r#"mailbox = "mailbox"            # a folder: e-mail as .eml, text messages as .txt
"#;

/// Whoever brings the invented world in.
const DEMONSTRATION_OPERATOR: &str = r#"
[clients.register-operator]    # sets the register up: organisations, the first RA manager, people of a former register
acts = ["directory:operate", "directory:import", "directory:read"]
"#;

/// Five listeners on this machine, from the port options; what is not given keeps its usual port.
pub fn listen_on(address: Ipv4Addr, ports: &crate::cli::Ports) -> Listen {
    let usual = Listen::default();
    let port = |own: Option<u16>, step: u16, usual: SocketAddr| {
        own.or(ports.port_base.map(|base| base.saturating_add(step))).unwrap_or(usual.port())
    };
    let at = |port| SocketAddr::new(IpAddr::V4(address), port);
    Listen {
        public: at(port(ports.public_port, 0, usual.public)),
        systems: at(port(ports.systems_port, 1, usual.systems)),
        cards: at(port(ports.cards_port, 2, usual.cards)),
        plain: at(port(ports.plain_port, 3, usual.plain)),
        private: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port(ports.private_port, 4, usual.private)),
        balancers: Vec::new(),
    }
}

/// A TOML string with whatever quoting the text needs.
fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A demonstration says why its people may act with keys in files, and is a sandbox; any other installation is neither.
    #[test]
    fn only_demonstrations_trust_keys_in_files() {
        let work = Template::example().render();
        assert!(!work.contains("sign_in_certificate") && !work.contains("register-operator"));
        let shown = Template { purpose: Purpose::Demonstration, ..Template::example() }.render();
        let value: toml::Table = toml::from_str(&shown).unwrap();
        assert_eq!(value["directory"]["sign_in_certificate"].as_str(), Some("three"));
        assert!(value["clients"].get("register-operator").is_some());
        assert!(value["authn"].get("sandbox").is_some() && !work.contains("sandbox"));
    }

    /// A token that somebody else made is named by its own label, and its library is not sent to a place of ours.
    #[test]
    fn tokens_of_others_keep_their_place() {
        let theirs = Template { label: "ward".to_owned(), token: Token::Found, ..Template::example() };
        let value: toml::Table = toml::from_str(&theirs.render()).unwrap();
        assert_eq!(value["hsm"]["tokens"][0]["label"].as_str(), Some("ward"));
        assert!(value["environment"].as_table().unwrap().is_empty());
        let ours: toml::Table = toml::from_str(&Template::example().render()).unwrap();
        assert_eq!(ours["environment"]["SOFTHSM2_CONF"].as_str(), Some("./token/softhsm2.conf"));
        assert_eq!(ours["hsm"]["tokens"][0]["label"].as_str(), Some("lanyard"));
    }

    /// A base gives five ports in a row, and a single port wins over the base.
    #[test]
    fn ports_come_from_base_or_alone() {
        let ports = crate::cli::Ports {
            port_base: Some(20000),
            plain_port: Some(8080),
            ..crate::cli::Ports::default()
        };
        let listen = listen_on(Ipv4Addr::LOCALHOST, &ports);
        let found: Vec<_> = listen.all().iter().map(|(_, address)| address.port()).collect();
        assert_eq!(found, [20000, 20001, 20002, 8080, 20004]);
    }
}
