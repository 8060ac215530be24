//! The levels of CAdES: what is put around a signature, in the eyes of OpenSSL and of our own verification.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerInfos};
use der::asn1::{ObjectIdentifier, SetOfVec};
use der::{Any, Decode as _, Encode as _};
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;
use x509_cert::attr::Attribute;

use crate::rig::{Rig, START, base64, digest_of, unbase64};

const DOCUMENT: &[u8] = b"21 capsules";
const DAY: i64 = 24 * 3_600_000;
/// id-aa-ets-archiveTimestampV3, EN 319 122-1 5.5.3.
const ARCHIVE_TIME_STAMP: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1733.2.4");

/// SHA-512 as it stands in DER.
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// A signature of a level over the document, attached.
async fn sign(rig: &Rig, id: &str, oid: &str, level: &str) -> Vec<u8> {
    let sad = rig.sad(id, &[&digest_of(DOCUMENT)]).await;
    let body = json!({"credentialID": id, "SAD": sad, "documents": [{"document": base64(DOCUMENT), "signature_format": "C",
        "conformance_level": level, "signAlgo": oid}]});
    let signed = rig.csc(&rig.system, "signatures/signDoc", &body).await;
    assert_eq!(signed.status, 200, "{:?}", signed.body);
    // The same request again finds the same signature and what was put around it first.
    let given = rig.events("time-stamps-given").await.len();
    let again = rig.csc(&rig.system, "signatures/signDoc", &body).await;
    assert_eq!((again.status, &again.body), (200, &signed.body));
    assert_eq!(rig.events("time-stamps-given").await.len(), given, "no further time-stamp");
    unbase64(&signed.body["DocumentWithSignature"][0])
}

async fn verify(rig: &Rig, cms: &[u8]) -> Value {
    let verified = rig.post(&rig.verifier, "/signer/verifications", &json!({"cms": base64(cms)})).await;
    assert_eq!(verified.status, 200, "{:?}", verified.body);
    verified.body
}

/// The signature with other unsigned attributes.
fn with_unsigned(cms: &[u8], change: impl FnOnce(&mut Vec<Attribute>)) -> Vec<u8> {
    let info = ContentInfo::from_der(cms).unwrap();
    let mut data: SignedData = info.content.decode_as().unwrap();
    let mut signers = data.signer_infos.0.into_vec();
    let mut attributes = signers[0].unsigned_attrs.take().unwrap().into_vec();
    change(&mut attributes);
    signers[0].unsigned_attrs = Some(SetOfVec::try_from(attributes).unwrap());
    data.signer_infos = SignerInfos::try_from(signers).unwrap();
    let content = Any::encode_from(&data).unwrap();
    ContentInfo { content_type: info.content_type, content }.to_der().unwrap()
}

fn unsigned(cms: &[u8]) -> Vec<Attribute> {
    let info = ContentInfo::from_der(cms).unwrap();
    let data: SignedData = info.content.decode_as().unwrap();
    data.signer_infos.0.as_slice()[0].unsigned_attrs.clone().unwrap().into_vec()
}

