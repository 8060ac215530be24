//! What the organisation asks in whose role somebody is about to act: where they signed in with something that it does not take,
//! they sign in again with something that it does.

use platform::clock::Millis;

use super::{Step, keeping, refuse};
use crate::error::Error;
use crate::interaction::Acceptable;
use crate::oidc::prompt::Prompt;
use crate::oidc::refusal::{Code, Refusal};
use crate::policy;
use crate::provider::Provider;
use crate::session::Session;
use crate::store::interactions::{self, Waiting};

/// What is to be done before the role is granted.
pub(super) enum Asks {
    /// Nothing.
    Nothing(Box<Waiting>),
    /// This.
    First(Step),
}

/// Asks the organisation of a role, by its code.
pub(super) async fn ask(
    provider: &Provider,
    mut waiting: Waiting,
    session: &Session,
    (role, organisation): (&str, Option<&str>),
    now: Millis,
) -> Result<Asks, Refusal> {
    let Some(organisation) = organisation else { return Ok(Asks::Nothing(Box::new(waiting))) };
    let was = &waiting.interaction.wanted.acceptable;
    let left = policy::of_organisation(provider, organisation, was).await?;
    if left.allows(session.method) {
        return Ok(Asks::Nothing(Box::new(waiting)));
    }
    if left.is_empty() || waiting.request.prompt == Prompt::Nothing {
        return refuse(provider, waiting, refusal(&left, organisation)).await.map(Asks::First);
    }
    waiting.interaction.wanted.acceptable = left;
    // So that nobody is asked again for the role after signing in. The session gets it with the grant: whoever cannot sign in so may
    // choose another role elsewhere.
    waiting.interaction.wanted.role = Some(role.to_owned());
    if waiting.coming.is_some() {
        return keeping::waits(provider, waiting, Step::SignIn, now).await.map(Asks::First);
    }
    let stored: Result<(), Error> = provider
        .db
        .write(move |tx| Box::pin(async move { interactions::narrow(tx, &waiting.interaction).await }))
        .await;
    stored?;
    Ok(Asks::First(Step::SignIn))
}

fn refusal(left: &Acceptable, organisation: &str) -> Refusal {
    if left.is_empty() {
        let sentence = format!("Nothing that the request allows is taken for roles of {organisation}.");
        return Refusal::new(Code::UnmetAuthenticationRequirements, sentence);
    }
    Refusal::new(
        Code::LoginRequired,
        format!("For roles of {organisation} one signs in with something else."),
    )
}
