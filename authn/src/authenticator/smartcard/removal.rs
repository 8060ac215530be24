//! A card that is taken out of its reader, as the workstation's agent tells it: the session ends, is locked or goes on.
//!
//! The agent holds a secret that says this of one session and nothing else. What is done is a row, which every use on every machine
//! asks for, so that it counts everywhere when the agent has its answer.

use audit::Actor;
use card::wire::sign_in::Became;
use platform::clock::Millis;
use platform::db::Tx;

use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{CardRemoved, EndCause, Session, SessionEvent, end_in};
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

/// Does what is to be done when the card of a session is taken out; none where the secret is no open session's.
pub(crate) async fn removed(
    provider: &Provider,
    secret: &Secret,
    now: Millis,
) -> Result<Option<Became>, Error> {
    let (hash, least) = (secret.hash(), provider.config.sessions.card_removed);
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let Some(Watched { session, serial }) = card_watches::find(tx, &hash).await? else {
                    return Ok(None);
                };
                let rule = rule(tx, &session, least).await?;
                let event = SessionEvent::CardRemoved {
                    session: session.id.to_string(),
                    sid: session.sid.clone(),
                    user: session.person.to_string(),
                    card: serial,
                    rule: rule.to_string(),
                };
                let actor = Actor::system("authn");
                audit::record(tx, now, &actor, &event).await?;
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

/// The strictest of what the operator has set and what those ask who have something of the session: relying parties, and the
/// organisations they are for.
async fn rule(tx: &mut Tx, session: &Session, least: CardRemoved) -> Result<CardRemoved, Error> {
    let mut rule = least;
    for client in grants::clients_of_session(tx, &session.sid).await? {
        let Some(client) = clients::find(&mut *tx, &client).await? else { continue };
        rule = rule.max(client.config().card_removed.unwrap_or(least));
        if let Some(organisation) = &client.config().organisation {
            let policy = policies::find(&mut *tx, organisation).await?;
            rule = rule.max(policy.and_then(|kept| kept.policy.card_removed).unwrap_or(least));
        }
    }
    Ok(rule)
}
