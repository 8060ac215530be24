//! `/account/cards`: one's own smartcards, and the page on which their holder renews one at their own desk. What is theirs, and whether they
//! may renew it, the authority says; the agent of the workstation does the rest with the ticket that it gives.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use ca::api::{ErrandInfo, HolderSignedIn, OwnCard, OwnRenewal};
use http::StatusCode;
use platform::problem::Problem;
use platform::web::Path;
use serde::{Deserialize, Serialize};

use super::account::SignedIn;
use super::form::json;
use super::own::Script;
use super::page::{Failed, page, reaching};
use crate::interaction::Level;
use crate::pages::{Frame, OwnCardRow, OwnCardsPage, RenewCard, moment};
use crate::provider::Provider;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/account/cards", get(list))
        .route("/account/cards/{card}", get(show))
        .route("/account/cards/{card}/progress", get(progress))
        .route("/account/cards/{card}/ticket", post(ticket))
}

/// What a script sends that has nothing to say.
#[derive(Deserialize)]
struct Nothing {}

/// How far a renewal has come.
#[derive(Serialize)]
struct Progress {
    sentence: &'static str,
}

async fn list(State(provider): State<Provider>, SignedIn(session, _): SignedIn) -> Result<Response, Failed> {
    let own = provider.ca.own_cards(&session.person).await?;
    let row = |card| row(card, session.level, provider.config.card_agent.as_deref());
    let template = OwnCardsPage {
        frame: Frame::new(&provider.config.name, "Your smartcards"),
        cards: own.cards.iter().map(row).collect(),
    };
    page(StatusCode::OK, &template)
}

async fn show(
    State(provider): State<Provider>,
    SignedIn(session, _): SignedIn,
    Path(card): Path<String>,
) -> Result<Response, Failed> {
    let own = provider.ca.own_card(&session.person, &card).await?;
    let agent = provider.config.card_agent.as_deref();
    let card = row(&own, session.level, agent);
    let reached = agent.filter(|_| card.renews);
    let frame = Frame::new(&provider.config.name, "Renew your smartcard");
    let shown = page(StatusCode::OK, &RenewCard { frame, card, agent })?;
    match reached {
        Some(agent) => reaching(shown, agent),
        None => Ok(shown),
    }
}

/// Says how far the renewal has come, for the script of the page.
async fn progress(
    State(provider): State<Provider>,
    SignedIn(session, _): SignedIn,
    Path(card): Path<String>,
) -> Result<Response, Problem> {
    let own = provider.ca.own_card(&session.person, &card).await?;
    Ok(json(StatusCode::OK, &Progress { sentence: step(own.errand.as_ref()) }))
}

/// Begins the renewal, or goes on with it: what the script gives to the agent.
async fn ticket(
    State(provider): State<Provider>,
    SignedIn(session, _): SignedIn,
    Path(card): Path<String>,
    Script(Nothing {}): Script<Nothing>,
) -> Result<Response, Problem> {
    let signed_in = HolderSignedIn {
        assurance: assurance(session.level).map(str::to_owned),
        session: Some(session.sid.clone()),
    };
    let given = provider.ca.renew_own_card(&session.person, &card, &signed_in).await;
    Ok(json(StatusCode::CREATED, &given.map_err(in_words)?))
}

/// What a sign-in is worth, as the register reads it.
fn assurance(level: Level) -> Option<&'static str> {
    match level {
        Level::One => None,
        Level::Two => Some("aal2"),
        Level::Three => Some("aal3"),
    }
}

/// A refusal for whoever holds the card and reads no documents.
fn in_words(mut refused: Problem) -> Problem {
    let words = match refused.code {
        "card-errand-not-approved" => {
            "Somebody of your registration authority must approve this renewal first. Ask them, and come back to this page."
        }
        "cards-no-address" => "No card is renewed from here. Ask your registration authority.",
        "card-errand-open" | "card-state" => {
            "Something else is being done with this card, or it cannot be used at the moment. Open this page again to see which."
        }
        "own-record" => "The certificates of this card have ended. Your registration authority renews it.",
        _ => return refused,
    };
    words.clone_into(&mut refused.detail);
    refused
}

/// A card as the page has it; `agent` says where agents are, if there are any.
fn row(card: &OwnCard, level: Level, agent: Option<&str>) -> OwnCardRow {
    let open = matches!(card.renewal, OwnRenewal::Open | OwnRenewal::BrokeOff | OwnRenewal::UnderWay);
    let mut sentence = sentence(card);
    if open && agent.is_none() {
        sentence.push_str(" Your registration authority does that: no card is renewed on this page.");
    } else if open && level < Level::Three {
        sentence
            .push_str(" For that, sign in with a smartcard or a security key, and come back to this page.");
    }
    OwnCardRow {
        id: card.id.clone(),
        serial: card.serial.clone(),
        sentence,
        renews: open && agent.is_some() && level >= Level::Three,
        unlocks: agent.is_some() && card.renewal == OwnRenewal::Locked,
    }
}

