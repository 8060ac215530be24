//! Addresses and their codes, photographs, custody of cards, and that no number is kept.

use std::path::Path;
use std::time::Duration;

use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::id::UserId;
use platform::message::{self, Carriers, Sender};
use serde_json::json;

use crate::people_rig::{execute, new_person, soon_after, staff, texts};
use crate::rig::{Answered, Rig, START, person};

/// What is on its way to somebody with a code.
async fn letters(db: &Db, user: &UserId) -> Vec<String> {
    let text =
        "SELECT body FROM platform_message WHERE about = $1 AND kind = 'contact-code' AND body IS NOT NULL";
    texts(db, text, user.as_str()).await
}

/// The one code that is on its way to somebody.
async fn code(db: &Db, user: &UserId) -> String {
    let letters = letters(db, user).await;
    let [letter] = letters.as_slice() else { panic!("one code at a time: {letters:?}") };
    let digits = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    letter.split(|c: char| !c.is_ascii_alphanumeric()).find(digits).unwrap().to_owned()
}

/// Sends messages into a folder.
fn sender(rig: &Rig, folder: &Path) -> Sender {
    let config = message::Config { mailbox: Some(folder.to_owned()), ..message::Config::default() };
    Sender::new(rig.db.clone(), rig.clock(), Carriers::open(&config).unwrap())
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

platform::both_engines! {
    /// People add addresses of their own and show by a code that they are theirs; six wrong ones, or fifteen minutes, end it.
    async fn addresses_are_shown_to_be_theirs(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let ann = person(id.as_str());
        let colleague = staff(&db, 901, None, "RXX").await;
        let emails = format!("/directory/people/{id}/emails");
        let mine = json!({"value": " Ann@Home.example "});
        assert_eq!(rig.post(&colleague, &emails, &mine).await.code(), "not-in-role");
        let added = rig.post(&ann, &emails, &mine).await;
        assert_eq!((added.status, &added.body["personal"]["emails"][0]["value"]), (StatusCode::OK, &json!("ann@home.example")), "{:?}", added.body);
        assert_eq!(rig.post(&ann, &emails, &mine).await.code(), "contact-there");
        assert_eq!(rig.post(&ann, &emails, &json!({"value": "nobody"})).await.status, StatusCode::BAD_REQUEST);
        let contact = added.body["personal"]["emails"][0]["id"].as_str().unwrap().to_owned();
        let verification = format!("{emails}/{contact}/verification");
        let sent = code(&db, &id).await;
        for left in (0..6).rev() {
            let wrong = rig.post(&ann, &verification, &json!({"code": another(&sent)})).await;
            assert_eq!((wrong.status, wrong.code()), (StatusCode::CONFLICT, "code-wrong"));
            assert!(wrong.body["detail"].as_str().unwrap().ends_with(&format!("{left}.")));
        }
        assert_eq!(rig.post(&ann, &verification, &json!({"code": sent})).await.code(), "code-spent");
        let codes = format!("{emails}/{contact}/codes");
        let again = rig.post(&ann, &codes, &json!({})).await;
        assert_eq!((again.status, &again.body["sendings_left"]), (StatusCode::OK, &json!(4)), "{:?}", again.body);
        let sent = code(&db, &id).await;
        rig.hand.advance(Duration::from_mins(15));
        assert_eq!(rig.post(&ann, &verification, &json!({"code": sent})).await.code(), "code-spent");
        assert_eq!(rig.post(&ann, &codes, &json!({})).await.status, StatusCode::OK);
        let sent = code(&db, &id).await;
        let verified = rig.post(&ann, &verification, &json!({"code": sent})).await;
        assert_eq!(verified.status, StatusCode::OK, "{:?}", verified.body);
        assert!(soon_after(&verified.body["personal"]["emails"][0]["verified_at"], START.0 + 15 * 60 * 1000));
        assert_eq!(rig.post(&ann, &codes, &json!({})).await.code(), "contact-verified");
        // Only what the path says: a mobile is no e-mail, and somebody else's is nobody's.
        assert_eq!(rig.post(&ann, &format!("/directory/people/{id}/mobiles/{contact}/codes"), &json!({})).await.status, StatusCode::NOT_FOUND);
        let path = format!("{emails}/{contact}");
        let stale = rig.send(&ann, Method::DELETE, &path, &[("if-match", "\"1\"")], None).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        let tag = rig.tag(&ann, &id).await;
        let gone = rig.send(&ann, Method::DELETE, &path, &[("if-match", &tag)], None).await;
        assert_eq!((gone.status, &gone.body["personal"]["emails"]), (StatusCode::OK, &json!([])));
    }

    /// What people change of their own addresses is noted as a request of theirs that is done, without the address; what is done
    /// for them is none, and nobody asks for it.
    async fn own_changes_are_noted_as_requests(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        crate::people_rig::assign(&db, &id, None, "RXX", "2026-01-01").await;
        let ann = person(id.as_str());
        let emails = format!("/directory/people/{id}/emails");
        let added = rig.post(&ann, &emails, &json!({"value": "ann@home.example"})).await;
        let contact = added.body["personal"]["emails"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(rig.post(&agent, &emails, &json!({"value": "ann@trust.example"})).await.status, StatusCode::OK);
        let tag = rig.tag(&ann, &id).await;
        let gone = rig.send(&ann, Method::DELETE, &format!("{emails}/{contact}"), &[("if-match", &tag)], None).await;
        assert_eq!(gone.status, StatusCode::OK);
        let mine = rig.get(&ann, "/directory/requests?view=mine").await;
        let rows = mine.body["items"].as_array().unwrap();
        let asks: Vec<_> = rows.iter().map(|row| (row["state"].as_str().unwrap(), row["ask"].clone())).collect();
        let ask = |change: &str| json!({"kind": "change-own-contact", "person": id, "channel": "email", "contact": contact, "change": change});
        assert_eq!(asks, [("applied", ask("added")), ("applied", ask("removed"))]);
        assert!(!mine.body.to_string().contains("home.example"));
        assert_eq!((rows[0]["decision"]["by"].as_str(), rows[0]["organisation"].as_str()), (Some(id.as_str()), Some("RXX")));
        // Those see it who could have done it, elsewhere nobody.
        let seen = rig.get(&agent, "/directory/requests?view=closed").await;
        assert_eq!(seen.body["items"].as_array().unwrap().len(), 2);
        let elsewhere = staff(&db, 901, Some("ra-agent"), "RYY").await;
        assert_eq!(rig.get(&elsewhere, "/directory/requests?view=closed").await.body["items"], json!([]));
        let sponsor = staff(&db, 902, Some("sponsor"), "RXX").await;
        let refused = rig.post(&sponsor, "/directory/requests", &json!({"ask": ask("added")})).await;
        assert_eq!(refused.code(), "field-invalid");
    }

    /// An address is sent six codes a day, removed and added again or not, and whoever says that it is theirs; the next day it is sent more.
    async fn codes_are_counted(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let mobiles = format!("/directory/people/{id}/mobiles");
        let added = rig.post(&agent, &mobiles, &json!({"value": "07700 900123"})).await;
        assert_eq!(added.body["personal"]["mobiles"][0]["value"], "+447700900123");
        let contact = added.body["personal"]["mobiles"][0]["id"].as_str().unwrap().to_owned();
        let codes = format!("{mobiles}/{contact}/codes");
        for left in (0..5).rev() {
            let sent = rig.post(&agent, &codes, &json!({})).await;
            assert_eq!(sent.body["sendings_left"], json!(left));
        }
        assert_eq!(rig.post(&agent, &codes, &json!({})).await.code(), "codes-spent");
        let tag = rig.tag(&agent, &id).await;
        rig.send(&agent, Method::DELETE, &format!("{mobiles}/{contact}"), &[("if-match", &tag)], None).await;
        assert_eq!(rig.post(&agent, &mobiles, &json!({"value": "07700900123"})).await.code(), "codes-spent");
        let other = rig.make(&agent, &new_person("Bea", "Example", "1985-07-23", "223456789")).await;
        let theirs = format!("/directory/people/{other}/mobiles");
        assert_eq!(rig.post(&agent, &theirs, &json!({"value": "07700900123"})).await.code(), "codes-spent", "whoever says it is theirs");
        rig.hand.advance(Duration::from_hours(24));
        sender(&rig, tempfile::tempdir().unwrap().path()).sweep().await.unwrap();
        assert_eq!(letters(&db, &id).await, [] as [String; 0]);
        assert_eq!(rig.post(&agent, &mobiles, &json!({"value": "07700900123"})).await.status, StatusCode::OK);
    }

    /// Whose addresses are changed is told of it at the others that were shown to be theirs; what they were told, and whether it
    /// went, is for them and the registration authority.
    async fn changes_are_told_elsewhere(db: Db) {
        let (rig, folder) = (Rig::new(db.clone()), tempfile::tempdir().unwrap());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let colleague = staff(&db, 901, None, "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let ann = person(id.as_str());
        let (emails, mobiles) = (format!("/directory/people/{id}/emails"), format!("/directory/people/{id}/mobiles"));
        let messages = format!("/directory/people/{id}/messages");
        let listed = async || rig.get(&ann, &messages).await.body["items"].as_array().unwrap().clone();
        let added = rig.post(&ann, &emails, &json!({"value": "ann@home.example"})).await;
        let contact = added.body["personal"]["emails"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(rig.post(&ann, &emails, &json!({"value": "ann@other.example"})).await.status, StatusCode::OK);
        assert_eq!(listed().await.len(), 2, "two codes; nothing is told to what nobody has shown to be theirs");
        let of_first = "SELECT body FROM platform_message WHERE about = $1 AND address = 'ann@home.example' AND body IS NOT NULL";
        let letter = texts(&db, of_first, id.as_str()).await.pop().unwrap();
        let digits: String = letter.chars().filter(char::is_ascii_digit).take(6).collect();
        let verified = rig.post(&ann, &format!("{emails}/{contact}/verification"), &json!({"code": digits})).await;
        assert_eq!(verified.status, StatusCode::OK, "{:?}", verified.body);
        assert_eq!(rig.post(&agent, &mobiles, &json!({"value": "07700 900123"})).await.status, StatusCode::OK);
        let tag = rig.tag(&ann, &id).await;
        let gone = rig.send(&agent, Method::DELETE, &format!("{emails}/{contact}"), &[("if-match", &tag)], None).await;
        assert_eq!(gone.status, StatusCode::OK, "{:?}", gone.body);

        let sender = sender(&rig, folder.path());
        let mut sent = 0;
        for channel in message::Channel::ALL {
            sent += sender.send_due(channel).await.unwrap();
        }
        let all = listed().await;
        assert_eq!((sent, all.len()), (5, 5), "{all:?}");
        assert!(all.iter().all(|row| row["state"] == "sent" && row["attempts"] == 1 && row.get("body").is_none()), "{all:?}");
        let notices: Vec<_> = all.iter().filter(|row| row["kind"] == "contact-notice").collect();
        assert!(notices.iter().all(|row| row["address"] == "ann@home.example" && row["channel"] == "email"), "{notices:?}");
        let mut read: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            // Lines of mail are broken where they are long.
            read.push(std::fs::read_to_string(entry.unwrap().path()).unwrap().replace("=\r\n", ""));
        }
        let told = |words: &str| read.iter().filter(|text| text.contains(words)).count();
        assert_eq!((told("was added to your profile"), told("was taken off your profile")), (1, 1), "{read:?}");
        assert_eq!((told("ann@home.example was"), told("+447700900123 was")), (0, 0));

        assert_eq!(rig.get(&agent, &messages).await.body["items"], json!(all));
        assert_eq!(rig.get(&colleague, &messages).await.code(), "messages-of-another");
        assert_eq!(rig.get(&agent, "/directory/people/999999999999/messages").await.status, StatusCode::NOT_FOUND);
        // With their addresses goes what was sent to them.
        assert_eq!(rig.act(&agent, &id, "close", &json!({"reason": "left"})).await.status, StatusCode::OK);
        rig.hand.advance(Duration::from_hours(367 * 24));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 1);
        assert_eq!(rig.get(&agent, &messages).await.body["items"], json!([]));
    }

    /// A photograph is set once or at its version, is read with its tag, and a picture of another shape is refused.
    async fn photographs_have_versions(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let path = format!("/directory/people/{id}/photo");
        let put = async |headers: &[(&str, &str)], bytes: &[u8]| rig.file(&agent, Method::PUT, &path, headers, bytes).await;
        let picture = jpeg(600, 800);
        assert_eq!(rig.get(&agent, &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(put(&[], &picture).await.status, StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(put(&[("if-match", "\"1\"")], &picture).await.status, StatusCode::PRECONDITION_FAILED);
        let first = put(&[("if-none-match", "*")], &picture).await;
        assert_eq!((first.status, first.etag().as_str()), (StatusCode::NO_CONTENT, "\"1\""));
        assert_eq!(put(&[("if-none-match", "*")], &picture).await.status, StatusCode::PRECONDITION_FAILED);
        for bad in [jpeg(800, 600), b"GIF89a".to_vec(), Vec::new()] {
            assert_eq!(put(&[("if-match", "*")], &bad).await.status, StatusCode::BAD_REQUEST);
        }
        assert_eq!(put(&[("if-match", "*")], &vec![0; 3 * 1024 * 1024]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        let read = rig.file(&agent, Method::GET, &path, &[], &[]).await;
        assert_eq!((read.body.as_str().unwrap(), read.headers["content-type"].to_str().unwrap()), (hex::encode(&picture).as_str(), "image/jpeg"));
        let known = rig.file(&agent, Method::GET, &path, &[("if-none-match", "W/\"1\"")], &[]).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        let second = put(&[("if-match", "\"1\"")], &jpeg(700, 800)).await;
        assert_eq!(second.etag(), "\"2\"");
        let profile = rig.get(&agent, &format!("/directory/people/{id}")).await;
        assert_eq!((&profile.body["photo"]["width"], &profile.body["photo"]["height"]), (&json!(700), &json!(800)));
        assert_eq!(rig.send(&agent, Method::DELETE, &path, &[("if-match", "\"1\"")], None).await.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(rig.send(&agent, Method::DELETE, &path, &[("if-match", "\"2\"")], None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(rig.send(&agent, Method::DELETE, &path, &[("if-match", "*")], None).await.status, StatusCode::NOT_FOUND);
        let own = rig.file(&person(id.as_str()), Method::PUT, &path, &[("if-match", "*")], &picture).await;
        assert_eq!(own.code(), "own-record");
    }

    /// A temporary access card bears its organisation's code, one person at a time has it, and the log says who had.
    async fn cards_are_handed_out(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let elsewhere = staff(&db, 901, Some("ra-agent"), "RYY").await;
        let holder = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let card = json!({"kind": "temporary-access-card", "organisation": " rxx ", "label": "Night desk"});
        assert_eq!(rig.post(&elsewhere, "/directory/people", &card).await.code(), "outside-organisation");
        let id = rig.make(&agent, &card).await;
        let profile = rig.get(&agent, &format!("/directory/people/{id}")).await;
        assert_eq!((&profile.body["name"]["given"], &profile.body["name"]["family"]), (&json!("RXXTAC"), &json!("Night desk")));
        for bad in [
            json!({"kind": "temporary-access-card", "label": "Night desk"}),
            json!({"kind": "temporary-access-card", "organisation": "RXX", "label": "1"}),
            json!({"kind": "temporary-access-card", "organisation": "RXX", "label": "Day desk", "birth": "1984-07-23"}),
            json!({"kind": "robot", "organisation": "RXX", "name": {"given": "A", "family": "B"}}),
        ] {
            assert_eq!(rig.post(&agent, "/directory/people", &bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
        }
        // Who looks after it stands in its notes; of a person there are none.
        let notes = json!({"notes": "In the safe of ward 7. Ask the night manager."});
        let noted = rig.patch(&agent, &id, &notes).await;
        assert_eq!(noted.body["personal"]["notes"], notes["notes"], "{:?}", noted.body);
        assert_eq!(rig.patch(&agent, &holder, &notes).await.code(), "field-invalid");
        assert_eq!(rig.patch(&agent, &id, &json!({"notes": "x".repeat(2001)})).await.code(), "field-invalid");
        let mut card = card;
        card["label"] = json!("Day desk");
        card["notes"] = json!("Beside the bleep");
        let second = rig.make(&agent, &card).await;
        let second = rig.patch(&agent, &second, &json!({"notes": " "})).await;
        assert_eq!((second.status, second.body["personal"].get("notes")), (StatusCode::OK, None), "{:?}", second.body);
        let read = rig.get(&agent, &format!("/directory/people/{id}")).await;
        assert_eq!(read.body["personal"]["notes"], notes["notes"]);
        assert!(rig.get(&person(holder.as_str()), &format!("/directory/people/{id}")).await.body.get("personal").is_none());
        let custody = format!("/directory/people/{id}/custody");
        let give = json!({"holder": holder, "due_on": "2026-11-25"});
        assert_eq!(rig.post(&elsewhere, &custody, &give).await.code(), "outside-organisation");
        let given = rig.post(&agent, &custody, &give).await;
        assert_eq!((given.status, &given.body["given_by"]), (StatusCode::CREATED, &json!(agent.subject)), "{:?}", given.body);
        assert_eq!(rig.post(&agent, &custody, &give).await.code(), "card-out");
        assert_eq!(taken_back(&rig, &agent, &custody).await.status, StatusCode::OK);
        // Nobody hands one to themselves, under another id of theirs either.
        let other = rig.make(&agent, &new_person("Zoe", "Merged", "1990-01-02", "222333444")).await;
        execute(&db, "UPDATE directory_person SET state = 'merged', merged_into = $1 WHERE user_id = $2", vec![agent.subject.clone(), other.to_string()]).await;
        for own in [agent.subject.as_str(), other.as_str()] {
            let taken = rig.post(&agent, &custody, &json!({"holder": own, "due_on": "2026-11-25"})).await;
            assert_eq!((taken.status, taken.code()), (StatusCode::FORBIDDEN, "own-record"), "{own}");
        }
        assert_eq!(rig.post(&agent, &custody, &give).await.status, StatusCode::CREATED);
        assert_eq!(rig.post(&agent, &format!("/directory/people/{holder}/custody"), &give).await.code(), "not-a-card");
        let back = taken_back(&rig, &agent, &custody).await;
        assert_eq!(back.status, StatusCode::OK, "{:?}", back.body);
        assert!(soon_after(&back.body["items"][0]["back_at"], START.0));
        assert_eq!(taken_back(&rig, &agent, &custody).await.code(), "card-in");
        for (holder, due) in [(json!("000000000000"), "2026-11-25"), (json!(id), "2026-11-25"), (json!(holder), "2026-11-23")] {
            let bad = rig.post(&agent, &custody, &json!({"holder": holder, "due_on": due})).await;
            assert_eq!(bad.status, StatusCode::BAD_REQUEST);
        }
        assert_eq!(rig.post(&agent, &custody, &give).await.status, StatusCode::CREATED);
        let log = rig.get(&agent, &custody).await;
        assert_eq!(log.body["items"].as_array().unwrap().len(), 3);
        let first = rig.get(&agent, &format!("{custody}?limit=2")).await.body;
        let rest = rig.get(&agent, &format!("{custody}?limit=2&after={}", first["next"].as_str().unwrap())).await.body;
        assert_eq!([&first["items"][0], &first["items"][1], &rest["items"][0]], [0, 1, 2].map(|at| &log.body["items"][at]));
        assert_eq!((rest["items"].as_array().map(Vec::len), rest.get("next"), log.body.get("next")), (Some(1), None, None));
        assert_eq!(rig.get(&person(holder.as_str()), &custody).await.code(), "custody-of-others");
    }

    /// Nowhere in the database is a number of a document or of national insurance, and no name in the audit record.
    async fn numbers_are_kept_nowhere(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut body = new_person("Annabella", "Exampleson", "1984-07-23", "PASS 987654321");
        body["national_insurance_number"] = json!("AB 12 34 56 C");
        let id = rig.make(&agent, &body).await;
        let shown = json!({"document": "driving-licence", "issuer": "DVLA", "number": "EXAMP807234AN9IJ01", "method": "f2f"});
        assert_eq!(rig.act(&agent, &id, "evidence", &shown).await.status, StatusCode::OK);
        let mut all = Vec::new();
        platform::db::snapshot::export(&db, START, &mut all).await.unwrap();
        let all = String::from_utf8(all).unwrap();
        assert!(all.contains("Exampleson") && all.contains("*****4321"), "the snapshot shows profiles");
        for number in ["PASS987654321", "987654321", "PASS 987654321", "AB123456C", "AB 12 34 56 C", "EXAMP807234AN9IJ01"] {
            assert!(!all.contains(number), "{number}");
        }
        let events: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT body FROM audit_event").fetch_all(db.read()).await.unwrap();
        assert!(events.len() >= 5);
        for (event,) in events {
            let text = String::from_utf8_lossy(&event).into_owned();
            for secret in ["Annabella", "Exampleson", "1984-07", "*4321", "9IJ01", "456C"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

/// Takes a card back, whatever version its profile has.
async fn taken_back(rig: &Rig, agent: &Caller, custody: &str) -> Answered {
    let star = [("if-match", "*")];
    rig.send(agent, Method::POST, &format!("{custody}/return"), &star, Some(&json!({}))).await
}

/// The least that reads as a JPEG of this size.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc0, 0, 11, 8];
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([1, 1, 0x11, 0, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9]);
    bytes
}
