//! Renewals that do not come to their end.

use std::time::Duration;

use ca::api::CardState;
use ca::failpoint;
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::json;

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, person};

/// The register has another family name of the nurse.
async fn renamed(desk: &Desk, family: String) {
    let renaming = desk.world.db.write(move |tx| {
        Box::pin(async move {
            sqlx::query("UPDATE directory_person SET family = $1 WHERE user_id = $2")
                .bind(family)
                .bind(NURSE)
                .execute(&mut *tx)
                .await?;
            Ok::<_, platform::db::Error>(())
        })
    });
    renaming.await.unwrap();
}

platform::both_engines! {
    /// A renewal whose certificates would be refused stops while the card has the keys that it had: it works on once the errand has run
    /// out, and is renewed when the cause is gone.
    async fn refused_renewal_takes_no_key(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let good = desk.good().await;
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        renamed(&desk, "x".repeat(65)).await;
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(CHOSEN)).await;
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        let fault = desk.errand(&id, &errand).await.fault.unwrap();
        assert!(fault.contains("64 at most"), "{fault}");
        let changing = [0x24, 0x2C, 0x47, 0x87, 0xDB, 0xFA, 0xFF];
        assert!(reader.commands.iter().all(|command| !changing.contains(&command[1])), "{:02x?}", reader.commands);
        drop(reader);
        desk.hand.advance(Duration::from_hours(2));
        desk.world.authority.end_due_errands().await;
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.keys_changed_at), (CardState::Active, None));
        assert_eq!(desk.good().await, good, "its certificates are as good as before");
        renamed(&desk, "Neill".to_owned()).await;
        let path = format!("/ca/cards/{id}/errands");
        let (status, begun) = desk.post(MANAGER, &path, None, "once-more", &json!({"act": "renew"})).await;
        assert_eq!(status, StatusCode::CREATED, "{begun}");
        desk.done(&id, begun["id"].as_str().unwrap(), &chip, Some(CHOSEN)).await;
        assert!(desk.good().await.iter().all(|serial| !good.contains(serial)), "now it has others");
    }

    /// A renewal that runs out or is given up before it began to make keys leaves the card as it was. After that the card may have other
    /// keys than those of its certificates: they are revoked, its holder is told, it is not repaired, and a renewal gives it new ones.
    async fn broken_renewal_leaves_no_certificate_of_lost_keys(db: Db) {
        let desk = Desk::new(db).await;
        desk.address("email", "zoe@trust.example", desk.world.clock.now()).await;
        let told = async || desk.letters().await.iter().filter(|(kind, ..)| kind == "card-renewal-broke-off").count();
        let after = failpoint::CARD_RENEWALS.iter().copied().chain(["ca.card-first-key", "ca.card-finishing"]);
        for (number, point) in ["ca.card-keyed"].into_iter().chain(after).enumerate() {
            let chip = Chip::new(u32::try_from(number + 1).unwrap());
            let id = desk.issued(&chip).await;
            let before = desk.good().await;
            let errand = desk.begun(&id, &json!({"act": "renew"})).await;
            failpoint::arm(point);
            assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None, "{point}");
            if number % 2 == 0 {
                desk.hand.advance(Duration::from_hours(2));
                desk.world.authority.end_due_errands().await;
            } else {
                let path = format!("/ca/cards/{id}/errands/{errand}");
                let (status, said, _) = desk.ask(Some(&person(MANAGER)), Request::delete(&path), "").await;
                assert_eq!(status, StatusCode::OK, "{said}");
            }
            assert_eq!(desk.errand(&id, &errand).await.state, "ended", "{point}");
            let card = desk.card(&id).await;
            assert_eq!(card.state, CardState::Active, "{point}");
            // Of every renewal but the first, which took nothing.
            assert_eq!(told().await, number, "{point}");
            let path = format!("/ca/cards/{id}/errands");
            if point == "ca.card-keyed" {
                assert_eq!((card.keys_changed_at, desk.good().await), (None, before), "{point}");
                let errand = desk.begun(&id, &json!({"act": "repair"})).await;
                desk.done(&id, &errand, &chip, None).await;
            } else {
                assert!(card.keys_changed_at.is_some(), "{point}");
                assert!(desk.good().await.is_empty(), "{point}: no certificate of keys that nobody has");
                let repair = json!({"act": "repair"});
                let (status, said) = desk.post(MANAGER, &path, None, &format!("repair-{number}"), &repair).await;
                assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-keys-changed")), "{said}");
                // Its certificates are revoked already, and it can be put aside and taken up again.
                desk.moved(&id, &json!({"move": "suspend"})).await;
                desk.moved(&id, &json!({"move": "resume"})).await;
            }
            let errand = desk.begun(&id, &json!({"act": "renew"})).await;
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            let card = desk.card(&id).await;
            assert_eq!((card.state, card.keys_changed_at), (CardState::Active, None), "{point}");
            assert_eq!(desk.good().await.len(), 2, "{point}");
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    }

    /// A renewal that is taken up just before its time is over has the time that every agent has: neither it nor the certificates that its
    /// holder has end in the middle of the work, and whoever was cut off in it can go on.
    async fn late_renewal_is_finished(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let before = desk.good().await;
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        desk.hand.advance(Duration::from_secs(59 * 60 + 50));
        failpoint::arm("ca.card-keys-changing");
        assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None);
        assert!(desk.card(&id).await.keys_changed_at.is_some());
        desk.hand.advance(Duration::from_mins(1));
        desk.world.authority.end_due_errands().await;
        assert_eq!(desk.errand(&id, &errand).await.state, "open");
        assert_eq!(desk.good().await, before, "nothing was revoked");
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        let after = desk.good().await;
        assert!(after.len() == 2 && after.iter().all(|serial| !before.contains(serial)), "now it has others");
        assert_eq!(desk.card(&id).await.state, CardState::Active);
    }

    /// Whoever goes on with an errand again and again does not keep it for ever: its end moves only so far, and then no ticket of it is good.
    async fn errand_is_not_kept_for_ever(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let before = desk.good().await;
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        let first = desk.errand(&id, &errand).await.until;
        // The holder is not there, so nothing is done.
        let nobody = async || desk.relay(&id, &errand, chip.insert(), None).await.0;
        assert!(matches!(nobody().await, Some(Over::Ended { done: false, .. })));
        assert_eq!(desk.errand(&id, &errand).await.until, first, "there is time enough");
        for minutes in [59, 19] {
            desk.hand.advance(Duration::from_mins(minutes));
            desk.world.authority.end_due_errands().await;
            assert!(matches!(nobody().await, Some(Over::Ended { done: false, .. })), "{minutes}");
            let until = desk.world.clock.now().plus(Duration::from_mins(20));
            assert_eq!(desk.errand(&id, &errand).await.until, until, "{minutes}");
        }
        desk.hand.advance(Duration::from_mins(19));
        desk.world.authority.end_due_errands().await;
        assert_eq!(nobody().await, None, "its ticket is refused");
        assert_eq!(desk.errand(&id, &errand).await.state, "open");
        desk.hand.advance(Duration::from_mins(1));
        desk.world.authority.end_due_errands().await;
        assert_eq!(desk.errand(&id, &errand).await.state, "ended");
        assert_eq!(desk.good().await, before);
    }
}
