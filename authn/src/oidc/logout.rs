//! What a session that ends leaves to be told: as logout tokens (OpenID Connect Back-Channel Logout 1.0), as security events
//! (`OpenID` CAEP 1.0), or both, as a relying party registered.

use platform::clock::Millis;
use platform::db::Tx;

use crate::error::Error;
use crate::session::{EndCause, Session};
use crate::store::logouts::{self, Form, Logout, LogoutId};
use crate::store::{clients, grants};

/// Ends what was granted in a session, and stores a message for each relying party that had something of it and wants to be told.
/// It is called in the transaction that ends the session.
pub(crate) async fn enqueue(
    tx: &mut Tx,
    session: &Session,
    cause: EndCause,
    now: Millis,
) -> Result<(), Error> {
    for grant in grants::end_of_session(tx, &session.sid, now).await? {
        let Some(client) = clients::find_open(&mut *tx, &grant.client).await? else { continue };
        let config = client.config();
        for (form, wanted) in [
            (Form::LogoutToken, config.backchannel_logout_uri.is_some()),
            (Form::SessionRevoked, config.security_events_uri.is_some()),
        ] {
            if !wanted {
                continue;
            }
            let logout = Logout {
                id: LogoutId::new(now),
                client: grant.client.clone(),
                sid: session.sid.clone(),
                person: session.person.clone(),
                face: grant.content.face,
                attempts: 0,
                form,
                cause: Some(cause.to_string()),
                at: now,
            };
            logouts::insert(tx, &logout).await?;
        }
    }
    Ok(())
}
