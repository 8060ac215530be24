//! `ou=Services`: systems as entries.

use platform::db::Tx;

use super::{Branch, Unit};
use crate::api::{
    AccreditedSystem, MessageHandlingSystem, SystemApproval, SystemContent, SystemKind, SystemProduct,
};
use crate::error::Error;
use crate::ldap::attributes::Attributes;
use crate::ldap::entry::Entry;
use crate::ldap::plan::{Pick, Picks};
use crate::ldap::schema::{AttributeType, with_those_above};
use crate::store::systems::{self, Wanted};
use crate::system::{System, folded};

/// A word under which systems are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Kind(SystemKind),
    Key(&'static str, String),
}

/// What a comparison says of where systems are.
fn pick(one: &AttributeType, value: &str) -> Pick<Word> {
    let key = |name| Pick::Word(Word::Key(name, folded(value)));
    match one.name() {
        "uniqueIdentifier" => Pick::Id(folded(value)),
        "nhsIDCode" => key("organisation"),
        "nhsMHSPartyKey" => key("party-key"),
        "nhsAsSvcIA" | "nhsMhsSvcIA" => key("interaction"),
        "nhsAsClient" => key("client"),
        "nhsMhsManufacturerOrg" => key("manufacturer"),
        "objectClass" => match value {
            "nhsas" => Pick::Word(Word::Kind(SystemKind::Accredited)),
            "nhsmhs" => Pick::Word(Word::Kind(SystemKind::MessageHandling)),
            "top" => Pick::Anything,
            _ => Pick::Nothing,
        },
        "uid" | "sn" | "cn" | "givenName" | "o" | "ou" | "postalCode" => Pick::Nothing,
        _ => Pick::Anything,
    }
}

/// What comparisons say of where systems are.
pub(super) const PICKS: Picks<Word> = Picks { is: pick, begins };

/// What the beginning of a value says: of attributes that systems have not, that it is none.
fn begins(one: &AttributeType, _prefix: &str) -> Pick<Word> {
    match one.name() {
        "uid" | "sn" | "cn" | "givenName" | "o" | "ou" | "postalCode" => Pick::Nothing,
        _ => Pick::Anything,
    }
}

/// Systems under these words, in the order of their identifiers.
pub(super) async fn page(tx: &mut Tx, words: &[Word], after: &str, limit: u32) -> Result<Vec<Unit>, Error> {
    let Some(wanted) = wanted(words) else { return Ok(Vec::new()) };
    let found = systems::page(&mut *tx, &wanted, after, limit).await?;
    Ok(found.iter().map(unit).collect())
}

/// The first identifiers of systems under these words, folded.
pub(super) async fn ids(tx: &mut Tx, words: &[Word], limit: u32) -> Result<Vec<String>, Error> {
    match wanted(words) {
        Some(wanted) => systems::ids(&mut *tx, &wanted, limit).await,
        None => Ok(Vec::new()),
    }
}

/// What the words say; `None` where no system is under all of them.
fn wanted(words: &[Word]) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    for word in words {
        match word {
            Word::Kind(kind) if wanted.kind.is_some_and(|other| other != *kind) => return None,
            Word::Kind(kind) => wanted.kind = Some(*kind),
            Word::Key(name, value) => wanted.keys.push((name, value.clone())),
        }
    }
    Some(wanted)
}

/// Systems by their identifiers, folded; those that were withdrawn are none.
pub(super) async fn these(tx: &mut Tx, ids: &[String]) -> Result<Vec<Unit>, Error> {
    let found = systems::find_all(&mut *tx, ids).await?;
    let mut units: Vec<Unit> = found.iter().filter(|one| one.withdrawn_at.is_none()).map(unit).collect();
    units.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(units)
}

fn unit(system: &System) -> Unit {
    Unit { id: folded(system.id.as_str()), made: Some(system.made_at), entries: vec![entry(system)] }
}

/// The attributes of a system's entry, for what is made of them beside LDAP.
pub(crate) fn system_entry(system: &System) -> Attributes {
    Attributes::of(&entry(system))
}

