//! Who an employee of a personnel system is here.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::UserId;

use super::{FeedAct, Sender, Stop};
use crate::acting::Doing;
use crate::api::{FeedEvent, FeedReason, Standing};
use crate::error::Error;
use crate::store::people_links::{self, By, Link};
use crate::store::{assignments, employers, people};

impl Sender {
    /// The source of the links that the registration authority made for this sender.
    fn own_source(&self) -> String {
        format!("feed {}", self.client)
    }

    /// Under which names the sender may know people: by the registration authority, and by what it announced itself.
    fn sources(&self) -> [String; 2] {
        [self.own_source(), format!("scim {}", self.client)]
    }
}

/// Whom an event is about.
///
/// An employee number says it where it was linked. A user id says it too, of somebody who holds something with this employer:
/// of others a personnel system knows nothing, and the registration authority says first that they are this employee.
pub(super) async fn person(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
) -> Result<UserId, Stop> {
    let linked = linked(tx, sender, &event.employee).await?.map(|link| link.user);
    let named = match &event.user_id {
        None => None,
        Some(text) => Some(text.trim().parse::<UserId>().map_err(|_| {
            Stop::because(FeedReason::UnknownPerson, "The user_id is no user id of twelve digits.")
        })?),
    };
    match (linked, named) {
        (Some(linked), Some(named)) if linked != named => Err(Stop::because(
            FeedReason::Contradicts,
            format!("The employee is known here as {linked}, and the event names {named}."),
        )),
        (Some(linked), _) => Ok(linked),
        (None, Some(named)) => here(tx, doing, sender, event, named).await,
        (None, None) => Err(Stop::because(
            FeedReason::UnknownPerson,
            "Nobody here is known to be this employee. Announce them over SCIM, or have the event tried again with the \
             user id.",
        )),
    }
}

/// By what an employee is known, where that was said.
async fn linked(tx: &mut Tx, sender: &Sender, employee: &str) -> Result<Option<Link>, Error> {
    for source in sender.sources() {
        if let Some(link) = people_links::find(&mut *tx, &source, By::ExternalId(employee)).await? {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// Goes on unless an employee number is that of a record that became part of another: what it begins, its leaver would not end.
pub(super) async fn demand_in_force(tx: &mut Tx, sender: &Sender, employee: &str) -> Result<(), Stop> {
    let Some(link) = linked(tx, sender, employee).await?.filter(Link::is_retired) else { return Ok(()) };
    Err(Stop::because(
        FeedReason::Contradicts,
        format!(
            "The record of this employee became part of {}, whom you know under another number. Send it under that one.",
            link.user
        ),
    ))
}

/// Whether an employee number is that of a record that became part of another; it is forgotten then. Its leaver is a duplicate's, and
/// the person is employed under the other number still.
pub(super) async fn duplicate_left(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    employee: &str,
) -> Result<bool, Error> {
    let Some(link) = linked(tx, sender, employee).await?.filter(Link::is_retired) else { return Ok(false) };
    // A user of SCIM stays until it is deleted there: the system still reads it.
    if link.resource.is_none() {
        people_links::remove(tx, &link).await?;
    }
    let event = FeedAct::FeedDuplicateLeft {
        client: sender.client.clone(),
        employee: employee.to_owned(),
        user: link.user.to_string(),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(true)
}

async fn here(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
    named: UserId,
) -> Result<UserId, Stop> {
    if people::is_open(&mut *tx, &named).await?.is_none() {
        return Err(Stop::because(
            FeedReason::UnknownPerson,
            format!("Nobody here has the user id {named}."),
        ));
    }
    let held = assignments::open_of_person(tx, &named, None, doing.today()).await?;
    let places: BTreeSet<_> = held.into_iter().map(|one| one.organisation).collect();
    let places: Vec<_> = places.into_iter().collect();
    let lines = employers::of(tx, &places).await?;
    if lines.values().any(|line| line.is_within(&sender.employer)) {
        // From now on this number is this person: another one under it contradicts.
        link(tx, doing, sender, &event.employee, named.clone()).await?;
        return Ok(named);
    }
    Err(Stop::because(
        FeedReason::PersonElsewhere,
        format!(
            "{named} holds nothing with {}. If they are this employee, have the event tried again with the user id.",
            sender.employer
        ),
    ))
}

/// Keeps who an employee is: somebody of the registration authority has said it who may manage the feed, or the first event
/// that named somebody of the employer.
pub(super) async fn link(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    employee: &str,
    user: UserId,
) -> Result<(), Error> {
    if people::is_open(&mut *tx, &user).await?.is_none() {
        return Err(Error::unknown("person", &user));
    }
    match linked(tx, sender, employee).await? {
        Some(known) if known.user == user => return Ok(()),
        Some(known) => {
            let sentence = format!("This employee is known here as {} already.", known.user);
            return Err(Error::conflict("employee-linked", sentence));
        }
        None => {}
    }
    let link = Link::named(sender.own_source(), employee.to_owned(), employee.to_owned(), user);
    if !people_links::add(tx, &link, doing.now).await? {
        return Err(Error::conflict("employee-linked", "This employee is known here already."));
    }
    let event = FeedAct::FeedEmployeeLinked {
        client: sender.client.clone(),
        employee: employee.to_owned(),
        user: link.user.to_string(),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(())
}

/// Goes on if it was verified who the person is: nobody gets anything by a feed before.
pub(super) async fn demand_verified(tx: &mut Tx, user: &UserId) -> Result<(), Stop> {
    let profile = people::find(&mut *tx, user).await?;
    let profile = profile.ok_or_else(|| Error::unknown("person", user))?;
    if profile.standing == Standing::Verified {
        return Ok(());
    }
    Err(Stop::because(
        FeedReason::NotVerified,
        format!("It was not verified yet who {user} is. Verify them, and have the event tried again."),
    ))
}
