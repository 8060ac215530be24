//! What we sign, in the eyes of OpenSSL and of the `cms` crate.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911;
use der::{Decode as _, Encode as _};
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::rig::{Rig, base64, digest_of};

const DOCUMENT: &[u8] = b"{\"resourceType\":\"Bundle\",\"id\":\"prescription\"}\r\n\x00\xFF";
const OTHER: &[u8] = b"another document";

platform::both_engines! {
    /// OpenSSL verifies detached and enveloping signatures of both kinds of key, with the CRL, also as CAdES.
    async fn openssl_verifies(db: Db) {
        let rig = Rig::new(db).await;
        for (algorithm, oid) in [(Algorithm::P256, "1.2.840.10045.4.3.2"), (Algorithm::Rsa2048, "1.2.840.113549.1.1.11")] {
            let id = rig.ready(algorithm).await;
            let signed = sign_both_ways(&rig, &id, oid).await;
            let (detached, attached) = (&signed["SignatureObject"][0], &signed["DocumentWithSignature"][0]);
            let dir = tempfile::tempdir().unwrap();
            rig.authority.write_trust(dir.path()).await;
            std::fs::write(dir.path().join("document"), DOCUMENT).unwrap();
            std::fs::write(dir.path().join("detached.p7s"), decoded(detached)).unwrap();
            std::fs::write(dir.path().join("attached.p7m"), decoded(attached)).unwrap();
            std::fs::write(dir.path().join("other"), OTHER).unwrap();
            std::fs::write(dir.path().join("other.p7s"), decoded(&signed["SignatureObject"][1])).unwrap();
            for cades in [false, true] {
                openssl(dir.path(), "detached.p7s", Some("document"), cades).expect("OpenSSL accepts it");
                openssl(dir.path(), "attached.p7m", None, cades).expect("OpenSSL accepts it");
                assert_eq!(std::fs::read(dir.path().join("verified")).unwrap(), DOCUMENT);
                openssl(dir.path(), "other.p7s", Some("other"), cades).expect("OpenSSL accepts it");
            }
            // Another document, and a revoked signer, are not accepted.
            openssl(dir.path(), "detached.p7s", Some("other"), false).expect_err("not this document");
            let shown = rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await;
            rig.revoke_at_authority(shown.body["certificates"][0]["serial"].as_str().unwrap()).await;
            rig.authority.write_trust(dir.path()).await;
            openssl(dir.path(), "detached.p7s", Some("document"), false).expect_err("its signer is revoked");
        }
    }
}

platform::both_engines! {
    /// The `cms` crate reads what the profile promises: DER, five attributes, leaf and issuing CA, one signer.
    async fn cms_crate_reads_the_profile(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let signed = sign_both_ways(&rig, &id, "1.2.840.10045.4.3.2").await;
        for (form, attached) in [("SignatureObject", false), ("DocumentWithSignature", true)] {
            let bytes = decoded(&signed[form][0]);
            let info = ContentInfo::from_der(&bytes).unwrap();
            assert_eq!(info.to_der().unwrap(), bytes, "DER throughout");
            let data: SignedData = info.content.decode_as().unwrap();
            assert_eq!(data.encap_content_info.econtent.is_some(), attached);
            assert_eq!(data.certificates.unwrap().0.len(), 2);
            assert_eq!(data.signer_infos.0.len(), 1);
            let signer = data.signer_infos.0.get(0).unwrap();
            assert!(matches!(signer.sid, SignerIdentifier::IssuerAndSerialNumber(_)));
            let attributes = signer.signed_attrs.as_ref().unwrap();
            let kinds: Vec<ObjectIdentifier> = attributes.iter().map(|attribute| attribute.oid).collect();
            assert_eq!(kinds, [
                rfc5911::ID_CONTENT_TYPE,
                rfc5911::ID_SIGNING_TIME,
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52"),
                rfc5911::ID_MESSAGE_DIGEST,
                ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47"),
            ]);
        }
    }
}

/// The document once detached, by its digest, and once enveloped, each under an authorisation of its own: a hash is
/// signed once.
async fn sign_both_ways(rig: &Rig, id: &str, oid: &str) -> Value {
    let hash = digest_of(DOCUMENT);
    let sad = rig.sad(id, &[&hash]).await;
    let detached = rig
        .csc(
            &rig.system,
            "signatures/signDoc",
            &json!({
                "credentialID": id, "SAD": sad,
                "documentDigests": [{"hashes": [hash], "signature_format": "C", "conformance_level": "Ades-B-B",
                    "signAlgo": oid, "signed_envelope_property": "Detached"}],
            }),
        )
        .await;
    assert_eq!(detached.status, 200, "{:?}", detached.body);
    let sad = rig.sad(id, &[&hash, &digest_of(OTHER)]).await;
    let document = |content: &[u8], envelope: &str| {
        json!({"document": base64(content), "signature_format": "C", "signAlgo": oid,
        "signed_envelope_property": envelope})
    };
    let both = rig
        .csc(
            &rig.system,
            "signatures/signDoc",
            &json!({
                "credentialID": id, "SAD": sad,
                "documents": [document(DOCUMENT, "Attached"), document(OTHER, "Detached")],
            }),
        )
        .await;
    assert_eq!(both.status, 200, "{:?}", both.body);
    assert_eq!(both.body["SignatureObject"].as_array().unwrap().len(), 1);
    json!({
        "SignatureObject": [detached.body["SignatureObject"][0], both.body["SignatureObject"][0]],
        "DocumentWithSignature": both.body["DocumentWithSignature"],
    })
}

fn decoded(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// Verifies with the CRLs of the whole path, at the time of the test.
pub(crate) fn openssl(
    dir: &Path,
    signature: &str,
    document: Option<&str>,
    cades: bool,
) -> Result<(), String> {
    let at = (crate::rig::START.0 / 1000 + 60).to_string();
    let mut command = Command::new("openssl");
    command.current_dir(dir).args(["cms", "-verify", "-binary", "-inform", "DER", "-in", signature]);
    command.args(["-CAfile", "trust.pem", "-certfile", "chain.pem", "-crl_check_all"]);
    command.args(["-purpose", "any", "-attime", &at, "-out", "verified"]);
    if let Some(document) = document {
        command.args(["-content", document]);
    }
    if cades {
        command.arg("-cades");
    }
    let output = command.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
