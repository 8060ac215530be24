//! The ledger is searched, and what it holds is proved by itself.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pki::path::Known;
use pki::{Certificate, Crl};
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, ECDSA_SHA_384, RSA_SHA_512, SHA_384, SHA_512};
use signer::verification::{Authorship, Code, Report, Trust, Verdict, Weak, Work, judge_evidence};

use super::{APPLICATION, World, info_of, unprepared};
use crate::rig::{PASSPHRASE, USER, digest_of, person};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");

/// Signs a prescription that was seen, and something that was not; the ledger's entries.
pub(super) async fn signed(world: &mut World) -> Vec<Value> {
    let path = "/signer/prescriptions/prepare";
    let answer = world.rig.post_raw(&world.rig.system, path, "application/fhir+json", FHIR).await;
    let info = answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned();
    let request = world.asked(&[("script-1", &info), ("other", &unprepared(1))]).await;
    world.agree(&request).await;
    assert_eq!(world.fetch(&request, &world.token).await.status, 200);
    found(world, "user_id=555021942107").await
}

/// What an administrator finds.
pub(super) async fn found(world: &World, query: &str) -> Vec<Value> {
    let page = world.rig.get(&world.rig.admin, &format!("/signer/signatures?{query}")).await;
    assert_eq!(page.status, 200, "{:?}", page.body);
    page.body["signatures"].as_array().unwrap().clone()
}

/// What somebody agreed to for a client of the API of the Cloud Signature Consortium is in the evidence of what was signed under it, which holds
/// by itself and fails wherever it is changed. `other` is a hash of the same authorisation.
pub(super) async fn proves_consent(world: &World, credential: &str, name: &str, other: &str) {
    world.settle().await;
    let lines = found(world, &format!("credential={credential}")).await;
    let line = lines.iter().find(|line| line["document"] == name).unwrap();
    assert_eq!(line["method"], "security-key");
    let path = format!("/signer/signatures/{}/evidence", line["id"].as_str().unwrap());
    let given = world.rig.get(&world.rig.holder, &path).await;
    assert_eq!(given.status, 200, "{:?}", given.body);
    let good = given.body;
    let report = judged(world, &good).await;
    assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
    assert_eq!(good["consent"]["asked"]["authorisation"]["credential"], credential);
    assert_eq!(good["consent"]["shown"].as_array().unwrap().len(), 1, "what else was asked is not in it");
    let place: usize = line["id"].as_str().unwrap().rsplit_once('.').unwrap().1.parse().unwrap();
    let hash = format!("/consent/asked/authorisation/hashes/{place}");
    for (place, value) in [
        (hash.as_str(), json!(other)),
        ("/consent/asked/authorisation/hashes", json!([other, other])),
        ("/consent/asked/authorisation/credential", json!("another")),
        ("/consent/expires_at", json!(1)),
        ("/consent/binding", json!("00")),
        ("/consent/shown/0/id", json!("other")),
        ("/consent/shown/0/content", json!({"unseen": other})),
        ("/consent/shown", json!([])),
        ("/consent/shown/0/salt", json!("another")),
        ("/consent/shown_sha256", json!([])),
        ("/consent/presence/rp_id", json!("example.org")),
        ("/consent/presence/origin", json!("https://evil.example")),
        ("/consent/presence/user_id", json!("555021942115")),
        ("/consent/presence/nonce", json!("AAAA")),
        ("/consent/presence/bound", json!("bound by the server's record")),
        ("/signature/document", json!("other")),
        ("/signature/method", json!("passphrase")),
        ("/signature/authenticator", json!("another")),
        ("/signature/digest", json!(other)),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(place).unwrap() = value;
        let report = judged(world, &changed).await;
        let told = report.has(Code::ConsentWrong) || report.has(Code::RecordOther);
        assert!(report.verdict == Verdict::Invalid && told, "{place}: {report:#?}");
    }
    let said = good["consent"]["asked"]["authorisation"].get("description");
    for other in [json!("another"), Value::Null] {
        let mut changed = good.clone();
        changed["consent"]["asked"]["authorisation"]["description"] = other;
        let is_same = changed["consent"]["asked"]["authorisation"]["description"].is_null() && said.is_none();
        assert_eq!(judged(world, &changed).await.has(Code::ConsentWrong), !is_same, "{said:?}");
    }
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("consent");
    assert!(judged(world, &without).await.has(Code::ConsentWrong), "a consent cannot be left out");
    // Told as what somebody gave their passphrase for, it is none either: the record has the consent.
    without["signature"]["method"] = json!("passphrase");
    for member in ["authenticator", "document"] {
        without["signature"].as_object_mut().unwrap().remove(member);
    }
    assert!(judged(world, &without).await.has(Code::ConsentWrong), "nor said to have been a passphrase");
    let mut forged = good.clone();
    let (assertion, public_key) = self_made(&good["consent"]["presence"]["challenge"]);
    *forged.pointer_mut("/consent/presence/assertion").unwrap() = assertion;
    *forged.pointer_mut("/consent/presence/public_key").unwrap() = public_key;
    let report = judged(world, &forged).await;
    assert!(report.has(Code::RecordOther) && !report.has(Code::ConsentWrong), "{report:#?}");
}

