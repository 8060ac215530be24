//! Prescriptions: prepared, signed by a prescriber's credential, put together, verified.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, Credential};

use crate::rig::{Answer, PASSPHRASE, Rig, digest_of};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
const V3: &str = include_str!("../../../fixtures/prescription.hl7v3.xml");
const PREPARE: &str = "/signer/prescriptions/prepare";

fn parameter(answer: &Answer, name: &str) -> String {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let all = answer.body["parameter"].as_array().unwrap();
    let found = all.iter().find(|parameter| parameter["name"] == name).unwrap();
    found["valueString"].as_str().unwrap().to_owned()
}

/// A credential of the prescriber with an RSA key, which was there before the prescription.
async fn prescriber(rig: &Rig) -> Credential {
    let made = rig.create(Algorithm::Rsa2048).await;
    let path = format!("/signer/credentials/{}/passphrase", made.credential_id);
    let set = rig.put(&rig.holder, &path, &json!({"new": PASSPHRASE})).await;
    assert_eq!(set.status, 204);
    rig.pass(10_000);
    made
}

/// The prescriber's signature over what prepare answered, as a client asks for it.
async fn signed(rig: &Rig, prescriber: &Credential, digest: &str) -> Value {
    let id = prescriber.credential_id.as_str();
    let hash = digest_of(&STANDARD.decode(digest).unwrap());
    let sad = rig.sad(id, &[&hash]).await;
    let body = json!({"credentialID": id, "SAD": sad, "hashes": [hash], "signAlgo": "1.2.840.113549.1.1.11"});
    let signed = rig.csc(&rig.system, "signatures/signHash", &body).await;
    assert_eq!(signed.status, 200, "{:?}", signed.body);
    json!({
        "digest": digest, "signature": signed.body["signatures"][0],
        "certificate": prescriber.certificates[0].certificate,
    })
}

/// The revocation lists of now.
async fn lists(rig: &Rig) {
    rig.authority.make_lists().await;
    rig.pass(3_000);
}

