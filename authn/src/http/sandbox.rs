//! `/sandbox`: pages with which nobody proves anything. These routes are there only where `[authn.sandbox]` is.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use platform::problem::Problem;

use super::answers;
use super::came::Came;
use super::own::Form;
use super::page::{Failed, page, see_other, set, status};
use super::sign_in::answered;
use crate::error::Error;
use crate::interaction::Method;
use crate::oidc::authorise::Step;
use crate::pages::{
    ClientRow, ForcedRow, Frame, LogoutToken, MethodRow, PersonaRow, Personas, SandboxDesk, Told, ToldPage,
    label,
};
use crate::provider::Provider;
use crate::sandbox::{self, Forced, Sandbox};
use crate::session::{Cookie, SESSION, Seen, Session, current};
use crate::sign_in::{Outcome, Why, browser, waiting};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/sandbox", get(desk))
        .route("/sandbox/card-removal", post(remove_card))
        .route("/sandbox/logout-token", post(logout_token))
        .route("/sandbox/sign-in/{interaction}", get(show).post(sign_in))
        .route("/sandbox/sign-in/{interaction}/error", post(force))
}

fn told(title: &str, sentence: &str) -> Told {
    Told::new(title, sentence)
}

/// The people whom the settings list and the register knows.
async fn personas(provider: &Provider) -> Result<Vec<PersonaRow>, Error> {
    let mut rows = Vec::new();
    let settings: Sandbox = provider.config.sandbox.clone().unwrap_or_default();
    for persona in settings.personas {
        let Ok(user) = persona.user.parse() else { continue };
        if let Some(known) = sandbox::known(provider, user).await? {
            let (user, name, roles) = (persona.user, known.name, known.roles);
            rows.push(PersonaRow { user, name, roles, about: persona.about });
        }
    }
    Ok(rows)
}

async fn show(State(provider): State<Provider>, came: Came) -> Result<Response, Failed> {
    choices(&provider, &came, (StatusCode::OK, None)).await
}

async fn choices(
    provider: &Provider,
    came: &Came,
    (status, told): (StatusCode, Option<Told>),
) -> Result<Response, Failed> {
    let methods = came.interaction.wanted.acceptable.methods();
    let template = Personas {
        frame: Frame::new(&provider.config.name, "Sign in as somebody").telling(told),
        secret: &came.secret,
        client: &came.interaction.client_name,
        people: personas(provider).await?,
        methods: methods
            .map(|method| MethodRow {
                word: method.word(),
                label: label(method).0,
                level: method.level().digit(),
            })
            .collect(),
        forced: Forced::ALL
            .into_iter()
            .map(|forced| ForcedRow { word: forced.word(), meaning: forced.meaning() })
            .collect(),
    };
    page(status, &template)
}

async fn sign_in(State(provider): State<Provider>, came: Came, form: Form) -> Result<Response, Failed> {
    let typed = form.field("other").trim();
    let wanted = if typed.is_empty() { form.field("person") } else { typed };
    let known = match wanted.parse() {
        Ok(user) => sandbox::known(&provider, user).await?,
        Err(_) => None,
    };
    let method: Option<Method> = form.field("method").parse().ok();
    let (Some(known), Some(method)) = (known, method) else {
        let told = told(
            "Choose a person and a way",
            "Select one of each, or type the user id of somebody in the register.",
        );
        return choices(&provider, &came, (StatusCode::BAD_REQUEST, Some(told))).await;
    };
    match sandbox::sign_in(&provider, &came.visit, (known, method), came.now).await? {
        Outcome::Refused(why) => {
            let (status, told) = (status(&why), Told::from(&why));
            choices(&provider, &came, (status, Some(told))).await
        }
        signed_in @ Outcome::SignedIn(_) => {
            answered(&came, signed_in, |why: Why| Err(Failed::problem(Problem::internal(why.title()))))
        }
    }
}

