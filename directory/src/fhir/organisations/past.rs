//! What organisations were before, as far as it is kept.

use platform::db::Tx;
use platform::id::OdsCode;

use super::resource::organisation;
use crate::api::{Organisation, OrganisationRecord};
use crate::error::Error;
use crate::fhir::kit::{Parts, Past, Stamp};
use crate::store::former::{self, Of};
use crate::store::organisation_faces as store;

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
