//! Bare signatures over hashes other than SHA-256, and by RSASSA-PSS.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Decode as _;
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, ECDSA_SHA_384, KeyLife, RSA, RSA_PSS, RSA_SHA_512, SHA_256, SHA_384, SHA_512};

use crate::rig::{PASSPHRASE, Rig, USER, base64, create_request, unbase64};

/// RFC 4055 3.1 with SHA-256, MGF1 with SHA-256 and a salt of 32 octets, as OpenSSL writes it.
const PARAMETERS: &str = "MDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEg";

async fn authorised(rig: &Rig, id: &str, hashes: &[&str], oid: &str) -> crate::rig::Answer {
    let body = json!({
        "credentialID": id, "numSignatures": hashes.len(), "hashes": hashes, "hashAlgorithmOID": oid,
        "authData": [{"id": "passphrase", "value": PASSPHRASE}],
    });
    rig.csc(&rig.system, "credentials/authorize", &body).await
}

async fn verifies(rig: &Rig, id: &str, how: &'static dyn VerificationAlgorithm, text: &[u8], value: &Value) {
    let body = json!({"credentialID": id, "certificates": "single"});
    let shown = rig.csc(&rig.system, "credentials/info", &body).await;
    let certificate = unbase64(&shown.body["cert"]["certificates"][0]);
    let certificate = x509_cert::Certificate::from_der(&certificate).unwrap();
    let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    UnparsedPublicKey::new(how, key).verify(text, &unbase64(value)).unwrap();
}