/// A system as an entry.
pub(super) fn entry(system: &System) -> Entry {
    let dn = Branch::Services.dn().below("uniqueIdentifier", system.id.as_str());
    let class = match system.content {
        SystemContent::Accredited(_) => "nhsAs",
        SystemContent::MessageHandling(_) => "nhsMhs",
    };
    let mut entry = Entry::new(dn, with_those_above(class), class);
    entry.put("uniqueIdentifier", [system.id.as_str()]);
    match &system.content {
        SystemContent::Accredited(content) => accredited(&mut entry, content),
        SystemContent::MessageHandling(content) => handling(&mut entry, content, system.id.as_str()),
    }
    super::times(&mut entry, Some(system.made_at), Some(system.changed_at));
    entry.put("hasSubordinates", ["FALSE"]);
    entry
}

fn accredited(entry: &mut Entry, system: &AccreditedSystem) {
    entry.put("nhsIDCode", [&system.organisation]);
    entry.put("nhsMHSPartyKey", [&system.party_key]);
    entry.put("nhsMhsManufacturerOrg", &system.manufacturer);
    entry.put("nhsAsSvcIA", &system.interactions);
    entry.put("nhsAsClient", &system.clients);
    entry.put("nhsAsCategoryBag", &system.categories);
    entry.put("nhsAsACF", &system.access_control);
    entry.put("description", &system.description);
    product(entry, &system.product);
    approval(entry, &system.approval);
    entry.put("nhsTempUid", &system.temporary_id);
}

fn handling(entry: &mut Entry, system: &MessageHandlingSystem, id: &str) {
    entry.put("nhsIDCode", [&system.organisation]);
    entry.put("nhsMHSPartyKey", [&system.party_key]);
    entry.put("nhsMHSEndPoint", &system.endpoints);
    entry.put("nhsMhsSvcIA", [&system.interaction]);
    entry.put("nhsMHsSN", &system.service);
    entry.put("nhsMHsIN", &system.interaction_name);
    entry.put("nhsMhsCPAId", [system.cpa_id.as_deref().unwrap_or(id)]);
    entry.put("nhsMhsFQDN", &system.fqdn);
    entry.put("nhsMHSIsAuthenticated", &system.authenticated);
    entry.put("nhsEPInteractionType", &system.interaction_type);
    entry.put("nhsContractPropertyTemplateKey", &system.contract_template);
    entry.put("nhsMhsManufacturerOrg", &system.manufacturer);
    entry.put("nhsMhsIPAddress", &system.ip_address);
    entry.put("nhsMhsNetwork", &system.network);
    entry.put("nhsMhsSinCode", &system.service_instance);
    entry.put("nhsMHSServiceDescription", &system.service_description);
    let reliability = &system.reliability;
    entry.put("nhsMHSSyncReplyMode", &reliability.sync_reply_mode);
    entry.put("nhsMHSRetryInterval", &reliability.retry_interval);
    entry.put("nhsMHSRetries", &reliability.retries);
    entry.put("nhsMHSPersistDuration", &reliability.persist_duration);
    entry.put("nhsMHSDuplicateElimination", &reliability.duplicate_elimination);
    entry.put("nhsMHSAckRequested", &reliability.ack_requested);
    entry.put("nhsMHSActor", &reliability.actors);
    product(entry, &system.product);
    approval(entry, &system.approval);
    entry.put("nhsTempUid", &system.temporary_id);
}

fn product(entry: &mut Entry, product: &SystemProduct) {
    entry.put("nhsProductKey", &product.key);
    entry.put("nhsProductName", &product.name);
    entry.put("nhsProductVersion", &product.version);
}

fn approval(entry: &mut Entry, approval: &SystemApproval) {
    entry.put("nhsRequestorURP", &approval.requested_by);
    entry.put("nhsDateRequested", &approval.requested_at);
    entry.put("nhsApproverURP", &approval.approved_by);
    entry.put("nhsDateApproved", &approval.approved_at);
    entry.put("nhsDNSApprover", &approval.host_approved_by);
    entry.put("nhsDateDNSApproved", &approval.host_approved_at);
}
