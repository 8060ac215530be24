//! `/account`: one's own sessions and ways to sign in.

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;
use platform::clock::Millis;
use platform::problem::Problem;
use platform::web::Path;

use super::came::address;
use super::own::Form;
use super::page::{Failed, page, see_other};
use crate::authenticator::{AuthenticatorId, Change, RemovedBy, change, name_of, remove_in};
use crate::enrolment::{fresh, offer_own};
use crate::error::Error;
use crate::pages::{Account, Frame, KeptRow, SessionRow, Told, browser, label, moment};
use crate::provider::Provider;
use crate::session::{Cookie, EndCause, Place, SESSION, Seen, Session, SessionId, current, end_in, holder};
use crate::store::{authenticators, places, sessions};

/// How many sessions are shown.
const MOST: u32 = 50;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/account", get(show))
        .route("/account/enrolments", post(enrol))
        .route("/account/sessions/{session}/end", post(end))
        .route("/account/authenticators/{authenticator}/name", post(name))
        .route("/account/authenticators/{authenticator}/removal", post(remove))
}

/// Whoever is signed in with this browser.
pub(super) struct SignedIn(pub(super) Session, pub(super) Millis);

impl FromRequestParts<Provider> for SignedIn {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, provider: &Provider) -> Result<Self, Failed> {
        let now = provider.now();
        let seen = Seen { headers: &parts.headers, address: address(parts) };
        if let Some(session) = current(provider, seen, now).await? {
            return Ok(Self(session, now));
        }
        let told = Told {
            title: "You are not signed in".to_owned(),
            sentence: "Your sign-in has ended, or was too long ago. Open the service that you use, sign in there, and come \
                       back to this page."
                .to_owned(),
            field: None,
        };
        Err(Failed::told(&provider.config.name, StatusCode::UNAUTHORIZED, &told, None))
    }
}

async fn show(
    State(provider): State<Provider>,
    SignedIn(session, now): SignedIn,
) -> Result<Response, Failed> {
    let read = provider.db.read();
    let open = sessions::of_person(read, &session.person, now, None, MOST).await?;
    let kept = authenticators::of_person(read, &session.person).await?;
    let mut rows = Vec::with_capacity(open.len());
    for row in open {
        let places = places::of_session(read, &row.session.id).await?;
        rows.push(SessionRow {
            here: row.session.id == session.id,
            id: row.session.id.to_string(),
            label: label(row.session.method).0,
            since: moment(row.session.authenticated_at),
            place: in_words(&Place { address: row.address, agent: row.agent }),
            also: places.iter().skip(1).map(in_words).collect(),
        });
    }
    let kept = kept.into_iter().map(|kept| KeptRow {
        id: kept.id.to_string(),
        name: kept.name,
        label: label(kept.method).0,
        used: match (kept.suspended_at, kept.last_used_at) {
            (Some(_), _) => {
                "Suspended: there may be a copy of it. Ask your registration authority.".to_owned()
            }
            (None, Some(at)) => format!("Last used on {}.", moment(at)),
            (None, None) => "Not used yet.".to_owned(),
        },
    });
    let template = Account {
        frame: Frame::new(&provider.config.name, "Your sign-in"),
        sessions: rows,
        kept: kept.collect(),
    };
    page(StatusCode::OK, &template)
}

/// A place as people read it.
fn in_words(place: &Place) -> String {
    let parts = [place.agent.as_deref().map(browser), place.address.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

async fn enrol(
    State(provider): State<Provider>,
    SignedIn(session, now): SignedIn,
    _form: Form,
) -> Result<Response, Failed> {
    let (_, secret) = offer_own(&provider, &session, now).await?;
    Ok(see_other(&format!("/enrol/{}", secret.text().as_str()), &[]))
}

async fn end(
    State(provider): State<Provider>,
    SignedIn(session, now): SignedIn,
    Path(id): Path<SessionId>,
    _form: Form,
) -> Result<Response, Failed> {
    let here = id == session.id;
    let cause = if here { EndCause::SignedOut } else { EndCause::ByHolder };
    let actor = holder(&session.person, Some(&session.id));
    let person = session.person;
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            // Somebody else's is not there: an error undoes what was ended.
            match end_in(tx, &id, cause, &actor, now).await? {
                Some(ended) if ended.person != person => Err(Error::unknown("session", &id)),
                _ => Ok(()),
            }
        })
    });
    done.await?;
    let cookies = if here { vec![Cookie::gone(SESSION)] } else { Vec::new() };
    Ok(see_other("/account", &cookies))
}

async fn name(
    State(provider): State<Provider>,
    SignedIn(session, now): SignedIn,
    Path(id): Path<AuthenticatorId>,
    form: Form,
) -> Result<Response, Failed> {
    let name = name_of(form.field("name")).map_err(Problem::from)?;
    let by = (holder(&session.person, Some(&session.id)), now);
    change(&provider, (session.person, id), vec![Change::Name(name)], None, by).await?;
    Ok(see_other("/account", &[]))
}

async fn remove(
    State(provider): State<Provider>,
    SignedIn(session, now): SignedIn,
    Path(id): Path<AuthenticatorId>,
    _form: Form,
) -> Result<Response, Failed> {
    fresh(&session, now)?;
    let actor = holder(&session.person, Some(&session.id));
    let (person, level) = (session.person, session.level);
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            remove_in(tx, (&person, &id), RemovedBy::Holder(level), (&actor, now)).await.map(drop)
        })
    });
    done.await?;
    Ok(see_other("/account", &[]))
}
