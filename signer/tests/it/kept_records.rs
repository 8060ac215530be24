//! Evidence records that are kept here renew themselves.

use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{Rig, digest_of, unbase64};

const PATH: &str = "/signer/evidence-records";
const DAY_MS: u64 = 86_400_000;

async fn kept(rig: &Rig, id: &str) -> Value {
    let shown = rig.get(&rig.system, &format!("{PATH}/{id}")).await;
    assert_eq!(shown.status, 200, "{:?}", shown.body);
    shown.body
}

/// The revocation lists of now: what is not known to hold is not renewed.
async fn lists(rig: &Rig) {
    rig.authority.make_lists().await;
    rig.pass(3_000);
}

platform::both_engines! {
    /// A record gets a further time-stamp before the certificate of the last one ends and not earlier, with what came before it unchanged; all of a request share
    /// it, nobody else sees them, and when their time is over they are gone.
    async fn records_renew_before_they_age(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let hashes: Vec<String> = (0..3_u8).map(|at| digest_of(&[at])).collect();
        let made = rig.post(&rig.system, PATH, &json!({"hashes": hashes, "keep_years": 4})).await;
        assert_eq!(made.status, 200, "{:?}", made.body);
        let id = made.body["records"].as_str().unwrap().to_owned();
        let first = kept(&rig, &id).await;
        assert_eq!((&first["evidence_records"], &first["renewals"]), (&made.body["evidence_records"], &json!(0)));
        assert_eq!(rig.get(&rig.other_system, &format!("{PATH}/{id}")).await.status, 404);
        assert_eq!(rig.renew_records().await, 0, "it is young");
        rig.pass(700 * DAY_MS);
        rig.renew_time_stamping().await;
        lists(&rig).await;
        assert_eq!(rig.renew_records().await, 1);
        assert_eq!(rig.renew_records().await, 0, "once");
        let second = kept(&rig, &id).await;
        assert_eq!(second["renewals"], 1);
        for (before, now) in first["evidence_records"].as_array().unwrap().iter().zip(second["evidence_records"].as_array().unwrap()) {
            let (before, now) = (unbase64(before), unbase64(now));
            // What stood behind the lengths stands there still, and a time-stamp follows.
            let old = &before[before.len() - 200..];
            assert!(now.len() > before.len() && now.windows(old.len()).any(|part| part == old));
            let again = rig.post(&rig.system, &format!("{PATH}/renewals"), &json!({"evidence_record": crate::rig::base64(&now)})).await;
            assert_eq!(again.status, 200, "what was renewed reads: {:?}", again.body);
        }
        assert!(second["renew_at"].as_i64() > first["renew_at"].as_i64());
        assert_eq!(rig.events("evidence-records-renewed").await.len(), 1);
        // The certificate of the first time-stamp has ended: what shows that it was good came in it.
        rig.pass(700 * DAY_MS);
        rig.renew_time_stamping().await;
        lists(&rig).await;
        assert_eq!(rig.renew_records().await, 1, "again");
        let third = kept(&rig, &id).await;
        assert_eq!(third["renewals"], 2);
        for (document, verdict) in [(0, "valid"), (9, "invalid")] {
            let document = crate::rig::base64(&[document]);
            let body = json!({"evidence_record": third["evidence_records"][0], "document": document});
            let report = rig.post(&rig.verifier, "/signer/verifications", &body).await.body;
            assert_eq!(report["verdict"], verdict, "{report}");
            let since = report["signatures"][0]["trusted_time"].as_str();
            assert_eq!(since.map(|at| &at[..10]), (verdict == "valid").then_some("2026-11-24"), "{report}");
        }
        let first = &first["evidence_records"][0];
        let body = json!({"evidence_record": first, "document": crate::rig::base64(&[0])});
        let report = rig.post(&rig.verifier, "/signer/verifications", &body).await.body;
        assert_eq!(report["verdict"], "indeterminate", "as it was at first it proves nothing any more: {report}");
        rig.pass(4 * 366 * DAY_MS);
        rig.renew_time_stamping().await;
        assert_eq!(rig.renew_records().await, 0);
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_evidence_record").await, 0);
        for wrong in [0, 51] {
            let refused = rig.post(&rig.system, PATH, &json!({"hashes": hashes, "keep_years": wrong})).await;
            assert_eq!(refused.status, 400);
        }
    }

    /// When time-stamps are signed with another algorithm, what has one of the former gets one of the new, at once and once.
    async fn records_follow_the_algorithm(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let made = rig.post(&rig.system, PATH, &json!({"hashes": [digest_of(b"one")], "keep_years": 1})).await;
        let id = made.body["records"].as_str().unwrap().to_owned();
        lists(&rig).await;
        let twin = rig.twin_stamping(json!({"algorithm": "rsa-2048"}));
        assert!(twin.renew_time_stamping().await);
        assert_eq!((twin.renew_records().await, twin.renew_records().await), (1, 0));
        assert_eq!(kept(&twin, &id).await["renewals"], 1);
    }
    /// One that is damaged, whether it reads or not, and one of which nothing is known, are not renewed and stand in the way of none that is good.
    async fn damaged_records_hold_up_no_others(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let mut ids = Vec::new();
        for name in ["unreadable", "changed", "good"] {
            let made = rig.post(&rig.system, PATH, &json!({"hashes": [digest_of(name.as_bytes())], "keep_years": 9})).await;
            ids.push(made.body["records"].as_str().unwrap().to_owned());
            rig.pass(1_000);
        }
        let good = kept(&rig, &ids[2]).await["evidence_records"][0].clone();
        let damages = [
            ("UPDATE signer_evidence_record SET tokens = 'x' WHERE records_id = $1 AND digests <> $2", ids[0].clone()),
            ("UPDATE signer_evidence_record SET digests = $2 WHERE records_id = $1", ids[1].clone()),
        ];
        for (sql, id) in damages {
            rig.db.write(move |tx| Box::pin(async move {
                sqlx::query(sql).bind(id).bind(vec![7_u8; 32]).execute(&mut *tx).await?;
                Ok::<_, platform::db::Error>(())
            })).await.unwrap();
        }
        rig.pass(700 * DAY_MS);
        rig.renew_time_stamping().await;
        let renewal = json!({"evidence_record": good});
        let unproven = rig.post(&rig.system, &format!("{PATH}/renewals"), &renewal).await;
        assert_eq!((unproven.status, unproven.body["code"].as_str()), (409, Some("evidence-record-unproven")), "{:?}", unproven.body);
        assert_eq!(rig.renew_records().await, 0, "the lists are old: nothing is known of any");
        lists(&rig).await;
        assert_eq!(rig.renew_records().await, 1);
        assert_eq!(kept(&rig, &ids[2]).await["renewals"], 1);
        let renewed = rig.events("evidence-records-renewed").await;
        assert_eq!((renewed.len(), renewed[0]["records"].as_str()), (1, Some(ids[2].as_str())));
        assert_eq!(rig.renew_records().await, 0, "nor later");
    }
}
