//! `/authorize`: where browsers come with a request, and go on once somebody has signed in.

use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use platform::web::{Path, PeerAddress};

use super::answers::{self, Before};
use super::came::came_from;
use super::form::Posted;
use super::page::{see_other, set};
use super::reading::{query, says};
use crate::oidc::authorise::{self, Begun, Chosen, Door, Loaded, Step, Visitor};
use crate::oidc::face::Face;
use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::session::{Cookie, Seen};
use crate::sign_in::{Came, browser, of_anybody};
use crate::store::interactions::Waiting;

/// The longest search for a role.
const LONGEST: usize = 200;

/// Begins to sign somebody in for a relying party. OpenID Connect Core 3.1.2.
#[utoipa::path(
    get, path = "/authorize", tag = "sign-in",
    params(
        ("client_id" = String, Query, description = "The relying party"),
        ("redirect_uri" = String, Query, description = "Where to go back to, as registered"),
        ("response_type" = String, Query, description = "code"),
        ("scope" = Option<String>, Query, description = "openid and more"),
    ),
    responses(
        (status = 303, description = "To the sign-in pages, or back to the relying party"),
        (status = 400, description = "A page: the relying party or the address is not known"),
        (status = 503, description = "A page: too many requests wait"),
    )
)]
pub(super) async fn show(
    State(provider): State<Provider>,
    peer: Option<Extension<PeerAddress>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let parameters = match query(&uri) {
        Ok(parameters) => parameters,
        Err(refusal) => return answers::refused(&provider.config.name, refusal),
    };
    let seen = Seen { headers: &headers, address: came_from(peer) };
    begin(&provider, parameters, Face::of_path(uri.path()), seen, Leg::Get).await
}

/// The same as a form. OpenID Connect Core 3.1.2.1.
#[utoipa::path(
    post, path = "/authorize", tag = "sign-in",
    responses(
        (status = 303, description = "To where it goes on"),
        (status = 400, description = "A page: the relying party or the address is not known"),
        (status = 503, description = "A page: too many requests wait"),
    )
)]
pub(super) async fn send(State(provider): State<Provider>, form: Posted) -> Response {
    let seen = Seen { headers: &form.headers, address: form.address };
    begin(&provider, form.parameters, form.face, seen, Leg::Post).await
}

/// How the request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leg {
    Get,
    /// From another site: the browser keeps its cookies to itself until it comes with a GET.
    Post,
}

async fn begin(
    provider: &Provider,
    parameters: Parameters,
    face: Face,
    seen: Seen<'_>,
    leg: Leg,
) -> Response {
    let (site, now) = (&provider.config.name, provider.now());
    let held = match Secret::generate(&provider.random) {
        Ok(held) => held,
        Err(error) => return answers::refused(site, error.into()),
    };
    let visitor = Visitor { browser: held.stored(), address: seen.address, loaded: Loaded::of(seen.headers) };
    let begun = match authorise::begin(provider, parameters, face, visitor, now).await {
        Ok(Door::Begun(begun)) => begun,
        Ok(Door::Back(answer)) => return answers::back(site, &answer),
        Err(refusal) => return answers::refused(site, refusal),
    };
    let Begun { secret, waiting } = *begun;
    let mut cookies = browser::oldest(seen.headers);
    cookies.push(browser::holding(&waiting.interaction.id, &held, provider.config.interaction()));
    let (onward, waits) = match leg {
        Leg::Post => match authorise::wait(provider, waiting, now).await {
            Ok(None) => (see_other(&format!("/authorize/continue/{}", &*secret.text()), &[]), true),
            Ok(Some(answer)) => (answers::back(site, &answer), false),
            Err(refusal) => (answers::refused(site, refusal), false),
        },
        Leg::Get => {
            let step = authorise::proceed(provider, waiting, seen, Chosen::Nothing, now).await;
            let waits = matches!(step, Ok(Step::SignIn | Step::Sign | Step::ChooseRole(_)));
            (answer(provider, &secret, step, "", Before::Nothing), waits)
        }
    };
    // One that is answered already leaves nothing to hold.
    if waits { with(onward, &cookies) } else { onward }
}

fn with(mut response: Response, cookies: &[Cookie]) -> Response {
    set(&mut response, cookies);
    response
}

