//! What is refused, with which status and in which words.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::rig::{self, PASSPHRASE, Rig, base64, digest_of};

const ECDSA: &str = "1.2.840.10045.4.3.2";

platform::both_engines! {
    /// Each malformed signHash request has its sentence, and none of them signs anything.
    async fn sign_hash_refuses(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hash = digest_of(b"one");
        let sad = rig.sad(&id, &[&hash]).await;
        let good = json!({"credentialID": id, "SAD": sad, "hashes": [hash], "signAlgo": ECDSA});
        let many = vec![hash.clone(); 251];
        for (change, sentence) in [
            (json!({"credentialID": null}), "Missing (or invalid type) string parameter credentialID"),
            (json!({"credentialID": 7}), "Missing (or invalid type) string parameter credentialID"),
            (json!({"credentialID": "nobody"}), "Invalid parameter credentialID"),
            (json!({"SAD": null}), "Missing (or invalid type) string parameter SAD"),
            (json!({"SAD": "wrong"}), "Invalid parameter SAD"),
            (json!({"SAD": "A".repeat(43)}), "Invalid parameter SAD"),
            (json!({"hashes": null}), "Missing (or invalid type) array parameter hashes"),
            (json!({"hashes": hash}), "Missing (or invalid type) array parameter hashes"),
            (json!({"hashes": []}), "Empty hash array"),
            (json!({"hashes": ["!"]}), "Invalid Base64 hash string parameter"),
            (json!({"hashes": [base64(&[1; 20])]}), "Invalid digest value length"),
            (json!({"hashes": [digest_of(b"two")]}), "Hash is not authorized by the SAD"),
            (json!({"hashes": [hash, hash]}), "Hash at position 1 repeats the one at position 0"),
            (json!({"hashes": many}), "Numbers of signatures is too high"),
            (json!({"signAlgo": null}), "Missing (or invalid type) string parameter signAlgo"),
            (json!({"signAlgo": "1.2.3"}), "Invalid parameter signAlgo"),
            (json!({"signAlgo": "1.2.840.113549.1.1.11"}), "Invalid parameter signAlgo"),
            (json!({"hashAlgorithmOID": "1.3.14.3.2.26"}),
                "String parameter hashAlgorithmOID contradicts with signAlgo parameter"),
            (json!({"operationMode": "B"}), "Invalid parameter operationMode"),
        ] {
            let refused = rig.csc(&rig.system, "signatures/signHash", &changed(&good, &change)).await;
            refused.is_csc(400, "invalid_request", sentence);
        }
        // Another client cannot use this client's SAD.
        let stolen = rig.csc(&rig.other_system, "signatures/signHash", &good).await;
        stolen.is_csc(400, "invalid_request", "Invalid parameter SAD");
        assert!(rig.ledger(&id).await.is_empty());
        assert_eq!(rig.csc(&rig.system, "signatures/signHash", &good).await.status, 200);
    }
}

platform::both_engines! {
    /// Each malformed signDoc request has its sentence, and none of them signs anything.
    async fn sign_doc_refuses(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hash = digest_of(b"one");
        let sad = rig.sad(&id, &[&hash]).await;
        let digests = json!({"hashes": [hash], "signature_format": "C", "signAlgo": ECDSA});
        let document = json!({"document": base64(b"one"), "signature_format": "C", "signAlgo": ECDSA});
        let refuse = async |body: Value, sentence: &str| {
            let base = json!({"credentialID": id, "SAD": sad});
            let refused = rig.csc(&rig.system, "signatures/signDoc", &changed(&base, &body)).await;
            refused.is_csc(400, "invalid_request", sentence);
        };
        refuse(json!({}), "Empty documentDigests and documents objects").await;
        refuse(json!({"documents": []}), "Empty documentDigests and documents objects").await;
        refuse(json!({"documents": [document], "documentDigests": [digests]}),
            "Both documentDigests and documents parameters passed").await;
        refuse(json!({"documents": "x"}), "Invalid array parameter documents").await;
        refuse(json!({"documentDigests": {"a": 1}}), "Invalid object parameter documentDigests").await;
        refuse(json!({"documents": vec![document.clone(); 251]}), "Numbers of signatures is too high").await;
        let of = |count: usize| changed(&digests, &json!({"hashes": vec![digest_of(b"one"); count]}));
        refuse(json!({"documentDigests": [of(251)]}), "Numbers of signatures is too high").await;
        refuse(json!({"documentDigests": [of(126), of(125)]}), "Numbers of signatures is too high").await;
        for (change, sentence) in [
            (json!({"hashes": ["!"]}), "Invalid Base64 hashes string parameter"),
            (json!({"hashes": [base64(&[1; 48])]}), "Invalid digest value length"),
            (json!({"hashes": null}), "Invalid object parameter documentDigests"),
            (json!({"hashes": [digest_of(b"two")]}), "documentDigests or documents are not authorized by the SAD"),
            (json!({"signature_format": null}), "Missing (or invalid type) string parameter signature_format"),
            (json!({"signature_format": "P"}), "Invalid parameter signature_format"),
            (json!({"conformance_level": "Ades-B-X"}), "Invalid parameter conformance_level"),
            (json!({"signed_envelope_property": "Parallel"}),
                "Invalid parameter signed_envelope_property (Parallel is not made: Detached or Attached)"),
            (json!({"signed_envelope_property": "Enveloped"}), "Invalid parameter signed_envelope_property"),
            (json!({"signed_envelope_property": "Attached"}),
                "Invalid parameter signed_envelope_property (Attached needs documents)"),
            (json!({"signed_props": [{"attribute_name": "mime-type"}]}),
                "Invalid parameter signed_props (the signed attributes are those of the service: leave it out)"),
            (json!({"signed_props": "mime-type"}),
                "Invalid parameter signed_props (the signed attributes are those of the service: leave it out)"),
        ] {
            refuse(json!({"documentDigests": [changed(&digests, &change)]}), sentence).await;
        }
        for (change, sentence) in [
            (json!({"document": "!"}), "Invalid Base64 documents string parameter"),
            (json!({"document": base64(b"two")}), "documentDigests or documents are not authorized by the SAD"),
            (json!({"document": null}), "Invalid array parameter documents"),
        ] {
            refuse(json!({"documents": [changed(&document, &change)]}), sentence).await;
        }
        assert!(rig.ledger(&id).await.is_empty());
    }
}

