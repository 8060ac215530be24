//! How many there are, where nothing else is wanted.

use platform::caller::Caller;

use super::{PAGE, record};
use crate::fhir::kit::Outcome;
use crate::fhir::workers::{Found, Kind, Page, Wanted, find};
use crate::register::Register;
use crate::store::reading::Reading;

/// How many are counted at most beyond the first page.
const MOST: usize = 5_000;

/// How many more there are after a page that was read. Whoever is counted is in the record: a number says something of people too.
pub(super) async fn beyond(
    register: &Register,
    caller: &Caller,
    wanted: &Wanted,
    kind: Kind,
    mut next: Option<String>,
) -> Result<usize, Outcome> {
    let mut many = 0;
    while let Some(cursor) = next {
        let page = page(register, wanted, kind, &cursor).await?;
        many += match kind {
            Kind::Practitioner => page.found.len(),
            Kind::Role => page.found.iter().map(|found: &Found| found.roles.len()).sum(),
        };
        if many > MOST {
            let sentence = format!("More than {MOST} are meant, which are not counted. Ask for less.");
            return Err(Outcome::new(422, "too-costly", sentence));
        }
        record(register, caller, &page, kind).await?;
        next = page.next;
    }
    Ok(many)
}

async fn page(register: &Register, wanted: &Wanted, kind: Kind, cursor: &str) -> Result<Page, Outcome> {
    let mut reading = Reading::quick(register);
    let most = usize::try_from(PAGE.1).unwrap_or(1);
    let found = find(register, &mut reading, wanted, kind, Some(cursor), most).await?;
    // It is a cursor of our own.
    Ok(found.unwrap_or_default())
}