platform::both_engines! {
    /// What version 1 shows of a credential it also authorises and signs, told by the length of the hash; it shows nothing that has parameters, and no
    /// credential that signs documents alone.
    async fn the_first_version_signs_what_it_shows(db: Db) {
        let rig = Rig::new(db).await;
        let (rsa, p_384) = (rig.ready(Algorithm::Rsa2048).await, rig.ready(Algorithm::P384).await);
        let v1 = async |path: &str, body: Value| rig.post(&rig.system, &format!("/csc/v1/{path}"), &body).await;
        let text = b"28 tablets";
        let hash = |algorithm| base64(digest::digest(algorithm, text).as_ref());
        let (middle, long) = (hash(&SHA384), hash(&SHA512));
        let cases: [(&str, &str, Value, &str, &'static dyn VerificationAlgorithm); 3] = [
            (&p_384, &middle, json!({}), ECDSA_SHA_384, &ECDSA_P384_SHA384_ASN1),
            (&rsa, &middle, json!({"hashAlgo": SHA_384}), RSA, &RSA_PKCS1_2048_8192_SHA384),
            (&rsa, &long, json!({}), RSA_SHA_512, &RSA_PKCS1_2048_8192_SHA512),
        ];
        for (id, hash, more, name, how) in cases {
            let shown = v1("credentials/info", json!({"credentialID": id})).await.body;
            let names = shown["key"]["algo"].as_array().unwrap();
            assert!(names.contains(&json!(name)) && !names.contains(&json!(RSA_PSS)), "{names:?}");
            let body = json!({"credentialID": id, "numSignatures": 1, "hash": [hash], "PIN": PASSPHRASE});
            let granted = v1("credentials/authorize", body).await;
            assert_eq!(granted.status, 200, "{:?}", granted.body);
            let mut body = json!({"credentialID": id, "SAD": granted.body["SAD"], "hash": [hash], "signAlgo": name});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            let signed = v1("signatures/signHash", body).await;
            assert_eq!(signed.status, 200, "{:?}", signed.body);
            verifies(&rig, id, how, text, &signed.body["signatures"][0]).await;
            rig.pass(1_000);
        }
        let mut body = create_request(Algorithm::P256, "once");
        body["key"] = json!(KeyLife::OneTime);
        assert_eq!(rig.post(&rig.admin, "/signer/credentials", &body).await.status, 200);
        let shown = v1("credentials/list", json!({"userID": USER})).await.body["credentialIDs"].clone();
        let shown = shown.as_array().unwrap();
        assert!(shown.len() == 2 && [&rsa, &p_384].into_iter().all(|id| shown.contains(&json!(id))), "{shown:?}");
        let listed = rig.csc(&rig.system, "credentials/list", &json!({"userID": USER})).await;
        assert_eq!(listed.body["credentialIDs"].as_array().unwrap().len(), 3);
        let body = json!({"credentialID": rsa, "numSignatures": 2, "hash": [middle, long], "PIN": PASSPHRASE});
        v1("credentials/authorize", body).await.is_csc(400, "invalid_request", "Invalid digest value length");
    }

    /// Hashes of other lengths are authorised and signed as what they are, and by what the request names; a hash of one kind never stands for one of another,
    /// and one that was signed one way is not signed another.
    async fn other_hashes_are_signed(db: Db) {
        let rig = Rig::new(db).await;
        let (rsa, p_384) = (rig.ready(Algorithm::Rsa2048).await, rig.ready(Algorithm::P384).await);
        let text = b"21 capsules";
        let hash = |algorithm| base64(digest::digest(algorithm, text).as_ref());
        let (short, middle, long) = (hash(&SHA256), hash(&SHA384), hash(&SHA512));
        let signed = async |id: &str, sad: &Value, hash: &str, more: Value| {
            let mut body = json!({"credentialID": id, "SAD": sad, "hashes": [hash]});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            rig.csc(&rig.system, "signatures/signHash", &body).await
        };
        let cases: [(&str, &str, &str, Value, &'static dyn VerificationAlgorithm); 4] = [
            (&rsa, &middle, SHA_384, json!({"signAlgo": RSA, "hashAlgorithmOID": SHA_384}), &RSA_PKCS1_2048_8192_SHA384),
            (&rsa, &long, SHA_512, json!({"signAlgo": RSA_SHA_512}), &RSA_PKCS1_2048_8192_SHA512),
            (&p_384, &middle, SHA_384, json!({"signAlgo": ECDSA_SHA_384}), &ECDSA_P384_SHA384_ASN1),
            (&rsa, &short, SHA_256, json!({"signAlgo": RSA_PSS, "signAlgoParams": PARAMETERS}), &RSA_PSS_2048_8192_SHA256),
        ];
        for (id, hash, oid, more, how) in cases {
            let sad = authorised(&rig, id, &[hash], oid).await.body["SAD"].clone();
            let answer = signed(id, &sad, hash, more.clone()).await;
            assert_eq!(answer.status, 200, "{more}: {:?}", answer.body);
            verifies(&rig, id, how, text, &answer.body["signatures"][0]).await;
            assert_eq!(signed(id, &sad, hash, more.clone()).await.body, answer.body, "again, and the same");
            rig.pass(1_000);
        }
        let forms: Vec<String> = rig.ledger(&rsa).await.iter().map(|line| format!("{:?}", line.form)).collect();
        assert_eq!(forms, ["Hash", "Hash", "HashPss"]);

        // As a document of 48 octets it was authorised; as a hash of SHA-384 it was not.
        let of_it = base64(digest::digest(&SHA256, &STANDARD.decode(&middle).unwrap()).as_ref());
        let sad = authorised(&rig, &rsa, &[&of_it, &short], SHA_256).await.body["SAD"].clone();
        let other = signed(&rsa, &sad, &middle, json!({"signAlgo": RSA, "hashAlgorithmOID": SHA_384})).await;
        other.is_csc(400, "invalid_request", "Hash is not authorized by the SAD");
        let pss = |parameters: Value| json!({"signAlgo": RSA_PSS, "signAlgoParams": parameters});
        for (more, sentence) in [
            (pss(json!(null)), "Missing (or invalid type) string parameter signAlgoParams"),
            (pss(json!("AAAA")), "Invalid parameter signAlgoParams"),
            (json!({"signAlgo": RSA, "hashAlgorithmOID": SHA_384}), "Invalid digest value length"),
            (json!({"signAlgo": ECDSA_SHA_384}), "Invalid digest value length"),
        ] {
            signed(&rsa, &sad, &short, more).await.is_csc(400, "invalid_request", sentence);
        }
        assert_eq!(signed(&rsa, &sad, &short, json!({"signAlgo": RSA, "hashAlgorithmOID": SHA_256})).await.status, 200);
        let again = signed(&rsa, &sad, &short, pss(json!(PARAMETERS))).await;
        assert_ne!(again.status, 200, "it was signed by PKCS #1 already");
        let wrong = authorised(&rig, &rsa, &[&short], SHA_384).await;
        wrong.is_csc(400, "invalid_request", "Invalid digest value length");
        let unknown = authorised(&rig, &rsa, &[&short], "1.3.14.3.2.26").await;
        unknown.is_csc(400, "invalid_request", "Invalid parameter hashAlgorithmOID");
        assert_eq!(rig.ledger(&rsa).await.len(), 4);
    }
}