fn sentence(card: &OwnCard) -> String {
    let (opens, ends, closes) = (moment(card.opens_at), moment(card.ends_at), moment(card.closes_at));
    match card.renewal {
        OwnRenewal::TooEarly => {
            format!("Its certificates end on {ends}. It can be renewed from {opens} on, and you need do nothing before.")
        }
        OwnRenewal::Open => format!("Its certificates end on {ends}. It can be renewed now."),
        OwnRenewal::BrokeOff => {
            "A renewal of this card broke off, and the card signs nobody in any more. It can be renewed now.".to_owned()
        }
        OwnRenewal::UnderWay => {
            let until = card.errand.as_ref().map(|errand| moment(errand.until)).unwrap_or_default();
            format!("Its renewal was begun and is not done. It can be gone on with until {until}; then it ends.")
        }
        OwnRenewal::Unapproved => {
            "Its renewal was begun, and somebody of your registration authority must approve it. Ask them, and come back to \
             this page."
                .to_owned()
        }
        OwnRenewal::InGrace => format!(
            "Its certificates ended on {ends}, and you cannot renew it yourself any more. Go with it to your registration \
             authority, which can renew it until {closes}."
        ),
        OwnRenewal::TooLate => {
            format!("Its certificates ended on {ends}, too long ago to renew it. Your registration authority replaces it.")
        }
        OwnRenewal::Locked => {
            "It is locked, or nobody has chosen its passcode yet. Unlock it first: a locked card is not renewed.".to_owned()
        }
        OwnRenewal::OnHold => "It is on hold. Ask your registration authority why.".to_owned(),
        OwnRenewal::Busy => {
            "Something else is being done with it. Wait until that is over, or ask your registration authority.".to_owned()
        }
    }
}

/// What is done with the card next, in words; nothing where nothing is.
fn step(errand: Option<&ErrandInfo>) -> &'static str {
    match errand.map(|errand| errand.step.as_str()) {
        None => "",
        Some("begun") => "Step 1 of 5: the card is looked at. Enter its passcode when the agent asks for it.",
        Some("keyed") => "Step 2 of 5: the card makes the key for signing in.",
        Some("first-key") => "Step 3 of 5: the card makes the key for signing.",
        Some("second-key") => "Step 4 of 5: its certificates are made.",
        Some(_) => "Step 5 of 5: the certificates are written to the card and read back.",
    }
}

#[cfg(test)]
mod tests {
    use ca::api::CardState;
    use platform::clock::Millis;

    use super::*;

    /// A card is renewed here where it can be, an agent is there and its holder signed in surely enough; otherwise the page says what to do.
    #[test]
    fn what_there_is_to_do_is_said() {
        let card = |renewal| OwnCard {
            id: "a".to_owned(),
            serial: "4711".to_owned(),
            state: CardState::Active,
            renewal,
            ends_at: Millis(1_795_540_800_000),
            opens_at: Millis(0),
            closes_at: Millis(1_795_540_800_000),
            errand: None,
        };
        for (renewal, level, agents, renews, unlocks, says) in [
            (OwnRenewal::Open, Level::Three, true, true, false, "It can be renewed now."),
            (OwnRenewal::Open, Level::Two, true, false, false, "sign in with a smartcard or a security key"),
            (OwnRenewal::Open, Level::Three, false, false, false, "no card is renewed on this page"),
            (OwnRenewal::BrokeOff, Level::Three, true, true, false, "broke off"),
            (OwnRenewal::UnderWay, Level::Three, true, true, false, "gone on with"),
            (OwnRenewal::TooEarly, Level::Three, true, false, false, "from 1 January 1970"),
            (OwnRenewal::InGrace, Level::Three, true, false, false, "until 24 November 2026"),
            (OwnRenewal::TooLate, Level::Three, true, false, false, "replaces it"),
            (OwnRenewal::Locked, Level::Three, true, false, true, "Unlock it first"),
            (OwnRenewal::Locked, Level::Three, false, false, false, "Unlock it first"),
            (OwnRenewal::Unapproved, Level::Three, true, false, false, "approve"),
            (OwnRenewal::OnHold, Level::Three, true, false, false, "on hold"),
            (OwnRenewal::Busy, Level::Three, true, false, false, "Something else"),
        ] {
            let row = row(&card(renewal), level, agents.then_some("http://127.0.0.1:44880"));
            assert_eq!((row.renews, row.unlocks), (renews, unlocks), "{renewal:?}: {}", row.sentence);
            assert!(row.sentence.contains(says), "{renewal:?}: {}", row.sentence);
        }
    }
}