fn codes(report: &Value) -> Vec<String> {
    let findings = report["signatures"][0]["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

platform::both_engines! {
    /// Every level holds for OpenSSL and for us; from B-T on a time is proven, at B-B none is; a repeated request finds the same signature.
    async fn every_level_holds(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let dir = tempfile::tempdir().unwrap();
        rig.authority.write_trust(dir.path()).await;
        for (algorithm, oid) in [(Algorithm::P256, "1.2.840.10045.4.3.2"), (Algorithm::Rsa2048, "1.2.840.113549.1.1.11")] {
            let id = rig.ready(algorithm).await;
            let mut length = 0;
            for (level, proven) in [("AdES-B-B", false), ("Ades-B-T", true), ("Ades-B-LT", true), ("Ades-B-LTA", true)] {
                let cms = sign(&rig, &id, oid, level).await;
                assert!(cms.len() > length, "{level} adds something");
                length = cms.len();
                std::fs::write(dir.path().join("a.p7m"), &cms).unwrap();
                crate::verify::openssl(dir.path(), "a.p7m", None, true).unwrap_or_else(|said| panic!("{level}: {said}"));
                let report = verify(&rig, &cms).await;
                assert_eq!(report["verdict"], "valid", "{level}: {report}");
                let signature = &report["signatures"][0];
                assert_eq!(signature["trusted_time"].is_string(), proven, "{level}: {report}");
                assert!(signature["claimed_time"].is_string());
            }
            assert_eq!(rig.ledger(&id).await.len(), 4, "each is signed once");
        }
    }
}

platform::both_engines! {
    /// What was put around a signature is the same whichever process is asked again, also when one that made it has died, with the lists of then and no further
    /// time-stamp; of two that make it at the same time the first is answered by both. After an hour it is made anew around the same signature.
    async fn levels_outlive_their_process(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        let count = async || rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_raised").await;
        for level in ["Ades-B-T", "Ades-B-LT", "Ades-B-LTA"] {
            let sad = rig.sad(&id, &[&digest_of(DOCUMENT)]).await;
            let body = json!({"credentialID": id, "SAD": sad, "documents": [{"document": base64(DOCUMENT), "signature_format": "C",
                "conformance_level": level, "signAlgo": "1.2.840.10045.4.3.2"}]});
            let twins = [rig.twin(), rig.twin()];
            let ask = async |rig: &Rig| {
                let made = rig.csc(&rig.system, "signatures/signDoc", &body).await;
                assert_eq!(made.status, 200, "{level}: {:?}", made.body);
                made.body
            };
            let (first, second) = tokio::join!(ask(&twins[0]), ask(&twins[1]));
            assert_eq!(first, second, "{level}: made at the same time");
            let given = rig.events("time-stamps-given").await.len();
            rig.pass(60_000);
            rig.revoke_at_authority(&rig.serials(&rig.ready(Algorithm::P256).await).await[0]).await;
            rig.authority.make_lists().await;
            rig.pass(3_000);
            assert_eq!(ask(&rig.twin()).await, first, "{level}: of another process, and with the lists of then");
            assert_eq!(rig.events("time-stamps-given").await.len(), given, "{level}: no further time-stamp");
        }
        assert_eq!(count().await, 3);
        rig.sweep().await;
        assert_eq!(count().await, 3, "nothing is over");
        let sad = rig.sad(&id, &[&digest_of(DOCUMENT)]).await;
        let body = json!({"credentialID": id, "SAD": sad, "documents": [{"document": base64(DOCUMENT), "signature_format": "C",
            "conformance_level": "Ades-B-T", "signAlgo": "1.2.840.10045.4.3.2"}]});
        let early = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        rig.pass(3_600_000);
        rig.sweep().await;
        assert_eq!(count().await, 0);
        let late = rig.twin().csc(&rig.system, "signatures/signDoc", &body).await;
        assert!(late.status == 200 && late.body != early.body, "{:?}", late.body);
        assert_eq!(rig.ledger(&id).await.len(), 4, "each is signed once");
    }

    /// Where the same was answered at once before, what was put around it is kept for as long as an answer that is fetched later: by the process that has it
    /// in memory, and by one that has not.
    async fn a_later_answer_keeps_what_was_made_before(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        let fetched = async |process: &Rig, asked: &Value| loop {
            let answer = process.csc(&process.system, "signatures/signPolling", asked).await;
            if answer.status != 202 {
                assert_eq!(answer.status, 200, "{:?}", answer.body);
                break answer.body["DocumentWithSignature"].clone();
            }
            tokio::task::yield_now().await;
        };
        let mut kept = Vec::new();
        for other in [None, Some(rig.twin())] {
            let sad = rig.sad(&id, &[&digest_of(DOCUMENT)]).await;
            let mut body = json!({"credentialID": id, "SAD": sad, "documents": [{"document": base64(DOCUMENT), "signature_format": "C",
                "conformance_level": "Ades-B-LT", "signAlgo": "1.2.840.10045.4.3.2"}]});
            let made = rig.csc(&rig.system, "signatures/signDoc", &body).await;
            assert_eq!(made.status, 200, "{:?}", made.body);
            body["operationMode"] = json!("A");
            body["validity_period"] = json!(3 * 3_600_000);
            let accepted = rig.csc(&rig.system, "signatures/signDoc", &body).await;
            let asked = json!({"requestID": accepted.body["responseID"]});
            let later = fetched(other.as_ref().unwrap_or(&rig), &asked).await;
            assert_eq!(later, made.body["DocumentWithSignature"]);
            kept.push((asked, later));
        }
        let given = rig.events("time-stamps-given").await.len();
        rig.pass(2 * 3_600_000);
        rig.sweep().await;
        for process in [&rig, &rig.twin()] {
            for (asked, before) in &kept {
                assert_eq!(fetched(process, asked).await, *before);
            }
        }
        assert_eq!(rig.events("time-stamps-given").await.len(), given, "no further time-stamp");
        rig.pass(2 * 3_600_000);
        rig.sweep().await;
        assert_eq!(rig.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_raised").await, 0, "and no longer");
    }
}

platform::both_engines! {
    /// After the signer's certificate was revoked, a signature that was time-stamped before holds and one that only claims to be older does
    /// not. When the key of who gave the time-stamps is in other hands they prove nothing, also where a list of before came with them.
    async fn a_proven_time_outlives_revocation(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        let oid = "1.2.840.10045.4.3.2";
        let lasting = sign(&rig, &id, oid, "Ades-B-LT").await;
        let (claimed, proven) = (sign(&rig, &id, oid, "Ades-B-B").await, sign(&rig, &id, oid, "Ades-B-T").await);
        rig.pass(60_000);
        let serial = rig.serials(&id).await.remove(0);
        let request = ca::api::RevokeRequest { reason: ca::api::Reason::CessationOfOperation, invalidity_date: None };
        rig.authority.client().revoke(&serial, &request).await.unwrap();
        rig.authority.make_lists().await;
        rig.pass(10_000);
        for cms in [&proven, &lasting] {
            let report = verify(&rig, cms).await;
            assert_eq!(report["verdict"], "valid", "{report}");
            assert_eq!(codes(&report), ["revoked-later"]);
        }
        let report = verify(&rig, &claimed).await;
        assert_eq!(report["verdict"], "indeterminate", "{report}");
        assert_eq!(codes(&report), ["revoked-later-unproven"]);
        let unit = rig.events("time-stamp-unit-renewed").await[0]["serial"].as_str().unwrap().to_owned();
        rig.revoke_at_authority(&unit).await;
        rig.authority.make_lists().await;
        rig.pass(10_000);
        for cms in [&proven, &lasting] {
            let report = verify(&rig, cms).await;
            assert_eq!(report["verdict"], "indeterminate", "{report}");
            assert!(codes(&report).contains(&"time-stamp-not-trusted".to_owned()), "{report}");
            assert!(report["signatures"][0]["trusted_time"].is_null(), "{report}");
        }
    }
}

platform::both_engines! {
    /// A time-stamp unit that was replaced leaves what it gave before good, and one that was revoked without a reason does not.
    async fn retired_units_leave_what_they_gave(db: Db) {
        let rig = Rig::new(db).await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        for (reason, verdict) in [(ca::api::Reason::Superseded, "valid"), (ca::api::Reason::Unspecified, "indeterminate")] {
            assert!(rig.renew_time_stamping().await, "there is none, or it was revoked");
            let cms = sign(&rig, &id, "1.2.840.10045.4.3.2", "Ades-B-T").await;
            rig.pass(60_000);
            let units = rig.events("time-stamp-unit-renewed").await;
            let unit = units.last().unwrap()["serial"].as_str().unwrap().to_owned();
            let request = ca::api::RevokeRequest { reason, invalidity_date: None };
            rig.authority.client().revoke(&unit, &request).await.unwrap();
            rig.authority.make_lists().await;
            rig.pass(10_000);
            let report = verify(&rig, &cms).await;
            assert_eq!(report["verdict"], verdict, "{reason:?}: {report}");
            let proven = verdict == "valid";
            assert_eq!(report["signatures"][0]["trusted_time"].is_string(), proven, "{reason:?}: {report}");
            assert_eq!(codes(&report).contains(&"time-stamp-not-trusted".to_owned()), !proven, "{reason:?}: {report}");
        }
    }
}

platform::both_engines! {
    /// When every certificate of the signature and of its first time-stamps has ended, it holds if it was archived again in time, with
    /// what came in it; without that nobody says any more whether they were good. One archive time-stamp vouches for those in its index and for
    /// no other. It can be archived in a longer hash, and what does not hold, or is not known to, is not archived.
    async fn archived_signatures_outlive_their_certificates(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        let oid = "1.2.840.10045.4.3.2";
        let stamped = sign(&rig, &id, oid, "Ades-B-T").await;
        let archived = sign(&rig, &id, oid, "Ades-B-LTA").await;
        let archive = unsigned(&archived).into_iter().find(|it| it.oid == ARCHIVE_TIME_STAMP).unwrap();
        let without = with_unsigned(&archived, |it| it.retain(|it| it.oid != ARCHIVE_TIME_STAMP));
        rig.set_time(START.0 + 400 * DAY);
        rig.authority.make_lists().await;
        assert!(rig.renew_time_stamping().await, "the next key");
        let answer = rig.post(&rig.system, "/signer/archivals", &json!({"cms": base64(&without)})).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let covered = unbase64(&answer.body["cms"]);
        // Put back when the later one had been made, whose index does not have it.
        let uncovered = with_unsigned(&covered, |it| it.push(archive));
        let renewed = rig.post(&rig.system, "/signer/archivals", &json!({"cms": base64(&archived)})).await;
        assert_eq!(renewed.status, 200, "{:?}", renewed.body);
        let renewed = unbase64(&renewed.body["cms"]);
        // In a longer hash before that of the last one ages; the next is in that too, unless something else is asked for.
        let with_sha_512 = |cms: &[u8]| cms.windows(SHA_512.len()).filter(|part| *part == SHA_512).count();
        let longer = json!({"cms": base64(&renewed), "hash_algo": signer::api::SHA_512});
        let longer = unbase64(&rig.post(&rig.system, "/signer/archivals", &longer).await.body["cms"]);
        let longest = rig.post(&rig.system, "/signer/archivals", &json!({"cms": base64(&longer)})).await;
        let longest = unbase64(&longest.body["cms"]);
        let counts = [&renewed, &longer, &longest].map(|cms| with_sha_512(cms));
        assert!(counts[0] < counts[1] && counts[1] < counts[2], "{counts:?}");
        for cms in [&longer, &longest] {
            let report = verify(&rig, cms).await;
            assert_eq!(report["verdict"], "valid", "{report}");
        }
        // What does not hold is not made to seem so.
        let at = archived.windows(DOCUMENT.len()).position(|part| part == DOCUMENT).unwrap();
        let mut changed = archived.clone();
        changed[at] ^= 1;
        let refused = rig.post(&rig.system, "/signer/archivals", &json!({"cms": base64(&changed)})).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (400, Some("signature-wrong")), "{:?}", refused.body);
        for cms in [&stamped, &archived, &renewed, &covered, &uncovered] {
            let report = verify(&rig, cms).await;
            assert_eq!(report["verdict"], "valid", "{report}");
        }
        rig.set_time(START.0 + 800 * DAY);
        rig.authority.make_lists().await;
        let report = verify(&rig, &renewed).await;
        assert_eq!(report["verdict"], "valid", "{report}");
        assert!(report["signatures"][0]["trusted_time"].as_str().unwrap().starts_with("2026-11-24"), "{report}");
        let late = rig.post(&rig.system, "/signer/archivals", &json!({"cms": base64(&stamped)})).await;
        assert_eq!((late.status, late.body["code"].as_str()), (409, Some("signature-unproven")), "{:?}", late.body);
        for cms in [&stamped, &archived] {
            let report = verify(&rig, cms).await;
            assert_eq!(report["verdict"], "indeterminate", "{report}");
            assert!(codes(&report).contains(&"time-stamp-not-trusted".to_owned()), "{report}");
            assert!(report["signatures"][0]["trusted_time"].is_null(), "{report}");
        }
        assert_eq!(verify(&rig, &covered).await["verdict"], "valid");
        let report = verify(&rig, &uncovered).await;
        assert_eq!((&report["verdict"], codes(&report)), (&json!("indeterminate"), vec!["time-stamp-not-trusted".to_owned()]), "{report}");
        let unknown = json!({"cms": base64(&renewed), "hash_algo": "1.3.14.3.2.26"});
        assert_eq!(rig.post(&rig.system, "/signer/archivals", &unknown).await.status, 400);
        for wrong in [json!({"cms": "%"}), json!({"cms": "AAAA"}), json!({"cms": base64(&archived), "document": "AAAA"})] {
            assert_eq!(rig.post(&rig.system, "/signer/archivals", &wrong).await.status, 400);
        }
        assert_eq!(rig.post(&rig.verifier, "/signer/archivals", &json!({"cms": ""})).await.status, 403);
    }
}

platform::both_engines! {
    /// A signature is archived until it has as many time-stamps as are looked at, and holds then; a further one is refused before it is asked for. Of one
    /// that was given more elsewhere the newest are looked at, and that is told.
    async fn no_more_time_stamps_are_put_around_than_are_looked_at(db: Db) {
        const MOST: usize = 16;
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        let archive = async |cms: &[u8]| {
            rig.pass(1_000);
            rig.post(&rig.system, "/signer/archivals", &json!({"cms": base64(cms)})).await
        };
        let archived = async |cms: &[u8]| {
            let answer = archive(cms).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            unbase64(&answer.body["cms"])
        };
        let mut before = sign(&rig, &id, "1.2.840.10045.4.3.2", "Ades-B-LTA").await;
        while unsigned(&before).len() < MOST - 1 {
            before = archived(&before).await;
        }
        let (one, other) = (archived(&before).await, archived(&before).await);
        for cms in [&one, &other] {
            assert_eq!(unsigned(cms).len(), MOST);
            let report = verify(&rig, cms).await;
            assert_eq!((&report["verdict"], codes(&report)), (&json!("valid"), Vec::<String>::new()), "{report}");
        }
        let last = unsigned(&other).into_iter().find(|it| !unsigned(&one).contains(it)).unwrap();
        let more = with_unsigned(&one, |it| it.push(last));
        let report = verify(&rig, &more).await;
        assert_eq!((&report["verdict"], codes(&report)), (&json!("valid"), vec!["time-stamps-many".to_owned()]), "{report}");
        let given = rig.events("time-stamps-given").await.len();
        for cms in [&one, &more] {
            let refused = archive(cms).await;
            assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("time-stamps-many")), "{:?}", refused.body);
        }
        assert_eq!(rig.events("time-stamps-given").await.len(), given, "no time-stamp was asked for");
    }
}

