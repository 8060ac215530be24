//! Replacing cards, when they may be renewed, and issue by two persons.

use std::time::Duration;

use ca::api::{CancelReason, CardState, CertificateState, Reason};
use ca::{CardsConfig, Config, KeyOrigin};
use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, SECOND, STRANGER, settings};

const DAY: Duration = Duration::from_hours(24);

platform::both_engines! {
    /// In one act the old card is cancelled for its reason, its certificates are revoked, and another one is issued to its holder.
    async fn replaced_card_gives_way(db: Db) {
        let desk = Desk::new(db).await;
        let (first, second) = (Chip::new(4711), Chip::new(4712));
        let old = desk.issued(&first).await;
        let new = desk.stocked(4712).await.id;
        let path = format!("/ca/cards/{old}/replacements");
        let before = desk.card(&old).await;
        let tag = format!("\"{}\"", before.version);
        let body = json!({"by": new, "reason": "stolen", "note": "from a coat"});
        assert_eq!(desk.post(MANAGER, &path, None, "a", &body).await.0, StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(desk.post(MANAGER, &path, Some("\"1\""), "b", &body).await.0, StatusCode::PRECONDITION_FAILED);
        assert_eq!(desk.post(STRANGER, &path, Some(&tag), "c", &body).await.0, StatusCode::FORBIDDEN);
        let itself = json!({"by": old, "reason": "stolen"});
        let (status, said) = desk.post(MANAGER, &path, Some(&tag), "d", &itself).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")), "{said}");
        let nobodys = format!("/ca/cards/{new}/replacements");
        let (status, said) = desk.post(MANAGER, &nobodys, Some("\"1\""), "e", &body).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-nobodys")), "{said}");
        assert_eq!(desk.good().await.len(), 2, "nothing was done");
        let begun = desk.post(MANAGER, &path, Some(&tag), "replace", &body).await;
        assert_eq!((begun.0, &begun.1["act"]), (StatusCode::CREATED, &json!("issue")), "{begun:?}");
        assert_eq!(desk.post(MANAGER, &path, Some(&tag), "replace", &body).await, begun, "once");
        let ended = desk.card(&old).await;
        assert_eq!((ended.state, ended.reason), (CardState::Cancelled, Some(CancelReason::Stolen)));
        for serial in [before.authentication.unwrap(), before.signature.unwrap()] {
            let info = desk.world.client.certificate(&serial).await.unwrap();
            let reason = info.revocation.map(|it| it.reason);
            assert_eq!((info.state, reason), (CertificateState::Revoked, Some(Reason::KeyCompromise)));
        }
        let card = desk.card(&new).await;
        assert_eq!((card.state, card.user_id.as_deref()), (CardState::Reserved, Some(NURSE)));
        desk.done(&new, begun.1["id"].as_str().unwrap(), &second, Some(CHOSEN)).await;
        let card = desk.card(&new).await;
        let mut good = desk.good().await;
        let mut own = vec![card.authentication.unwrap(), card.signature.unwrap()];
        good.sort();
        own.sort();
        assert_eq!((card.state, good), (CardState::Active, own));
    }

    /// A card is renewed in the window before its certificates end and in the grace after that, not before and not later.
    async fn renewal_has_its_window(db: Db) {
        let cards = CardsConfig { renewal_days: 90, grace_days: 30, ..settings().cards };
        let desk = Desk::under(db, Config { cards, ..settings() }).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let path = format!("/ca/cards/{id}/errands");
        let renew = json!({"act": "renew"});
        let (status, said) = desk.post(MANAGER, &path, None, "early", &renew).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-renewal-too-early")), "{said}");
        assert_eq!(desk.card(&id).await.state, CardState::Active);
        // In the window, and then in the grace.
        for days in [641, 731] {
            desk.hand.advance(DAY * days);
            let errand = desk.begun(&id, &renew).await;
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        }
        desk.hand.advance(DAY * 761);
        let (status, said) = desk.post(MANAGER, &path, None, "late", &renew).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-renewal-too-late")), "{said}");
    }

    /// Where two persons are wanted, no card is worked on before somebody else than who began it, who may issue as well, said so.
    async fn second_person_approves(db: Db) {
        let cards = CardsConfig { key_origin: KeyOrigin::TwoPersons, ..settings().cards };
        let desk = Desk::under(db, Config { cards, ..settings() }).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let path = format!("/ca/cards/{id}/errands/{errand}");
        let ticket = async || desk.post(MANAGER, &format!("{path}/tickets"), None, "x", &json!(null)).await;
        let (status, said) = ticket().await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-errand-not-approved")), "{said}");
        let approve = async |user: &'static str| desk.post(user, &format!("{path}/approvals"), None, "x", &json!(null)).await;
        let (status, said) = approve(MANAGER).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-approval-by-another")), "{said}");
        for user in [STRANGER, NURSE] {
            assert_eq!(approve(user).await.0, StatusCode::FORBIDDEN, "{user}");
        }
        assert_eq!(ticket().await.0, StatusCode::CONFLICT);
        for _ in 0..2 {
            let (status, said) = approve(SECOND).await;
            assert_eq!((status, &said["approved_by"]), (StatusCode::OK, &json!(SECOND)), "{said}");
        }
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        assert_eq!(approve(SECOND).await.0, StatusCode::NOT_FOUND, "it is over");
        // What makes no keys needs nobody else.
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
    }
}
