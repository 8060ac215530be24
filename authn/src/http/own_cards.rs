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
use super::own::{Form, Script};
use super::page::{Failed, page, reaching, see_other};
use crate::interaction::Level;
use crate::pages::{Frame, OwnCardRow, OwnCardsPage, RenewCard, moment};
use crate::provider::Provider;
use crate::session::Session;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/account/cards", get(list))
        .route("/account/cards/{card}", get(show))
        .route("/account/cards/{card}/progress", get(progress))
        .route("/account/cards/{card}/renewal/end", post(give_up))
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
    let given = provider.ca.renew_own_card(&session.person, &card, &signed_in(&session)).await;
    Ok(json(StatusCode::CREATED, &given.map_err(in_words)?))
}

/// Gives up a renewal of which nothing is done yet.
async fn give_up(
    State(provider): State<Provider>,
    SignedIn(session, _): SignedIn,
    Path(card): Path<String>,
    _form: Form,
) -> Result<Response, Failed> {
    let given_up = provider.ca.give_up_own_card(&session.person, &card, &signed_in(&session)).await;
    let own = given_up.map_err(not_given_up_in_words)?;
    Ok(see_other(&format!("/account/cards/{}", own.id), &[]))
}

/// How they have signed in, for the register.
fn signed_in(session: &Session) -> HolderSignedIn {
    HolderSignedIn {
        assurance: assurance(session.level).map(str::to_owned),
        session: Some(session.sid.clone()),
    }
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

/// The same where a renewal is given up.
fn not_given_up_in_words(mut refused: Problem) -> Problem {
    let words = match refused.code {
        "card-errand-open" => {
            "This renewal has begun to change the card, and is not given up any more. Go back to your smartcards and go on with it."
        }
        "card-errand-unknown" => "This card is not being renewed any more. Go back to your smartcards.",
        _ => return refused,
    };
    words.clone_into(&mut refused.detail);
    refused
}

/// A card as the page has it; `agent` says where agents are, if there are any.
fn row(card: &OwnCard, level: Level, agent: Option<&str>) -> OwnCardRow {
    let open = matches!(card.renewal, OwnRenewal::Open | OwnRenewal::BrokeOff | OwnRenewal::UnderWay);
    let untouched = untouched(card);
    let fault = card.errand.as_ref().and_then(|errand| errand.fault.as_deref());
    let mut sentence = sentence(card);
    if let Some(fault) = fault {
        sentence = format!("{sentence} Why it stopped last: {}.", fault.trim_end_matches('.'));
    }
    let stopped = untouched && fault.is_some();
    if stopped {
        sentence.push_str(
            " Nothing of the card was changed. If it is locked, or you do not know its passcode, unlock it: the renewal ends with that, and you \
             begin another.",
        );
    }
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
        unlocks: agent.is_some() && (stopped || card.renewal == OwnRenewal::Locked),
        gives_up: untouched && level >= Level::Three,
    }
}

/// Whether it is being renewed, and nothing of that is done yet.
fn untouched(card: &OwnCard) -> bool {
    matches!(card.renewal, OwnRenewal::UnderWay | OwnRenewal::Unapproved)
        && card.errand.as_ref().is_some_and(|errand| errand.step == "begun")
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
            "It is locked, or nobody has chosen its passcode yet. Unlock it first: a locked card is not renewed. If it was unlocked where no \
             server is reached and is still called locked here, unlock it once more here."
                .to_owned()
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
            (OwnRenewal::Locked, Level::Three, true, false, true, "unlock it once more here"),
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

    /// A renewal that stopped before anything was done says why, can be given up by whoever signed in surely enough, and leads to the unlock;
    /// one that has gone further says why and does neither, and one that has not stopped leads to no unlock.
    #[test]
    fn stopped_renewal_can_be_given_up() {
        let fault = "the card did not take the passcode";
        for (step, stopped, level, gives_up, unlocks) in [
            ("begun", true, Level::Three, true, true),
            ("begun", true, Level::Two, false, true),
            ("begun", false, Level::Three, true, false),
            ("keyed", true, Level::Three, false, false),
        ] {
            let card = OwnCard {
                id: "a".to_owned(),
                serial: "4711".to_owned(),
                state: CardState::Renewing,
                renewal: OwnRenewal::UnderWay,
                ends_at: Millis(0),
                opens_at: Millis(0),
                closes_at: Millis(0),
                errand: Some(ErrandInfo {
                    id: "e".to_owned(),
                    card: "a".to_owned(),
                    act: "renew".to_owned(),
                    state: "open".to_owned(),
                    step: step.to_owned(),
                    fault: stopped.then(|| fault.to_owned()),
                    approved_by: None,
                    until: Millis(0),
                }),
            };
            let row = row(&card, level, Some("http://127.0.0.1:44880"));
            assert_eq!((row.gives_up, row.unlocks), (gives_up, unlocks), "{step}: {}", row.sentence);
            assert_eq!(row.sentence.contains(fault), stopped, "{step}: {}", row.sentence);
            assert_eq!(
                row.sentence.contains("Nothing of the card was changed"),
                unlocks,
                "{step}: {}",
                row.sentence
            );
        }
    }
}
