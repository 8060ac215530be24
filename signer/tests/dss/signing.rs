//! The whole way: prepared, asked, shown, agreed, signed, fetched.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use der::Decode as _;
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use super::{World, info_of, unprepared};
use crate::rig::{PASSPHRASE, USER, digest_of, verify_raw};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
const V3: &str = include_str!("../../../fixtures/prescription.hl7v3.xml");

/// Has a prescription prepared by the application: what is to be signed.
async fn prepared(world: &World) -> String {
    prepare(world, "application/fhir+json", FHIR).await
}

/// The same of this one.
async fn prepare(world: &World, form: &str, document: &str) -> String {
    let path = "/signer/prescriptions/prepare";
    let answer = world.rig.post_raw(&world.rig.system, path, form, document).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned()
}

/// A prescription in HL7 V3 with the present as its author's time.
fn at_present(world: &World, v3: &str) -> String {
    let now = world.rig.clock.now().to_string();
    let now: String = now.chars().filter(char::is_ascii_digit).take(14).collect();
    v3.replace("20261129170000", &now)
}

/// A prescription of which everything is written that can be shown, prepared by the application: what is to be signed.
pub(super) async fn whole(world: &World) -> String {
    let said = |information: &str, observation: &str, value: &str| {
        format!("<{information}><{observation}>{value}</{observation}></{information}>")
    };
    let more = [
        "<repeatNumber><low value=\"2\"/><high value=\"6\"/></repeatNumber>".to_owned(),
        said("pertinentInformation1", "pertinentAdditionalInstructions", "<value>CD: twenty-one</value>"),
        said("pertinentInformation3", "pertinentPrescriberEndorsement", "<value code=\"SLS\"/>"),
    ];
    let v3 = V3.replacen("<product", &format!("{}<product", more.concat()), 1);
    prepare(world, "application/xml", &at_present(world, &v3)).await
}

/// What every page says of it.
pub(super) const WHOLE: [&str; 11] = [
    "MX FLORIMEL EXAMPLE-PERSON",
    "NHS number 9990548609",
    "Born 1961-04-01",
    "Amoxicillin 250mg capsules",
    "21 capsule",
    "1 capsule 3 times a day for 7 days",
    "Medicine code 39732311000001104",
    "Number of issues: 6",
    "Endorsed SLS",
    "CD: twenty-one",
    "In the name of DR OTTOLINE MARCHBANKS, LANYARD LANE SURGERY (role 555000000203)",
];

/// The rows as a crash between consent and the signatures leaves them.
pub(super) async fn crash(world: &World) {
    for sql in [
        "DELETE FROM signer_signature WHERE position >= $1",
        "DELETE FROM signer_signing WHERE signed_at >= $1",
    ] {
        world.write(sql, Vec::new(), 0).await;
    }
}

/// How many signatures, how many requests with some, and how many events of these there are.
async fn signed(world: &World) -> (i64, i64, i64) {
    (
        world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await,
        world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signing").await,
        world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'documents-signed'").await,
    )
}

/// Waits until something is so.
pub(super) async fn reached(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), wait).await.expect("it comes to that");
}

async fn names(world: &World) -> Vec<String> {
    let sql = "SELECT name FROM audit_event WHERE name LIKE 'signing-%' OR name = 'presence-shown' OR name = 'documents-signed' \
               ORDER BY ordinal";
    sqlx::query_scalar(sql).fetch_all(world.rig.db.read()).await.unwrap()
}

/// How many turns at the token 250 signatures by RSA-2048 take, four in each.
pub(super) const CALLS: usize = 63;

