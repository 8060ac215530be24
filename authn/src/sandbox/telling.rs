//! Logout tokens to look at: signed as the real ones, and sent to nobody.

use platform::clock::Millis;
use platform::id::ClientId;

use super::events::SandboxEvent;
use crate::error::Error;
use crate::oidc::telling::logout_token as signed;
use crate::provider::Provider;
use crate::session::{Session, holder};
use crate::store::{clients as registry, grants, sandbox};

/// A relying party that has something of a session.
pub(crate) struct Told {
    /// Its client id.
    pub(crate) id: ClientId,
    /// What people call it.
    pub(crate) name: String,
    /// Where it is told of sessions that end, if it wants to be.
    pub(crate) uri: Option<String>,
}

/// The relying parties that have something of a session.
pub(crate) async fn clients(provider: &Provider, session: &Session) -> Result<Vec<Told>, Error> {
    let mut found = Vec::new();
    for id in sandbox::clients_of_session(provider.db.read(), &session.sid).await? {
        if let Some(client) = registry::find(provider.db.read(), &id).await? {
            let config = client.config();
            let (name, uri) = (config.client_name.clone(), config.backchannel_logout_uri.clone());
            found.push(Told { id, name, uri });
        }
    }
    Ok(found)
}

/// The logout token that a relying party would be told; none where it has nothing of the session. The session goes on.
pub(crate) async fn logout_token(
    provider: &Provider,
    session: &Session,
    id: &ClientId,
    now: Millis,
) -> Result<Option<String>, Error> {
    let given = grants::open_of_session(provider.db.read(), &session.sid, id).await?;
    let Some(grant) = given.into_iter().next() else {
        return Ok(None);
    };
    let Some(client) = registry::find(provider.db.read(), id).await? else { return Ok(None) };
    let token = signed(provider, &client, (grant.content.face, &session.person, &session.sid), now).await?;
    let event = SandboxEvent::LogoutTokenShown {
        client: id.to_string(),
        sid: session.sid.clone(),
        user: session.person.to_string(),
    };
    let actor = holder(&session.person, Some(&session.id));
    let noted: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    noted?;
    Ok(Some(token))
}
