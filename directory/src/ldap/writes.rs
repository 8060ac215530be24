//! Writes: nothing is written over LDAP, and it is said where.

use ldap3_proto::proto::{LdapOp, LdapResultCode as Code};

use super::answer::Refusal;
use super::dn::Dn;
use super::tree::Branch;

/// Why a write is refused, with the API that does it; none of what is no write.
pub(super) fn refusal(op: &LdapOp) -> Option<Refusal> {
    let name = match op {
        LdapOp::ModifyRequest(request) => &request.dn,
        LdapOp::AddRequest(request) => &request.dn,
        LdapOp::DelRequest(name) => name,
        LdapOp::ModifyDNRequest(request) => &request.dn,
        _ => return None,
    };
    let dn = Dn::parse(name).unwrap_or_default();
    let branch = Branch::ALL.into_iter().find(|branch| dn.depth_below(branch.dn()).is_some());
    let place = match branch {
        Some(Branch::Services) => "/directory/systems",
        Some(Branch::Organisations) => "/directory/organisations",
        Some(Branch::People) => "/directory/people and /directory/assignments",
        Some(Branch::Workgroups) => "/directory/workgroups",
        Some(Branch::Changelog) | None => "/directory",
    };
    let sentence = format!("Nothing is written over LDAP. The register's HTTP API does it: {place}.");
    Some(Refusal::new(Code::UnwillingToPerform, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write is refused with the API that does it.
    #[test]
    fn writes_are_refused() {
        let said = |name: &str| refusal(&LdapOp::DelRequest(name.to_owned())).unwrap();
        assert!(said("uniqueIdentifier=1,ou=Services,o=nhs").message.contains("/directory/systems"));
        assert!(said("uid=1,ou=people,o=nhs").message.contains("/directory/people"));
        assert_eq!(said("nonsense").code, Code::UnwillingToPerform);
        assert_eq!(refusal(&LdapOp::UnbindRequest), None);
    }
}
