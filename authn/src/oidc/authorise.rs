//! From an authorisation request to an answer: waiting for a sign-in, choosing a role, giving a code.

use std::net::IpAddr;
use std::time::Duration;

use directory::api::ClaimsPart;
use platform::clock::Millis;
use platform::id::ClientId;

use super::AuthorisationRequest;
use super::answer::Answer;
use super::face::Face;
use super::limits;
use super::parameters::Parameters;
use super::prompt::Prompt;
use super::refusal::{Code, Refusal};
use super::request::{self, Return};
use super::scope::Scope;
use crate::api::SigningDecision;
use crate::client::Client;
use crate::client::failure::{self, Failure};
use crate::error::Error;
use crate::interaction::{Interaction, InteractionId};
use crate::oidc::pushed;
use crate::policy;
use crate::provider::Provider;
use crate::role::{self, Asked, Decision};
use crate::secret::Secret;
use crate::session::{self, Seen, Session};
use crate::store::clients;
use crate::store::interactions::{self, Waiting};

mod granting;
mod keeping;
mod organisation;

pub(crate) use granting::{Chosen, actor};
use granting::{registered_otherwise, still_goes};
pub(crate) use keeping::{Coming, Loaded, elsewhere, wait};
use organisation::Asks;

/// What the browser is to do next.
pub(crate) enum Step {
    /// Go back to the relying party.
    Back(Answer),
    /// Sign in; the secret is in the address.
    SignIn,
    /// See what is to be signed, and agree to it or not; the secret is in the address.
    Sign,
    /// Choose one of these roles.
    ChooseRole(Box<Choice>),
}

/// What a page for the choice of a role shows.
pub(crate) struct Choice {
    /// Who asks.
    pub(crate) client_name: String,
    /// The roles.
    pub(crate) roles: Vec<directory::api::NamedRole>,
}

/// A request that goes on, with the secret that its address has.
pub(crate) struct Begun {
    /// The secret.
    pub(crate) secret: Secret,
    /// The request.
    pub(crate) waiting: Waiting,
}

/// For how long a request waits that may ask nothing: its browser comes again at once, or not at all.
const SILENT: Duration = Duration::from_mins(1);

/// The browser that a request came from.
pub(crate) struct Visitor {
    /// SHA-256 of what it is to hold.
    pub(crate) browser: String,
    /// Its address, where that is known.
    pub(crate) address: Option<IpAddr>,
    /// As what it loads the request.
    pub(crate) loaded: Loaded,
}

/// What became of a request at the door.
pub(crate) enum Door {
    /// It goes on, and waits once somebody has to be waited for.
    Begun(Box<Begun>),
    /// The relying party is told what is wrong with it.
    Back(Answer),
}

/// Reads a request. An error is for the page: nothing of it may go to an address.
pub(crate) async fn begin(
    provider: &Provider,
    parameters: Parameters,
    face: Face,
    visitor: Visitor,
    now: Millis,
) -> Result<Door, Refusal> {
    let client = client_of(provider, &parameters).await?;
    let was_pushed = parameters.get("request_uri").is_some();
    let parameters = pushed::resolve(provider, &client, parameters, now).await?;
    let back = match request::back(&parameters, &client, face) {
        Ok(back) => back,
        Err(refusal) => {
            let failure = Failure::told("redirect-uri", refusal.description.clone());
            let id = failure::note(provider, Some(&client.id), failure, (visitor.address, now)).await;
            return Err(refusal.correlated(id.as_str()));
        }
    };
    if client.is_strict() && !was_pushed {
        // FAPI 2.0 Security Profile 5.3.2.2.
        let refusal = Refusal::new(Code::InvalidRequest, "This client must push its requests.");
        return Ok(Door::Back(told(provider, &back, refusal)));
    }
    let read = request::read(&parameters, &client, back.clone(), &provider.keys, now);
    let (request, mut wanted) = match read {
        Ok(read) => read,
        Err(refusal) => return Ok(Door::Back(told(provider, &back, refusal))),
    };
    let silent = request.prompt == Prompt::Nothing;
    wanted.acceptable = match policy::of_client(provider, client.config(), &wanted.acceptable).await {
        Ok(acceptable) => acceptable,
        Err(error) if silent => return Ok(Door::Back(told(provider, &back, error.into()))),
        Err(error) => return Err(error.into()),
    };
    if wanted.acceptable.is_empty() {
        let sentence = "Nothing that the request allows is taken for this client.";
        let refusal = Refusal::new(Code::UnmetAuthenticationRequirements, sentence);
        return Ok(Door::Back(told(provider, &back, refusal)));
    }
    if request.signing.is_some() && provider.config.signing_page.is_none() {
        let refusal = Refusal::new(Code::InvalidScope, "Nothing is signed here.");
        return Ok(Door::Back(told(provider, &back, refusal)));
    }
    let waits = provider.config.interaction();
    let interaction = Interaction {
        id: InteractionId::new(now),
        client: client.id.clone(),
        client_name: client.config().client_name.clone(),
        wanted,
        created_at: now,
        expires_at: now.plus(if silent { waits.min(SILENT) } else { waits }),
    };
    let secret = Secret::generate(&provider.random)?;
    let Visitor { browser, address, loaded } = visitor;
    let coming = Coming { secret_hash: secret.stored(), network: limits::network(address), loaded };
    let waiting = Waiting { interaction, request, browser, signed: None, coming: Some(coming) };
    Ok(Door::Begun(Box::new(Begun { secret, waiting })))
}

