//! The trees: the first workgroup of an organisation is its root, and nothing lies below itself.

use platform::db::Tx;
use platform::id::OdsCode;

use super::{Workgroup, WorkgroupEvent};
use crate::acting::{self, Doing};
use crate::api::ChangeKind;
use crate::authority::Act;
use crate::changes;
use crate::error::Error;
use crate::ids::WorkgroupId;
use crate::store::workgroups;
use crate::version::{Expected, Version};

/// How many workgroups lie one below the other.
const DEEPEST: usize = 16;

/// Makes a workgroup.
pub(crate) async fn create(
    tx: &mut Tx,
    doing: &Doing,
    organisation: OdsCode,
    parent: Option<WorkgroupId>,
    name: String,
) -> Result<Workgroup, Error> {
    let target = acting::in_organisation_in(tx, &organisation).await?;
    doing.demand(Act::ManageWorkgroups, &target)?;
    match &parent {
        None => {
            if let Some(root) = workgroups::root(tx, &organisation).await? {
                let sentence = format!(
                    "{organisation} has its first workgroup, {} ({}). Name it, or one below it, as the parent.",
                    root.name, root.id
                );
                return Err(Error::conflict("workgroup-root", sentence));
            }
        }
        Some(parent) => {
            let above = above(tx, parent).await?;
            fits(&above, &organisation, 1)?;
        }
    }
    let workgroup =
        Workgroup { id: WorkgroupId::new(doing.now), organisation, parent, name, version: Version::FIRST };
    workgroups::insert(tx, &workgroup).await?;
    let event = WorkgroupEvent::WorkgroupCreated {
        workgroup: workgroup.id.to_string(),
        organisation: workgroup.organisation.to_string(),
        parent: workgroup.parent.as_ref().map(ToString::to_string),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    changes::tell(tx, doing.now, ChangeKind::WorkgroupChanged, workgroup.id.as_str(), None).await?;
    Ok(workgroup)
}

/// Renames a workgroup, or moves it with everything below it.
pub(crate) async fn change(
    tx: &mut Tx,
    doing: &Doing,
    id: &WorkgroupId,
    expected: Expected,
    name: Option<String>,
    parent: Option<WorkgroupId>,
) -> Result<Workgroup, Error> {
    let mut workgroup = workgroups::find(tx, id).await?.ok_or_else(|| Error::unknown("workgroup", id))?;
    let target = acting::in_organisation_in(tx, &workgroup.organisation).await?;
    doing.demand(Act::ManageWorkgroups, &target)?;
    if !expected.holds(workgroup.version) {
        return Err(Error::Changed { what: "workgroup", present: workgroup.version });
    }
    let before = workgroup.clone();
    if let Some(parent) = parent {
        if workgroup.parent.is_none() {
            let sentence = "The first workgroup of an organisation stays the root of its tree.";
            return Err(Error::conflict("workgroup-root", sentence));
        }
        let above = above(tx, &parent).await?;
        refuse_cycle(id, &above)?;
        fits(&above, &workgroup.organisation, workgroups::height(tx, id, DEEPEST).await?)?;
        workgroup.parent = Some(parent);
    }
    workgroup.name = name.unwrap_or(workgroup.name);
    if workgroup == before {
        return Ok(before);
    }
    workgroup.version = Version(workgroup.version.0 + 1);
    workgroups::update(tx, &workgroup).await?;
    let event = WorkgroupEvent::WorkgroupChanged {
        workgroup: id.to_string(),
        parent: workgroup.parent.as_ref().map(ToString::to_string),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    changes::tell(tx, doing.now, ChangeKind::WorkgroupChanged, id.as_str(), None).await?;
    Ok(workgroup)
}

/// A workgroup with those above it, itself first.
async fn above(tx: &mut Tx, id: &WorkgroupId) -> Result<Vec<Workgroup>, Error> {
    let above = workgroups::above(tx, id, DEEPEST + 1).await?;
    if above.is_empty() { Err(Error::unknown("workgroup", id)) } else { Ok(above) }
}

/// Whether what is this high, itself counted, fits below those.
fn fits(above: &[Workgroup], organisation: &OdsCode, height: usize) -> Result<(), Error> {
    if above.iter().any(|workgroup| workgroup.organisation != *organisation) {
        return Err(Error::field(
            "parent",
            "This workgroup is of another organisation. Each has its own tree.",
        ));
    }
    if above.len() + height > DEEPEST {
        return Err(Error::field("parent", format!("At most {DEEPEST} workgroups lie one below the other.")));
    }
    Ok(())
}

/// What is to lie below one must not lie above it.
fn refuse_cycle(id: &WorkgroupId, above: &[Workgroup]) -> Result<(), Error> {
    let Some(at) = above.iter().position(|workgroup| workgroup.id == *id) else { return Ok(()) };
    let path: Vec<&str> = above[..=at].iter().rev().map(|workgroup| workgroup.name.as_str()).collect();
    let sentence =
        format!("The workgroup would lie below itself: {}. Choose another parent.", path.join(" → "));
    Err(Error::conflict("workgroup-cycle", sentence))
}
