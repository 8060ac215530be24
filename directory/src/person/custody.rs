//! Who has a temporary access card.

use platform::db::Tx;
use platform::id::UserId;

use super::allowed::not_asked;
use super::events::Event;
use super::note::note;
use super::profile::{Profile, open};
use super::text;
use crate::acting::Doing;
use crate::api::{ChangeKind, Custody, GiveCard, PersonKind};
use crate::authority::{Act, Refusal};
use crate::error::Error;
use crate::ids::RecordId;
use crate::store::{people, people_photos};
use crate::version::Expected;

async fn card(tx: &mut Tx, doing: &Doing, user: &UserId, expected: Expected) -> Result<Profile, Error> {
    let profile = open(tx, user, expected).await?;
    doing.demand_on(tx, Act::ChangePerson, &profile).await.map_err(not_asked)?;
    if profile.kind != PersonKind::TemporaryAccessCard {
        return Err(Error::conflict("not-a-card", "Only temporary access cards are handed out."));
    }
    Ok(profile)
}

/// Hands a card out to somebody, and gives the line of its log.
pub(crate) async fn give(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    given: GiveCard,
) -> Result<(Profile, Custody), Error> {
    let profile = card(tx, doing, user, Expected::Any).await?;
    profile.state.demand_open()?;
    // Whoever hands it out is somebody else.
    if doing.actor.is(&given.holder) {
        return Err(Refusal::Self_.into());
    }
    if given.holder == *user
        || people::find(&mut *tx, &given.holder).await?.is_none_or(|it| it.kind != PersonKind::Person)
    {
        return Err(Error::field("holder", "Name the user id of the person who takes the card."));
    }
    if people::is_open(&mut *tx, &given.holder).await? != Some(true) {
        return Err(Error::conflict("person-closed", "The profile of whoever takes the card is not open."));
    }
    let due_on = given.due_on.map(|text| super::day("due_on", &text)).transpose()?;
    if due_on.is_some_and(|due| due < doing.today()) {
        return Err(Error::field(
            "due_on",
            "This day is over. Write the day on which the card is to be back.",
        ));
    }
    let custody = Custody {
        id: RecordId::new(doing.now).to_string(),
        holder: given.holder.to_string(),
        given_by: doing.caller.subject.clone(),
        given_at: doing.now,
        due_on,
        back_to: None,
        back_at: None,
        notes: given.notes.map(|notes| text::notes("notes", &notes)).transpose()?,
    };
    if !people_photos::give(tx, user, &custody).await? {
        return Err(Error::conflict("card-out", "Somebody has this card. Take it back first."));
    }
    let event = Event::CardGiven { user_id: user.to_string(), holder: custody.holder.clone() };
    let profile = note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
    Ok((profile, custody))
}

/// Takes a card back, of a closed profile too.
pub(crate) async fn take_back(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
) -> Result<Profile, Error> {
    let profile = card(tx, doing, user, expected).await?;
    let holder = people_photos::take_back(tx, user, &doing.recorded().subject, doing.now).await?;
    let Some(holder) = holder else {
        return Err(Error::conflict("card-in", "Nobody has this card."));
    };
    let event = Event::CardBack { user_id: user.to_string(), holder };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}
