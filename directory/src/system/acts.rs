//! The life of a system: it is registered, changed, and withdrawn.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use super::content::folded;
use super::{System, SystemEvent, SystemId, checked};
use crate::api::{ChangeKind, SystemContent};
use crate::changes;
use crate::error::Error;
use crate::store::systems;
use crate::version::{Expected, Version};

/// Registers a system, under an identifier of its own or under a new one.
pub(crate) async fn create(
    tx: &mut Tx,
    actor: &Actor,
    id: Option<SystemId>,
    content: SystemContent,
    now: Millis,
) -> Result<System, Error> {
    let content = checked(content)?;
    let id = match id {
        Some(id) if !id.suits(content.kind()) => {
            return Err(Error::field(
                "identifier",
                "The identifier of an accredited system, its ASID, has twelve digits.",
            ));
        }
        Some(id) => {
            if systems::find(&mut *tx, &folded(id.as_str())).await?.is_some() {
                let sentence = format!("There is, or was, a system {id}. Identifiers are given once.");
                return Err(Error::conflict("identifier-taken", sentence));
            }
            id
        }
        None => SystemId::new(tx, content.kind()).await?,
    };
    let system = System::new(id, content, now);
    let sha256 = systems::write(tx, &system).await?;
    let event = SystemEvent::SystemRegistered {
        system: system.id.to_string(),
        kind: system.content.kind(),
        organisation: organisation(&system.content).to_owned(),
        content_sha256: sha256,
    };
    audit::record(tx, now, actor, &event).await?;
    changes::tell(tx, now, ChangeKind::SystemChanged, system.id.as_str(), None).await?;
    Ok(system)
}

/// Says anew what a system is. What is as it was is not written.
pub(crate) async fn change(
    tx: &mut Tx,
    actor: &Actor,
    id: &SystemId,
    expected: Expected,
    content: SystemContent,
    now: Millis,
) -> Result<System, Error> {
    let system = present(tx, id, expected).await?;
    let content = checked(content)?;
    if content.kind() != system.content.kind() {
        return Err(Error::field("kind", "A system stays of its kind. Withdraw it, and register another."));
    }
    if content == system.content {
        return Ok(system);
    }
    let system = system.rewritten(content, now);
    let sha256 = systems::write(tx, &system).await?;
    let event = SystemEvent::SystemChanged {
        system: system.id.to_string(),
        organisation: organisation(&system.content).to_owned(),
        content_sha256: sha256,
    };
    audit::record(tx, now, actor, &event).await?;
    changes::tell(tx, now, ChangeKind::SystemChanged, system.id.as_str(), None).await?;
    Ok(system)
}

/// Withdraws a system: from then on it is on no face, and its identifier is not given again.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    actor: &Actor,
    id: &SystemId,
    expected: Expected,
    now: Millis,
) -> Result<(), Error> {
    let system = present(tx, id, expected).await?;
    let version = Version(system.version.0 + 1);
    let system = System { withdrawn_at: Some(now), changed_at: now, version, ..system };
    systems::write(tx, &system).await?;
    let event = SystemEvent::SystemWithdrawn { system: system.id.to_string() };
    audit::record(tx, now, actor, &event).await?;
    changes::tell(tx, now, ChangeKind::SystemWithdrawn, system.id.as_str(), None).await?;
    Ok(())
}

/// A system that was not withdrawn, at a version that is meant.
async fn present(tx: &mut Tx, id: &SystemId, expected: Expected) -> Result<System, Error> {
    let found = systems::find(&mut *tx, &folded(id.as_str())).await?;
    let system = found.ok_or_else(|| Error::unknown("system", id))?;
    if !expected.holds(system.version) {
        return Err(Error::Changed { what: "system", present: system.version });
    }
    if system.withdrawn_at.is_some() {
        return Err(Error::conflict("system-withdrawn", "This system was withdrawn. Register another."));
    }
    Ok(system)
}

/// The organisation of a system.
pub(super) fn organisation(content: &SystemContent) -> &str {
    match content {
        SystemContent::Accredited(system) => &system.organisation,
        SystemContent::MessageHandling(system) => &system.organisation,
    }
}
