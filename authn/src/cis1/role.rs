//! `RoleSelectionGP.jsp`: the role in which somebody acts with a ticket. It is fixed once: another one needs the card anew.

use directory::api::{ClaimsPart, NamedRole};

use super::message::Answer;
use super::standing::{Act, live, refused};
use super::{Came, Cis1Event, Refusal};
use crate::error::Error;
use crate::interaction::{Acceptable, Method};
use crate::oidc::parameters::Parameters;
use crate::policy;
use crate::provider::Provider;
use crate::role::holds;
use crate::session::{Session, holder};
use crate::store::{interactions, sessions, tickets};

/// The word of `ssbMode`.
fn mode(parameters: &Parameters) -> Result<&'static str, Refusal> {
    match parameters.get("ssbMode") {
        None | Some("0") => Ok("live"),
        Some("1") => Ok("training"),
        Some(_) => Err(Refusal::unreadable("The parameter ssbMode is 0 or 1.")),
    }
}

/// Fixes the role of a ticket.
pub(crate) async fn select(
    provider: &Provider,
    parameters: &Parameters,
    came: Came,
) -> Result<Answer, Refusal> {
    let mode = mode(parameters)?;
    let wanted = parameters.get("selectedRoleUid").unwrap_or_default().to_owned();
    let ticket = parameters.get("token").unwrap_or_default();
    let (kept, session) = live(provider, ticket, Act::RoleSelection, came).await?;
    let roles =
        provider.directory.claims(&kept.person, &[ClaimsPart::Roles]).await.map_err(Error::Module)?.roles;
    let fixed = if holds(&roles, &wanted) {
        match permitted(provider, &roles, &wanted, session.method).await? {
            Ok(()) => fix(provider, session, roles, (wanted.clone(), mode), came).await?,
            Err(refusal) => Err(refusal),
        }
    } else {
        Err(Refusal::RoleNotTheirs)
    };
    if let Err(refusal) = fixed {
        refused(provider, &kept, (Act::RoleSelection, &refusal), came).await?;
        return Err(refusal);
    }
    Ok(Answer::new(&provider.config.issuer)
        .with("selectedRoleUid", &wanted)
        .with("ssbMode", if mode == "live" { "0" } else { "1" })
        .with("service", "ROLESELECTION"))
}

/// Whether the organisation of a role takes with what somebody signed in. A role that is none of these is of no organisation here.
pub(super) async fn permitted(
    provider: &Provider,
    roles: &[NamedRole],
    role: &str,
    method: Method,
) -> Result<Result<(), Refusal>, Error> {
    let Some(named) = roles.iter().find(|one| one.role.person_roleid == role) else { return Ok(Ok(())) };
    let left = policy::of_organisation(provider, &named.role.org_code, &Acceptable::of([method])).await?;
    Ok(if left.allows(method) { Ok(()) } else { Err(Refusal::RoleNotByCard) })
}

/// Fixes a role that was found to be theirs, unless another one that still is was fixed before.
async fn fix(
    provider: &Provider,
    session: Session,
    roles: Vec<NamedRole>,
    (role, mode): (String, &'static str),
    came: Came,
) -> Result<Result<(), Refusal>, Error> {
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                // Whoever ends the session on another machine waits, or has ended it.
                if !sessions::hold(tx, &session.id, came.now).await? {
                    return Ok(Err(Refusal::SessionOver("meanwhile".to_owned())));
                }
                let before = interactions::chosen_role(&mut *tx, &session.sid).await?;
                if before.is_some_and(|before| before != role && holds(&roles, &before)) {
                    return Ok(Err(Refusal::RoleFixed));
                }
                interactions::choose_role(tx, &session.sid, &role, came.now).await?;
                tickets::set_mode(tx, &session.id, mode).await?;
                sessions::touch(tx, &session.id, came.now).await?;
                let event = Cis1Event::RoleFixed {
                    session: session.id.to_string(),
                    sid: session.sid.clone(),
                    user: session.person.to_string(),
                    role,
                    mode: mode.to_owned(),
                };
                audit::record(tx, came.now, &holder(&session.person, Some(&session.id)), &event).await?;
                Ok(Ok(()))
            })
        })
        .await
}
