//! `authvalidate`: a card has signed a challenge, and the agent gets a ticket.
//!
//! The challenge is taken first, whatever comes of it, so that no answer is looked at twice. Attempts are not counted: nobody guesses
//! a signature, and whoever sends wrong ones in another's name would keep that other out, and everybody behind the same address.
//! Then the authority is asked for the card's certificate, by its serial number: its key verifies, and its row says whether it holds,
//! once more in the transaction that opens the session. Where the authority does not answer nobody comes in.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, CertificateState};
use directory::api::{ClaimsPart, NamedRole, PersonClaims};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::Kind;

use super::activation::{Workstation, ceremony, demand, from_base64, hash};
use super::message::{Answer, Message};
use super::response::{self, Digest, Signed};
use super::role::permitted;
use super::settings::Cis1;
use super::ticket::Ticket;
use super::{Came, Cis1Event, Refusal, sha1};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::interaction::Method;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{self, IdleEnds, Opened, Opening, Session, SessionEvent, holder, open_in};
use crate::store::{ceremonies, interactions, sessions, tickets};
use crate::throttle;

/// What an agent sends.
struct Asked {
    workstation: Workstation,
    signature: Secret,
    challenge: Vec<u8>,
    person: UserId,
    response: String,
    application: String,
}

impl Asked {
    fn of(message: &Message) -> Result<Self, Refusal> {
        let base64 = || STANDARD.decode(message.get("challenge")).ok().filter(|octets| octets.len() == 48);
        Ok(Self {
            workstation: Workstation::of(message)?,
            signature: from_base64(message.get("signature")).ok_or(Refusal::ChallengeOver)?,
            challenge: base64().ok_or(Refusal::ChallengeOver)?,
            person: (message.get("uid").parse())
                .map_err(|_| Refusal::unreadable("The parameter uid is not a user id."))?,
            response: message.get("response").to_owned(),
            application: message.get("app_url").to_owned(),
        })
    }
}

/// A card that has signed the challenge, and holds.
struct Proof {
    bound: Bound,
    digest: Digest,
}

/// Signs somebody in with what their card has signed.
pub(crate) async fn validate(
    provider: &Provider,
    settings: &Cis1,
    message: &Message,
    came: Came,
) -> Result<Answer, Refusal> {
    demand(message, "AUTHENTICATION")?;
    let asked = Asked::of(message)?;
    begin(provider, &asked, came).await?;
    match proved(provider, settings, &asked).await {
        Ok(proof) => {
            let (claims, ticket) = open(provider, &asked, proof, came).await?;
            Ok(answer(provider, settings, &asked, (&claims, &ticket)))
        }
        Err(refusal) => {
            note(provider, &asked, &refusal, came).await?;
            Err(refusal)
        }
    }
}

/// Takes the challenge.
async fn begin(provider: &Provider, asked: &Asked, came: Came) -> Result<(), Refusal> {
    let (key, hash) = (ceremony(&asked.signature), hash(&asked.challenge));
    let workstation = asked.workstation.clone();
    let begun: Result<Result<(), Refusal>, Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let state = ceremonies::take_ticket(tx, &key, &hash, came.now).await?;
                let of = state.map(|state| serde_json::from_str::<Workstation>(&state)).transpose();
                if of.map_err(Error::json)?.as_ref() == Some(&workstation) {
                    return Ok(Ok(()));
                }
                // Whose card it would have been, nothing has shown.
                refused(tx, (None, None), &Refusal::ChallengeOver, came).await?;
                Ok(Err(Refusal::ChallengeOver))
            })
        })
        .await;
    begun?
}

/// Whether a card of this person has signed the challenge, and holds. What is said of the card is said to whoever has its key.
async fn proved(provider: &Provider, settings: &Cis1, asked: &Asked) -> Result<Proof, Refusal> {
    let signed = response::read(&asked.response)?;
    if signed.content != asked.challenge {
        return Err(Refusal::SignatureWrong);
    }
    let serial = signed.serial.to_string();
    let row = match provider.ca.certificate(&serial).await {
        Ok(row) => row,
        // Nothing has been shown yet: which numbers the authority has given out is told to nobody.
        Err(problem) if problem.kind == Kind::NotFound => return Err(Refusal::SignatureWrong),
        Err(problem) => {
            tracing::warn!(%problem, "a card could not be checked with the authority: {problem}");
            return Err(Refusal::CardUnknowable);
        }
    };
    signed_by(&row, &signed, sha1::Permitted::by(settings))?;
    if !settings.profiles.contains(&row.profile) || row.user_id.as_deref() != Some(asked.person.as_str()) {
        return Err(Refusal::CardUnknown);
    }
    match row.state {
        CertificateState::Issued => Ok(Proof { bound: Bound::Card(serial), digest: signed.digest }),
        CertificateState::Held => Err(Refusal::CardHeld),
        CertificateState::Expired => Err(Refusal::CardExpired),
        CertificateState::Revoked | CertificateState::Abandoned => Err(Refusal::CardRevoked),
    }
}

