//! Organisations that the nation has closed, and what is open there all the same.

use platform::id::OdsCode;
use serde::Serialize;

use crate::api::{OrganisationStatus, SuccessionKind};
use crate::day::Day;
use crate::error::Error;
use crate::organisation::Prepared;
use crate::register::Register;
use crate::store::organisations;
use crate::store::organisations_closed::{self as rows, Of};

/// An organisation that is closed, or would be, and where positions are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// Its code.
    pub organisation: OdsCode,
    /// Its name.
    pub name: String,
    /// Who took its place.
    pub successors: Vec<OdsCode>,
    /// How many open positions are in it or give something there.
    pub positions: u64,
    /// How many assignments to positions in it give something today or later.
    pub assignments: u64,
}

/// The first of those that are closed.
pub(super) async fn all(register: &Register, most: u32) -> Result<Vec<Closed>, Error> {
    let today = Day::of(register.now());
    let mut read = register.db.read().acquire().await?;
    let mut all = rows::left_open(&mut read, Of::Closed, today, most).await?;
    for one in &mut all {
        one.successors =
            organisations::line(&mut *read, &one.organisation, SuccessionKind::Successor).await?;
    }
    Ok(all)
}

/// Those that a release would close, of the organisations that it changes.
pub(super) async fn by(register: &Register, changed: &[&Prepared]) -> Result<Vec<Closed>, Error> {
    let closing: Vec<&Prepared> =
        changed.iter().filter(|one| one.record.status == OrganisationStatus::Inactive).copied().collect();
    let codes: Vec<OdsCode> = closing.iter().map(|one| one.record.ods.clone()).collect();
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let most = u32::try_from(codes.len()).unwrap_or(u32::MAX);
    let today = Day::of(register.now());
    let mut read = register.db.read().acquire().await?;
    let mut all = rows::left_open(&mut read, Of::These(&codes), today, most).await?;
    for one in &mut all {
        let of_release = closing.iter().filter(|closing| closing.record.ods == one.organisation);
        let successions = of_release.flat_map(|closing| &closing.record.successions);
        let after = successions.filter(|succession| succession.kind == SuccessionKind::Successor);
        one.successors = after.map(|succession| succession.target.clone()).collect();
    }
    Ok(all)
}

/// Who took the place of an organisation, as it stands in a sentence.
pub(crate) fn who_follows(successors: &[OdsCode]) -> String {
    if successors.is_empty() {
        return "the organisation that took its place".to_owned();
    }
    let codes: Vec<&str> = successors.iter().map(OdsCode::as_str).collect();
    format!("{}, which took its place", codes.join(" or "))
}
