//! `authactivate`: a challenge for a card. It is a row, so that any machine takes its answer, once.
//!
//! The challenge has the layout that agents have seen since 2004: twenty octets, the time in milliseconds, twenty octets. Here all
//! forty are random. What is called its signature is a second secret, by which the row is found.

use aws_lc_rs::rand::SecureRandom as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::message::{Answer, Message};
use super::settings::Cis1;
use super::{Came, Refusal};
use crate::error::Error;
use crate::oidc::limits;
use crate::provider::Provider;
use crate::secret::{Secret, sha256_hex};
use crate::store::ceremonies;

/// The longest name of a log session or a workstation.
const LONGEST: usize = 200;

/// For whom a challenge is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Workstation {
    /// What the agent calls its attempt.
    pub(super) log_session: String,
    /// What it calls its workstation.
    pub(super) device: String,
}

impl Workstation {
    /// Reads what every message of an agent says of itself.
    pub(super) fn of(message: &Message) -> Result<Self, Refusal> {
        let named = |name: &str| {
            let text = message.get(name);
            let fits = !text.is_empty() && text.len() <= LONGEST && text.chars().all(|letter| letter >= ' ');
            fits.then(|| text.to_owned()).ok_or_else(|| {
                Refusal::unreadable(format!("The parameter {name} has 1 to {LONGEST} visible characters."))
            })
        };
        Ok(Self { log_session: named("log_session_id")?, device: named("device_id")? })
    }
}

/// Demands that a message is for a service, and that a card is used.
pub(super) fn demand(message: &Message, service: &str) -> Result<(), Refusal> {
    if message.get("service") != service {
        return Err(Refusal::unreadable(format!("The parameter service must be {service} here.")));
    }
    if service != "LOGOUT" && message.get("auth_method") != "3" {
        return Err(Refusal::unreadable("The parameter auth_method must be 3: a smartcard."));
    }
    Ok(())
}

/// The name under which a challenge lies in the database.
pub(super) fn ceremony(signature: &Secret) -> String {
    format!("cis1/{}", signature.stored())
}

/// The hash of a challenge.
pub(super) fn hash(challenge: &[u8]) -> Vec<u8> {
    sha256_hex(challenge).into_bytes()
}

/// Makes a challenge and keeps it, where there is room for one of its network.
pub(crate) async fn activate(
    provider: &Provider,
    settings: &Cis1,
    message: &Message,
    came: Came,
) -> Result<Answer, Refusal> {
    demand(message, "ACTIVATION")?;
    let workstation = Workstation::of(message)?;
    let network = limits::network(came.address);
    if !limits::is_challenged(provider, &network, came.now).await? {
        return Err(Refusal::Crowded);
    }
    let mut challenge = [0; 48];
    provider.random.fill(&mut challenge).map_err(|_| Error::NoRandomness)?;
    challenge[20..28].copy_from_slice(&came.now.0.to_be_bytes());
    let signature = Secret::generate(&provider.random)?;
    let (key, hash) = (ceremony(&signature), hash(&challenge));
    let state = serde_json::to_string(&workstation).map_err(Error::json)?;
    let until = came.now.plus(settings.challenge());
    let kept: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move { ceremonies::challenge(tx, (&key, &hash), &state, &network, until).await })
        })
        .await;
    kept?;
    let origin = &provider.config.issuer;
    Ok(Answer::new(origin)
        .with("log_session_id", &workstation.log_session)
        .with("error_url", &format!("{origin}/login/error"))
        .with("challenge", &STANDARD.encode(challenge))
        .with("signature", &as_base64(&signature))
        .with("auth_method", "3")
        .with("app_url", message.get("app_url"))
        .with("service", "ACTIVATION"))
}

/// Agents read letters of base64 as it is in RFC 4648 4.
fn as_base64(signature: &Secret) -> String {
    format!("{}=", signature.text().replace('-', "+").replace('_', "/"))
}

/// The same the other way.
pub(super) fn from_base64(text: &str) -> Option<Secret> {
    Secret::parse(&text.strip_suffix('=')?.replace('+', "-").replace('/', "_"))
}