/// Whether the key of the certificate that the authority has under this number has signed.
fn signed_by(row: &CertificateInfo, signed: &Signed, sha1: Option<sha1::Permitted>) -> Result<(), Refusal> {
    let der = row.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    let certificate =
        der.and_then(|der| pki::Certificate::from_der(&der).ok()).ok_or(Refusal::SignatureWrong)?;
    let named = pki::Name::from_der(&signed.issuer).map_err(|_| Refusal::SignatureWrong)?;
    if !certificate.issuer().matches(&named) {
        return Err(Refusal::SignatureWrong);
    }
    let (key, message, value) = (certificate.spki_der(), &signed.content, &signed.signature);
    let good = match signed.digest {
        Digest::Sha1 => sha1::verifies(sha1.ok_or(Refusal::Sha1Refused)?, key, message, value),
        Digest::Sha256 => pki::verify_signature(key, pki::algorithm::RSA_SHA256, message, value).is_ok(),
    };
    if good { Ok(()) } else { Err(Refusal::SignatureWrong) }
}

/// Opens the session and gives its ticket.
async fn open(
    provider: &Provider,
    asked: &Asked,
    proof: Proof,
    came: Came,
) -> Result<(PersonClaims, Ticket), Refusal> {
    let opening = Opening {
        person: asked.person.clone(),
        method: Method::Smartcard,
        bound: proof.bound.clone(),
        before: None,
        address: came.address.map(|address| address.to_canonical()),
        agent: Some(asked.workstation.device.clone()),
    };
    let claims = match provider.directory.claims(&asked.person, &[ClaimsPart::Roles]).await {
        Ok(claims) => claims,
        // The register finds nobody who is closed.
        Err(problem) if problem.kind == Kind::NotFound => {
            return Err(left(provider, opening, came.now).await?);
        }
        Err(problem) => return Err(Error::Module(problem).into()),
    };
    let only = only_role(&claims.roles);
    if let Some(role) = &only
        && let Err(refusal) = permitted(provider, &claims.roles, role, opening.method).await?
    {
        note(provider, asked, &refusal, came).await?;
        return Err(refusal);
    }
    let ticket = Ticket::generate(&provider.random)?;
    let (hash, device) = (ticket.hash(), asked.workstation.device.clone());
    let (settings, random) = (provider.config.sessions.clone(), provider.random.clone());
    let opened: Result<Result<(), Refusal>, Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                // The secret is dropped: no browser has this session.
                let secret = match open_in(tx, (&settings, &random), &opening, came.now).await? {
                    Opened::Session(secret) => secret,
                    Opened::Refused(refusal) => return Ok(Err(Refusal::Session(refusal))),
                };
                let session = sessions::by_secret(&mut *tx, &secret.hash()).await?;
                let session = session.ok_or(Error::Stored { what: "authn_session.secret" })?;
                tickets::insert(tx, &hash, &session, came.address_text().as_deref(), came.now).await?;
                record(tx, &session, (device, proof.digest), only, came.now).await?;
                Ok(Ok(()))
            })
        })
        .await;
    opened??;
    Ok((claims, ticket))
}

/// One role is theirs without being asked for.
fn only_role(roles: &[NamedRole]) -> Option<String> {
    match roles {
        [only] => Some(only.role.person_roleid.clone()),
        _ => None,
    }
}

/// Records the ticket, and the role that was fixed with it.
async fn record(
    tx: &mut Tx,
    session: &Session,
    (device, digest): (String, Digest),
    only: Option<String>,
    now: Millis,
) -> Result<(), Error> {
    let actor = holder(&session.person, Some(&session.id));
    let (id, sid, user) = (session.id.to_string(), session.sid.clone(), session.person.to_string());
    let event = Cis1Event::TicketIssued {
        session: id.clone(),
        sid: sid.clone(),
        user: user.clone(),
        device,
        digest: digest.word().to_owned(),
    };
    audit::record(tx, now, &actor, &event).await?;
    if let Some(role) = only {
        interactions::choose_role(tx, &session.sid, &role, now).await?;
        let event = Cis1Event::RoleFixed { session: id, sid, user, role, mode: "live".to_owned() };
        audit::record(tx, now, &actor, &event).await?;
    }
    Ok(())
}