async fn verified(rig: &Rig, prescription: &str) -> Value {
    lists(rig).await;
    let body = json!({"prescription": STANDARD.encode(prescription)});
    let answer = rig.post(&rig.verifier, "/signer/verifications", &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

platform::both_engines! {
    /// A FHIR prescription is prepared with the present as its time, signed, gets its Provenance, and is verified; a changed one is
    /// not, and after its certificate was revoked it is neither.
    async fn fhir_prescriptions_go_the_whole_way(db: Db) {
        let rig = Rig::new(db).await;
        let prescriber = prescriber(&rig).await;
        let prepared = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        assert_eq!(parameter(&prepared, "algorithm"), "RS256");
        assert_eq!(parameter(&prepared, "timestamp"), "2026-11-24T17:20:10+00:00");
        assert_eq!(prepared.header("content-type").unwrap(), "application/fhir+json; fhirVersion=4.0");
        let digest = parameter(&prepared, "digest");
        assert_eq!(digest.len(), 724);
        let request = signed(&rig, &prescriber, &digest).await;
        lists(&rig).await;
        let together = rig.post(&rig.system, "/signer/prescriptions/signatures", &request).await;
        assert_eq!(together.status, 200, "{:?}", together.body);
        let provenance = &together.body["provenance"];
        assert_eq!(provenance["signature"][0]["when"], "2026-11-24T17:20:10+00:00");
        assert_eq!(provenance["signature"][0]["data"], together.body["signature"]);

        let mut message: Value = serde_json::from_str(FHIR).unwrap();
        message["entry"].as_array_mut().unwrap().push(json!({"fullUrl": "urn:uuid:9", "resource": provenance}));
        let report = verified(&rig, &message.to_string()).await;
        assert_eq!((&report["verdict"], &report["eps"]), (&json!("valid"), &json!([])), "{report:#}");
        assert_eq!(report["signatures"][0]["claimed_time"], "2026-11-24T17:20:10.000Z");
        let changed = message.to_string().replace("1 capsule 3 times", "3 capsules 1 time");
        let report = verified(&rig, &changed).await;
        assert_eq!(report["verdict"], "invalid");
        assert_eq!(report["eps"], json!(["Signature doesn't match prescription"]));
        let serial = report["signatures"][0]["signer"]["serial"].as_str().unwrap().to_owned();
        rig.revoke_at_authority(&serial).await;
        let report = verified(&rig, &message.to_string()).await;
        assert_eq!((&report["verdict"], &report["eps"]), (&json!("invalid"), &json!(["Certificate is revoked"])));
    }

    /// A signature that verifies under a certificate of nobody who is trusted, or of a revoked one, is not put into its form: a card, or what
    /// calls itself one, may have given it.
    async fn certificates_of_nobody_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        let prescriber = prescriber(&rig).await;
        // No list of before says anything of today.
        rig.pass(60 * 24 * 3_600_000);
        let prepared = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        let digest = parameter(&prepared, "digest");
        let dir = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let done = Command::new("openssl").args(arguments.split(' ')).current_dir(dir.path()).output().unwrap();
            assert!(done.status.success(), "{arguments}");
        };
        openssl("req -x509 -newkey rsa:2048 -nodes -keyout key -out own.pem -subj /CN=Stranger -addext keyUsage=critical,nonRepudiation");
        openssl("x509 -in own.pem -outform DER -out own.der");
        std::fs::write(dir.path().join("info"), STANDARD.decode(&digest).unwrap()).unwrap();
        openssl("dgst -sha256 -sign key -out value info");
        let read = |name: &str| STANDARD.encode(std::fs::read(dir.path().join(name)).unwrap());
        let path = "/signer/prescriptions/signatures";
        let own = json!({"digest": digest, "signature": read("value"), "certificate": read("own.der")});
        let refused = rig.post(&rig.system, path, &own).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (400, Some("certificate-refused")));
        let good = signed(&rig, &prescriber, &digest).await;
        // Not to know whether it is revoked is not enough.
        let unknown = rig.post(&rig.system, path, &good).await;
        assert_eq!((unknown.status, unknown.body["code"].as_str()), (503, Some("revocation-unknown")), "{:?}", unknown.body);
        lists(&rig).await;
        assert_eq!(rig.post(&rig.system, path, &good).await.status, 200);
        rig.revoke_at_authority(&prescriber.certificates[0].serial).await;
        rig.authority.make_lists().await;
        rig.pass(3_000);
        let revoked = rig.post(&rig.system, path, &good).await;
        assert_eq!((revoked.status, revoked.body["code"].as_str()), (400, Some("certificate-refused")));
    }

    /// What was prepared is found by its digest, by its application alone and while it is kept; each preparation is in the record
    /// once, and erasing is too.
    async fn prepared_prescriptions_are_kept_for_a_while(db: Db) {
        let rig = Rig::new(db).await;
        let prescriber = prescriber(&rig).await;
        let prepared = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        let digest = parameter(&prepared, "digest");
        let request = signed(&rig, &prescriber, &digest).await;
        let path = "/signer/prescriptions/signatures";
        let other = rig.post(&rig.other_system, path, &request).await;
        assert_eq!((other.status, other.body["code"].as_str()), (404, Some("prescription-unknown")));
        let mut wrong = request.clone();
        wrong["signature"] = json!(STANDARD.encode([1; 256]));
        let refused = rig.post(&rig.system, path, &wrong).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (400, Some("prescription-invalid")));
        // The same again within the second is the same statement, and kept once.
        let again = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        let same = parameter(&again, "digest") == digest;
        let kept = if same { 1 } else { 2 };
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_prepared").await, kept);
        let recorded =
            "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'prescription-prepared'";
        assert_eq!(rig.count(recorded).await, kept);
        assert_eq!(rig.sweep().await, 0, "nothing is over yet");
        rig.pass(24 * 3_600_000 + 60_000);
        let late = rig.post(&rig.system, path, &request).await;
        assert_eq!(late.status, 404, "what is over is not found, swept or not");
        assert_eq!(i64::try_from(rig.sweep().await).unwrap(), kept);
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_prepared_share").await, 0);
        let erased = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'prepared-erased'";
        assert_eq!(rig.count(erased).await, 1);
    }

    /// A prescription that is prepared again within the second, its resources called otherwise, has the digest that it had: the signature is put
    /// into the form of the one that was sent last, and verifies in that.
    async fn the_provenance_is_of_what_was_sent_last(db: Db) {
        let rig = Rig::new(db).await;
        let prescriber = prescriber(&rig).await;
        let first = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        let (before, after) = ("urn:uuid:7a1c0000-", "urn:uuid:8b2d0000-");
        // And a few octets longer.
        let renamed = format!("{}\n\n\n", FHIR.replace(before, after));
        let again = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", &renamed).await;
        let digest = parameter(&again, "digest");
        assert_eq!(parameter(&first, "digest"), digest);
        let octets = rig.count("SELECT CAST(SUM(octets) AS BIGINT) FROM signer_prepared_share").await;
        assert_eq!(octets, i64::try_from(renamed.len()).unwrap());
        let request = signed(&rig, &prescriber, &digest).await;
        lists(&rig).await;
        let together = rig.post(&rig.system, "/signer/prescriptions/signatures", &request).await;
        assert_eq!(together.status, 200, "{:?}", together.body);
        let provenance = &together.body["provenance"];
        assert!(provenance.to_string().contains(after) && !provenance.to_string().contains(before), "{provenance:#}");
        let mut message: Value = serde_json::from_str(&renamed).unwrap();
        message["entry"].as_array_mut().unwrap().push(json!({"fullUrl": "urn:uuid:9", "resource": provenance}));
        let report = verified(&rig, &message.to_string()).await;
        assert_eq!((&report["verdict"], &report["eps"]), (&json!("valid"), &json!([])), "{report:#}");
    }

    /// One application fills its own share and nobody else's; what is refused leaves nothing.
    async fn an_application_fills_its_own_share(db: Db) {
        let rig = Rig::new(db).await;
        let mut last = 0;
        for _ in 0..10 {
            rig.pass(1_000);
            last = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await.status;
            if last != 200 {
                break;
            }
        }
        assert_eq!(last, 429);
        let octets = rig.count("SELECT CAST(SUM(octets) AS BIGINT) FROM signer_prepared_share").await;
        let kept = rig.count("SELECT CAST(SUM(LENGTH(document)) AS BIGINT) FROM signer_prepared").await;
        assert_eq!(octets, kept);
        let other = rig.post_raw(&rig.other_system, PREPARE, "application/fhir+json", FHIR).await;
        assert_eq!(other.status, 200, "{:?}", other.body);
        rig.pass(24 * 3_600_000 + 60_000);
        assert!(rig.sweep().await > 1);
        let again = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        assert_eq!(again.status, 200, "there is room again");
    }

    /// An HL7 V3 prescription is signed with the time that it says, when that is about now; it gets a signature and no Provenance.
    async fn hl7_v3_prescriptions_say_their_time(db: Db) {
        let rig = Rig::new(db).await;
        let prescriber = prescriber(&rig).await;
        let far = rig.post_raw(&rig.system, PREPARE, "application/xml", V3).await;
        assert_eq!((far.status, far.body["code"].as_str()), (400, Some("author-time")));
        let near = V3.replace("20261129170000", "20261124172500");
        let prepared = rig.post_raw(&rig.system, PREPARE, "application/xml", &near).await;
        assert_eq!(parameter(&prepared, "timestamp"), "2026-11-24T17:25:00+00:00");
        let request = signed(&rig, &prescriber, &parameter(&prepared, "digest")).await;
        lists(&rig).await;
        let together = rig.post(&rig.system, "/signer/prescriptions/signatures", &request).await;
        assert_eq!((together.status, together.body.get("provenance")), (200, None), "{:?}", together.body);
        let signature = STANDARD.decode(together.body["signature"].as_str().unwrap()).unwrap();
        let signature = String::from_utf8(signature).unwrap();
        let document =
            near.replace("<signatureText nullFlavor=\"NA\"/>", &format!("<signatureText>{signature}</signatureText>"));
        let report = verified(&rig, &document).await;
        // The author claims a time five minutes ahead.
        assert_eq!((&report["verdict"], &report["eps"]), (&json!("valid"), &json!([])), "{report:#}");
    }

    /// SHA-1 is prepared for those alone whom the operator names.
    async fn sha_1_is_for_named_clients(db: Db) {
        let rig = Rig::new(db).await;
        let old = rig.post_raw(&rig.old_system, PREPARE, "application/fhir+json", FHIR).await;
        assert_eq!(parameter(&old, "algorithm"), "RS1");
        let info = String::from_utf8(STANDARD.decode(parameter(&old, "digest")).unwrap()).unwrap();
        assert!(info.contains("xmldsig#rsa-sha1") && info.contains("xmldsig#sha1"));
        let new = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", FHIR).await;
        assert_eq!(parameter(&new, "algorithm"), "RS256");
    }

    /// What is no prescription is refused with its place and without what was sent; nothing of it is kept.
    async fn what_is_no_prescription_is_refused(db: Db) {
        let rig = Rig::new(db).await;
        let dtd = "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>";
        let female = FHIR.replace("\"gender\": \"other\"", "\"gender\": \"FLORIMEL\"");
        for (body, status) in [
            ("", 400),
            ("{}", 400),
            ("[]", 400),
            ("<a/>", 400),
            (dtd, 400),
            (&female, 400),
            (&"<a>".repeat(50_000), 400),
            (&" ".repeat(300_000), 413),
        ] {
            let refused = rig.post_raw(&rig.system, PREPARE, "application/fhir+json", body).await;
            assert_eq!(refused.status, status, "{:?}", refused.body);
            assert!(!refused.body.to_string().contains("FLORIMEL"), "{:?}", refused.body);
        }
        let person = rig.post_raw(&rig.verifier, PREPARE, "application/fhir+json", FHIR).await;
        assert_eq!(person.status, 403);
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_prepared").await, 0);
    }
}
