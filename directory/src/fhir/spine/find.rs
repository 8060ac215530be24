//! What is asked for, in the register: which systems they are, and their resources.

use platform::db::Tx;
use serde_json::Value;

use super::asked::{Asked, Kind};
use super::ids::Ids;
use super::intermediary::forwarded;
use super::outcome::Outcome;
use super::resource::{devices, endpoints};
use crate::api::{SystemContent, SystemKind};
use crate::error::Error;
use crate::fhir::kit::Stamp;
use crate::ldap::{Entry, system_entry};
use crate::register::Register;
use crate::store::reading::Reading;
use crate::store::systems::{self as store, Wanted};
use crate::system::{System, folded, keys};

/// How many systems are answered at most: the whole match set comes at once.
pub(crate) const MOST: u32 = 5_000;
/// How many systems are read at once where nobody is told of them.
const AT_ONCE: u32 = 500;

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
pub(crate) async fn systems(
    reading: &mut Reading<'_>,
    kind: Kind,
    asked: &Asked,
) -> Result<Vec<System>, Outcome> {
    let wanted = Wanted { kind: Some(kind.of_systems()), keys: asked.words() };
    let known = reading.model().and_then(|model| model.systems(&wanted, MOST + 1));
    let found = match known {
        Some(found) => found,
        None => store::page(reading.tx().await?, &wanted, "", MOST + 1).await?,
    };
    if u32::try_from(found.len()).is_ok_and(|many| many > MOST) {
        return Err(Outcome::too_costly());
    }
    Ok(found)
}

/// The system with this identifier, folded; a withdrawn one too.
pub(crate) async fn system(reading: &mut Reading<'_>, folded: &str) -> Result<Option<System>, Error> {
    let known = reading.model().and_then(|model| model.system(folded));
    match known {
        Some(system) => Ok(Some(system)),
        None => store::find(reading.tx().await?, folded).await,
    }
}

/// What is made of a system.
pub(crate) struct Made {
    pub(crate) resources: Vec<Value>,
    address: Address,
}

/// Whose address an endpoint is told with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Address {
    Own,
    /// That of the intermediary through which its messages go.
    Intermediary,
}

impl Made {
    /// The version of one of the resources. One that is told with the address of another system changes with that too: it is known by what it
    /// says.
    pub(crate) fn stamp(&self, system: &System, one: &Value) -> Stamp {
        match self.address {
            Address::Own => Stamp::of(system.version, Some(system.changed_at)),
            Address::Intermediary => Stamp::of_value(one, None),
        }
    }
}

/// The addresses of intermediaries that are known already, and what is told of an endpoint whose intermediary has none.
#[derive(Debug, Default)]
pub(crate) struct Through {
    addresses: Vec<(&'static str, Option<String>)>,
    lacking: Lacking,
}

/// What becomes of an endpoint whose intermediary is not registered, or has several addresses.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Lacking {
    /// Whoever asks for it is told that something is wrong here.
    #[default]
    Fails,
    /// It is told with its own address: one gap is not to hide everything else.
    Own,
}

impl Through {
    /// Where everything is told, whatever is lacking.
    pub(crate) fn or_own() -> Self {
        Self { lacking: Lacking::Own, ..Self::default() }
    }
}

/// The resources of a system as it is.
pub(crate) async fn made(
    register: &Register,
    reading: &mut Reading<'_>,
    kind: Kind,
    system: &System,
    through: &mut Through,
) -> Result<Made, Outcome> {
    let entry = system_entry(system);
    if kind == Kind::Endpoint
        && let Some(address) = intermediary(register, reading, &entry, through).await?
    {
        let own = entry.values("nhsMHSEndPoint").to_vec();
        let entry = entry.with("nhsMHSEndPoint", address);
        let resources = resources(register, kind, system, &entry, &own);
        return Ok(Made { resources, address: Address::Intermediary });
    }
    let resources = resources(register, kind, system, &entry, entry.values("nhsMHSEndPoint"));
    Ok(Made { resources, address: Address::Own })
}

/// The resources of a system with its own addresses, whichever way its messages go.
pub(crate) fn unforwarded(register: &Register, kind: Kind, system: &System) -> Vec<Value> {
    let entry = system_entry(system);
    resources(register, kind, system, &entry, entry.values("nhsMHSEndPoint"))
}

/// The resources of an entry. Their ids come from the system's own addresses, so that one that is told with another's is the same resource
/// as before it was, and has the history of that.
fn resources(register: &Register, kind: Kind, system: &System, entry: &Entry, own: &[String]) -> Vec<Value> {
    let ids = if register.config.strict { Ids::of_model(entry) } else { Ids::of(entry) };
    match kind {
        Kind::Device => devices(entry, |place| ids.at(place, &[], None)),
        Kind::Endpoint => endpoints(entry, |place| ids.at(place, own, system.several())),
    }
}

/// The address of the intermediary through which the messages of an endpoint go, if they go through one.
async fn intermediary(
    register: &Register,
    reading: &mut Reading<'_>,
    entry: &Entry,
    through: &mut Through,
) -> Result<Option<String>, Outcome> {
    let config = &register.config.spine;
    let interaction = entry.values("nhsMhsSvcIA").first().cloned().unwrap_or_default();
    let Some(intermediary) = forwarded(config, &interaction) else { return Ok(None) };
    if let Some((_, address)) = through.addresses.iter().find(|known| known.0 == intermediary) {
        return Ok(address.clone());
    }
    let organisation = config.core_organisation.clone();
    let asked = Asked { organisation, interaction: Some(intermediary.to_owned()), ..Asked::default() };
    let found = systems(reading, Kind::Endpoint, &asked).await?;
    let found: Vec<Entry> = found.iter().map(system_entry).collect();
    let there = found.iter().flat_map(|one| one.values("nhsMHSEndPoint")).cloned().collect::<Vec<_>>();
    let address = match &there[..] {
        [address] => Some(address.clone()),
        _ if through.lacking == Lacking::Own => {
            tracing::warn!("{intermediary} has {} addresses, and should have one", there.len());
            None
        }
        _ => {
            let sentence = format!("{intermediary} has {} addresses, and should have one", there.len());
            return Err(Outcome::failed(sentence));
        }
    };
    through.addresses.push((intermediary, address.clone()));
    Ok(address)
}

/// Whether some endpoint that is asked for is told with the address of this intermediary.
pub(crate) async fn tells_address_of(
    register: &Register,
    tx: &mut Tx,
    asked: &Asked,
    intermediary: &str,
) -> Result<bool, Error> {
    let is_through = |interaction: &str| forwarded(&register.config.spine, interaction) == Some(intermediary);
    if asked.interaction.as_ref().is_some_and(|interaction| !is_through(interaction)) {
        return Ok(false);
    }
    let wanted = Wanted { kind: Some(SystemKind::MessageHandling), keys: asked.words() };
    let mut after = String::new();
    loop {
        let some = store::page(&mut *tx, &wanted, &after, AT_ONCE).await?;
        let Some(last) = some.last() else { return Ok(false) };
        after = folded(last.id.as_str());
        let mut contents = some.iter().map(|one| &one.content);
        if contents.any(|content| match content {
            SystemContent::MessageHandling(system) => is_through(&system.interaction),
            SystemContent::Accredited(_) => false,
        }) {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