/// Judges a bundle by root, lists and key of the record, as they are outside.
pub(super) async fn judged(world: &World, bundle: &Value) -> Report {
    judged_by(world, bundle, Weak::Refused).await
}

async fn judged_by(world: &World, bundle: &Value, weak: Weak) -> Report {
    let (root, crls) = published(world).await;
    let trust = Trust { weak, ..trusted(world, &root, &crls) };
    judge_evidence(bundle.to_string().as_bytes(), &trust, &world.log.verifier_key())
}

/// The root, and the lists of now.
pub(super) async fn published(world: &World) -> ([Certificate; 1], Vec<Crl>) {
    world.rig.authority.make_lists().await;
    let ca = world.rig.authority.client();
    let issuer = ca.issuer("remote-signing").await.unwrap();
    let decoded = |text: &str| STANDARD.decode(text).unwrap();
    let root = Certificate::from_der(&decoded(issuer.chain.last().unwrap())).unwrap();
    let mut crls = Vec::new();
    for issuer in ca.issuers().await.unwrap() {
        crls.push(Crl::from_der(&decoded(&ca.crl(&issuer.id).await.unwrap().crl)).unwrap());
    }
    ([root], crls)
}

/// Whom to trust by that.
pub(super) fn trusted<'a>(world: &World, anchors: &'a [Certificate], crls: &'a [Crl]) -> Trust<'a> {
    Trust {
        anchors,
        extra: &[],
        known: Known { crls, answers: &[] },
        now_ms: world.rig.clock.now().0 + 3_000,
        policies: &[],
        signers: 1,
        weak: Weak::Refused,
        told: &[],
        authorship: Authorship::Unasked,
        work: Work::default(),
    }
}

/// The answer of a key that nobody has registered, with its public half.
fn self_made(challenge: &Value) -> (Value, Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let client = json!({"type": "webauthn.get", "challenge": challenge, "origin": "https://id.example.org"})
        .to_string();
    // Of the site, with the person present and verified, and a counter.
    let data = [digest(&SHA256, b"id.example.org").as_ref(), &[0x05], &[0; 4]].concat();
    let signed = [data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
    let signature = pair.sign(&SystemRandom::new(), &signed).unwrap();
    let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let point = pair.public_key().as_ref();
    let response = json!({
        "clientDataJSON": text(client.as_bytes()), "authenticatorData": text(&data), "signature": text(signature.as_ref()),
    });
    let key = json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])});
    (json!({"id": "AAAA", "response": response}), key)
}

