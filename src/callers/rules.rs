//! The rules: from a checked certificate and its row to a caller. No I/O.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, CertificateState};
use directory::authority::Assurance;
use pki::Certificate;
use platform::caller::{Caller, CallerKind};
use platform::id::{ClientId, UserId};
use platform::problem::{Kind, Problem};

use super::refusal::Refusal;
use super::trust::{CARD, SIGN_IN, SYSTEMS};
use crate::config::{Client, Clients, PERSON_CLIENT};

/// The row of a certificate, if it is this very certificate and in force.
pub(super) fn standing(
    record: Result<CertificateInfo, Problem>,
    leaf: &Certificate,
) -> Result<CertificateInfo, Problem> {
    let record = match record {
        Ok(record) => record,
        Err(problem) if problem.kind == Kind::NotFound => return Err(Refusal::Unknown.into()),
        Err(problem) => return Err(problem),
    };
    let stored = record.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok());
    if stored.as_deref() != Some(leaf.der()) {
        return Err(Refusal::Unknown.into());
    }
    // The list follows a revocation within moments; the row is there at once.
    match record.state {
        CertificateState::Issued => Ok(record),
        CertificateState::Held => Err(Refusal::Held.into()),
        CertificateState::Revoked | CertificateState::Abandoned => Err(Refusal::Revoked.into()),
        CertificateState::Expired => Err(Refusal::Expired.into()),
    }
}

/// The caller a certificate in force makes.
pub(super) fn caller(
    leaf: &Certificate,
    record: &CertificateInfo,
    clients: &Clients,
    assurance: Assurance,
) -> Result<Caller, Refusal> {
    // Whatever the generation of the authority.
    let issuer = record
        .issuer
        .parse()
        .map_or_else(|_| record.issuer.clone(), |id: ca::IssuerId| id.line().to_string());
    match issuer.as_str() {
        SYSTEMS => system(leaf, record, clients),
        SIGN_IN => person(record, assurance),
        // A card has a second certificate, for signatures, which signs nobody in, whatever a path allows that names no purpose.
        CARD if is_for_clients(leaf) => person(record, assurance),
        CARD => Err(Refusal::NotForClients),
        _ => Err(Refusal::NotACaller { issuer: record.issuer.clone() }),
    }
}

/// The caller that an application is by its key: it looks things up, whatever else its certificate would let it do.
pub(super) fn of_key(id: &ClientId, client: &Client) -> Caller {
    let mut caller = Caller::new(CallerKind::System, id.to_string(), id.clone(), [directory::api::LOOK_UP.0]);
    caller.organisation.clone_from(&client.organisation);
    caller
}

fn system(leaf: &Certificate, record: &CertificateInfo, clients: &Clients) -> Result<Caller, Refusal> {
    let name = leaf.common_name().ok_or(Refusal::NoName)?;
    // Who may have systems of the register certified chooses the common name, and is to make no other client by it.
    if let Some(system) = record.system_id.as_deref().filter(|system| !system.eq_ignore_ascii_case(&name)) {
        return Err(Refusal::OfASystem { system: system.to_owned() });
    }
    let id: ClientId = name.parse().map_err(|_| Refusal::NoName)?;
    let client = clients.find(&id).ok_or_else(|| Refusal::NotRegistered { name: id.to_string() })?;
    let profiles = client.profiles.iter().map(|profile| ca::api::issue_of(profile.as_str()));
    let team = client.acts.contains(&authn::api::CLIENTS).then(|| client.team.as_ref().unwrap_or(&id));
    let team = team.map(|team| authn::api::clients_of(team.as_str()));
    let acts = client.acts.iter().map(|act| act.0.to_owned()).chain(profiles).chain(team);
    let mut caller = Caller::new(CallerKind::System, id.to_string(), id.clone(), acts);
    caller.organisation.clone_from(&client.organisation);
    Ok(caller)
}

fn is_for_clients(leaf: &Certificate) -> bool {
    leaf.extended_key_usage().is_some_and(|purposes| purposes.contains(&pki::eku::CLIENT_AUTH))
}

fn person(record: &CertificateInfo, assurance: Assurance) -> Result<Caller, Refusal> {
    let user: UserId = record.user_id.as_deref().and_then(|id| id.parse().ok()).ok_or(Refusal::NoName)?;
    let client = PERSON_CLIENT.parse().expect("the constant is a client id");
    // With a sign-in certificate people look after what is their own; what their roles in the register allow beyond that,
    // the register decides for each act.
    let acts = [signer::api::OWN_CREDENTIALS.0, directory::api::ACT.0, authn::api::OWN.0];
    let mut caller = Caller::new(CallerKind::Person, user.to_string(), client, acts);
    caller.assurance = Some(assurance.word().to_owned());
    Ok(caller)
}