async fn client_of(provider: &Provider, parameters: &Parameters) -> Result<Client, Refusal> {
    let unknown = || {
        let sentence = "The request names no client that is registered here. Its client_id may be wrong.";
        Refusal::new(Code::InvalidRequest, sentence)
    };
    let id: ClientId = parameters.get("client_id").and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
    clients::find_open(provider.db.read(), &id).await?.ok_or_else(unknown)
}

/// Goes on with a request, as far as it can without asking anybody; then it waits. Of one that may ask nothing the relying party is told whatever
/// comes in its way, if its address is still registered: a page that nobody sees helps nobody (RFC 6749 4.1.2.1).
pub(crate) async fn proceed(
    provider: &Provider,
    waiting: Waiting,
    seen: Seen<'_>,
    chosen: Chosen,
    now: Millis,
) -> Result<Step, Refusal> {
    if waiting.request.prompt != Prompt::Nothing {
        return go_on(provider, waiting, seen, chosen, now).await;
    }
    let (waited, client, back) =
        (waiting.coming.is_none(), waiting.request.client.clone(), waiting.request.back.clone());
    let refusal = match go_on(provider, waiting, seen, chosen, now).await {
        Ok(step) => return Ok(step),
        Err(refusal) => refusal,
    };
    if waited && !still_goes(provider, &client, &back).await {
        return Err(refusal);
    }
    Ok(Step::Back(told(provider, &back, refusal)))
}

async fn go_on(
    provider: &Provider,
    waiting: Waiting,
    seen: Seen<'_>,
    chosen: Chosen,
    now: Millis,
) -> Result<Step, Refusal> {
    let session = session::current(provider, seen, now).await?;
    let session = match standing(&waiting, session) {
        Standing::Good(session) => session,
        Standing::Missing if waiting.request.prompt == Prompt::Nothing => {
            let refusal = Refusal::new(Code::LoginRequired, "Nobody is signed in as the request wants it.");
            return refuse(provider, waiting, refusal).await;
        }
        Standing::Missing => return keeping::waits(provider, waiting, Step::SignIn, now).await,
        Standing::Other => {
            let sentence = "Somebody else signed in than id_token_hint or the sub in claims names.";
            let refusal = Refusal::new(Code::LoginRequired, sentence);
            return refuse(provider, waiting, refusal).await;
        }
    };
    if waiting.signed.as_ref().is_some_and(|signed| signed.user_id != session.person.as_str()) {
        let sentence = "Somebody else is signed in now than decided about what is to be signed. Begin again.";
        return refuse(provider, waiting, Refusal::new(Code::LoginRequired, sentence)).await;
    }
    match (&waiting.request.signing, waiting.signed.as_ref().map(|signed| &signed.decided)) {
        (None, _) | (Some(_), Some(SigningDecision::Consented { .. })) => {}
        (Some(_), Some(SigningDecision::Declined)) => {
            let refusal = Refusal::new(Code::AccessDenied, "The person chose not to sign.");
            return refuse(provider, waiting, refusal).await;
        }
        (Some(_), None) if waiting.request.prompt == Prompt::Nothing => {
            let refusal =
                Refusal::new(Code::InteractionRequired, "What is to be signed has to be agreed to.");
            return refuse(provider, waiting, refusal).await;
        }
        (Some(_), None) => return keeping::waits(provider, waiting, Step::Sign, now).await,
    }
    if !waiting.request.scope.want_role() {
        return granting::grant(provider, waiting, *session, None, now).await.map(Step::Back);
    }
    let (decision, organisation) = decide(provider, &waiting, &session, chosen).await?;
    match decision {
        Decision::Role(role) => {
            let of_role = (role.as_str(), organisation.as_deref());
            match organisation::ask(provider, waiting, &session, of_role, now).await? {
                Asks::Nothing(waiting) => {
                    granting::grant(provider, *waiting, *session, Some(role), now).await.map(Step::Back)
                }
                Asks::First(step) => Ok(step),
            }
        }
        Decision::Choose(_) if waiting.request.prompt == Prompt::Nothing => {
            let refusal = Refusal::new(Code::InteractionRequired, "A role has to be chosen.");
            refuse(provider, waiting, refusal).await
        }
        Decision::Choose(roles) => {
            let client_name = waiting.interaction.client_name.clone();
            let step = Step::ChooseRole(Box::new(Choice { client_name, roles }));
            keeping::waits(provider, waiting, step, now).await
        }
    }
}

