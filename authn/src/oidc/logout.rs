//! What a session that ends leaves to be told: OpenID Connect Back-Channel Logout 1.0.

use platform::clock::Millis;
use platform::db::Tx;

use crate::error::Error;
use crate::session::Session;
use crate::store::logouts::{self, Logout, LogoutId};
use crate::store::{clients, grants};

/// Ends what was granted in a session, and stores a message for each relying party that had something of it and wants to be told.
/// It is called in the transaction that ends the session.
pub(crate) async fn enqueue(tx: &mut Tx, session: &Session, now: Millis) -> Result<(), Error> {
    for grant in grants::end_of_session(tx, &session.sid, now).await? {
        let client = clients::find(&mut *tx, &grant.client).await?;
        if client.is_none_or(|client| client.config().backchannel_logout_uri.is_none()) {
            continue;
        }
        let logout = Logout {
            id: LogoutId::new(now),
            client: grant.client,
            sid: session.sid.clone(),
            person: session.person.clone(),
            face: grant.content.face,
            attempts: 0,
        };
        logouts::insert(tx, &logout, now).await?;
    }
    Ok(())
}