/// Records that somebody has left.
async fn left(provider: &Provider, opening: Opening, now: Millis) -> Result<Refusal, Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move { session::refused(tx, &opening, session::Refusal::Left, now).await })
        })
        .await?;
    Ok(Refusal::Session(session::Refusal::Left))
}

/// Records that a card did not sign in. What the authority could not say is recorded too.
async fn note(provider: &Provider, asked: &Asked, refusal: &Refusal, came: Came) -> Result<(), Error> {
    // Whose card it is was shown by its signature alone.
    let shown = matches!(
        refusal,
        Refusal::CardHeld | Refusal::CardExpired | Refusal::CardRevoked | Refusal::RoleNotByCard
    );
    let card = response::read(&asked.response).ok().map(|signed| Bound::Card(signed.serial.to_string()));
    let (person, bound) = (shown.then(|| asked.person.clone()), card.filter(|_| shown));
    let event = event((person.as_ref(), bound.as_ref()), refusal, came);
    let named = person.is_some() || bound.is_some();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                // Anybody can send what is refused.
                if named || throttle::is_recorded(tx, came.address, came.now).await? {
                    audit::record(tx, came.now, &Actor::system("authn"), &event).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn refused(
    tx: &mut Tx,
    who: (Option<&UserId>, Option<&Bound>),
    refusal: &Refusal,
    came: Came,
) -> Result<(), Error> {
    let event = event(who, refusal, came);
    let named = who.0.is_some() || who.1.is_some();
    if named || throttle::is_recorded(tx, came.address, came.now).await? {
        audit::record(tx, came.now, &Actor::system("authn"), &event).await?;
    }
    Ok(())
}

fn event((person, bound): (Option<&UserId>, Option<&Bound>), refusal: &Refusal, came: Came) -> SessionEvent {
    metrics::counter!("authn_sign_ins_refused_total", "method" => Method::Smartcard.word()).increment(1);
    SessionEvent::SignInRefused {
        user: person.map(ToString::to_string),
        method: Method::Smartcard.to_string(),
        reason: refusal.word().to_owned(),
        authenticator: bound.map(ToString::to_string),
        address: came.address_text(),
    }
}

/// What the agent is told: the ticket, how long it lasts at most, and the roles to choose from.
fn answer(
    provider: &Provider,
    settings: &Cis1,
    asked: &Asked,
    (claims, ticket): (&PersonClaims, &Ticket),
) -> Answer {
    let (origin, sessions) = (&provider.config.issuer, &provider.config.sessions);
    let host =
        url::Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let longest = sessions.absolute_hours * 60;
    let idle = if sessions.idle_ends == IdleEnds::Session { sessions.idle_minutes } else { longest };
    let mut answer = Answer::new(origin)
        .with("log_session_id", &asked.workstation.log_session)
        .with("error_url", &format!("{origin}/login/error"))
        .with("server_ip", &host)
        .with("cn", &super::saml::common_name(claims));
    for (place, role) in claims.roles.iter().enumerate() {
        // Agents take what follows the first comma for the role.
        let text = format!("{}, {}", role.org_name.replace(',', " "), role.role_name);
        let attributes = [("id", role.role.person_roleid.as_str()), ("orgcode", role.role.org_code.as_str())];
        answer = answer.with_attributes(&format!("nhsjobrole{place}"), &attributes, &text);
    }
    answer
        .with("gas_version", env!("CARGO_PKG_VERSION"))
        .with("sso_ticket", &ticket.text())
        .with("sso_domain", &format!(".{host}"))
        .with("sso_session_url", &format!("{origin}/sessionmanager/session/update"))
        .with("sso_max_session_time", &longest.to_string())
        .with("sso_keep_alive", settings.keep_alive.word())
        .with("sso_session_time", &idle.to_string())
        .with("sso_logout_url", &format!("{origin}/login/authlogout"))
        .with("auth_method", "3")
        .with("app_url", &asked.application)
        .with("service", "AUTHENTICATION")
}
