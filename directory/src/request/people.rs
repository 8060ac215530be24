//! Doing what was approved of people. Whoever approves it does it: what the register demands of the doer, it demands of them.

use platform::db::Tx;
use platform::id::UserId;
use serde_json::Value;

use super::Request;
use super::ask::{Ask, Named};
use super::content::{RenameAsked, read};
use crate::acting::Doing;
use crate::api::{
    ChangeName, ChangePerson, ClosePerson, CloseReason, NewEvidence, NewPerson, ReopenPerson, ReopenReason,
};
use crate::error::Error;
use crate::person::{self, Created, Creation};
use crate::version::Expected;

/// Does it to what is at the version that is meant; gives whom it made, if it made somebody. `documents` are those that whoever
/// approves it has checked; without, those count that whoever asked for it did.
pub(super) async fn done(
    tx: &mut Tx,
    doing: &Doing,
    request: &Request,
    named: Named,
    expected: Expected,
    documents: Vec<NewEvidence>,
) -> Result<Option<UserId>, Error> {
    let by_requester = Doing { checker: request.requester.parse().ok(), ..doing.clone() };
    let doing = if documents.is_empty() { &by_requester } else { doing };
    match (&request.ask, named) {
        (Ask::ChangePerson { patch, .. }, Named::Person(user)) => {
            let mut change: ChangePerson = read("patch", patch)?;
            let mut documents = documents;
            if let Some(one) = documents.pop() {
                none_more(&documents)?;
                change.evidence = Some(one);
            }
            person::change(tx, doing, &user, expected, change).await?;
        }
        (Ask::Rename { change, .. }, Named::Person(user)) => {
            rename(tx, doing, (&user, expected), change, documents).await?;
        }
        (
            Ask::AddContact { .. }
            | Ask::RemoveContact { .. }
            | Ask::AddRegistration { .. }
            | Ask::RemoveRegistration { .. },
            Named::Person(user),
        ) => {
            none_more(&documents)?;
            added_or_removed(tx, doing, &request.ask, &user, expected).await?;
        }
        (Ask::CreatePerson { profile, .. }, Named::Organisation(_)) => {
            let mut new: NewPerson = read("profile", profile)?;
            if !documents.is_empty() {
                new.evidence = documents;
            }
            return create(tx, doing, new).await.map(Some);
        }
        (Ask::ClosePerson { .. }, Named::Person(user)) => {
            none_more(&documents)?;
            let closing = ClosePerson { reason: CloseReason::Left, notes: None };
            person::close(tx, doing, &user, expected, closing).await?;
        }
        (Ask::ReopenPerson { .. }, Named::PersonIn(user, _)) => {
            none_more(&documents)?;
            let reopening = ReopenPerson { reason: ReopenReason::Returned };
            person::reopen(tx, doing, &user, expected, &reopening).await?;
        }
        _ => return Err(Error::Stored { what: "directory_request.asked" }),
    }
    Ok(None)
}

/// Changes a name with the document that came with the request, or with the approval.
async fn rename(
    tx: &mut Tx,
    doing: &Doing,
    (user, expected): (&UserId, Expected),
    change: &Value,
    mut documents: Vec<NewEvidence>,
) -> Result<(), Error> {
    let RenameAsked { name, reason, evidence } = read("change", change)?;
    let given = documents.pop();
    none_more(&documents)?;
    let evidence = given.or(evidence).ok_or_else(|| {
        let sentence = "A name changes with the document that shows it. Give it with the approval.";
        Error::field("evidence", sentence)
    })?;
    person::rename(tx, doing, user, expected, ChangeName { name, reason, evidence }).await?;
    Ok(())
}

/// Adds or takes away an address or a registration.
async fn added_or_removed(
    tx: &mut Tx,
    doing: &Doing,
    ask: &Ask,
    user: &UserId,
    expected: Expected,
) -> Result<(), Error> {
    match ask {
        Ask::AddContact { channel, value, .. } => {
            person::add_contact_asked(tx, doing, user, expected, (*channel, value)).await?;
        }
        Ask::RemoveContact { channel, contact, .. } => {
            person::remove_contact(tx, doing, user, expected, (*channel, contact)).await?;
        }
        Ask::AddRegistration { registration, .. } => {
            person::register(tx, doing, user, expected, registration).await?;
        }
        Ask::RemoveRegistration { registration, .. } => {
            person::unregister(tx, doing, user, expected, registration).await?;
        }
        _ => return Err(Error::Stored { what: "directory_request.asked" }),
    }
    Ok(())
}

/// Refuses documents of which there is no use.
fn none_more(documents: &[NewEvidence]) -> Result<(), Error> {
    if documents.is_empty() {
        return Ok(());
    }
    Err(Error::field(
        "evidence",
        "So many documents show nothing that was asked for. Give one for a change of details.",
    ))
}

async fn create(tx: &mut Tx, doing: &Doing, new: NewPerson) -> Result<UserId, Error> {
    let creation = Creation::checked(doing, new)?;
    match person::create(tx, doing, creation).await? {
        Created::Made(profile) => Ok(profile.user_id),
        Created::PossibleDuplicates(candidates) => {
            let ids: Vec<String> = candidates.iter().map(|one| one.user_id.to_string()).collect();
            let sentence = format!(
                "May be the same person as {}. Look at them; if it is somebody else, ask again with these ids in looked_at.",
                ids.join(" ")
            );
            Err(Error::conflict("possible-duplicate", sentence))
        }
    }
}
