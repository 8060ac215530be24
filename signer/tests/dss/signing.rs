//! The whole way: prepared, asked, shown, agreed, signed, fetched.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use der::Decode as _;
use platform::db::Db;
use serde_json::{Value, json};

use super::{World, info_of, unprepared};
use crate::rig::{USER, verify_raw};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");

/// Has a prescription prepared by the application: what is to be signed.
async fn prepared(world: &World) -> String {
    let path = "/signer/prescriptions/prepare";
    let answer = world.rig.post_raw(&world.rig.system, path, "application/fhir+json", FHIR).await;
    answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned()
}

async fn names(world: &World) -> Vec<String> {
    let sql = "SELECT name FROM audit_event WHERE name LIKE 'signing-%' OR name = 'presence-shown' OR name = 'documents-signed' \
               ORDER BY ordinal";
    sqlx::query_scalar(sql).fetch_all(world.rig.db.read()).await.unwrap()
}

platform::both_engines! {
    /// A prescriber is shown what is signed, proves to be there, and the application fetches a signature that verifies, the same one
    /// each time; the ledger and the record have it, and the answer of the key is bound to the very request.
    async fn somebody_signs_what_they_are_shown(db: Db) {
        let mut world = World::new(db).await;
        let info = prepared(&world).await;
        let request = world.asked(&[("script-1", &info)]).await;
        let page = world.send("GET", &format!("/signing-service/sign/{request}"), None, None).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for shown in ["Northfield prescribing", USER, "MX FLORIMEL EXAMPLE-PERSON", "9990548609", "Amoxicillin 250mg capsules", "21 capsule"] {
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
    }

    /// 250 documents are signed by one consent, and those who ask at the same time get the same signatures, each made once.
    async fn a_batch_is_signed_by_one_consent(db: Db) {
        let mut world = World::new(db).await;
        let infos: Vec<(String, String)> = (1..=250).map(|number| (format!("d{number}"), unprepared(number))).collect();
        let payloads: Vec<(&str, &str)> = infos.iter().map(|(id, info)| (id.as_str(), info.as_str())).collect();
        let request = world.asked(&payloads).await;
        let page = world.send("GET", &format!("/signing-service/sign/{request}"), None, None).await;
        assert!(page.body.contains("250 documents cannot be shown here"), "{}", page.body);
        world.agree(&request).await;
        let (one, other) = tokio::join!(world.fetch(&request, &world.token), world.fetch(&request, &world.token));
        assert_eq!((one.status, &one.body), (200, &other.body));
        let signatures = one.json()["signatures"].as_array().unwrap().clone();
        let ids: Vec<&str> = signatures.iter().map(|signature| signature["id"].as_str().unwrap()).collect();
        let asked: Vec<&str> = payloads.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, asked);
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 250);
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'documents-signed'").await, 1);
    }

    /// What was agreed to and not signed before the server died is signed when another process is asked, and is what the first would
    /// have signed; later than ten minutes it is not.
    async fn what_was_agreed_to_is_signed_after_a_crash(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1)), ("two", &unprepared(2))]).await;
        world.agree(&request).await;
        let first = world.fetch(&request, &world.token).await;
        // The rows as a crash between consent and the signatures leaves them.
        for sql in ["DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1"] {
            world.write(sql, Vec::new(), 0).await;
        }
        world.rig = world.rig.twin();
        let again = world.fetch(&request, &world.token).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        for sql in ["DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1"] {
            world.write(sql, Vec::new(), 0).await;
        }
        world.rig.pass(600_000);
        let late = world.fetch(&request, &world.token).await;
        assert_eq!(late.refusal(), (410, "not-signed-in-time".to_owned()));
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
