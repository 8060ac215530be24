//! `RoleAssertion`: an application shows a ticket and is told who it is, and in which role.

use directory::api::{ClaimsPart, NamedRole};

use super::role::permitted;
use super::saml::{self, Asserted};
use super::standing::{Act, live, refused};
use super::{Came, Cis1Event, Refusal};
use crate::error::Error;
use crate::provider::Provider;
use crate::role::holds;
use crate::session::{Session, holder};
use crate::store::{interactions, sessions};

/// The role of a session as the register has it today. Without one that can be told nothing is: an application that finds none would
/// take another.
fn role_of(chosen: Option<String>, roles: &[NamedRole]) -> Result<Option<String>, Refusal> {
    match (chosen, roles) {
        (Some(chosen), roles) if holds(roles, &chosen) => Ok(Some(chosen)),
        (Some(_), _) => Err(Refusal::RoleClosed),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only.role.person_roleid.clone())),
        (None, _) => Err(Refusal::RoleNotChosen),
    }
}

/// The assertion for a ticket. When this returns one, the session was open, its person there and the role theirs, and that it was told
/// is in the record.
pub(crate) async fn assertion(provider: &Provider, ticket: &str, came: Came) -> Result<String, Refusal> {
    let (kept, session) = live(provider, ticket, Act::RoleAssertion, came).await?;
    let person = provider.directory.claims(&kept.person, &ClaimsPart::ALL).await.map_err(Error::Module)?;
    let chosen = interactions::chosen_role(provider.db.read(), &session.sid).await?;
    let told = match role_of(chosen, &person.roles) {
        // What the organisation asks may have changed since the role was fixed.
        Ok(role) => {
            match permitted(provider, &person.roles, role.as_deref().unwrap_or_default(), session.method)
                .await?
            {
                Ok(()) => tell(provider, &session, role.clone(), came).await?.map(|()| role),
                Err(refusal) => Err(refusal),
            }
        }
        Err(refusal) => Err(refusal),
    };
    match told {
        Ok(role) => Ok(saml::response(
            &provider.config.issuer,
            &provider.random,
            &Asserted { person: &person, session: &session, kept: &kept, ticket, role: role.as_deref() },
            came,
        )?),
        Err(refusal) => {
            refused(provider, &kept, (Act::RoleAssertion, &refusal), came).await?;
            Err(refusal)
        }
    }
}

/// Records that it is told, in a session that is open.
async fn tell(
    provider: &Provider,
    session: &Session,
    role: Option<String>,
    came: Came,
) -> Result<Result<(), Refusal>, Error> {
    let session = session.clone();
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !sessions::hold(tx, &session.id, came.now).await? {
                    return Ok(Err(Refusal::SessionOver("meanwhile".to_owned())));
                }
                let event = Cis1Event::RoleAsserted {
                    session: session.id.to_string(),
                    sid: session.sid.clone(),
                    user: session.person.to_string(),
                    role,
                    address: came.address_text(),
                };
                audit::record(tx, came.now, &holder(&session.person, Some(&session.id)), &event).await?;
                Ok(Ok(()))
            })
        })
        .await
}
