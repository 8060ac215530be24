//! Doing what was approved of people. Whoever approves it does it: what the register demands of the doer, it demands of them.

use platform::db::Tx;
use platform::id::UserId;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ask::{Ask, Named};
use crate::acting::Doing;
use crate::api::{ClosePerson, CloseReason, NewPerson, ReopenPerson, ReopenReason};
use crate::error::Error;
use crate::person::{self, Created, Creation};
use crate::version::Expected;

/// Does it; gives whom it made, if it made somebody.
pub(super) async fn done(
    tx: &mut Tx,
    doing: &Doing,
    ask: &Ask,
    named: Named,
) -> Result<Option<UserId>, Error> {
    match (ask, named) {
        (Ask::ChangePerson { patch, .. }, Named::Person(user)) => {
            person::change(tx, doing, &user, Expected::Any, read("patch", patch)?).await?;
        }
        (Ask::ClosePerson { .. }, Named::Person(user)) => {
            let closing = ClosePerson { reason: CloseReason::Left, notes: None };
            person::close(tx, doing, &user, Expected::Any, closing).await?;
        }
        (Ask::ReopenPerson { .. }, Named::PersonIn(user, _)) => {
            let reopening = ReopenPerson { reason: ReopenReason::Returned };
            person::reopen(tx, doing, &user, Expected::Any, &reopening).await?;
        }
        (Ask::CreatePerson { profile, .. }, Named::Organisation(_)) => {
            let new: NewPerson = read("profile", profile)?;
            return create(tx, doing, new).await.map(Some);
        }
        _ => return Err(Error::Stored { what: "directory_request.asked" }),
    }
    Ok(None)
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

/// What was asked for, in the form of the profile's own endpoint.
fn read<T: DeserializeOwned>(field: &'static str, value: &Value) -> Result<T, Error> {
    T::deserialize(value).map_err(|error| {
        let why: String = error.to_string().chars().take(200).collect();
        Error::field(field, format!("It cannot be read as the profile's own endpoint reads it: {why}."))
    })
}
