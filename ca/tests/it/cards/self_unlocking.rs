//! Holders unlock their own card with a code.

use std::time::Duration;

use ca::api::{CardState, RelayTicket};
use card::piv::{Passcode, Piv};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use platform::web::PeerAddress;
use serde_json::{Value, json};

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, STRANGER};
use super::unlocking::lock;

const EMAIL: &str = "zoe@trust.example";
const MOBILE: &str = "+447700900123";

/// Asks for a code at an address, as anybody can.
pub(super) async fn ask(desk: &Desk, serial: u32, address: &str) -> String {
    let channel = if address.contains('@') { "email" } else { "mobile" };
    let body = json!({"serial": serial.to_string(), "channel": channel, "address": address});
    let (status, said, _) = desk.ask(None, Request::post("/ca/card-unlocks"), &body.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{said}");
    said["id"].as_str().unwrap().to_owned()
}

/// Gives a code back.
pub(super) async fn give(desk: &Desk, id: &str, code: &str) -> (StatusCode, Value) {
    let request = Request::post(format!("/ca/card-unlocks/{id}/tickets"));
    let (status, said, _) = desk.ask(None, request, &json!({"code": code}).to_string()).await;
    (status, said)
}

/// The code that was sent last.
pub(super) async fn sent(desk: &Desk) -> String {
    let letters = desk.letters().await;
    let (_, _, words) = letters.iter().rev().find(|(kind, ..)| kind == "card-unlock-code").unwrap();
    words.split(|letter: char| !letter.is_ascii_digit()).find(|part| part.len() == 6).unwrap().to_owned()
}

/// Another code.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

async fn kinds(desk: &Desk) -> Vec<(String, String)> {
    desk.letters().await.into_iter().map(|(kind, address, _)| (kind, address)).collect()
}

platform::both_engines! {
    /// A holder who has a code and the card chooses a new passcode; every address of theirs is told, and a code of before is good for
    /// nothing.
    async fn holder_unlocks_with_a_code(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let old = desk.world.clock.now().minus(Duration::from_hours(24 * 90));
        desk.address("email", EMAIL, old).await;
        desk.address("mobile", MOBILE, old).await;
        lock(&chip);
        desk.moved(&id, &json!({"move": "lock"})).await;
        // However it is typed.
        let first = ask(&desk, 4711, " Zoe@Trust.Example ").await;
        let told = |kind: &str, address: &str| (kind.to_owned(), address.to_owned());
        assert_eq!(kinds(&desk).await, [told("card-unlock-asked", MOBILE), told("card-unlock-code", EMAIL)]);
        let code = sent(&desk).await;
        let (kept,): (String,) = sqlx::query_as("SELECT code_mark FROM ca_card_unlock").fetch_one(desk.world.db.read()).await.unwrap();
        assert!(kept.len() == 64 && kept != hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, code.as_bytes())));
        let (status, said) = give(&desk, &first, wrong(&code)).await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("card-unlock-code-refused")));
        // Whoever has a code has no card: a ticket for another one comes to nothing, and the right card goes on with the same code.
        let (status, ticket) = give(&desk, &first, &code).await;
        assert_eq!(status, StatusCode::CREATED, "{ticket}");
        let ticket: RelayTicket = serde_json::from_value(ticket).unwrap();
        assert_eq!((ticket.act.as_str(), ticket.serial.as_str()), ("unlock", "4711"));
        let over = desk.relay_with(&ticket, Pulled::never(&Chip::new(4712))).await;
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        let (status, ticket) = give(&desk, &first, &code).await;
        assert_eq!(status, StatusCode::CREATED, "{ticket}");
        let over = desk.relay_with(&serde_json::from_value(ticket).unwrap(), chip.insert()).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key.as_str()), (CardState::Active, "1.2"));
        Piv::select(chip.insert()).unwrap().verify(&Passcode::parse(CHOSEN.as_bytes()).unwrap()).unwrap();
        let all = kinds(&desk).await;
        for address in [EMAIL, MOBILE] {
            assert!(all.contains(&told("card-unlocked", address)), "{all:?}");
        }
        assert_eq!(give(&desk, &first, &code).await.0, StatusCode::BAD_REQUEST, "it was used up");
        // It was the holder's own act.
        let (_, acts) = desk.get(MANAGER, &format!("/ca/cards/{id}/acts")).await;
        let last = acts["acts"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["move"], &last["by"]), (&json!("unlock"), &json!(NURSE)), "{last}");
    }

    /// A colleague who may unlock the card approves from afar, with the code that the holder reads out; without that, with another
    /// code, and by somebody who may not, nothing is unlocked.
    async fn colleague_vouches_from_afar(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let ask = async |serial: &str| {
            let request = Request::post("/ca/card-unlocks/by-colleague");
            let (status, said, _) = desk.ask(None, request, &json!({"serial": serial}).to_string()).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{said}");
            (said["id"].as_str().unwrap().to_owned(), said["code"].as_str().unwrap().to_owned())
        };
        let (unlock, code) = ask("4711").await;
        let (other, its_code) = ask("4711").await;
        let (none, _) = ask("99").await;
        assert_eq!(give(&desk, &none, "000000").await.0, StatusCode::BAD_REQUEST);
        let path = format!("/ca/cards/{id}/unlocks");
        let (status, waiting) = desk.get(MANAGER, &path).await;
        assert_eq!(status, StatusCode::OK, "{waiting}");
        let listed: Vec<_> = waiting["unlocks"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert!(listed.len() == 2 && listed.contains(&json!(unlock)) && listed.contains(&json!(other)), "{waiting}");
        assert!(!waiting.to_string().contains(&code), "the holder reads it out");
        let (status, said) = give(&desk, &unlock, &code).await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("card-unlock-code-refused")), "{said}");
        let approve = async |user: &'static str, unlock: &str, code: &str| {
            desk.post(user, &format!("{path}/{unlock}/approvals"), None, "x", &json!({"code": code})).await.0
        };
        for user in [STRANGER, NURSE] {
            assert_eq!(approve(user, &unlock, &code).await, StatusCode::FORBIDDEN, "{user}");
        }
        assert_eq!(desk.get(STRANGER, &path).await.0, StatusCode::FORBIDDEN);
        let mistaken = if its_code == code { wrong(&code) } else { its_code.as_str() };
        assert_eq!(approve(MANAGER, &unlock, mistaken).await, StatusCode::BAD_REQUEST, "the code of another request");
        assert_eq!(approve(MANAGER, &unlock, &code).await, StatusCode::NO_CONTENT);
        let (status, said) = give(&desk, &other, &its_code).await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("card-unlock-code-refused")), "{said}");
        let (status, ticket) = give(&desk, &unlock, &code).await;
        assert_eq!(status, StatusCode::CREATED, "{ticket}");
        let over = desk.relay_with(&serde_json::from_value(ticket).unwrap(), chip.insert()).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let (_, acts) = desk.get(MANAGER, &format!("/ca/cards/{id}/acts")).await;
        let last = acts["acts"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["move"], &last["by"]), (&json!("unlock"), &json!(MANAGER)), "{last}");
    }

    /// However often anybody asks in a holder's name, their own request stays and is approved; what one network asks gives way to what it
    /// asks later, and is refused when it is too much. What colleagues have vouched for counts, and is enough at six times a day.
    async fn askings_of_strangers_keep_nobody_out(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let ask = async |address: &str| {
            let peer = PeerAddress(address.parse().unwrap());
            let request = Request::post("/ca/card-unlocks/by-colleague").extension(peer);
            let (status, said, _) = desk.ask(None, request, &json!({"serial": "4711"}).to_string()).await;
            (status, said)
        };
        let text = |said: &Value, name: &str| said[name].as_str().unwrap().to_owned();
        let (status, own) = ask("192.0.2.1:1000").await;
        assert_eq!(status, StatusCode::ACCEPTED, "{own}");
        let mut asked = Vec::new();
        for _ in 0..200 {
            let (status, said) = ask("198.51.100.1:1000").await;
            if status == StatusCode::TOO_MANY_REQUESTS {
                break;
            }
            assert_eq!(status, StatusCode::ACCEPTED, "{said}");
            asked.push(text(&said, "id"));
            // Codes that nobody has vouched for are no tries.
            assert_eq!(give(&desk, &text(&said, "id"), "000000").await.0, StatusCode::BAD_REQUEST);
        }
        assert!((10..200).contains(&asked.len()), "{}", asked.len());
        let path = format!("/ca/cards/{id}/unlocks");
        let waiting = async || {
            let (_, waiting) = desk.get(MANAGER, &path).await;
            let waiting = waiting["unlocks"].as_array().unwrap().clone();
            waiting.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let listed = waiting().await;
        assert_eq!(listed.len(), 3, "{listed:?}");
        assert!(listed.contains(&text(&own, "id")) && listed.contains(asked.last().unwrap()), "{listed:?}");
        let approve = async |said: &Value| {
            let path = format!("{path}/{}/approvals", text(said, "id"));
            desk.post(MANAGER, &path, None, "x", &json!({"code": said["code"]})).await.0
        };
        assert_eq!(approve(&own).await, StatusCode::NO_CONTENT);
        assert_eq!(give(&desk, &text(&own, "id"), &text(&own, "code")).await.0, StatusCode::CREATED);
        for _ in 0..5 {
            let (_, said) = ask("192.0.2.1:1000").await;
            assert_eq!(approve(&said).await, StatusCode::NO_CONTENT);
        }
        let (status, said) = ask("192.0.2.1:1000").await;
        assert_eq!(status, StatusCode::ACCEPTED, "the answer is the same");
        assert!(!waiting().await.contains(&text(&said, "id")), "six times are enough");
        assert_eq!(approve(&said).await, StatusCode::BAD_REQUEST);
    }

    /// Nobody learns whose card it is or what addresses there are, and no code goes to a new address, too often, or is tried too often.
    async fn codes_go_to_holders_alone(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        desk.issued(&chip).await;
        desk.stocked(4712).await;
        let now = desk.world.clock.now();
        desk.address("email", EMAIL, now.minus(Duration::from_hours(49))).await;
        desk.address("mobile", MOBILE, now.minus(Duration::from_hours(47))).await;
        for (serial, address) in [(4711, "eve@trust.example"), (4712, EMAIL), (99, EMAIL), (4711, MOBILE)] {
            let id = ask(&desk, serial, address).await;
            assert_eq!(give(&desk, &id, "000000").await.0, StatusCode::BAD_REQUEST);
        }
        assert!(desk.letters().await.is_empty(), "and nobody is told");
        for bad in [json!({"serial": "x", "channel": "email", "address": EMAIL}), json!({"serial": "4711", "channel": "email", "address": "x"})] {
            assert_eq!(desk.ask(None, Request::post("/ca/card-unlocks"), &bad.to_string()).await.0, StatusCode::BAD_REQUEST, "{bad}");
        }
        let first = ask(&desk, 4711, EMAIL).await;
        let code = sent(&desk).await;
        for _ in 0..6 {
            assert_eq!(give(&desk, &first, wrong(&code)).await.0, StatusCode::BAD_REQUEST);
        }
        assert_eq!(give(&desk, &first, &code).await.0, StatusCode::BAD_REQUEST, "it was tried six times");
        desk.hand.advance(Duration::from_mins(1));
        let late = ask(&desk, 4711, EMAIL).await;
        let code = sent(&desk).await;
        desk.hand.advance(Duration::from_mins(15));
        assert_eq!(give(&desk, &late, &code).await.0, StatusCode::BAD_REQUEST, "its time is over");
        for _ in 0..6 {
            desk.hand.advance(Duration::from_mins(1));
            ask(&desk, 4711, EMAIL).await;
        }
        let codes = async || {
            let (many,): (i64,) = sqlx::query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM platform_message WHERE kind = 'card-unlock-code'")
                .fetch_one(desk.world.db.read()).await.unwrap();
            many
        };
        assert_eq!(codes().await, 6, "six in a day");
        desk.hand.advance(Duration::from_hours(25));
        let next = ask(&desk, 4711, EMAIL).await;
        assert_eq!(codes().await, 7);
        // Of a card whose certificates have ended the registration authority takes care.
        let code = sent(&desk).await;
        assert_eq!(give(&desk, &next, &code).await.0, StatusCode::CREATED);
        desk.hand.advance(Duration::from_hours(24 * 731));
        let ended = ask(&desk, 4711, EMAIL).await;
        let code = sent(&desk).await;
        let (status, said) = give(&desk, &ended, &code).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-certificates-ended")), "{said}");
    }
}
