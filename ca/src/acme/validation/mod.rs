//! Validation: the server asks for the proof that a name is the client's (RFC 8555 8).
//!
//! It connects to addresses inside the networks of the external account and to nothing else: the name is resolved once,
//! every address is held against the networks, and the connection goes to an address that passed, so that no second
//! answer of a name server changes where it goes. Redirects are not followed.

mod address;
mod http;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use super::identifier::Identifier;
use super::problem::{Kind, Problem};
use super::scope::Scope;
use crate::store::acme::authorizations::ChallengeKind;

/// What is to be shown, and where.
pub(super) struct Target {
    pub(super) identifier: Identifier,
    pub(super) kind: ChallengeKind,
    pub(super) scope: Scope,
    /// RFC 8555 8.1.
    pub(super) token: String,
    pub(super) key_authorization: String,
    pub(super) http_port: u16,
    pub(super) tls_port: u16,
    /// How long all of it may take.
    pub(super) limit: Duration,
}

/// Why it was not shown.
#[derive(Debug)]
pub(super) enum Failed {
    /// It may be shown at another attempt.
    Later(Problem),
    /// No other attempt will help.
    ForGood(Problem),
}

/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 3;

/// Makes one attempt.
pub(super) async fn validate(target: &Target) -> Result<(), Failed> {
    match tokio::time::timeout(target.limit, attempt(target)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(later(Kind::Connection, "there was no whole answer in time")),
    }
}

async fn attempt(target: &Target) -> Result<(), Failed> {
    let port = match target.kind {
        ChallengeKind::Http => target.http_port,
        ChallengeKind::TlsAlpn => target.tls_port,
        ChallengeKind::DeviceAttest => {
            return Err(Failed::ForGood(Problem::malformed("a device is not asked over the network")));
        }
    };
    let addresses = address::resolve(&target.identifier, port, &target.scope).await?;
    let mut last = later(Kind::Dns, "the name has no address");
    for address in addresses.into_iter().take(MOST_ADDRESSES) {
        match at(target, address).await {
            Ok(()) => return Ok(()),
            Err(failed) => last = failed,
        }
    }
    Err(last)
}

async fn at(target: &Target, address: SocketAddr) -> Result<(), Failed> {
    match target.kind {
        ChallengeKind::TlsAlpn => tls::check(target, address).await,
        _ => http::check(target, address).await,
    }
}

fn later(kind: Kind, detail: impl Into<String>) -> Failed {
    Failed::Later(Problem::new(kind, detail))
}