/// Answers the relying party with an error.
async fn force(
    State(provider): State<Provider>,
    headers: HeaderMap,
    came: Came,
    form: Form,
) -> Result<Response, Failed> {
    let Some(forced) = Forced::of(form.field("error")) else {
        let told = told("Choose an error", "Select one of the errors below.");
        return choices(&provider, &came, (StatusCode::BAD_REQUEST, Some(told))).await;
    };
    let site = &provider.config.name;
    let Some((_, row)) = waiting(&provider, &headers, &came.secret, came.now).await? else {
        let sentence = "This sign-in was answered meanwhile. Start again in your application.";
        return Err(Failed::told(site, StatusCode::CONFLICT, &told("That was answered", sentence), None));
    };
    let held = row.interaction.id.clone();
    match sandbox::force(&provider, row.whole()?, forced, came.now).await {
        Ok(Step::Back(answer)) => {
            let mut response = answers::back(site, &answer);
            set(&mut response, &[browser::answered(&held)]);
            Ok(response)
        }
        Ok(_) => Err(Failed::problem(Problem::internal("an error that is no answer"))),
        Err(refusal) => Ok(answers::refused(site, refusal)),
    }
}

/// What can be done with the session of this browser.
async fn desk(State(provider): State<Provider>, headers: HeaderMap) -> Result<Response, Failed> {
    let session = current(&provider, Seen { headers: &headers, address: None }, provider.now()).await?;
    let (signed_in, clients) = match &session {
        None => (None, Vec::new()),
        Some(session) => {
            let known = sandbox::known(&provider, session.person.clone()).await?;
            let name = known.map_or_else(
                || session.person.to_string(),
                |known| format!("{} ({})", known.name, known.user),
            );
            (Some((name, label(session.method).0)), sandbox::clients(&provider, session).await?)
        }
    };
    let template = SandboxDesk {
        frame: Frame::new(&provider.config.name, "Sandbox"),
        signed_in,
        card: session.is_some_and(|session| session.method == Method::Smartcard),
        clients: clients.into_iter().map(row).collect(),
    };
    page(StatusCode::OK, &template)
}

fn row(client: sandbox::Told) -> ClientRow {
    let told = match client.uri {
        Some(uri) => format!("It is told of sessions that end at {uri}."),
        None => {
            "It has registered no backchannel_logout_uri, so it is not told when the session ends.".to_owned()
        }
    };
    ClientRow { id: client.id.to_string(), name: client.name, told }
}

/// The session of this browser, or a page that says there is none.
async fn session(provider: &Provider, headers: &HeaderMap) -> Result<Session, Failed> {
    let site = &provider.config.name;
    let found = current(provider, Seen { headers, address: None }, provider.now()).await?;
    found.ok_or_else(|| {
        let told = told("Nobody is signed in here", "Sign in from a relying party, and come back.");
        Failed::told(site, StatusCode::UNAUTHORIZED, &told, Some(("/sandbox", "Back")))
    })
}

async fn remove_card(
    State(provider): State<Provider>,
    headers: HeaderMap,
    _form: Form,
) -> Result<Response, Failed> {
    let session = session(&provider, &headers).await?;
    if sandbox::remove_card(&provider, session, provider.now()).await?.is_some() {
        return Ok(see_other("/sandbox", &[Cookie::gone(SESSION)]));
    }
    let template = ToldPage {
        frame: Frame::new(&provider.config.name, "There is no card to take out"),
        sentence: "The session of this browser was not opened with a card.",
        way: Some(("/sandbox", "Back")),
    };
    page(StatusCode::CONFLICT, &template)
}

async fn logout_token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Failed> {
    let session = session(&provider, &headers).await?;
    let token = match form.field("client").parse() {
        Ok(id) => sandbox::logout_token(&provider, &session, &id, provider.now()).await?,
        Err(_) => None,
    };
    let Some(token) = token else {
        let told =
            told("That relying party has nothing of this session", "Go back and choose one of the list.");
        let site = &provider.config.name;
        return Err(Failed::told(site, StatusCode::NOT_FOUND, &told, Some(("/sandbox", "Back"))));
    };
    let frame = Frame::new(&provider.config.name, "A logout token");
    let shown = page(StatusCode::OK, &LogoutToken { frame, client: form.field("client"), token: &token })?;
    Ok(shown.into_response())
}