/// Signs a hash by RSASSA-PSS; the credential.
async fn by_pss(world: &World) -> String {
    let listed = world.rig.get(&world.rig.admin, &format!("/signer/credentials?user_id={USER}")).await;
    let all = listed.body["credentials"].as_array().unwrap();
    let id =
        all.iter().find(|one| one["algorithm"] == "rsa-2048").unwrap()["credential_id"].as_str().unwrap();
    let hash = digest_of(b"by pss");
    let sad = world.rig.sad(id, &[&hash]).await;
    let body = json!({
        "credentialID": id, "SAD": sad, "hashes": [hash], "signAlgo": "1.2.840.113549.1.1.10",
        "signAlgoParams": "MDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEg",
    });
    let done = world.rig.csc(&world.rig.system, "signatures/signHash", &body).await;
    assert_eq!(done.status, 200, "{:?}", done.body);
    id.to_owned()
}

platform::both_engines! {
    /// A signature's evidence is for its signer and for an administrator, holds by itself, and fails wherever it is changed.
    async fn evidence_proves_a_signature(db: Db) {
        let mut world = World::new(db).await;
        let lines = signed(&mut world).await;
        let path = format!("/signer/signatures/{}/evidence", lines[0]["id"].as_str().unwrap());
        let early = world.rig.get(&world.rig.holder, &path).await;
        assert_eq!((early.status, early.body["code"].as_str()), (503, Some("event-not-included-yet")));
        world.settle().await;
        let given = world.rig.get(&world.rig.holder, &path).await;
        assert_eq!(given.status, 200, "{:?}", given.body);
        let admins = world.rig.get(&world.rig.admin, &path).await;
        assert_eq!(admins.body, given.body);
        let unknown = (404, Some("signature-unknown"));
        let stranger = world.rig.get(&person("555021942115"), &path).await;
        assert_eq!((stranger.status, stranger.body["code"].as_str()), unknown);
        for id in ["none", "none.0", "none.x"] {
            let none = world.rig.get(&world.rig.admin, &format!("/signer/signatures/{id}/evidence")).await;
            assert_eq!((none.status, none.body["code"].as_str()), unknown);
        }
        let system = world.rig.get(&world.rig.system, &path).await;
        assert_eq!(system.status, 403);

        let good = given.body;
        assert_eq!(good["consent"]["presence"]["bound"], "cryptographically bound");
        assert_eq!(good["consent"]["shown"][0]["content"]["seen"]["nhs_number"], "9990548609");
        let report = judged(&world, &good).await;
        assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
        let changes: [(&str, Value, Code); 12] = [
            ("/signature/signature", json!(STANDARD.encode([1; 256])), Code::SignatureWrong),
            ("/signature/digest", json!(STANDARD.encode([1; 32])), Code::SignatureWrong),
            ("/signature/user_id", json!("555021942115"), Code::RecordOther),
            ("/signature/client", json!("pharmacy-system"), Code::RecordOther),
            ("/signature/signed_at", json!(1_795_540_800_001_i64), Code::RecordOther),
            ("/record/entry/record/event/user", json!("555021942115"), Code::RecordUnproven),
            ("/record/proof/position", json!(0), Code::RecordUnproven),
            ("/record/entry", good["consent"]["record"]["entry"].clone(), Code::RecordUnproven),
            ("/consent/expires_at", json!(1), Code::ConsentWrong),
            ("/consent/presence/user_id", json!("555021942115"), Code::ConsentWrong),
            ("/consent/presence/nonce", json!("AAAA"), Code::ConsentWrong),
            ("/consent/asked/statement/statement_key/n", json!("AAAA"), Code::ConsentWrong),
        ];
        for (place, value, code) in changes {
            let mut changed = good.clone();
            *changed.pointer_mut(place).unwrap() = value;
            let report = judged(&world, &changed).await;
            assert!(report.verdict == Verdict::Invalid && report.has(code), "{place}: {report:#?}");
        }
        // What is of no entry of the record, and so could be put in place of something else: it has a hash there.
        for (place, value) in [
            ("/signature/patient", json!("9990548617")),
            ("/signature/method", json!("smartcard")),
            ("/signature/authenticator", json!("another")),
            ("/signature/document", json!("other")),
            ("/consent/shown/0/content/seen/patient", json!("SOMEBODY ELSE")),
            ("/consent/shown/0/content/seen/items/0/medicine", json!("Morphine")),
            ("/consent/shown/0/id", json!("other")),
            ("/consent/shown", json!([])),
            ("/consent/shown_sha256/0", json!("00")),
            ("/consent/shown_sha256/1", json!("00")),
            ("/consent/presence/rp_id", json!("evil.example")),
            ("/consent/presence/origin", json!("https://evil.example")),
            ("/consent/presence/bound", json!("bound by the server's record")),
            ("/consent/presence/at", json!(1)),
            ("/consent/presence/level", json!("2")),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(place).unwrap() = value;
            let report = judged(&world, &changed).await;
            let told = report.has(Code::ConsentWrong) || report.has(Code::RecordOther);
            assert!(report.verdict == Verdict::Invalid && told, "{place}: {report:#?}");
        }
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove("consent");
        assert!(judged(&world, &without).await.has(Code::ConsentWrong), "a consent cannot be left out");
        // A key that somebody made for it, with an answer over the right challenge: everything holds but that it is not the one of the record.
        let mut forged = good.clone();
        let (assertion, public_key) = self_made(&good["consent"]["presence"]["challenge"]);
        *forged.pointer_mut("/consent/presence/assertion").unwrap() = assertion;
        *forged.pointer_mut("/consent/presence/public_key").unwrap() = public_key;
        let report = judged(&world, &forged).await;
        assert!(report.has(Code::RecordOther) && !report.has(Code::ConsentWrong), "{report:#?}");
        let mut unverified = good.clone();
        let key = world.strangers_key.get(&json!({"publicKey": {
            "userVerification": "required", "rpId": "id.example.org", "challenge": good["consent"]["presence"]["challenge"],
        }}));
        *unverified.pointer_mut("/consent/presence/assertion").unwrap() = key;
        assert!(judged(&world, &unverified).await.has(Code::ConsentWrong), "another's key");
        let serial = good["signature"]["serial"].as_str().unwrap().to_owned();
        world.rig.revoke_at_authority(&serial).await;
        world.rig.pass(1_000);
        assert_ne!(judged(&world, &good).await.verdict, Verdict::Valid, "revoked for a compromised key");
    }

    /// The evidence of a signature with SHA-1 holds as far as SHA-1 is taken, and no further.
    async fn sha_1_counts_where_it_may(db: Db) {
        let mut world = World::new(db).await;
        world.register("old-system", "told").await;
        let token = world.access("old-system", USER).await;
        let info = info_of(1, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1", 20);
        let claims = world.claims(&[("one", &info)], &json!({"algorithm": "RS1", "iss": "old-system"}));
        let request = world.ask(&world.jwt(&claims), &token, "s").await.json()["token"].as_str().unwrap().to_owned();
        world.agree(&request).await;
        world.settle().await;
        let lines = found(&world, "client=old-system").await;
        let path = format!("/signer/signatures/{}/evidence", lines[0]["id"].as_str().unwrap());
        let bundle = world.rig.get(&world.rig.admin, &path).await.body;
        let refused = judged(&world, &bundle).await;
        assert!(refused.verdict == Verdict::Invalid && refused.has(Code::AlgorithmWeak), "{refused:#?}");
        let noted = judged_by(&world, &bundle, Weak::Noted).await;
        assert!(noted.verdict == Verdict::Valid && noted.has(Code::AlgorithmWeak), "{noted:#?}");
    }

    /// What was signed by a passphrase has evidence too, bare and as CMS.
    async fn other_signatures_have_evidence_too(db: Db) {
        let world = World::new(db).await;
        let id = world.rig.ready(Algorithm::P256).await;
        world.rig.pass(5_000);
        let (bare, cms) = (digest_of(b"bare"), digest_of(b"cms"));
        let sad = world.rig.sad(&id, &[&bare, &cms]).await;
        assert_eq!(world.rig.sign_hash(&world.rig.system, &id, &sad, &[&bare]).await.status, 200);
        let body = json!({"credentialID": id, "SAD": sad, "documentDigests": [{
            "hashes": [cms], "signature_format": "C", "signAlgo": "1.2.840.10045.4.3.2",
        }]});
        let done = world.rig.csc(&world.rig.system, "signatures/signDoc", &body).await;
        assert_eq!(done.status, 200, "{:?}", done.body);
        let by_pss = by_pss(&world).await;
        world.settle().await;
        let lines = found(&world, &format!("credential={id}")).await;
        assert_eq!(lines.len(), 2);
        let lines = [lines, found(&world, &format!("credential={by_pss}")).await].concat();
        assert_eq!(lines.len(), 3);
        for line in lines {
            assert_eq!((&line["method"], line.get("authenticator")), (&json!("passphrase"), None));
            let path = format!("/signer/signatures/{}/evidence", line["id"].as_str().unwrap());
            let given = world.rig.get(&world.rig.holder, &path).await;
            assert_eq!((given.status, given.body.get("consent")), (200, None), "{:?}", given.body);
            let report = judged(&world, &given.body).await;
            assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
            let mut changed = given.body.clone();
            changed["signature"]["digest"] = json!(STANDARD.encode([1; 32]));
            assert!(judged(&world, &changed).await.has(Code::SignatureWrong));
            // The attributes of a CMS have the hash of the certificate too, which is not the document's.
            let certificate = STANDARD.decode(given.body["certificate"].as_str().unwrap()).unwrap();
            changed["signature"]["digest"] = json!(digest_of(&certificate));
            assert!(judged(&world, &changed).await.has(Code::SignatureWrong), "{line}");
            for other in ["RSA", "ES384", "ML-DSA-65", "ML-DSA-87"] {
                changed["algorithm"] = json!(other);
                // A bare signature by RSA may be over another hash, and then its record tells of another digest.
                let report = judged(&world, &changed).await;
                assert!(report.verdict == Verdict::Invalid && report.has(Code::RecordOther), "{other}: {report:#?}");
            }
            for (member, value) in [("method", "security-key"), ("patient", "9990548609"), ("document", "one")] {
                let mut changed = given.body.clone();
                changed["signature"][member] = json!(value);
                assert!(judged(&world, &changed).await.has(Code::ConsentWrong), "{member}");
            }
        }
    }

    /// The evidence of a signature over a longer hash has that hash, and holds; with another one, under another name or without it, it does not. One
    /// from before it was kept is said to be not checked.
    async fn longer_hashes_are_checked(db: Db) {
        let world = World::new(db).await;
        let rig = &world.rig;
        let rsa = super::oauth::credential(&world).await;
        let p_384 = rig.ready(Algorithm::P384).await;
        rig.pass(5_000);
        let document = b"21 capsules";
        let sad = rig.sad(&p_384, &[&digest_of(document)]).await;
        let body = json!({"credentialID": p_384, "SAD": sad, "documents": [{
            "document": STANDARD.encode(document), "signature_format": "C", "signAlgo": ECDSA_SHA_384,
        }]});
        let done = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        assert_eq!(done.status, 200, "{:?}", done.body);
        let long = STANDARD.encode(digest(&SHA512, document).as_ref());
        for (id, name, oid, hash) in [
            (&rsa, RSA_SHA_512, SHA_512, long),
            (&p_384, ECDSA_SHA_384, SHA_384, STANDARD.encode(digest(&SHA384, document).as_ref())),
        ] {
            let body = json!({
                "credentialID": id, "numSignatures": 1, "hashes": [hash], "hashAlgorithmOID": oid,
                "authData": [{"id": "passphrase", "value": PASSPHRASE}],
            });
            let sad = rig.csc(&rig.system, "credentials/authorize", &body).await.body["SAD"].clone();
            let body = json!({"credentialID": id, "SAD": sad, "hashes": [hash], "signAlgo": name});
            let done = rig.csc(&rig.system, "signatures/signHash", &body).await;
            assert_eq!(done.status, 200, "{:?}", done.body);
        }
        world.settle().await;
        let lines = [found(&world, &format!("credential={p_384}")).await, found(&world, &format!("credential={rsa}")).await];
        let lines = lines.concat();
        assert_eq!(lines.len(), 3);
        let mut kinds = std::collections::BTreeSet::new();
        for line in lines {
            let path = format!("/signer/signatures/{}/evidence", line["id"].as_str().unwrap());
            let bundle = world.rig.get(&world.rig.holder, &path).await.body;
            let report = judged(&world, &bundle).await;
            assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
            kinds.insert(bundle["algorithm"].as_str().unwrap().to_owned());
            let hashed = STANDARD.decode(bundle["signature"]["hashed"].as_str().unwrap()).unwrap();
            assert!(hashed.len() > 32);
            for (place, value) in [
                ("/algorithm", json!("RS256")),
                ("/signature/hashed", json!(STANDARD.encode(vec![7; hashed.len()]))),
                ("/signature/digest", json!(digest_of(b"another"))),
            ] {
                let mut changed = bundle.clone();
                *changed.pointer_mut(place).unwrap() = value;
                let report = judged(&world, &changed).await;
                let told = report.has(Code::SignatureWrong) || report.has(Code::RecordOther);
                assert!(report.verdict == Verdict::Invalid && told, "{place}: {report:#?}");
            }
            let mut before = bundle.clone();
            before["signature"].as_object_mut().unwrap().remove("hashed");
            before.as_object_mut().unwrap().remove("signed");
            if bundle["algorithm"] == "RS512" {
                before["algorithm"] = json!("RSA");
            }
            let report = judged(&world, &before).await;
            assert!(report.has(Code::SignatureUnchecked) && !report.has(Code::SignatureWrong), "{report:#?}");
            assert!(report.has(Code::RecordOther), "the record has it, so it cannot be left out: {report:#?}");
        }
        assert_eq!(Vec::from_iter(kinds), ["ES384", "RS512"]);
    }

    /// The ledger says who signed what for whom, when and by which authenticator; it is searched by person, application and period, and
    /// a person sees their own alone.
    async fn the_ledger_is_searched(db: Db) {
        let mut world = World::new(db).await;
        let begun = world.rig.clock.now().0;
        let lines = signed(&mut world).await;
        assert_eq!(lines.len(), 2);
        let (one, other) = (&lines[0], &lines[1]);
        assert_eq!((&one["user_id"], &one["client"], &one["method"]), (&json!(USER), &json!(APPLICATION), &json!("security-key")));
        assert_eq!((&one["document"], &one["patient"]), (&json!("script-1"), &json!("9990548609")));
        assert_eq!((&other["document"], other.get("patient")), (&json!("other"), None));
        assert!(one["authenticator"].as_str().is_some_and(|id| id.len() == 36));
        let at = one["signed_at"].as_i64().unwrap();
        let count = async |query: &str| found(&world, query).await.len();
        assert_eq!(count(&format!("client={APPLICATION}")).await, 2);
        assert_eq!(count("client=pharmacy-system").await, 0);
        assert_eq!(count("user_id=555021942115").await, 0);
        assert_eq!(count(&format!("from={begun}")).await, 2);
        assert_eq!(count(&format!("until={at}")).await, 0);
        assert_eq!(count(&format!("from={at}&until={}&client={APPLICATION}&user_id={USER}", at + 1)).await, 2);
        let first = world.rig.get(&world.rig.admin, "/signer/signatures?limit=1").await;
        let next = first.body["next"].as_str().unwrap().to_owned();
        let rest = found(&world, &format!("limit=1&after={next}")).await;
        assert_eq!(&rest[0], other);

        let own = world.rig.get(&world.rig.holder, "/signer/signatures").await;
        assert_eq!(own.body["signatures"].as_array().unwrap().len(), 2);
        for query in ["", "?user_id=555021942107", "?client=practice-system"] {
            let strangers = world.rig.get(&person("555021942115"), &format!("/signer/signatures{query}")).await;
            assert_eq!((strangers.status, &strangers.body["signatures"]), (200, &json!([])), "{query}");
        }
        assert_eq!(world.rig.get(&world.rig.system, "/signer/signatures").await.status, 403);
    }
}