platform::both_engines! {
    /// A time-stamp that is changed, is about another signature, or whose index lists what is not there, proves nothing and is told.
    async fn wrong_time_stamps_prove_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let id = rig.ready(Algorithm::P256).await;
        let oid = "1.2.840.10045.4.3.2";
        let good = sign(&rig, &id, oid, "Ades-B-LTA").await;
        // A digest inside the first time-stamp, and one inside the index, found by the text around them.
        let of = |needle: &[u8]| good.windows(needle.len()).rposition(|part| part == needle).unwrap();
        let imprint = of(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 4, 0x20]);
        let index = of(&[0x04, 0x00, 0x81, 0x95, 0x32, 0x01, 0x05]);
        for at in [imprint + 20, index + 60] {
            let mut changed = good.clone();
            changed[at] ^= 1;
            let report = verify(&rig, &changed).await;
            assert_ne!(report["verdict"], "valid", "{at}: {report}");
            assert!(codes(&report).contains(&"time-stamp-wrong".to_owned()), "{at}: {report}");
        }
        assert_eq!(verify(&rig, &good).await["verdict"], "valid");
    }
}

platform::both_engines! {
    /// Without a clock that can be believed nothing above B-B is made, nothing is used up, and the request done again goes on.
    async fn levels_wait_for_the_time(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let id = rig.ready(Algorithm::P256).await;
        let sad = rig.sad(&id, &[&digest_of(DOCUMENT)]).await;
        let body = json!({"credentialID": id, "SAD": sad, "documents": [{"document": STANDARD.encode(DOCUMENT),
            "signature_format": "C", "conformance_level": "Ades-B-T", "signAlgo": "1.2.840.10045.4.3.2"}]});
        let said = rig.discipline.said();
        rig.discipline.tell(Err(platform::clock::Untrusted::NotSynchronised));
        let refused = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        assert_eq!((refused.status, refused.body["error"].as_str()), (503, Some("temporarily_unavailable")), "{refused:?}");
        rig.discipline.tell(said);
        let signed = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        assert_eq!(signed.status, 200, "{:?}", signed.body);
        assert_eq!(rig.ledger(&id).await.len(), 1);
        let wrong = json!({"credentialID": id, "SAD": sad, "documents": [{"document": STANDARD.encode(DOCUMENT),
            "signature_format": "C", "conformance_level": "Ades-B-X", "signAlgo": "1.2.840.10045.4.3.2"}]});
        let refused = rig.csc(&rig.system, "signatures/signDoc", &wrong).await;
        refused.is_csc(400, "invalid_request", "Invalid parameter conformance_level");
    }
}
