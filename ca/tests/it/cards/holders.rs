//! What a module that has signed somebody in may ask in their name: their own cards, and renewing one.

use std::time::Duration;

use ca::api::{CARDS, HOLDERS, OwnCard, OwnCards, OwnRenewal, RelayTicket};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use super::own_renewals::{carried, with_window};
use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, person, system};

const DAY: Duration = Duration::from_hours(24);

/// The cards of somebody, as the module reads them.
async fn own(desk: &Desk, user: &str) -> Vec<OwnCard> {
    let request = Request::get(format!("/ca/card-holders/{user}/cards"));
    let (status, said, _) = desk.ask(Some(&system(&[HOLDERS])), request, "").await;
    assert_eq!(status, StatusCode::OK, "{said}");
    serde_json::from_value::<OwnCards>(said).unwrap().cards
}

/// What is answered where a renewal is asked for in the name of somebody who has signed in so.
async fn renewed(desk: &Desk, user: &str, card: &str, assurance: Option<&str>) -> (StatusCode, Value) {
    let request = Request::post(format!("/ca/card-holders/{user}/cards/{card}/renewals"));
    let body = json!({"assurance": assurance, "session": "a-session"});
    let (status, said, _) = desk.ask(Some(&system(&[HOLDERS])), request, &body.to_string()).await;
    (status, said)
}

/// How many errands of renewal there are.
async fn renewals(desk: &Desk) -> i64 {
    sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM ca_card_errand WHERE act = 'renew'")
        .fetch_one(desk.world.db.read())
        .await
        .unwrap()
}

platform::both_engines! {
    /// A holder whom a module has signed in surely enough sees their card, is told when it can be renewed, and renews it in its window with
    /// the passcode that it has. The same request again goes on with the renewal, and nobody else's card is theirs.
    async fn holder_renews_by_way_of_sign_in(db: Db) {
        let desk = with_window(db).await;
        let (chip, other) = (Chip::new(4711), Chip::new(4712));
        let id = desk.issued(&chip).await;
        let seen = own(&desk, NURSE).await;
        assert_eq!((seen.len(), seen[0].id.as_str(), seen[0].renewal), (1, id.as_str(), OwnRenewal::TooEarly));
        assert_eq!(seen[0].ends_at.minus(DAY * 90), seen[0].opens_at);
        assert_eq!(seen[0].ends_at.plus(DAY * 30), seen[0].closes_at);
        assert!(own(&desk, MANAGER).await.is_empty());
        let (status, said) = renewed(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-renewal-too-early")), "{said}");

        desk.hand.advance(DAY * 641);
        assert_eq!(own(&desk, NURSE).await[0].renewal, OwnRenewal::Open);
        for weak in [None, Some("aal2")] {
            let (status, said) = renewed(&desk, NURSE, &id, weak).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{weak:?}: {said}");
        }
        let (status, said) = renewed(&desk, MANAGER, &id, Some("aal3")).await;
        assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("card-unknown")), "{said}");
        assert_eq!(renewals(&desk).await, 0, "nothing was begun");

        let (status, first) = renewed(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!((status, &first["act"]), (StatusCode::CREATED, &json!("renew")), "{first}");
        let (status, second) = renewed(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!(status, StatusCode::CREATED, "{second}");
        assert_ne!(first["ticket"], second["ticket"]);
        assert_eq!(renewals(&desk).await, 1, "it is the same renewal");
        let seen = own(&desk, NURSE).await.remove(0);
        assert_eq!((seen.renewal, seen.errand.unwrap().step), (OwnRenewal::UnderWay, "begun".to_owned()));
        let before = desk.good().await;
        let stale: RelayTicket = serde_json::from_value(first).unwrap();
        assert_eq!(carried(&desk, stale, &chip, CHOSEN).await.0, None, "the ticket before is good for nothing");
        let ticket: RelayTicket = serde_json::from_value(second).unwrap();
        let (over, _) = carried(&desk, ticket, &chip, CHOSEN).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let seen = own(&desk, NURSE).await.remove(0);
        assert_eq!((seen.renewal, seen.errand), (OwnRenewal::TooEarly, None));
        let good = desk.good().await;
        assert!(good.len() == 2 && good.iter().all(|serial| !before.contains(serial)), "{good:?}");

        // A locked card is not renewed, nor one whose certificates have ended; the second says who does it.
        let locked = desk.issued(&other).await;
        desk.moved(&locked, &json!({"move": "lock"})).await;
        assert_eq!(own(&desk, NURSE).await[1].renewal, OwnRenewal::Locked);
        desk.hand.advance(DAY * 735);
        assert_eq!(own(&desk, NURSE).await[0].renewal, OwnRenewal::InGrace);
        let (status, said) = renewed(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!((status, &said["code"]), (StatusCode::FORBIDDEN, &json!("own-record")), "{said}");
        desk.hand.advance(DAY * 30);
        assert_eq!(own(&desk, NURSE).await[0].renewal, OwnRenewal::TooLate);
        assert_eq!(renewals(&desk).await, 1, "no other was begun");
    }

    /// Only what was granted to ask in people's names does: managing cards, and being somebody, are not that.
    async fn nobody_else_asks_in_their_names(db: Db) {
        let desk = Desk::new(db).await;
        let id = desk.issued(&Chip::new(4711)).await;
        let path = format!("/ca/card-holders/{NURSE}/cards");
        for caller in [system(&[CARDS]), person(NURSE), person(MANAGER)] {
            for path in [path.clone(), format!("{path}/{id}")] {
                let (status, said, _) = desk.ask(Some(&caller), Request::get(&path), "").await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {said}");
            }
            let renew = Request::post(format!("{path}/{id}/renewals"));
            let (status, said, _) = desk.ask(Some(&caller), renew, "{\"assurance\": \"aal3\"}").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{said}");
        }
        assert_eq!(desk.ask(None, Request::get(&path), "").await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(renewals(&desk).await, 0);
        // Nor does who may ask in people's names manage cards.
        let cards = Request::get(format!("/ca/cards?user_id={NURSE}"));
        assert_eq!(desk.ask(Some(&system(&[HOLDERS])), cards, "").await.0, StatusCode::FORBIDDEN);
    }
}
