//! Whether somebody whose profile has changed is whom a search finds, or was.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::asked::{Kind, Wanted};
use super::find::{before, is_named, matching};
use crate::api::PersonKind;
use crate::error::Error;
use crate::person::{Profile, State};
use crate::register::Register;
use crate::store::faces::{self, Question};
use crate::store::former::{self, Of, Somebody, in_force_since};
use crate::store::people;

/// Whether something of this person is what a search finds, or was before what has changed of them since a time, or may have been: of whoever
/// has left, and of roles that have ended, that cannot be said any more. Who became part of another is found by nothing, and was by what they
/// were, and by their id.
pub(crate) async fn concerns(
    register: &Register,
    tx: &mut Tx,
    wanted: &Wanted,
    kind: Kind,
    id: &UserId,
    since: Option<Millis>,
) -> Result<bool, Error> {
    let Some(profile) = people::find(&mut *tx, id).await? else { return Ok(false) };
    if is_meant(register, tx, wanted, kind, &profile).await? {
        return Ok(true);
    }
    match since {
        Some(since) => was_meant(tx, wanted, &profile, since).await,
        None => Ok(false),
    }
}

async fn is_meant(
    register: &Register,
    tx: &mut Tx,
    wanted: &Wanted,
    kind: Kind,
    profile: &Profile,
) -> Result<bool, Error> {
    let id = &profile.user_id;
    if matches!(profile.state, State::Merged(_)) {
        let own = Question::User(id.to_string());
        return Ok(wanted.questions.iter().any(|any| any.contains(&own)));
    }
    // Those who have left are among them.
    if !is_found(tx, &wanted.questions, id).await? {
        return Ok(false);
    }
    if kind == Kind::Role || !matches!(profile.state, State::Open) {
        return Ok(true);
    }
    Ok(matching(register, tx, wanted, kind, id).await?.is_some())
}

async fn is_found(tx: &mut Tx, questions: &[Vec<Question>], id: &UserId) -> Result<bool, Error> {
    let mut questions = questions.to_vec();
    // Nobody else is looked at.
    questions.push(vec![Question::User(id.to_string())]);
    let first = faces::people_of(tx, &questions, &before(id.as_str()), 1).await?;
    Ok(first.first() == Some(id))
}

/// Whether the profile was what is meant before it was written at a time, or since. What roles were is not kept: whoever has or had one where
/// it is asked for counts.
async fn was_meant(tx: &mut Tx, wanted: &Wanted, profile: &Profile, since: Millis) -> Result<bool, Error> {
    // What changed since may have been what they hold, and not their profile.
    if profile.kind != PersonKind::Person || profile.changed_at < since {
        return Ok(false);
    }
    let id = &profile.user_id;
    let former = former::before(&mut *tx, Of::Person, id.as_str(), profile.version).await?;
    let former = in_force_since(former, Some(profile.changed_at), since);
    let former = former.iter().map(former::Former::read).collect::<Result<Vec<Somebody>, _>>()?;
    let mut former: Vec<Somebody> = former.into_iter().filter(|was| was.state == "open").collect();
    former.retain(|was| wanted.names.iter().all(|named| is_named(&was.name, named)));
    for any in &wanted.questions {
        if former.is_empty() {
            return Ok(false);
        }
        let is_lasting = |one: &&Question| matches!(one, Question::Member(_) | Question::Profile(_));
        let lasting: Vec<Question> = any.iter().filter(is_lasting).cloned().collect();
        if !lasting.is_empty() && is_found(tx, &[lasting], id).await? {
            continue;
        }
        former.retain(|was| any.iter().any(|one| held(one, id, was)));
    }
    Ok(!former.is_empty())
}

/// Whether the answer to a question was yes of somebody as they were.
fn held(question: &Question, id: &UserId, was: &Somebody) -> bool {
    match question {
        Question::User(user) => id.as_str() == user.as_str(),
        Question::UserBegins(beginning) => id.as_str().starts_with(beginning.as_str()),
        Question::Registration(body, number) => {
            was.registrations.iter().any(|one| one.body.word() == *body && one.number == *number)
        }
        // Names are compared whole.
        Question::Name(_) => true,
        // Those are asked of the register; and nobody is told by when something was written.
        Question::Member(_) | Question::Profile(_) | Question::Written(_) => false,
    }
}