/// Goes on with a request after somebody has signed in, or ends it because they did not want to.
#[utoipa::path(
    get, path = "/authorize/continue/{interaction}", tag = "sign-in",
    params(
        ("interaction" = String, Path, description = "The secret of the request"),
        ("cancelled" = Option<String>, Query, description = "That the person does not want to"),
        ("q" = Option<String>, Query, description = "What is looked for among many roles"),
    ),
    responses(
        (status = 200, description = "A page on which a role is chosen"),
        (status = 303, description = "Back to the relying party, or to the sign-in pages"),
        (status = 400, description = "A page: the request is over, or another browser's"),
    )
)]
pub(super) async fn proceed(
    State(provider): State<Provider>,
    Path(interaction): Path<String>,
    peer: Option<Extension<PeerAddress>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = &provider.config.name;
    let (secret, waiting) = match begun(&provider, &interaction, &headers).await {
        Ok((secret, waiting, Came::Again)) => (secret, waiting),
        Ok((_, waiting, Came::Other)) => {
            return match authorise::elsewhere(&provider, &waiting).await {
                Some(answer) => answers::back(site, &answer),
                None => answers::refused(site, over()),
            };
        }
        Err(refusal) => return answers::refused(site, refusal),
    };
    let typed = match query(&uri) {
        Ok(parameters) => parameters.get("q").unwrap_or_default().chars().take(LONGEST).collect::<String>(),
        Err(refusal) => return answers::refused(site, refusal),
    };
    let held = waiting.interaction.id.clone();
    let step = if says(&uri, "cancelled") {
        authorise::cancel(&provider, waiting).await
    } else {
        let seen = Seen { headers: &headers, address: came_from(peer) };
        authorise::proceed(&provider, waiting, seen, Chosen::Nothing, provider.now()).await
    };
    let cookies = match step {
        Ok(Step::Back(_)) => vec![browser::answered(&held)],
        _ => browser::oldest(&headers),
    };
    with(answer(&provider, &secret, step, &typed, Before::Nothing), &cookies)
}

/// Goes on with the role that was chosen.
#[utoipa::path(
    post, path = "/authorize/continue/{interaction}", tag = "sign-in",
    params(("interaction" = String, Path, description = "The secret of the request")),
    responses(
        (status = 303, description = "Back to the relying party"),
        (status = 400, description = "A page: nothing was chosen, or the request is over"),
    )
)]
pub(super) async fn choose(
    State(provider): State<Provider>,
    Path(interaction): Path<String>,
    form: Posted,
) -> Response {
    let site = &provider.config.name;
    let (secret, waiting) = match begun_here(&provider, &interaction, &form.headers).await {
        Ok(found) => found,
        Err(refusal) => return answers::refused(site, refusal),
    };
    let held = waiting.interaction.id.clone();
    let role = form.parameters.get("role").unwrap_or_default().to_owned();
    let chosen = Chosen::Role(role);
    let seen = Seen { headers: &form.headers, address: form.address };
    let step = authorise::proceed(&provider, waiting, seen, chosen, provider.now()).await;
    let cookies = match step {
        Ok(Step::Back(_)) => vec![browser::answered(&held)],
        _ => Vec::new(),
    };
    with(answer(&provider, &secret, step, "", Before::Wrong), &cookies)
}

/// The request that waits under this secret, if this browser began it: whoever is sent the address of another's request could be
/// signed in for them.
async fn begun_here(
    provider: &Provider,
    interaction: &str,
    headers: &HeaderMap,
) -> Result<(Secret, Waiting), Refusal> {
    match begun(provider, interaction, headers).await? {
        (secret, waiting, Came::Again) => Ok((secret, waiting)),
        (_, _, Came::Other) => Err(over()),
    }
}

/// The request that waits under this secret, and whether it was this browser that began it.
async fn begun(
    provider: &Provider,
    interaction: &str,
    headers: &HeaderMap,
) -> Result<(Secret, Waiting, Came), Refusal> {
    let found = of_anybody(provider, headers, interaction, provider.now()).await?;
    let (secret, row, came) = found.ok_or_else(over)?;
    Ok((secret, row.whole()?, came))
}

fn over() -> Refusal {
    let sentence = "This sign-in is over, was answered, or was begun in another browser.";
    Refusal::new(Code::InvalidRequest, sentence)
}

fn answer(
    provider: &Provider,
    secret: &Secret,
    step: Result<Step, Refusal>,
    typed: &str,
    before: Before,
) -> Response {
    let site = &provider.config.name;
    match step {
        Ok(Step::Back(answer)) => answers::back(site, &answer),
        Ok(Step::SignIn) => see_other(&format!("/sign-in/{}", &*secret.text()), &[]),
        Ok(Step::Sign) => {
            let page = provider.config.signing_page.as_deref().unwrap_or_default();
            see_other(&format!("{page}/{}", &*secret.text()), &[])
        }
        Ok(Step::ChooseRole(choice)) => answers::role(site, secret, &choice, typed, before),
        Err(refusal) => answers::refused(site, refusal),
    }
}
