//! A card that is taken out of its reader, as the workstation's agent tells it: the session ends, is locked or goes on.
//!
//! The agent holds a secret that says this of one session and nothing else. What is done is a row, which every use on every machine
//! asks for, so that it counts everywhere when the agent has its answer.

use std::collections::{BTreeMap, BTreeSet};

use audit::Actor;
use card::wire::sign_in::Became;
use directory::api::ClaimsPart;
use platform::clock::Millis;
use platform::db::{self, Tx};

use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{CardRemoved, EndCause, Session, SessionEvent, end_in, lifts_lock};
use crate::store::card_watches::{self, Watched};
use crate::store::{clients, grants, policies, sessions};

/// Makes the agent's secret good for the session that the browser's secret has just opened.
pub(super) async fn watch(
    tx: &mut Tx,
    (browser, agent): (&Secret, &Secret),
    serial: &str,
    now: Millis,
) -> Result<(), Error> {
    let Some(session) = sessions::by_secret(&mut *tx, &browser.hash()).await? else { return Ok(()) };
    card_watches::insert(tx, &agent.hash(), &session.id, serial, now).await
}

/// Does what is to be done when the card of a session was taken out; none where the secret is no open session's.
pub(crate) async fn removed(
    provider: &Provider,
    (secret, removed_at): (&Secret, Millis),
    now: Millis,
) -> Result<Option<Became>, Error> {
    let (hash, least) = (secret.hash(), provider.config.sessions.card_removed);
    let mut read = provider.db.read().acquire().await.map_err(db::Error::from)?;
    let watched = card_watches::find(&mut read, &hash).await?;
    drop(read);
    let Some(Watched { session, .. }) = watched else { return Ok(None) };
    let places = places(provider, &session).await;
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let Some(Watched { session, serial, since }) = card_watches::find(tx, &hash).await? else {
                    return Ok(None);
                };
                // It was in its reader when the watch began, whatever is said.
                let late = is_over(&session, removed_at.max(since));
                let rule = if late { CardRemoved::Keep } else { rule(tx, &session, &places, least).await? };
                let event = SessionEvent::CardRemoved {
                    session: session.id.to_string(),
                    sid: session.sid.clone(),
                    user: session.person.to_string(),
                    card: serial,
                    rule: if late { LATE.to_owned() } else { rule.to_string() },
                };
                let actor = Actor::system("authn");
                audit::record(tx, now, &actor, &event).await?;
                if late {
                    card_watches::forget(tx, &hash).await?;
                }
                Ok(Some(match rule {
                    CardRemoved::End => {
                        end_in(tx, &session.id, EndCause::CardRemoved, &actor, now).await?;
                        Became::Ended
                    }
                    CardRemoved::Lock => {
                        card_watches::lock(tx, &session.id, now).await?;
                        Became::Locked
                    }
                    CardRemoved::Keep => Became::Kept,
                }))
            })
        })
        .await
}

/// What the record says was done where the holder has signed in again since.
const LATE: &str = "late";

/// Whether the holder of a session has signed in again since its card was taken out, with what is worth as much: agents tell it for a day
/// until a server hears it, and what they tell is of the sign-in before then.
fn is_over(session: &Session, removed_at: Millis) -> bool {
    removed_at < session.authenticated_at && lifts_lock(session.method)
}

/// Where somebody may act.
enum Places {
    /// Their roles, each with the code of its organisation.
    Known(BTreeMap<String, String>),
    /// The register does not say.
    Unknown,
}

async fn places(provider: &Provider, session: &Session) -> Places {
    match provider.directory.claims(&session.person, &[ClaimsPart::Roles]).await {
        Ok(claims) => {
            let roles = claims.roles.into_iter().map(|one| (one.role.person_roleid, one.role.org_code));
            Places::Known(roles.collect())
        }
        Err(problem) => {
            tracing::warn!(%problem, "a card was taken out, and the register does not say where its holder acts: {problem}");
            Places::Unknown
        }
    }
}

/// The strictest of what the operator has set and what those ask who have something of the session: relying parties, the organisations
/// they are for, and the organisations in whose roles somebody acts. Where these cannot be known the session ends.
async fn rule(
    tx: &mut Tx,
    session: &Session,
    places: &Places,
    least: CardRemoved,
) -> Result<CardRemoved, Error> {
    let mut rule = least;
    let mut organisations = BTreeSet::new();
    for client in grants::clients_of_session(tx, &session.sid).await? {
        let Some(client) = clients::find(&mut *tx, &client).await? else { continue };
        rule = rule.max(client.config().card_removed.unwrap_or(least));
        organisations.extend(client.config().organisation.clone());
    }
    for role in grants::roles_of_session(tx, &session.sid).await? {
        match places {
            // One that was taken away since is nobody's.
            Places::Known(places) => organisations.extend(places.get(&role).cloned()),
            Places::Unknown => return Ok(CardRemoved::End),
        }
    }
    for organisation in &organisations {
        let policy = policies::find(&mut *tx, organisation).await?;
        rule = rule.max(policy.and_then(|kept| kept.policy.card_removed).unwrap_or(least));
    }
    Ok(rule)
}
