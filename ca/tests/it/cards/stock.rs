//! Stock, moves, who may, and what a request must say.

use ca::api::{CARDS, CardState, CertificateState, Reason};
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::json;

use super::rig::{Chip, Desk, MANAGER, NURSE, STRANGER, person, system};

platform::both_engines! {
    /// Cards come, are reserved and released, and end; each move is in the card's history with who did it.
    async fn cards_go_through_stock(db: Db) {
        let desk = Desk::new(db).await;
        let body = json!({"serials": ["7", "8"], "location": desk.location(), "ordered": true});
        let (status, page) = desk.post(MANAGER, "/ca/cards", None, "two", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{page}");
        let id = page["cards"][0]["id"].as_str().unwrap();
        assert_eq!(desk.card(id).await.state, CardState::Ordered);
        for (body, state) in [
            (json!({"move": "receive"}), CardState::InStock),
            (json!({"move": "reserve", "user_id": NURSE}), CardState::Reserved),
            (json!({"move": "release"}), CardState::InStock),
            (json!({"move": "cancel", "reason": "damaged", "note": "bent"}), CardState::Cancelled),
            (json!({"move": "destroy", "witness": NURSE}), CardState::Destroyed),
        ] {
            assert_eq!(desk.moved(id, &body).await.state, state, "{body}");
        }
        let (_, acts) = desk.get(MANAGER, &format!("/ca/cards/{id}/acts?limit=3")).await;
        let first: Vec<_> = acts["acts"].as_array().unwrap().iter().map(|act| act["move"].clone()).collect();
        assert_eq!(first, ["receive", "reserve", "release"]);
        assert_eq!((&acts["acts"][1]["user_id"], &acts["acts"][1]["by"]), (&json!(NURSE), &json!(MANAGER)));
        let path = format!("/ca/cards/{id}/acts?after={}", acts["next"].as_str().unwrap());
        let (_, rest) = desk.get(MANAGER, &path).await;
        assert_eq!(rest["acts"].as_array().unwrap().len(), 2);
        assert_eq!(rest["acts"][1]["witness"], json!(NURSE));
        assert!(rest["next"].is_null());
    }

    /// Somebody of another trust sees and does nothing with a card, a program without the act neither, one with it does.
    async fn register_decides_who_may(db: Db) {
        let desk = Desk::new(db).await;
        let card = desk.stocked(7).await.id;
        let path = format!("/ca/cards/{card}");
        for user in [STRANGER, NURSE] {
            assert_eq!(desk.get(user, &path).await.0, StatusCode::FORBIDDEN, "{user}");
            let said = desk.post(user, &format!("{path}/acts"), Some("\"1\""), "x", &json!({"move": "cancel", "reason": "lost"})).await;
            assert_eq!(said.0, StatusCode::FORBIDDEN, "{user}");
            assert_eq!(desk.get(user, "/ca/cards?organisation=RXX").await.0, StatusCode::FORBIDDEN);
            let body = json!({"serials": ["9"], "location": desk.location()});
            assert_eq!(desk.post(user, "/ca/cards", None, "y", &body).await.0, StatusCode::FORBIDDEN);
        }
        let mut unsure = person(MANAGER);
        unsure.assurance = Some("aal2".to_owned());
        assert_eq!(desk.ask(Some(&unsure), Request::get(&path), "").await.0, StatusCode::FORBIDDEN);
        assert_eq!(desk.ask(None, Request::get(&path), "").await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(desk.ask(Some(&system(&[ca::api::READ])), Request::get(&path), "").await.0, StatusCode::FORBIDDEN);
        assert_eq!(desk.ask(Some(&system(&[CARDS])), Request::get(&path), "").await.0, StatusCode::OK);
        assert_eq!(desk.card(&card).await.version, 1, "nothing was done");
        // Nobody issues a card to themselves.
        let own = json!({"move": "reserve", "user_id": MANAGER});
        let (status, said) = desk.post(MANAGER, &format!("{path}/acts"), Some("\"1\""), "own", &own).await;
        assert_eq!((status, &said["code"]), (StatusCode::FORBIDDEN, &json!("own-record")), "{said}");
    }

    /// A move is for one version and done once: a stale one, one without a version and a key for something else are refused, and the
    /// same again gets the same answer.
    async fn moves_are_done_once(db: Db) {
        let desk = Desk::new(db).await;
        let card = desk.stocked(7).await.id;
        let acts = format!("/ca/cards/{card}/acts");
        let reserve = json!({"move": "reserve", "user_id": NURSE});
        assert_eq!(desk.post(MANAGER, &acts, None, "a", &reserve).await.0, StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(desk.post(MANAGER, &acts, Some("\"2\""), "a", &reserve).await.0, StatusCode::PRECONDITION_FAILED);
        assert_eq!(desk.post(MANAGER, &acts, Some("7"), "a", &reserve).await.0, StatusCode::BAD_REQUEST);
        let keyless = Request::post(&acts).header("if-match", "\"1\"");
        let (status, said, _) = desk.ask(Some(&person(MANAGER)), keyless, &reserve.to_string()).await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("idempotency-key-missing")));
        let first = desk.post(MANAGER, &acts, Some("\"1\""), "once", &reserve).await;
        assert_eq!((first.0, &first.1["version"]), (StatusCode::OK, &json!(2)), "{first:?}");
        assert_eq!(desk.post(MANAGER, &acts, Some("\"1\""), "once", &reserve).await, first);
        let other = json!({"move": "release"});
        let (status, said) = desk.post(MANAGER, &acts, Some("\"2\""), "once", &other).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("idempotency-key-reused")));
        let (status, said) = desk.post(MANAGER, &acts, Some("\"2\""), "b", &reserve).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")));
        for (wrong, code) in [
            (json!({"move": "issue"}), "card-move-of-errand"),
            (json!({"move": "cancel"}), "card-act-incomplete"),
            (json!({"move": "release", "reason": "lost"}), "card-act-incomplete"),
            (json!({"move": "destroy", "witness": MANAGER}), "card-state"),
        ] {
            let (_, said) = desk.post(MANAGER, &acts, Some("\"2\""), &format!("wrong-{wrong}").replace('"', ""), &wrong).await;
            assert!(said["code"] == json!(code) || said["code"] == json!("request-invalid"), "{wrong}: {said}");
        }
        assert_eq!(desk.card(&card).await.version, 2);
    }

    /// Cards are registered all or none, once each, and listed page by page.
    async fn cards_are_registered_all_or_none(db: Db) {
        let desk = Desk::new(db).await;
        let serials: Vec<String> = (100..107).map(|serial| serial.to_string()).collect();
        let body = json!({"serials": serials, "location": desk.location()});
        assert_eq!(desk.post(MANAGER, "/ca/cards", None, "seven", &body).await.0, StatusCode::CREATED);
        let body = json!({"serials": ["200", "103"], "location": desk.location()});
        let (status, said) = desk.post(MANAGER, "/ca/cards", None, "again", &body).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-serial-exists")));
        for wrong in [json!([]), json!(["07"]), json!(["x"]), json!(["-1"])] {
            let body = json!({"serials": wrong, "location": desk.location()});
            assert_eq!(desk.post(MANAGER, "/ca/cards", None, "w", &body).await.0, StatusCode::BAD_REQUEST, "{body}");
        }
        let mut seen = Vec::new();
        let mut path = "/ca/cards?organisation=RXX&limit=3".to_owned();
        loop {
            let (status, page) = desk.get(MANAGER, &path).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            seen.extend(page["cards"].as_array().unwrap().iter().map(|card| card["serial"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/ca/cards?organisation=RXX&limit=3&after={next}");
        }
        seen.sort();
        assert_eq!(seen, serials, "and not 200");
        let (_, page) = desk.get(MANAGER, "/ca/cards?organisation=RXX&state=reserved").await;
        assert_eq!(page["cards"], json!([]));
        assert_eq!(desk.get(MANAGER, "/ca/cards").await.0, StatusCode::BAD_REQUEST);
    }
}

platform::both_engines! {
    /// A card that is suspended has its certificates on hold, and resumed it is what it was; cancelled, they are revoked for the reason
    /// that follows from its own.
    async fn certificates_follow_the_card(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let card = desk.card(&id).await;
        let serials = [card.authentication.unwrap(), card.signature.unwrap()];
        let client = desk.world.client.clone();
        let states = async || {
            let mut states = Vec::new();
            for serial in &serials {
                let info = client.certificate(serial).await.unwrap();
                states.push((info.state, info.revocation.map(|it| it.reason)));
            }
            states
        };
        assert_eq!(desk.moved(&id, &json!({"move": "suspend"})).await.state, CardState::Suspended);
        let held = (CertificateState::Held, Some(Reason::CertificateHold));
        assert_eq!(states().await, [held, held]);
        assert_eq!(desk.moved(&id, &json!({"move": "resume"})).await.state, CardState::Active);
        assert_eq!(states().await, [(CertificateState::Issued, None); 2]);
        assert_eq!(desk.moved(&id, &json!({"move": "suspend"})).await.state, CardState::Suspended);
        let cancelled = desk.moved(&id, &json!({"move": "cancel", "reason": "stolen"})).await;
        assert_eq!(cancelled.state, CardState::Cancelled);
        assert_eq!(states().await, [(CertificateState::Revoked, Some(Reason::KeyCompromise)); 2]);
    }
}
