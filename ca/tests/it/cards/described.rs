//! The description of `/ca/cards` and `/ca/card-locations` against the router: examples are read, and refusals are as they are described.

use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use super::rig::{Desk, MANAGER, NURSE, system};
use crate::describing::demand_refusals;

/// The example of a body in the description.
fn example(document: &Value, path: &str) -> Value {
    let body = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"];
    assert!(body.is_object(), "{path} has no example");
    body.clone()
}

platform::both_engines! {
    /// Every body of the description has an example, and each does what it says where the card's state allows it.
    async fn examples_of_cards_are_accepted(db: Db) {
        let desk = Desk::new(db).await;
        let document = serde_json::to_value(ca::openapi()).unwrap();
        // The same as the desk has made its own place by.
        let place = example(&document, "/ca/card-locations");
        let (status, said) = desk.post(MANAGER, "/ca/card-locations", None, "place", &place).await;
        assert_eq!((status, said["id"].as_str()), (StatusCode::CREATED, Some(desk.location())), "{said}");
        let mut cards = example(&document, "/ca/cards");
        cards["location"] = json!(desk.location());
        let (status, said) = desk.post(MANAGER, "/ca/cards", None, "cards", &cards).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        let card = said["cards"][0]["id"].as_str().unwrap();
        desk.moved(card, &json!({"move": "reserve", "user_id": NURSE})).await;
        let errand = desk.begun(card, &example(&document, "/ca/cards/{card}/errands")).await;
        assert_eq!(desk.errand(card, &errand).await.state, "open");
        let cancelled = desk.moved(&desk.stocked(8).await.id, &example(&document, "/ca/cards/{card}/acts")).await;
        assert_eq!(cancelled.state, ca::api::CardState::Cancelled);
        let mut batch = example(&document, "/ca/card-batches");
        batch["cards"][0]["card"] = json!(desk.stocked(9).await.id);
        let (status, said) = desk.post(MANAGER, "/ca/card-batches", None, "batch", &batch).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        let asked = example(&document, "/ca/card-unlocks").to_string();
        let (status, said, _) = desk.ask(None, Request::post("/ca/card-unlocks"), &asked).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{said}");
    }

    /// Who may nothing is refused everywhere, and each refusal is described with its form.
    async fn refusals_of_cards_are_described(db: Db) {
        let desk = Desk::new(db).await;
        let card = desk.stocked(7).await.id;
        let document = serde_json::to_value(ca::openapi()).unwrap();
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            if !path.starts_with("/ca/card") {
                continue;
            }
            for (method, operation) in methods.as_object().unwrap() {
                // Whoever has a locked card is nobody yet: anybody may ask.
                if path.starts_with("/ca/card-unlocks") {
                    continue;
                }
                // The relay knows tickets, and nobody who may or may not.
                let relay = path.ends_with("/relay");
                if !relay {
                    demand_refusals(method, path, operation);
                }
                let mut body = operation["requestBody"]["content"]["application/json"]["example"].clone();
                if path == "/ca/cards" {
                    body["location"] = json!(desk.location());
                }
                let query = if path.contains('{') { "" } else { "?organisation=RXX" };
                let places = ["{card}", "{errand}", "{batch}", "{unlock}", "{print}"];
                let uri = places.iter().fold(path.clone(), |uri, place| uri.replace(place, &card)) + query;
                let uri = uri.replace("{person}", NURSE);
                let request = Request::builder().method(method.to_uppercase().as_str()).uri(&uri);
                let request = request.header("idempotency-key", "nobody").header("if-match", "\"1\"");
                let (status, said, _) = desk.ask(Some(&system(&[])), request, &body.to_string()).await;
                let refused = if relay { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
                assert_eq!(status, refused, "{method} {uri}: {said}");
                asked += 1;
            }
        }
        assert!(asked >= 12, "{asked}");
    }
}
