//! What the server tells of itself: the root DSE (RFC 4512 5.1) and the subschema.

use std::borrow::Cow;

use super::controls::{ASSERTION, LIST_VIEW, MANAGE_DSA_IT, MATCHED_VALUES, PAGED, PERSISTENT, SORT, SYNC};
use super::dn::Dn;
use super::entry::Entry;
use super::schema::subschema;
use super::tree;

/// `StartTLS`. RFC 4511 4.14.
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// RFC 4532.
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// RFC 3909.
pub(super) const CANCEL: &str = "1.3.6.1.1.8";

/// Every control that is known to some request.
const CONTROLS: [&str; 8] =
    [PAGED, SORT, LIST_VIEW, MATCHED_VALUES, MANAGE_DSA_IT, ASSERTION, SYNC, PERSISTENT];
const EXTENSIONS: [&str; 3] = [START_TLS, WHO_AM_I, CANCEL];
/// All operational attributes (RFC 3673), those of a class (RFC 4529), combinations of nothing (RFC 4526).
const FEATURES: [&str; 3] = ["1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.2", "1.3.6.1.4.1.4203.1.5.3"];

/// Whether a name is of what the server tells of itself.
pub(super) fn is_of_the_server(dn: &Dn) -> bool {
    dn.0.is_empty() || dn.depth_below(&subschema().dn) == Some(0)
}

/// The entry with this name.
pub(super) fn of_the_server(dn: &Dn) -> Option<Cow<'static, Entry>> {
    if dn.0.is_empty() {
        return Some(Cow::Owned(root_dse()));
    }
    is_of_the_server(dn).then(|| Cow::Borrowed(subschema()))
}

fn root_dse() -> Entry {
    let mut entry = Entry::new(Dn::default(), &["top"], "top");
    entry.put("namingContexts", [tree::root().to_string(), tree::Branch::Changelog.dn().to_string()]);
    entry.put("changelog", [tree::Branch::Changelog.dn().to_string()]);
    entry.put("supportedControl", CONTROLS);
    entry.put("supportedExtension", EXTENSIONS);
    entry.put("supportedFeatures", FEATURES);
    entry.put("supportedLDAPVersion", ["3"]);
    entry.put("supportedSASLMechanisms", ["EXTERNAL"]);
    entry.put("vendorName", ["Lanyard"]);
    entry.put("vendorVersion", [env!("CARGO_PKG_VERSION")]);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::schema::SUBSCHEMA;

    /// The server tells of itself under two names, in any case of letters, and nothing of it elsewhere.
    #[test]
    fn the_server_tells_of_itself() {
        let of = |text: &str| of_the_server(&Dn::parse(text).unwrap());
        let root = of("").unwrap();
        let all = |name: &str| root.values(name).collect::<Vec<_>>();
        assert_eq!(all("namingContexts"), ["o=nhs", "cn=Changelog,o=nhs"]);
        assert_eq!(all("subschemaSubentry"), [SUBSCHEMA]);
        assert!(of("CN=subschema").unwrap().values("objectClasses").len() > 22);
        assert_eq!(of("o=nhs"), None);
    }
}
