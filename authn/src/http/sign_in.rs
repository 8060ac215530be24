//! `/sign-in/{interaction}`: choosing how to sign in.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};

use super::came::Came;
use super::own::Form;
use super::page::{Failed, page, see_other};
use crate::interaction::Method;
use crate::pages::{Choose, Frame, Offered, Told, label};
use crate::provider::Provider;
use crate::session::{Cookie, SESSION, presented};
use crate::sign_in::Outcome;

/// Which method this browser chose last.
const REMEMBERED: &str = "__Host-lanyard-method";
/// For how long that is remembered: a year.
const REMEMBERED_SECONDS: u32 = 365 * 24 * 3600;

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/sign-in/{interaction}", get(show).post(choose))
}

/// The methods that satisfy a request here, in the order in which they are offered.
fn offered(provider: &Provider, came: &Came) -> Vec<Method> {
    let cards = provider.config.cards_origin.is_some() || provider.config.card_agent.is_some();
    came.interaction
        .wanted
        .acceptable
        .methods()
        .filter(|method| *method != Method::Smartcard || cards)
        .collect()
}

/// The page of a method.
fn address(secret: &str, method: Method) -> String {
    match method {
        Method::Smartcard => format!("/sign-in/{secret}/card"),
        Method::Totp => format!("/sign-in/{secret}/app"),
        Method::SecurityKey | Method::PlatformKey | Method::Passkey => {
            format!("/sign-in/{secret}/key?kind={method}")
        }
    }
}

/// Shows what can be chosen; whoever chose before goes straight on, unless they ask for the choice.
async fn show(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    came: Came,
) -> Result<Response, Failed> {
    let offered = offered(&provider, &came);
    let remembered = presented(&headers, REMEMBERED).and_then(|word| word.parse().ok());
    let remembered = remembered.filter(|method| offered.contains(method));
    match remembered {
        Some(method) if query.is_none() => Ok(see_other(&address(&came.secret, method), &[])),
        _ => choices(&provider, &came, &offered, (StatusCode::OK, None), remembered),
    }
}

fn choices(
    provider: &Provider,
    came: &Came,
    offered: &[Method],
    (status, told): (StatusCode, Option<Told>),
    checked: Option<Method>,
) -> Result<Response, Failed> {
    if offered.is_empty() {
        let told = Told {
            title: "No way to sign in is strong enough".to_owned(),
            sentence: "The service asks for a smartcard, and smartcards cannot be used here at the moment. Tell your \
                       service desk."
                .to_owned(),
            field: None,
        };
        let back = format!("{}?cancelled", came.onward());
        return Err(Failed::told(
            &provider.config.name,
            StatusCode::FORBIDDEN,
            &told,
            Some((&back, "Go back")),
        ));
    }
    let offer = |method: &Method| {
        let (label, hint) = label(*method);
        Offered { word: method.word(), label, hint, checked: checked == Some(*method) }
    };
    let template = Choose {
        frame: Frame::new(&provider.config.name, "Choose how to sign in").telling(told),
        secret: &came.secret,
        client: &came.interaction.client_name,
        offers: offered.iter().map(offer).collect(),
        sandbox: provider.config.sandbox.is_some(),
    };
    page(status, &template)
}

/// Takes the choice and remembers it.
async fn choose(State(provider): State<Provider>, came: Came, form: Form) -> Result<Response, Failed> {
    let offered = offered(&provider, &came);
    let chosen = form.field("method").parse::<Method>().ok().filter(|method| offered.contains(method));
    let Some(chosen) = chosen else {
        let told = Told::new("Choose a way to sign in", "Select one of the ways below.");
        let told = match offered.first() {
            Some(first) => told.at(format!("method-{first}")),
            None => told,
        };
        return choices(&provider, &came, &offered, (StatusCode::BAD_REQUEST, Some(told)), None);
    };
    let cookie = Cookie::kept(REMEMBERED, chosen.word(), REMEMBERED_SECONDS);
    Ok(see_other(&address(&came.secret, chosen), &[cookie]))
}

/// Where the browser goes after an attempt that signed somebody in; the page that says why otherwise.
pub(super) fn answered(
    came: &Came,
    outcome: Outcome,
    otherwise: impl FnOnce(crate::sign_in::Why) -> Result<Response, Failed>,
) -> Result<Response, Failed> {
    match outcome {
        Outcome::SignedIn(secret) => Ok(see_other(&came.onward(), &[Cookie::secret(SESSION, &secret)])),
        Outcome::Refused(why) => otherwise(why),
    }
}
