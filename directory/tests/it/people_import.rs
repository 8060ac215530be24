//! The import of people: good rows, bad rows, once and again; and what comes of imported profiles.

use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::id::UserId;
use serde_json::{Value, json};

use crate::people_rig::{assign, documents, new_person, staff, texts};
use crate::rig::{Answered, Rig, system};

const FILE: &str = "external_id,user_id,given,family,birth,email,registration_body,registration_number,looked_at\n\
    1,555021942107,Ann,Example,1984-07-23,ann@trust.example,GMC,1234567,\n\
    2,,Bea,Other,1900-01-01,,,,\n\
    3,,Cat,Third,1985-02-03,,NMC,99I1234E,\n";

async fn import(rig: &Rig, who: &Caller, query: &str, file: &str) -> Answered {
    let key = uuid::Uuid::now_v7().to_string();
    let headers = [("content-type", "text/csv"), ("idempotency-key", key.as_str())];
    let path = format!("/directory/people/import?source=old-register{query}");
    rig.file(who, Method::POST, &path, &headers, file.as_bytes()).await
}

fn outcomes(answered: &Answered) -> Vec<(u64, &str)> {
    let rows = answered.body["rows"].as_array().unwrap_or_else(|| panic!("{:?}", answered.body));
    rows.iter().map(|row| (row["line"].as_u64().unwrap(), row["outcome"].as_str().unwrap())).collect()
}

async fn people(db: &Db) -> usize {
    texts(db, "SELECT user_id FROM directory_person WHERE origin = $1", "imported").await.len()
}

