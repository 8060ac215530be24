//! Where a name leads: resolved once, and only inside the networks that the operator wrote down.

use std::net::SocketAddr;

use super::super::identifier::Identifier;
use super::super::problem::{Kind, Problem};
use super::super::scope::Scope;
use super::{Failed, later};

/// The addresses of a name that may be connected to; there is one at least.
pub(super) async fn resolve(
    identifier: &Identifier,
    port: u16,
    scope: &Scope,
) -> Result<Vec<SocketAddr>, Failed> {
    let found: Vec<SocketAddr> = match identifier {
        Identifier::Ip(address) => vec![SocketAddr::new(*address, port)],
        Identifier::Dns(name) => match tokio::net::lookup_host((name.as_str(), port)).await {
            Ok(found) => found.collect(),
            Err(_) => return Err(later(Kind::Dns, "the name cannot be resolved")),
        },
        Identifier::Device(..) => Vec::new(),
    };
    admitted(found, scope)
}

/// Those inside the networks. That an address outside was found is not tried again: nothing of ours goes there.
fn admitted(found: Vec<SocketAddr>, scope: &Scope) -> Result<Vec<SocketAddr>, Failed> {
    if found.is_empty() {
        return Err(later(Kind::Dns, "the name has no address"));
    }
    let inside: Vec<_> = found.into_iter().filter(|address| scope.reaches(address.ip())).collect();
    if inside.is_empty() {
        let detail = "the name leads to no address inside the networks of this external account";
        return Err(Failed::ForGood(Problem::new(Kind::Dns, detail)));
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let networks = ["10.1.0.0/16".to_owned()];
        Scope::parse(vec!["acme-tls-server".parse().unwrap()], Vec::new(), &networks, Vec::new()).unwrap()
    }

    /// Of several addresses only those inside are connected to; with none inside it is over.
    #[test]
    fn only_addresses_inside_are_used() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found = vec![at("127.0.0.1:80"), at("10.1.2.3:80"), at("[::1]:80"), at("10.2.0.1:80")];
        assert_eq!(admitted(found, &scope()).unwrap(), [at("10.1.2.3:80")]);
        let outside = vec![at("127.0.0.1:80"), at("169.254.169.254:80")];
        assert!(matches!(admitted(outside, &scope()), Err(Failed::ForGood(_))));
        assert!(matches!(admitted(Vec::new(), &scope()), Err(Failed::Later(_))));
    }
}
