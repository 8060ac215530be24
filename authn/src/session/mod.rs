//! Sessions: who signed in, how, and until when.

use http::HeaderMap;
use http::header::COOKIE;
use platform::clock::Millis;
use platform::id::UserId;

use crate::error::Error;
use crate::interaction::{Level, Method};
use crate::oidc::logout;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::sessions;

platform::text_id!(
    /// A session, by its row.
    SessionId
);

/// The session of this browser.
pub(crate) const SESSION: &str = "__Host-lanyard-session";

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its row.
    pub(crate) id: SessionId,
    /// Its public name, in tokens; never what the cookie holds.
    pub(crate) sid: String,
    /// Who signed in.
    pub(crate) person: UserId,
    /// How.
    pub(crate) method: Method,
    /// What that is worth.
    pub(crate) level: Level,
    /// When.
    pub(crate) authenticated_at: Millis,
    /// When it was last used.
    pub(crate) last_used_at: Millis,
    /// When it ends, whatever happens.
    pub(crate) expires_at: Millis,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndCause {
    /// Its browser signed out.
    SignedOut,
    /// A relying party signed its user out.
    ByClient,
}

/// The live session of a browser.
pub(crate) async fn current(
    provider: &Provider,
    headers: &HeaderMap,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == SESSION).map(|(_, value)| value);
    let (Some(value), None) = (values.next(), values.next()) else { return Ok(None) };
    let Some(secret) = Secret::parse(value) else { return Ok(None) };
    sessions::live_by_secret(provider.db.read(), &secret.hash(), now).await
}

/// The live session with this name.
pub(crate) async fn by_sid(provider: &Provider, sid: &str, now: Millis) -> Result<Option<Session>, Error> {
    sessions::live_by_sid(provider.db.read(), sid, now).await
}

/// Ends a session.
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
                if let Some(session) = sessions::end(tx, &id, &format!("{cause:?}"), now).await? {
                    logout::enqueue(tx, &session, now).await?;
                }
                Ok(())
            })
        })
        .await
}