platform::both_engines! {
    /// A file is tried, then imported, then imported again: the trial keeps nothing, the repeat changes nothing.
    async fn files_are_imported_once(db: Db) {
        let rig = Rig::new(db.clone());
        let who = system("migration", &[directory::api::IMPORT]);
        let tried = import(&rig, &who, "&dry_run=yes", FILE).await;
        assert_eq!((tried.status, outcomes(&tried)), (StatusCode::OK, vec![(2, "created"), (3, "created"), (4, "created")]));
        assert!(tried.body["rows"][0]["user_id"].is_null());
        assert_eq!(people(&db).await, 0);
        let done = import(&rig, &who, "", FILE).await;
        assert_eq!((&done.body["created"], &done.body["refused"]), (&json!(3), &json!(0)), "{:?}", done.body);
        assert_eq!(done.body["rows"][0]["user_id"], "555021942107");
        let again = import(&rig, &who, "&mode=good", FILE).await;
        assert_eq!(again.body["unchanged"], json!(3));
        let changed = import(&rig, &who, "", &FILE.replace("Bea,Other", "Bea,Another")).await;
        assert_eq!(outcomes(&changed), [(2, "unchanged"), (3, "changed"), (4, "unchanged")]);
        assert_eq!(people(&db).await, 3);
        let stranger = system("stranger", &[directory::api::READ]);
        assert_eq!(import(&rig, &stranger, "", FILE).await.code(), "act-not-granted");
    }

    /// A name is one line: what breaks it or controls anything is refused with its row. A name that a spreadsheet would take for a formula
    /// is kept as it is; where it goes out as CSV it is made harmless.
    async fn names_are_one_line(db: Db) {
        let rig = Rig::new(db.clone());
        let who = system("migration", &[directory::api::IMPORT]);
        let rows = [
            "1,Ann\u{2028}Eve,Example", "2,Ann\tEve,Example", "3,Ann,Exa\u{85}mple", "4,Ann,Exa\u{b}mple", "5,A\u{7}nn,Example",
            "6,+Ann,Example", "7,@Ann,Example", "8,-Ann,Example",
        ];
        let file = format!("external_id,given,family\n{}\n", rows.join("\n"));
        let done = import(&rig, &who, "&mode=good", &file).await;
        let expected: Vec<(u64, &str)> = (2..=9).map(|line| (line, if line < 7 { "refused" } else { "created" })).collect();
        assert_eq!(outcomes(&done), expected, "{:?}", done.body);
        for row in &done.body["rows"].as_array().unwrap()[..5] {
            assert!(row["error"].as_str().unwrap().contains("Write it in one line"), "{row}");
        }
        let kept = texts(&db, "SELECT given FROM directory_person WHERE origin = $1 ORDER BY given", "imported").await;
        assert_eq!(kept.into_iter().collect::<std::collections::BTreeSet<_>>(), ["+Ann", "-Ann", "@Ann"].map(str::to_owned).into());
        let broken = import(&rig, &who, "&mode=good", "external_id,given,family\n9,\"Ann\nEve\",Example\n").await;
        assert_eq!(broken.code(), "field-invalid", "{:?}", broken.body);
    }

    /// The same key gives the same answer, another file under it is refused, and a file without a key too.
    async fn imports_have_keys(db: Db) {
        let rig = Rig::new(db.clone());
        let who = system("migration", &[directory::api::IMPORT]);
        let send = async |file: &str| {
            let headers = [("content-type", "text/csv"), ("idempotency-key", "k")];
            rig.file(&who, Method::POST, "/directory/people/import?source=a", &headers, file.as_bytes()).await
        };
        let first = send(FILE).await;
        assert_eq!(first.body["created"], json!(3));
        assert_eq!(send(FILE).await.body, first.body);
        assert_eq!(send(&FILE.replace("Cat", "Kat")).await.code(), "idempotency-key-reused");
        let bare = rig.file(&who, Method::POST, "/directory/people/import?source=a", &[], FILE.as_bytes()).await;
        assert_eq!(bare.code(), "idempotency-key-missing");
    }

    /// Bad rows are named with their line; then nothing is done, or the good ones are, as was asked.
    async fn bad_rows_are_named(db: Db) {
        let rig = Rig::new(db.clone());
        let who = system("migration", &[directory::api::IMPORT]);
        let mut file = FILE.to_owned();
        file.push_str("4,,Dan,Fourth,2027-01-01,,,,\n");
        file.push_str("5,,Eve,Fifth,1984-01-01,,GMC,12,\n");
        file.push_str("1,,Fay,Sixth,1984-01-01,,,,\n");
        file.push_str("7,,Ann,Example,1984-07-23,,,,\n");
        file.push_str("8,,Gus\n");
        file.push_str("9,,Hal,Ninth,1984-01-09,,NMC,99I1234E,\n");
        let all = import(&rig, &who, "", &file).await;
        let bad = [(5, "refused"), (6, "refused"), (7, "refused"), (8, "refused"), (9, "refused"), (10, "refused")];
        let good = |outcome| [(2, outcome), (3, outcome), (4, outcome)];
        assert_eq!(outcomes(&all), [good("left-out").to_vec(), bad.to_vec()].concat(), "{:?}", all.body);
        assert_eq!(people(&db).await, 0);
        let some = import(&rig, &who, "&mode=good", &file).await;
        assert_eq!(outcomes(&some), [good("created").to_vec(), bad.to_vec()].concat());
        assert_eq!(people(&db).await, 3);
        let errors: Vec<&str> = some.body["rows"].as_array().unwrap()[3..].iter().map(|row| row["error"].as_str().unwrap()).collect();
        for (error, word) in errors.iter().zip(["birth", "GMC", "external_id", "555021942107", "cells", "same person"]) {
            assert!(error.contains(word), "{error}");
        }
        let looked = file.replace("7,,Ann,Example,1984-07-23,,,,", "7,,Ann,Example,1984-07-23,,,,555021942107");
        let looked = import(&rig, &who, "&mode=good", &looked).await;
        assert_eq!(looked.body["created"], json!(1), "{:?}", looked.body);
        for (file, word) in [
            ("external_id,given\n1,Ann\n", "family"),
            ("external_id,given,family,shoe\n1,Ann,Example,39\n", "unknown"),
            ("external_id,given,family,given\n1,Ann,Example,Ann\n", "twice"),
        ] {
            let refused = import(&rig, &who, "", file).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
            assert!(refused.body["detail"].as_str().unwrap().contains(word), "{:?}", refused.body);
        }
    }

    /// Rows are named by the lines of the file however those end, and a quote that is left open refuses the file by its line.
    async fn lines_are_counted_as_they_are(db: Db) {
        let rig = Rig::new(db.clone());
        let who = system("migration", &[directory::api::IMPORT]);
        let rows = [(2, "created"), (3, "created"), (4, "created")];
        for end in ["\n", "\r\n", "\r"] {
            let tried = import(&rig, &who, "&dry_run=yes", &FILE.replace('\n', end)).await;
            assert_eq!(outcomes(&tried), rows, "{end:?}");
        }
        let apart = FILE.replacen('\n', "\r\n\r\n", 1);
        assert_eq!(outcomes(&import(&rig, &who, "&dry_run=yes", &apart).await), [(3, "created"), (4, "created"), (5, "created")]);
        for open in [FILE.replace("Bea", "\"Bea"), FILE.replace("Bea", "\"Bea").replace("Cat", "Cat\"")] {
            let refused = import(&rig, &who, "&mode=good", &open).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{:?}", refused.body);
            assert!(refused.body["detail"].as_str().unwrap().contains("line 3"), "{:?}", refused.body);
        }
        assert_eq!(people(&db).await, 0);
        let quoted = FILE.replace("Bea,Other", "\"Bea \",\"O'Neill, the\"");
        let tried = import(&rig, &who, "&dry_run=yes", &quoted).await;
        assert_eq!(outcomes(&tried)[0], (2, "created"), "{:?}", tried.body);
    }

    /// An imported profile is restricted until three documents were seen; from then on no import changes who it is.
    async fn imported_profiles_are_restricted(db: Db) {
        let rig = Rig::new(db.clone());
        let who = system("migration", &[directory::api::IMPORT]);
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let done = import(&rig, &who, "", FILE).await;
        let user: UserId = done.body["rows"][1]["user_id"].as_str().unwrap().parse().unwrap();
        assign(&db, &user, None, "RXX", "2026-01-01").await;
        assert_eq!(rig.patch(&agent, &user, &json!({"gender": "female"})).await.code(), "identity-unverified");
        let verify = |evidence: Value| json!({"evidence": evidence, "birth": "1980-05-06"});
        let few = rig.act(&agent, &user, "verification", &verify(json!([]))).await;
        assert_eq!(few.status, StatusCode::BAD_REQUEST);
        let undated = rig.act(&agent, &user, "verification", &json!({"evidence": documents("123456789")})).await;
        assert_eq!(undated.status, StatusCode::BAD_REQUEST);
        assert_eq!(texts(&db, "SELECT evidence_id FROM directory_evidence WHERE user_id = $1", user.as_str()).await.len(), 0);
        let (checker, nobody) = (staff(&db, 901, Some("id-checker"), "RXX").await, staff(&db, 902, None, "RXX").await);
        assert_eq!(rig.act(&nobody, &user, "verification", &verify(documents("123456789"))).await.code(), "not-in-role");
        let verified = rig.act(&checker, &user, "verification", &verify(documents("123456789"))).await;
        assert_eq!((verified.status, &verified.body["standing"]), (StatusCode::OK, &json!("verified")), "{:?}", verified.body);
        let seen = rig.get(&agent, &format!("/directory/people/{user}")).await;
        assert_eq!(seen.body["personal"]["birth"], "1980-05-06");
        assert_eq!(rig.act(&agent, &user, "verification", &verify(documents("123456789"))).await.code(), "identity-verified");
        assert_eq!(rig.patch(&agent, &user, &json!({"gender": "female"})).await.status, StatusCode::OK);
        let renamed = import(&rig, &who, "&mode=good", &FILE.replace("Bea,Other", "Bea,Another")).await;
        assert_eq!(outcomes(&renamed)[1], (3, "refused"));
        // A new profile never gets an id that was taken over.
        let made = rig.make(&agent, &new_person("New", "Person", "1991-02-03", "111222333")).await;
        assert_ne!(made, user);
    }
}