platform::both_engines! {
    /// Each malformed authorisation has its sentence; 250 documents are authorised and signed, 251 are not.
    async fn authorize_refuses(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hash = digest_of(b"one");
        let good = json!({"credentialID": id, "numSignatures": 1, "hashes": [hash],
            "authData": [{"id": "passphrase", "value": PASSPHRASE}]});
        let hashes: Vec<String> = (0..251_u16).map(|n| digest_of(&n.to_be_bytes())).collect();
        for (change, sentence) in [
            (json!({"credentialID": null}), "Missing (or invalid type) string parameter credentialID"),
            (json!({"credentialID": "nobody"}), "Invalid parameter credentialID"),
            (json!({"numSignatures": null}), "Missing (or invalid type) integer parameter numSignatures"),
            (json!({"numSignatures": "1"}), "Missing (or invalid type) integer parameter numSignatures"),
            (json!({"numSignatures": 0}), "Invalid value for parameter numSignatures"),
            (json!({"numSignatures": 2}), "Invalid value for parameter numSignatures"),
            (json!({"numSignatures": 251}), "Numbers of signatures is too high"),
            (json!({"numSignatures": 251, "hashes": hashes}), "Numbers of signatures is too high"),
            (json!({"hashes": null}), "Missing (or invalid type) array parameter hashes"),
            (json!({"hashes": []}), "Empty hash array"),
            (json!({"hashes": [base64(&[1; 33])]}), "Invalid digest value length"),
            (json!({"numSignatures": 2, "hashes": [hash, hash]}), "Hash at position 1 repeats the one at position 0"),
            (json!({"hashAlgorithmOID": "1.3.14.3.2.26"}), "Invalid parameter hashAlgorithmOID"),
            (json!({"authData": null}), "Missing (or invalid type) array parameter authData"),
            (json!({"authData": [{"id": "OTP", "value": "1"}]}), "Invalid parameter authData"),
        ] {
            let refused = rig.csc(&rig.system, "credentials/authorize", &changed(&good, &change)).await;
            refused.is_csc(400, "invalid_request", sentence);
        }
        let hashes: Vec<&str> = hashes[..250].iter().map(String::as_str).collect();
        let sad = rig.sad(&id, &hashes).await;
        let signed = rig.sign_hash(&rig.system, &id, &sad, &hashes).await;
        assert_eq!(signed.body["signatures"].as_array().unwrap().len(), 250, "{:?}", signed.body);
        assert_eq!(rig.ledger(&id).await.len(), 250);
    }
}

