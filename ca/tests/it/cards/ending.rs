//! Errands whose card is moved, printed or given up, also while an agent is at work: nothing of them is left that is good.

use std::sync::mpsc;

use axum::body::Body;
use ca::api::{CardState, CertificateState, Reason};
use ca::failpoint;
use http::{Request, StatusCode};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::agents::{Waiting, told};
use super::printing::plant_print;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, person};
use crate::world::decoded;

/// Another nurse of the trust.
const OTHER: &str = "555000000043";

fn block_on(story: impl AsyncFnOnce(Desk, Db)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        story(Desk::new(database.db.clone()).await, database.db.clone()).await;
        database.db.close().await;
    });
}

/// Does something with the database that no server does.
async fn planted(db: &Db, statements: Vec<String>) {
    db.write(move |tx| {
        Box::pin(async move {
            for statement in statements {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await?;
            }
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

async fn plant_other(db: &Db) {
    let id = "01990000-0000-7000-8000-000000000005";
    planted(
        db,
        vec![
            format!(
                "INSERT INTO directory_person (user_id, kind, state, version, given, family) \
                 VALUES ('{OTHER}', 'person', 'open', 1, 'Ada', 'Other')"
            ),
            format!(
                "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, \
                 made_by, made_at, version) VALUES ('{id}', '{OTHER}', '01990000-0000-7000-8000-000000000003', 'RXX', \
                 '2026-01-01', 'live', 'cim', 'x', 0, 1)"
            ),
        ],
    )
    .await;
}

/// What stands in an errand's row: others are told that it has ended once it is closed.
async fn state_of(desk: &Desk, errand: &str) -> String {
    let (state,): (String,) = sqlx::query_as("SELECT state FROM ca_card_errand WHERE errand_id = $1")
        .bind(errand)
        .fetch_one(desk.world.db.read())
        .await
        .unwrap();
    state
}

async fn given_up(desk: &Desk, card: &str, errand: &str) {
    let path = format!("/ca/cards/{card}/errands/{errand}");
    let (status, said, _) = desk.ask(Some(&person(MANAGER)), Request::delete(&path), "").await;
    assert_eq!((status, &said["state"]), (StatusCode::OK, &json!("ended")), "{said}");
}

/// The manager asks for something, whatever the card's version is, in a task of its own, which may be held.
fn posting(desk: &Desk, path: &str, body: &Value) -> JoinHandle<StatusCode> {
    let request = Request::post(path).header("content-type", "application/json").header("if-match", "*");
    let request = request.header("idempotency-key", format!("held-{}", path.len()));
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(person(MANAGER));
    let routes = desk.routes.clone();
    tokio::spawn(async move { routes.oneshot(request).await.unwrap().status() })
}

platform::both_engines! {
    /// A card that is released in the middle of its issue and kept for somebody else gets nothing in the first one's name: the errand
    /// ends with the release, its certificates are revoked, its ticket is good for nothing, and none is given for it.
    async fn released_card_takes_nothing_of_its_holder_with_it(db: Db) {
        let desk = Desk::new(db.clone()).await;
        plant_other(&db).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let first = desk.begun(&id, &json!({"act": "issue"})).await;
        failpoint::arm("ca.card-certified");
        assert_eq!(desk.relay(&id, &first, chip.insert(), Some(CHOSEN)).await.0, None);
        assert_eq!(desk.good().await.len(), 2);
        let ticket = desk.ticket(&id, &first).await;
        desk.moved(&id, &json!({"move": "release"})).await;
        assert!(desk.good().await.is_empty(), "what was made for it is revoked");
        assert_eq!(state_of(&desk, &first).await, "ended");
        desk.moved(&id, &json!({"move": "reserve", "user_id": OTHER})).await;
        assert!(desk.relay_with(&ticket, chip.insert()).await.is_none(), "its ticket");
        let path = format!("/ca/cards/{id}/errands/{first}/tickets");
        let (status, said) = desk.post(MANAGER, &path, None, "x", &Value::Null).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-errand-of-before")), "{said}");
        let second = desk.begun(&id, &json!({"act": "issue"})).await;
        desk.done(&id, &second, &chip, Some(CHOSEN)).await;
        let card = desk.card(&id).await;
        assert_eq!(card.user_id.as_deref(), Some(OTHER));
        for serial in [card.authentication.unwrap(), card.signature.unwrap()] {
            let info = desk.world.client.certificate(&serial).await.unwrap();
            assert!(decoded(&info.certificate.unwrap()).common_name().unwrap().starts_with(OTHER));
        }
        assert!(desk.good().await.is_empty(), "the first one has none");
        // An errand that was left open by a server of before is not gone on with either, and its ticket of then does nothing.
        let chip = Chip::new(4712);
        let id = desk.reserved(4712).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let ticket = desk.ticket(&id, &errand).await;
        planted(&db, vec![format!("UPDATE ca_card_errand SET user_id = '{OTHER}' WHERE errand_id = '{errand}'")]).await;
        let words = told(desk.relay_with(&ticket, chip.insert()).await);
        assert!(words.contains("somebody else's"), "{words}");
        assert_eq!(desk.card(&id).await.state, CardState::Reserved);
        assert!(desk.good().await.is_empty());
    }

    /// A card that is stolen in the middle of its renewal gets no certificate any more, and those of before and those that were made for
    /// it are revoked at once, for that reason.
    async fn stolen_card_gets_no_certificates(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        failpoint::arm("ca.card-written");
        assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None);
        let all = desk.good().await;
        assert_eq!(all.len(), 4, "two of before and two new ones");
        let ticket = desk.ticket(&id, &errand).await;
        let card = desk.moved(&id, &json!({"move": "cancel", "reason": "stolen"})).await;
        assert_eq!(card.state, CardState::Cancelled);
        for serial in all {
            let info = desk.world.client.certificate(&serial).await.unwrap();
            let reason = info.revocation.map(|it| it.reason);
            assert_eq!((info.state, reason), (CertificateState::Revoked, Some(Reason::KeyCompromise)));
        }
        assert_eq!(state_of(&desk, &errand).await, "ended");
        assert!(desk.relay_with(&ticket, chip.insert()).await.is_none());
        desk.world.authority.end_due_errands().await;
        assert_eq!(desk.card(&id).await.state, CardState::Cancelled, "it is not put in use by the end of its renewal");
    }
}

/// An agent that is at work when the card is cancelled or released, its print fails, or the errand is given up, comes to no end with it,
/// wherever it is; and a card that is suspended during its unlock stays so.
#[test]
fn agent_at_work_stops_when_its_errand_ends() {
    block_on(async |desk: Desk, db: Db| {
        let ends = [
            ("cancel", 4),
            ("cancel", 16),
            ("release", 9),
            ("release", 21),
            ("give-up", 12),
            ("give-up", 24),
        ];
        for (number, (end, left)) in ends.into_iter().chain([("print", 18), ("suspend", 2)]).enumerate() {
            let chip = Chip::new(u32::try_from(number + 1).unwrap());
            let (id, act) = match end {
                "suspend" => (desk.issued(&chip).await, "unlock"),
                _ => (desk.reserved(chip.serial).await, "issue"),
            };
            let errand = desk.begun(&id, &json!({"act": act})).await;
            let (reached, at) = mpsc::channel();
            let (go, go_on) = mpsc::channel();
            let ticket = desk.ticket(&id, &errand).await;
            let agent = desk.relay_with(&ticket, Waiting { card: chip.insert(), left, reached, go_on });
            let ending = async {
                tokio::task::spawn_blocking(move || at.recv().unwrap()).await.unwrap();
                match end {
                    "give-up" => given_up(&desk, &id, &errand).await,
                    "cancel" => drop(desk.moved(&id, &json!({"move": "cancel", "reason": "stolen"})).await),
                    "print" => {
                        plant_print(&db, &id, "old", 0).await;
                        desk.world.authority.end_due_prints().await;
                    }
                    step => drop(desk.moved(&id, &json!({"move": step})).await),
                }
                go.send(()).unwrap();
            };
            let (over, ()) = tokio::join!(agent, ending);
            let words = told(over);
            assert!(words.contains("ended"), "{end} after {left}: {words}");
            assert_eq!(state_of(&desk, &errand).await, "ended", "{end} after {left}");
            assert!(desk.good().await.is_empty(), "{end} after {left}");
            let state = desk.card(&id).await.state;
            let expected = match end {
                "cancel" | "print" => CardState::Cancelled,
                "release" => CardState::InStock,
                "suspend" => CardState::Suspended,
                _ => CardState::Reserved,
            };
            assert_eq!(state, expected, "{end} after {left}");
        }
    });
}

/// A certificate that is asked for or made at the very moment at which its errand is given up is revoked, whatever comes first; and the
/// card is issued anew.
#[test]
fn certificate_made_while_its_errand_ends_is_revoked() {
    block_on(async |desk: Desk, _| {
        for (number, point) in [
            "ca.card-first-asked",
            "ca.card-second-key",
            "ca.signed",
            "ca.card-one-certified",
            "ca.card-certified",
        ]
        .into_iter()
        .enumerate()
        {
            let chip = Chip::new(u32::try_from(number + 1).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            let ticket = desk.ticket(&id, &errand).await;
            let held = failpoint::hold(point);
            let agent = desk.relay_with(&ticket, chip.insert());
            let ending = async {
                let wait = move || {
                    assert!(held.wait());
                    held
                };
                let held = tokio::task::spawn_blocking(wait).await.unwrap();
                given_up(&desk, &id, &errand).await;
                // One that is being made cannot be revoked yet: the errand waits for it.
                if point == "ca.signed" {
                    assert_eq!(state_of(&desk, &errand).await, "ending");
                }
                drop(held);
            };
            let (over, ()) = tokio::join!(agent, ending);
            told(over);
            assert!(desk.good().await.is_empty(), "{point}");
            assert_eq!(state_of(&desk, &errand).await, "ended", "{point}");
            let errand = desk.begun_again(&id).await;
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.good().await.len(), 2, "{point}");
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    });
}

/// A cancel, a replacement and a print that failed, each of which meets the end of an errand after it saw to the certificates that the
/// card had until then, see to those that it got as well.
#[test]
fn cancel_sees_to_certificates_that_came_meanwhile() {
    block_on(async |desk: Desk, db: Db| {
        for (number, point) in failpoint::CARD_MOVES.iter().enumerate() {
            let chip = Chip::new(u32::try_from(number + 1).unwrap());
            let by_renewal = *point == "ca.card-replacing";
            let (id, act) = if by_renewal {
                (desk.issued(&chip).await, "renew")
            } else {
                (desk.reserved(chip.serial).await, "issue")
            };
            let errand = desk.begun(&id, &json!({"act": act})).await;
            let spare = desk.stocked(chip.serial + 100).await.id;
            let held = failpoint::hold(point);
            let moving = match *point {
                "ca.card-moving" => posting(
                    &desk,
                    &format!("/ca/cards/{id}/acts"),
                    &json!({"move": "cancel", "reason": "stolen"}),
                ),
                "ca.card-replacing" => posting(
                    &desk,
                    &format!("/ca/cards/{id}/replacements"),
                    &json!({"by": spare, "reason": "stolen"}),
                ),
                _ => {
                    plant_print(&db, &id, point, 0).await;
                    let authority = desk.world.authority.clone();
                    tokio::spawn(async move {
                        authority.end_due_prints().await;
                        StatusCode::OK
                    })
                }
            };
            let wait = move || {
                assert!(held.wait());
                held
            };
            let held = tokio::task::spawn_blocking(wait).await.unwrap();
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.good().await.len(), 2, "{point}: it was issued meanwhile");
            drop(held);
            let status = moving.await.unwrap();
            assert!(status.is_success(), "{point}: {status}");
            assert_eq!(desk.card(&id).await.state, CardState::Cancelled, "{point}");
            assert!(desk.good().await.is_empty(), "{point}: a cancelled card has no good certificate");
        }
    });
}
