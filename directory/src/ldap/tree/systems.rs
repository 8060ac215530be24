//! `ou=Services`: systems as entries.

use platform::db::Tx;

use super::{Unit, branch};
use crate::api::{
    AccreditedSystem, MessageHandlingSystem, SystemApproval, SystemContent, SystemKind, SystemProduct,
};
use crate::error::Error;
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

/// A system as an entry.
pub(crate) fn entry(system: &System) -> Entry {
    let dn = branch("Services").below("uniqueIdentifier", system.id.as_str());
    let class = match system.content {
        SystemContent::Accredited(_) => "nhsAs",
        SystemContent::MessageHandling(_) => "nhsMhs",
    };
    let classes = with_those_above(class);
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    let mut entry = Entry::new(dn, &classes, class);
    entry.put("uniqueIdentifier", [system.id.to_string()]);
    match &system.content {
        SystemContent::Accredited(content) => accredited(&mut entry, content),
        SystemContent::MessageHandling(content) => handling(&mut entry, content, system.id.as_str()),
    }
    super::times(&mut entry, Some(system.made_at), Some(system.changed_at));
    entry.put("hasSubordinates", ["FALSE".to_owned()]);
    entry
}

fn accredited(entry: &mut Entry, system: &AccreditedSystem) {
    entry.put("nhsIDCode", [system.organisation.clone()]);
    entry.put("nhsMHSPartyKey", [system.party_key.clone()]);
    entry.put("nhsMhsManufacturerOrg", system.manufacturer.clone());
    entry.put("nhsAsSvcIA", system.interactions.iter().cloned());
    entry.put("nhsAsClient", system.clients.iter().cloned());
    entry.put("nhsAsCategoryBag", system.categories.iter().cloned());
    entry.put("nhsAsACF", system.access_control.iter().cloned());
    entry.put("description", system.description.clone());
    product(entry, &system.product);
    approval(entry, &system.approval);
    entry.put("nhsTempUid", system.temporary_id.clone());
}

fn handling(entry: &mut Entry, system: &MessageHandlingSystem, id: &str) {
    entry.put("nhsIDCode", [system.organisation.clone()]);
    entry.put("nhsMHSPartyKey", [system.party_key.clone()]);
    entry.put("nhsMHSEndPoint", system.endpoints.iter().cloned());
    entry.put("nhsMhsSvcIA", [system.interaction.clone()]);
    entry.put("nhsMHsSN", system.service.clone());
    entry.put("nhsMHsIN", system.interaction_name.clone());
    entry.put("nhsMhsCPAId", [system.cpa_id.clone().unwrap_or_else(|| id.to_owned())]);
    entry.put("nhsMhsFQDN", system.fqdn.clone());
    entry.put("nhsMHSIsAuthenticated", system.authenticated.clone());
    entry.put("nhsEPInteractionType", system.interaction_type.clone());
    entry.put("nhsContractPropertyTemplateKey", system.contract_template.clone());
    entry.put("nhsMhsManufacturerOrg", system.manufacturer.clone());
    entry.put("nhsMhsIPAddress", system.ip_address.clone());
    entry.put("nhsMhsNetwork", system.network.clone());
    entry.put("nhsMhsSinCode", system.service_instance.clone());
    entry.put("nhsMHSServiceDescription", system.service_description.clone());
    let reliability = &system.reliability;
    entry.put("nhsMHSSyncReplyMode", reliability.sync_reply_mode.clone());
    entry.put("nhsMHSRetryInterval", reliability.retry_interval.clone());
    entry.put("nhsMHSRetries", reliability.retries.clone());
    entry.put("nhsMHSPersistDuration", reliability.persist_duration.clone());
    entry.put("nhsMHSDuplicateElimination", reliability.duplicate_elimination.clone());
    entry.put("nhsMHSAckRequested", reliability.ack_requested.clone());
    entry.put("nhsMHSActor", reliability.actors.iter().cloned());
    product(entry, &system.product);
    approval(entry, &system.approval);
    entry.put("nhsTempUid", system.temporary_id.clone());
}

fn product(entry: &mut Entry, product: &SystemProduct) {
    entry.put("nhsProductKey", product.key.clone());
    entry.put("nhsProductName", product.name.clone());
    entry.put("nhsProductVersion", product.version.clone());
}

fn approval(entry: &mut Entry, approval: &SystemApproval) {
    entry.put("nhsRequestorURP", approval.requested_by.clone());
    entry.put("nhsDateRequested", approval.requested_at.clone());
    entry.put("nhsApproverURP", approval.approved_by.clone());
    entry.put("nhsDateApproved", approval.approved_at.clone());
    entry.put("nhsDNSApprover", approval.host_approved_by.clone());
    entry.put("nhsDateDNSApproved", approval.host_approved_at.clone());
}