platform::both_engines! {
    /// What is no JSON, too large, or from a caller who is not known or may not sign is refused in the words of the API.
    async fn bodies_and_callers_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        for body in ["", "{", "[]", "7", "{\"credentialID\":}"] {
            for method in ["credentials/list", "credentials/info", "credentials/authorize", "signatures/signHash",
                "signatures/signDoc"] {
                let refused = rig.csc_text(&rig.system, method, body.to_owned()).await;
                refused.is_csc(400, "invalid_request", "The request body is not a JSON object");
            }
        }
        // Only signDoc carries documents: every other body has 256 KiB at most.
        let body = |octets: usize| json!({"credentialID": id, "SAD": "A".repeat(octets)}).to_string();
        for method in ["credentials/list", "credentials/info", "credentials/authorize", "signatures/signHash"] {
            let refused = rig.csc_text(&rig.system, method, body(256 * 1024)).await;
            refused.is_csc(413, "invalid_request", "The request body is too large");
        }
        let read = rig.csc_text(&rig.system, "signatures/signHash", body(255 * 1024)).await;
        read.is_csc(400, "invalid_request", "Missing (or invalid type) array parameter hashes");
        let read = rig.csc_text(&rig.system, "signatures/signDoc", body(256 * 1024)).await;
        read.is_csc(400, "invalid_request", "Empty documentDigests and documents objects");
        let refused = rig.csc_text(&rig.system, "signatures/signDoc", body(rig::LARGEST_BODY)).await;
        refused.is_csc(413, "invalid_request", "The request body is too large");
        let path = format!("/signer/credentials/{id}/passphrase");
        let refused = rig.put(&rig.holder, &path, &json!({"new": "A".repeat(256 * 1024)})).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (413, Some("body-too-large")));
        let unknown = rig.send(rig::request("POST", "/csc/v2/credentials/list", Some(&json!({})))).await;
        assert_eq!((unknown.status, unknown.body["error"].as_str()), (401, Some("unauthorized_client")));
        let refused = rig.csc(&rig.admin, "credentials/list", &json!({"userID": rig::USER})).await;
        assert_eq!((refused.status, refused.body["error"].as_str()), (403, Some("access_denied")));
    }
}

platform::both_engines! {
    /// Somebody unknown is refused before anything of the body is read, on every method that needs to know them.
    async fn unknown_callers_are_refused_before_their_body(db: Db) {
        let rig = Rig::new(db).await;
        for path in [
            "/csc/v2/credentials/list", "/csc/v2/credentials/info", "/csc/v2/credentials/authorize",
            "/csc/v2/signatures/signHash", "/csc/v2/signatures/signDoc", "/signer/credentials",
        ] {
            let asked = Arc::new(AtomicBool::new(false));
            let mut request = rig::request("POST", path, None);
            *request.body_mut() = Body::new(Watched(Arc::clone(&asked)));
            let refused = rig.send(request).await;
            assert_eq!(refused.status, 401, "{path}");
            assert!(!asked.load(Ordering::SeqCst), "{path}: the body was read");
            // The same body from somebody known is read: what is watched can be seen.
            let mut request = rig::request("POST", path, None);
            *request.body_mut() = Body::new(Watched(Arc::clone(&asked)));
            request.extensions_mut().insert(rig.admin.clone());
            assert_eq!(rig.send(request).await.status, 400, "{path}");
            assert!(asked.load(Ordering::SeqCst), "{path}");
        }
    }
}

/// A body that tells when it is asked for, and then holds nothing.
struct Watched(Arc<AtomicBool>);

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.store(true, Ordering::SeqCst);
        Poll::Ready(None)
    }
}

platform::both_engines! {
    /// A person sees and uses their own credential; somebody else's does not exist for them.
    async fn people_use_their_own(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let own = rig.csc(&rig.holder, "credentials/list", &json!({})).await;
        assert_eq!(own.body["credentialIDs"], json!([id]));
        let named = rig.csc(&rig.holder, "credentials/list", &json!({"userID": rig::USER})).await;
        named.is_csc(400, "invalid_request", "userID parameter MUST be null");
        let unnamed = rig.csc(&rig.system, "credentials/list", &json!({})).await;
        unnamed.is_csc(400, "invalid_request", "Invalid parameter userID");
        let others = rig.csc(&rig.stranger, "credentials/list", &json!({})).await;
        assert_eq!(others.body["credentialIDs"], json!([]));
        let hash = digest_of(b"one");
        for refused in [
            rig.csc(&rig.stranger, "credentials/info", &json!({"credentialID": id})).await,
            rig.authorize(&rig.stranger, &id, &[&hash], PASSPHRASE).await,
        ] {
            refused.is_csc(400, "invalid_request", "Invalid parameter credentialID");
        }
        assert_eq!(rig.get(&rig.stranger, &format!("/signer/credentials/{id}")).await.status, 404);
    }
}

/// The first object with the members of the second in place of its own; null takes one away.
fn changed(base: &Value, change: &Value) -> Value {
    let mut body = base.clone();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value.clone(),
        }
    }
    body
}