platform::both_engines! {
    /// A prescriber is shown what is signed, proves to be there, and the application fetches a signature that verifies, the same one
    /// each time; the ledger and the record have it, and the answer of the key is bound to the very request.
    async fn somebody_signs_what_they_are_shown(db: Db) {
        let mut world = World::new(db).await;
        let info = prepared(&world).await;
        let request = world.asked(&[("script-1", &info)]).await;
        let page = world.page(&request).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for shown in [
            "Northfield prescribing", USER, "MX FLORIMEL EXAMPLE-PERSON", "9990548609", "Amoxicillin 250mg capsules", "21 capsule",
            "39732311000001104", "DR OTTOLINE MARCHBANKS, LANYARD LANE SURGERY", "555000000203",
        ] {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
        assert!(!page.body.contains("cannot be shown") && page.header("x-frame-options") == "DENY");
        let early = world.fetch(&request, &world.token).await;
        assert_eq!(early.refusal(), (409, "not-signed-yet".to_owned()));
        assert_eq!(early.header("retry-after"), "2");

        let onward = world.agree(&request).await;
        assert_eq!(onward, format!("https://rp.example/signed?from=lanyard&token={request}&state=s%3D1"));
        let fetched = world.fetch(&request, &world.token).await;
        assert_eq!(fetched.status, 200, "{}", fetched.body);
        let told = fetched.json();
        assert_eq!(told["signatures"].as_array().unwrap().len(), 1);
        assert_eq!(told["signatures"][0]["id"], "script-1");
        let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let (octets, value) = (STANDARD.decode(&info).unwrap(), decoded(&told["signatures"][0]["signature"]));
        verify_raw(&decoded(&told["certificate"]), &octets, &value);
        assert_eq!(world.fetch(&request, &world.token).await.body, fetched.body, "again, and the same");
        let together = json!({
            "digest": info, "signature": told["signatures"][0]["signature"], "certificate": told["certificate"],
        });
        world.rig.authority.make_lists().await;
        world.rig.pass(3_000);
        let put = world.rig.post(&world.rig.system, "/signer/prescriptions/signatures", &together).await;
        assert_eq!(put.status, 200, "{:?}", put.body);
        assert_eq!(names(&world).await, ["signing-requested", "presence-shown", "signing-consented", "documents-signed"]);

        let kept: String = sqlx::query_scalar("SELECT presence FROM signer_request").fetch_one(world.rig.db.read()).await.unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept["bound"], "cryptographically bound");
        let mut made = URL_SAFE_NO_PAD.decode(kept["nonce"].as_str().unwrap()).unwrap();
        made.extend(hex::decode(kept["binding"].as_str().unwrap()).unwrap());
        let challenge = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &made));
        let client = URL_SAFE_NO_PAD.decode(kept["assertion"]["response"]["clientDataJSON"].as_str().unwrap()).unwrap();
        let client: Value = serde_json::from_slice(&client).unwrap();
        assert_eq!((&client["challenge"], &kept["challenge"]), (&json!(challenge), &json!(challenge)));
        let request = world.asked(&[("whole", &whole(&world).await)]).await;
        let page = world.page(&request).await.body;
        for shown in WHOLE {
            assert!(page.contains(shown), "{shown}: {page}");
        }
    }

    /// A patient with several names is shown with each of them, whichever form the prescription has; one with one name has no other.
    async fn every_name_of_a_patient_is_shown(db: Db) {
        let world = World::new(db).await;
        let mut message: Value = serde_json::from_str(FHIR).unwrap();
        let entries = message["entry"].as_array_mut().unwrap();
        let patient = entries.iter_mut().find(|entry| entry["resource"]["resourceType"] == "Patient").unwrap();
        let former = json!({"use": "old", "family": "FORMER", "given": ["FLORIMEL"]});
        patient["resource"]["name"].as_array_mut().unwrap().push(former);
        let fhir = prepare(&world, "application/fhir+json", &message.to_string()).await;
        // Another time, or both forms would be one statement.
        world.rig.pass(2_000);
        let former = "<name use=\"PREVIOUS\"><given>FLORIMEL</given><family>FORMER</family></name><administrativeGenderCode";
        let v3 = V3.replacen("<administrativeGenderCode", former, 1);
        let v3 = prepare(&world, "application/xml", &at_present(&world, &v3)).await;
        world.rig.pass(2_000);
        let single = prepared(&world).await;
        for (id, info) in [("fhir", &fhir), ("v3", &v3)] {
            let request = world.asked(&[(id, info)]).await;
            let page = world.page(&request).await.body;
            for shown in ["MX FLORIMEL EXAMPLE-PERSON", "Also named FLORIMEL FORMER.", "NHS number 9990548609"] {
                assert!(page.contains(shown), "{id}: {shown}: {page}");
            }
            assert!(!page.contains("cannot be shown"), "{id}: {page}");
        }
        let request = world.asked(&[("single", &single)]).await;
        assert!(!world.page(&request).await.body.contains("Also named"));
    }

    /// 250 documents are signed by one consent. Where that was not followed by signatures, those who ask at the same time, at two processes,
    /// get the same ones, each made once.
    async fn a_batch_is_signed_by_one_consent(db: Db) {
        let mut world = World::new(db).await;
        let infos: Vec<(String, String)> = (1..=250).map(|number| (format!("d{number}"), unprepared(number))).collect();
        let payloads: Vec<(&str, &str)> = infos.iter().map(|(id, info)| (id.as_str(), info.as_str())).collect();
        let request = world.asked(&payloads).await;
        let page = world.page(&request).await;
        assert!(page.body.contains("250 documents cannot be shown here"), "{}", page.body);
        world.agree(&request).await;
        assert_eq!(signed(&world).await, (250, 1, 1));
        let first = world.fetch(&request, &world.token).await;
        assert_eq!(first.status, 200, "{}", first.body);
        crash(&world).await;
        assert_eq!(signed(&world).await, (0, 0, 1));
        let mut tasks = tokio::task::JoinSet::new();
        let twin = world.rig.twin();
        for router in [world.rig.routes(), twin.routes(), world.rig.routes(), twin.routes()] {
            let asked = http::Request::builder()
                .uri(format!("/signing-service/signatureresponse/{request}"))
                .header("authorization", format!("Bearer {}", world.token));
            let asked = asked.body(axum::body::Body::empty()).unwrap();
            tasks.spawn(async move { crate::rig::raw(router, asked).await });
        }
        let answers: Vec<(u16, Vec<u8>)> = tasks.join_all().await.into_iter().map(|(status, _, body)| (status, body)).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == 200, "{answers:?}");
        assert_eq!(signed(&world).await, (250, 1, 2), "one row for each document, and one event more");
        let told: Value = serde_json::from_slice(&answers[0].1).unwrap();
        let signatures = told["signatures"].as_array().unwrap();
        let ids: Vec<&str> = signatures.iter().map(|signature| signature["id"].as_str().unwrap()).collect();
        let asked: Vec<&str> = payloads.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, asked);
    }

    /// What was agreed to and not signed before the server died is signed when another process is asked, once, however often it is asked;
    /// later than ten minutes it is not.
    async fn what_was_agreed_to_is_signed_after_a_crash(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1)), ("two", &unprepared(2))]).await;
        world.agree(&request).await;
        crash(&world).await;
        world.rig = world.rig.twin();
        let again = world.fetch(&request, &world.token).await;
        assert_eq!(again.status, 200, "{}", again.body);
        // The time of the one signing that there is stands in its row: it is found, and not made again.
        let rows = "SELECT signed_at FROM signer_signing";
        let made: Vec<i64> = sqlx::query_scalar(rows).fetch_all(world.rig.db.read()).await.unwrap();
        world.rig.pass(5_000);
        assert_eq!(world.fetch(&request, &world.token).await.body, again.body);
        let same: Vec<i64> = sqlx::query_scalar(rows).fetch_all(world.rig.db.read()).await.unwrap();
        assert_eq!((made.len(), same), (1, made));
        assert_eq!(signed(&world).await, (2, 1, 2));
        crash(&world).await;
        world.rig.pass(600_000);
        let late = world.fetch(&request, &world.token).await;
        assert_eq!(late.refusal(), (410, "not-signed-in-time".to_owned()));
        assert_eq!(signed(&world).await, (0, 0, 2));
    }

    /// Batches of the service wait for their turns at the token, call by call, in one line with other applications and with time-stamps: a signature of
    /// another application that comes behind 250 is in the ledger before them.
    async fn a_batch_waits_for_its_turn(db: Db) {
        let mut world = World::new(db).await;
        world.rig.renew_time_stamping().await;
        let id = world.rig.ready(Algorithm::P256).await;
        world.rig.pass(5_000);
        let hash = digest_of(b"single");
        let granted = world.rig.authorize(&world.rig.other_system, &id, &[&hash], PASSPHRASE).await;
        let sad = granted.body["SAD"].as_str().unwrap().to_owned();
        let infos: Vec<(String, String)> = (1..=250).map(|number| (format!("d{number}"), unprepared(number))).collect();
        let payloads: Vec<(&str, &str)> = infos.iter().map(|(id, info)| (id.as_str(), info.as_str())).collect();
        let request = world.asked(&payloads).await;
        world.agree(&request).await;
        crash(&world).await;

        let busy = world.rig.signer.occupy().await;
        let turns = |waiting: usize| world.rig.signer.waiting() == waiting;
        let batch = world.fetch(&request, &world.token);
        let single = async {
            reached(|| turns(CALLS)).await;
            world.rig.sign_hash(&world.rig.other_system, &id, &sad, &[&hash]).await
        };
        let stamp = async {
            reached(|| turns(CALLS + 1)).await;
            let body = json!({"hash": hash, "hashAlgo": "2.16.840.1.101.3.4.2.1"});
            world.rig.csc(&world.rig.system, "signatures/timestamp", &body).await
        };
        let release = async {
            reached(|| turns(CALLS + 2)).await;
            drop(busy);
        };
        let (batch, single, stamp, ()) = tokio::join!(batch, single, stamp, release);
        assert_eq!((batch.status, single.status, stamp.status), (200, 200, 200), "{:?} {:?}", single.body, stamp.body);
        // It came last and was done first: nobody waits for the rest of another's batch.
        let order: Vec<String> = sqlx::query_scalar("SELECT client FROM signer_signing ORDER BY ordinal")
            .fetch_all(world.rig.db.read()).await.unwrap();
        assert_eq!(order, ["pharmacy-system", "practice-system"]);
    }

    /// SHA-1 signs for the application alone that the operator allows it, and verifies as such.
    async fn sha_1_is_for_those_who_may(db: Db) {
        let mut world = World::new(db).await;
        let info = info_of(1, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1", 20);
        let claims = world.claims(&[("one", &info)], &json!({"algorithm": "RS1"}));
        let refused = world.ask(&world.jwt(&claims), &world.token, "s").await;
        assert_eq!(refused.refusal(), (403, "algorithm-not-allowed".to_owned()));
        world.register("old-system", "told").await;
        let token = world.access("old-system", USER).await;
        let claims = world.claims(&[("one", &info)], &json!({"algorithm": "RS1", "iss": "old-system"}));
        let asked = world.ask(&world.jwt(&claims), &token, "s").await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let request = asked.json()["token"].as_str().unwrap().to_owned();
        world.agree(&request).await;
        let told = world.fetch(&request, &token).await.json();
        let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let certificate = x509_cert::Certificate::from_der(&decoded(&told["certificate"])).unwrap();
        let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes().to_vec();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key)
            .verify(&STANDARD.decode(&info).unwrap(), &decoded(&told["signatures"][0]["signature"]))
            .unwrap();
    }
}
