//! What organisations were before, as far as it is kept.

use platform::db::Tx;
use platform::id::OdsCode;

use super::resource::{affiliation, organisation};
use crate::api::{Organisation, OrganisationRecord};
use crate::error::Error;
use crate::fhir::kit::{Parts, Past, Stamp};
use crate::store::deletions::{self, Part};
use crate::store::former::{self, Of};
use crate::store::organisation_faces::{self as store, Affiliation, Affiliations};

/// An organisation as it is now, with its version.
pub(crate) async fn stamped(tx: &mut Tx, one: &Organisation) -> Result<(Stamp, Parts), Error> {
    let ods = one.record.ods.clone();
    let written = store::written_at(tx, std::slice::from_ref(&ods)).await?;
    let stamp = Stamp::of(one.version, written.get(&ods).copied());
    let whole = organisation(&one.record).stamped(&stamp);
    Ok((stamp, whole))
}

/// What an organisation is and was, the newest first; nothing where there is none of this code.
pub(crate) async fn past(tx: &mut Tx, code: &OdsCode) -> Result<Vec<Past<Parts>>, Error> {
    let found = store::many(tx, std::slice::from_ref(code)).await?;
    let Some(one) = found.first() else { return Ok(Vec::new()) };
    let (stamp, whole) = stamped(tx, one).await?;
    let mut past = vec![Past { stamp, was: Some(whole) }];
    for former in former::before(&mut *tx, Of::Organisation, code.as_str(), one.version).await? {
        let record: OrganisationRecord = former.read()?;
        let stamp = Stamp::of(former.version, former.at);
        let was = Some(organisation(&record).stamped(&stamp));
        past.push(Past { stamp, was });
    }
    Ok(past)
}

/// What a relationship is and was, the newest first, as far as the versions of the organisation tell that has or had it; nothing where none
/// did. Versions of the organisation in which it says the same are one.
pub(crate) async fn affiliation_past(tx: &mut Tx, instance: &str) -> Result<Vec<Past<Parts>>, Error> {
    let Some(owner) = owner(tx, instance).await? else { return Ok(Vec::new()) };
    let found = store::many(tx, std::slice::from_ref(&owner)).await?;
    let Some(one) = found.into_iter().next() else { return Ok(Vec::new()) };
    let written = store::written_at(tx, std::slice::from_ref(&owner)).await?;
    let former = former::before(&mut *tx, Of::Organisation, owner.as_str(), one.version).await?;
    let mut past: Vec<Past<Parts>> = Vec::new();
    let mut last: Option<Parts> = None;
    let now = (one.version, written.get(&owner).copied(), Ok(one.record));
    let before = former.iter().map(|was| (was.version, was.at, was.read::<OrganisationRecord>()));
    for (version, at, record) in std::iter::once(now).chain(before) {
        let told = related(&record?, instance);
        if !past.is_empty() && last == told {
            continue;
        }
        past.push(match told.clone() {
            Some(whole) => {
                let stamp = Stamp::of_content(&whole, at);
                Past { was: Some(whole.stamped(&stamp)), stamp }
            }
            None => Past { stamp: Stamp { version: format!("{version}-deleted"), since: at }, was: None },
        });
        last = told;
    }
    // Before it was there, there is nothing to tell.
    if past.last().is_some_and(|first| first.was.is_none()) {
        past.pop();
    }
    Ok(past)
}

/// The relationship with this id, as an organisation has it.
fn related(record: &OrganisationRecord, instance: &str) -> Option<Parts> {
    let mut all = record.relationships.iter().zip(0_i64..);
    let (one, place) = all.find(|(one, _)| one.instance == instance)?;
    let organisation = record.ods.clone();
    Some(affiliation(&Affiliation { organisation, place, relationship: one.clone() }))
}

/// Whose relationship it is, or was.
async fn owner(tx: &mut Tx, instance: &str) -> Result<Option<OdsCode>, Error> {
    let wanted = Affiliations { instances: vec![vec![instance.to_owned()]], ..Affiliations::default() };
    if let Some(found) = store::affiliations(tx, &wanted, 0, 1).await?.into_iter().next() {
        return Ok(Some(found.organisation));
    }
    let whose = deletions::whose(tx, Part::Relationship, instance).await?;
    Ok(whose.and_then(|code| code.parse().ok()))
}