/// Who is to decide about what a waiting request asks to have signed: whoever signed in for it as it wants.
pub(crate) async fn decider(
    provider: &Provider,
    waiting: &Waiting,
    seen: Seen<'_>,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let session = session::current(provider, seen, now).await?;
    Ok(match standing(waiting, session) {
        Standing::Good(session) => Some(*session),
        Standing::Missing | Standing::Other => None,
    })
}

/// Ends a request because its person does not want to.
pub(crate) async fn cancel(provider: &Provider, waiting: Waiting) -> Result<Step, Refusal> {
    let refusal = Refusal::new(Code::AccessDenied, "The person chose not to sign in.");
    refuse(provider, waiting, refusal).await
}

/// Ends a request with this refusal for the relying party, or with a page where it waited and its address is registered no more.
pub(crate) async fn refuse(provider: &Provider, waiting: Waiting, refusal: Refusal) -> Result<Step, Refusal> {
    if waiting.coming.is_none() {
        let id = waiting.interaction.id;
        provider.db.write(move |tx| Box::pin(async move { interactions::abandon(tx, &id).await })).await?;
        if !still_goes(provider, &waiting.request.client, &waiting.request.back).await {
            return Err(registered_otherwise());
        }
    }
    Ok(Step::Back(told(provider, &waiting.request.back, refusal)))
}

/// Tells a relying party why its request ends. What went wrong on our side is logged here, since no page is made of it.
fn told(provider: &Provider, back: &Return, refusal: Refusal) -> Answer {
    let answer = Answer::refusal(back, provider.faces.issuer(back.face), &refusal);
    refusal.log();
    answer
}

/// How the browser's session stands to a request.
enum Standing {
    /// It does.
    Good(Box<Session>),
    /// There is none, or none that does.
    Missing,
    /// Somebody else than the request means has just signed in.
    Other,
}

fn standing(waiting: &Waiting, session: Option<Session>) -> Standing {
    let Waiting { interaction, request, .. } = waiting;
    let Some(session) = session else { return Standing::Missing };
    if !interaction.wanted.satisfied_by(session.method, session.authenticated_at) {
        return Standing::Missing;
    }
    if is_meant(request, &session) {
        Standing::Good(Box::new(session))
    } else if session.authenticated_at >= interaction.created_at {
        Standing::Other
    } else {
        Standing::Missing
    }
}

fn is_meant(request: &AuthorisationRequest, session: &Session) -> bool {
    request.hinted.as_ref().is_none_or(|hinted| *hinted == session.person)
}

/// What is to be done about the role, and of which organisation it is.
async fn decide(
    provider: &Provider,
    waiting: &Waiting,
    session: &Session,
    chosen: Chosen,
) -> Result<(Decision, Option<String>), Refusal> {
    let asked_for = [ClaimsPart::Roles];
    let claims = provider.directory.claims(&session.person, &asked_for).await.map_err(Error::Module)?;
    let kept = interactions::chosen_role(provider.db.read(), &session.sid).await?;
    let places: Vec<(String, String)> =
        claims.roles.iter().map(|one| (one.role.person_roleid.clone(), one.role.org_code.clone())).collect();
    let asked = if waiting.request.scope.has(Scope::ChangedRole) { Asked::Anew } else { Asked::Once };
    // What was chosen for this request before a stronger sign-in is what its person goes on with.
    let chosen = match (chosen, &waiting.interaction.wanted.role) {
        (Chosen::Nothing, Some(role)) => Chosen::Role(role.clone()),
        (chosen, _) => chosen,
    };
    let decision = match chosen {
        Chosen::Role(id) if role::holds(&claims.roles, &id) => Decision::Role(id),
        // A role that is no longer theirs, or never was, is chosen again.
        Chosen::Role(_) => role::decide(claims.roles, None, Asked::Anew),
        Chosen::Nothing => role::decide(claims.roles, kept.as_deref(), asked),
    };
    let organisation = match &decision {
        Decision::Role(id) => places.into_iter().find(|(role, _)| role == id).map(|(_, place)| place),
        Decision::Choose(_) => None,
    };
    Ok((decision, organisation))
}
