//! What is asked for, in the register: which systems they are, and their resources.

use serde_json::Value;

use super::asked::{Asked, Kind};
use super::intermediary::forwarded;
use super::outcome::Outcome;
use super::resource::{devices, endpoints};
use crate::api::{SystemContent, SystemKind};
use crate::ldap::{Entry, system_entry};
use crate::register::Register;
use crate::store::systems::{self as store, Wanted};
use crate::system::{System, folded, keys};

/// How many systems are answered at most: the whole match set comes at once.
pub(crate) const MOST: u32 = 5_000;

impl Kind {
    /// Which systems are told as this resource.
    pub(crate) fn of_systems(self) -> SystemKind {
        match self {
            Self::Device => SystemKind::Accredited,
            Self::Endpoint => SystemKind::MessageHandling,
        }
    }
}

impl Asked {
    /// The words under which a system is found, what leaves the fewest first.
    fn words(&self) -> Vec<(&'static str, String)> {
        let asked = [
            ("party-key", &self.party_key),
            ("organisation", &self.organisation),
            ("interaction", &self.interaction),
            ("manufacturer", &self.manufacturer),
        ];
        asked.into_iter().filter_map(|(name, value)| Some((name, folded(value.as_ref()?)))).collect()
    }

    /// Whether a system that is this is meant.
    pub(crate) fn means(&self, kind: Kind, content: &SystemContent) -> bool {
        let there = keys(content);
        content.kind() == kind.of_systems() && self.words().iter().all(|word| there.contains(word))
    }
}

/// The systems that are asked for, unless they are too many.
pub(crate) async fn systems(register: &Register, kind: Kind, asked: &Asked) -> Result<Vec<System>, Outcome> {
    let wanted = Wanted { kind: Some(kind.of_systems()), keys: asked.words() };
    let found = store::page(register.db.read(), &wanted, "", MOST + 1).await?;
    if u32::try_from(found.len()).is_ok_and(|many| many > MOST) {
        return Err(Outcome::too_costly());
    }
    Ok(found)
}

/// The resources of a system. `addresses` are those of intermediaries that are known already.
pub(crate) async fn resources_of(
    register: &Register,
    kind: Kind,
    system: &System,
    addresses: &mut Vec<(&'static str, String)>,
) -> Result<Vec<Value>, Outcome> {
    let entry = system_entry(system);
    let stable = StableId::new(register, &entry);
    Ok(match kind {
        Kind::Device => devices(&entry, |place| stable.at(place)),
        Kind::Endpoint => {
            let entry = through_intermediary(register, entry, addresses).await?;
            endpoints(&entry, |place| stable.at(place))
        }
    })
}

/// The ids of the resources of an entry, for as long as there is the entry and the place among its addresses.
enum StableId {
    /// By the identifier, under which it is read.
    Name(String),
    /// A UUID in capital letters, as those of the national service, which are new each time.
    Uuid(String),
}

impl StableId {
    /// Where only the model is wanted, or the identifier can be no id (FHIR R4 2.24.0.1), it is a UUID.
    fn new(register: &Register, entry: &Entry) -> Self {
        let value = |name: &str| entry.values(name).first().cloned().unwrap_or_default();
        let name = value("uniqueIdentifier");
        let can_be =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && name.len() <= 60;
        if register.config.strict || !can_be { Self::Uuid(value("entryUUID")) } else { Self::Name(name) }
    }

    fn at(&self, place: usize) -> String {
        match self {
            Self::Name(name) if place == 0 => name.clone(),
            Self::Name(name) => format!("{name}.{place}"),
            Self::Uuid(base) => uuid_at(base, place),
        }
    }
}

fn uuid_at(base: &str, place: usize) -> String {
    let Ok(base) = uuid::Uuid::try_parse(base) else { return base.to_owned() };
    let mut octets = *base.as_bytes();
    for (octet, more) in octets.iter_mut().rev().zip(place.to_le_bytes()).take(4) {
        *octet = octet.wrapping_add(more);
    }
    uuid::Builder::from_custom_bytes(octets).into_uuid().to_string().to_ascii_uppercase()
}

/// An endpoint whose messages go through an intermediary has the intermediary's address.
async fn through_intermediary(
    register: &Register,
    entry: Entry,
    addresses: &mut Vec<(&'static str, String)>,
) -> Result<Entry, Outcome> {
    let config = &register.config.spine;
    let interaction = entry.values("nhsMhsSvcIA").first().cloned().unwrap_or_default();
    let Some(intermediary) = forwarded(config, &interaction) else { return Ok(entry) };
    if let Some((_, address)) = addresses.iter().find(|known| known.0 == intermediary) {
        return Ok(entry.with("nhsMHSEndPoint", address.clone()));
    }
    let organisation = config.core_organisation.clone();
    let asked = Asked { organisation, interaction: Some(intermediary.to_owned()), ..Asked::default() };
    let found = systems(register, Kind::Endpoint, &asked).await?;
    let found: Vec<Entry> = found.iter().map(system_entry).collect();
    let there = found.iter().flat_map(|one| one.values("nhsMHSEndPoint")).cloned().collect::<Vec<_>>();
    let [address] = &there[..] else {
        let sentence = format!("{intermediary} has {} addresses, and should have one", there.len());
        return Err(Outcome::failed(sentence));
    };
    addresses.push((intermediary, address.clone()));
    Ok(entry.with("nhsMHSEndPoint", address.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are the same each time, differ by place, and are written as UUIDs in capital letters.
    #[test]
    fn ids_are_stable() {
        let stable = StableId::Uuid("6f1f7b06-6c3e-8a53-9d1e-7f0f6a3b2cff".to_owned());
        let ids: std::collections::BTreeSet<String> = (0..300).map(|place| stable.at(place)).collect();
        assert_eq!(ids.len(), 300);
        assert_eq!(stable.at(0), "6F1F7B06-6C3E-8A53-9D1E-7F0F6A3B2CFF");
        let stable = StableId::Name("S918999410559".to_owned());
        assert_eq!((stable.at(0).as_str(), stable.at(2).as_str()), ("S918999410559", "S918999410559.2"));
    }

    /// A system is meant by its words in whatever letters, if it is of the kind.
    #[test]
    fn systems_are_meant_by_their_words() {
        let content: SystemContent = serde_json::from_value(serde_json::json!({
            "kind": "accredited", "organisation": "RXX", "party_key": "RXX-0000001", "interactions": ["urn:a:b"],
        }))
        .unwrap();
        let asked = Asked { organisation: Some("rxx".to_owned()), ..Asked::default() };
        assert!(asked.means(Kind::Device, &content) && !asked.means(Kind::Endpoint, &content));
        assert!(Asked::default().means(Kind::Device, &content), "everything is meant");
        let other = Asked { interaction: Some("urn:a:c".to_owned()), ..asked };
        assert!(!other.means(Kind::Device, &content));
    }
}
