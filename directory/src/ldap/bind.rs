//! Binding: RFC 4511 4.2, RFC 4513 5.

use std::sync::Arc;
use std::time::Instant;

use ldap3_proto::proto::{LdapBindCred, LdapBindRequest, LdapResult, LdapResultCode as Code};
use platform::web::PeerAddress;

use super::answer::{Refusal, success};
use super::dn::Dn;
use super::session::{Bound, Shared};
use super::who::{Account, Who};

/// Who somebody is from now on, and what they are answered.
pub(super) fn bind(
    shared: &Shared,
    who: &Who,
    address: PeerAddress,
    request: &LdapBindRequest,
) -> (Bound, LdapResult) {
    match bound(shared, who, address, request) {
        Ok(bound) => (bound, success()),
        // RFC 4513 4: whoever fails to bind is nobody in particular.
        Err(refusal) => (Bound::Not, refusal.result()),
    }
}

fn bound(
    shared: &Shared,
    who: &Who,
    address: PeerAddress,
    request: &LdapBindRequest,
) -> Result<Bound, Refusal> {
    if request.version != 3 {
        return Err(Refusal::new(Code::ProtocolError, "Only version 3 of LDAP is spoken here."));
    }
    match &request.cred {
        LdapBindCred::Simple(password) if password.is_empty() => {
            if request.dn.trim().is_empty() {
                return Ok(Bound::Not);
            }
            // RFC 4513 5.1.2: a name without a password is mostly a mistake, and would be taken for success.
            Err(Refusal::new(Code::UnwillingToPerform, "Send a password with the name, or neither."))
        }
        LdapBindCred::Simple(password) => simple(shared, address, &request.dn, password),
        LdapBindCred::SASL(sasl) if sasl.mechanism == "EXTERNAL" => external(who, &sasl.credentials),
        LdapBindCred::SASL(_) | LdapBindCred::Unsupported => Err(Refusal::new(
            Code::AuthMethodNotSupported,
            "Bind by name and secret, or by SASL EXTERNAL with a certificate.",
        )),
    }
}

fn simple(shared: &Shared, address: PeerAddress, name: &str, password: &str) -> Result<Bound, Refusal> {
    let (from, now) = (address.counted(), Instant::now());
    // Before anything is compared: nobody tries secrets out.
    if shared.tries.are_too_many(from, now) {
        metrics::counter!("ldap_requests_rate_limited_total").increment(1);
        let sentence =
            "Too many wrong names and secrets came from this address. Wait a few seconds, and try again.";
        return Err(Refusal::new(Code::Busy, sentence));
    }
    let Some(account) = account(shared, name, password) else {
        shared.tries.count(from, now);
        return Err(Refusal::new(Code::InvalidCredentials, "The name or the secret is not right."));
    };
    Ok(Bound::Account(Arc::new(account.clone())))
}

/// The account of this name, if the secret is its own.
fn account<'a>(shared: &'a Shared, name: &str, password: &str) -> Option<&'a Account> {
    let name = Dn::parse(name).ok()?.normal();
    let named = |dn: &str| Dn::parse(dn).is_ok_and(|dn| dn.normal() == name);
    let account = shared.accounts.iter().find(|account| named(&account.dn))?;
    account.is_right(password).then_some(account)
}

/// RFC 4422 appendix A: who it is, the connection has shown; another one cannot be asked for.
fn external(who: &Who, wanted: &[u8]) -> Result<Bound, Refusal> {
    let Some(caller) = who.certified() else {
        let why = match who {
            Who::Undecided(refusal) => return Err(refusal.clone()),
            Who::Stranger(why) => why.clone(),
            _ => "No certificate was shown.".to_owned(),
        };
        return Err(Refusal::new(Code::InvalidCredentials, why));
    };
    let own = format!("u:{}", caller.client);
    if wanted.is_empty() || wanted == own.as_bytes() {
        return Ok(Bound::External);
    }
    Err(Refusal::new(
        Code::InsufficentAccessRights,
        format!("The certificate is that of {own}, and of nobody else."),
    ))
}
