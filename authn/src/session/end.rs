//! Ending sessions. The row, what relying parties are to be told, and the audit event share a transaction.

use std::fmt;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::events::SessionEvent;
use super::{Session, SessionId};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::oidc::logout;
use crate::provider::Provider;
use crate::store::sessions;

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndCause {
    /// Its browser signed out.
    SignedOut,
    /// A relying party signed its user out.
    ByClient,
    /// The person ended it from elsewhere.
    ByHolder,
    /// An administrator ended it.
    ByAdministrator,
    /// The person has left.
    Left,
    /// The person's record was found to be another's.
    Merged,
    /// A newer sign-in took its place.
    Replaced,
    /// What it was opened with was removed.
    AuthenticatorRemoved,
    /// What it was opened with was suspended: there may be a copy of it.
    AuthenticatorSuspended,
    /// The card it was opened with is revoked or on hold.
    CardRevoked,
    /// The card it was opened with was taken out of its reader.
    CardRemoved,
    /// Nobody used it.
    Idle,
    /// Its time was up.
    Expired,
    /// The database was put back from a copy, in which it had perhaps ended.
    Restored,
    /// The sandbox opened it, and there is none any more.
    SandboxRefused,
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignedOut => "signed-out",
            Self::ByClient => "by-client",
            Self::ByHolder => "by-holder",
            Self::ByAdministrator => "by-administrator",
            Self::Left => "left",
            Self::Merged => "merged",
            Self::Replaced => "replaced",
            Self::AuthenticatorRemoved => "authenticator-removed",
            Self::AuthenticatorSuspended => "authenticator-suspended",
            Self::CardRevoked => "card-revoked",
            Self::CardRemoved => "card-removed",
            Self::Idle => "idle",
            Self::Expired => "expired",
            Self::Restored => "restored",
            Self::SandboxRefused => "sandbox-refused",
        })
    }
}

/// Ends a session. When this returns it is over, and what is to be told to relying parties is stored. One that is over already
/// stays as it is.
pub(crate) async fn end(
    provider: &Provider,
    id: SessionId,
    cause: EndCause,
    now: Millis,
) -> Result<(), Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                end_in(tx, &id, cause, &Actor::system("authn"), now).await?;
                Ok(())
            })
        })
        .await
}

/// Ends a session in a transaction; says which, if it was still open.
pub(crate) async fn end_in(
    tx: &mut Tx,
    id: &SessionId,
    cause: EndCause,
    actor: &Actor,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let Some(ended) = sessions::end(tx, id, &cause.to_string(), now).await? else { return Ok(None) };
    let event = SessionEvent::SessionEnded {
        session: ended.id.to_string(),
        sid: ended.sid.clone(),
        user: ended.person.to_string(),
        cause: cause.to_string(),
    };
    audit::record(tx, now, actor, &event).await?;
    logout::enqueue(tx, &ended, cause, now).await?;
    metrics::counter!("authn_sessions_ended_total", "cause" => cause.to_string()).increment(1);
    Ok(Some(ended))
}

/// Ends every session of a person; says how many.
pub(crate) async fn end_all_of_person(
    tx: &mut Tx,
    person: &UserId,
    cause: EndCause,
    actor: &Actor,
    now: Millis,
) -> Result<usize, Error> {
    let open = sessions::open_of_person(tx, person).await?.into_iter().map(|(id, _)| id).collect();
    end_each(tx, open, cause, actor, now).await
}

/// Ends every session that was opened with an authenticator; says how many.
pub(crate) async fn end_by_authenticator(
    tx: &mut Tx,
    bound: &Bound,
    cause: EndCause,
    actor: &Actor,
    now: Millis,
) -> Result<usize, Error> {
    let open = sessions::open_by_authenticator(tx, bound).await?;
    end_each(tx, open, cause, actor, now).await
}

async fn end_each(
    tx: &mut Tx,
    ids: Vec<SessionId>,
    cause: EndCause,
    actor: &Actor,
    now: Millis,
) -> Result<usize, Error> {
    let mut ended = 0;
    for id in ids {
        ended += usize::from(end_in(tx, &id, cause, actor, now).await?.is_some());
    }
    Ok(ended)
}
