//! What OpenSSL and GnuTLS say of what we issue.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, Reason, RevokeRequest, SubjectData};
use platform::db::Db;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use tempfile::TempDir;

use crate::world::{World, fresh_key, person, server, service, system};

fn device() -> SubjectData {
    SubjectData { common_name: "Device 1234".to_owned(), ..SubjectData::default() }
}

fn registered(subject: SubjectData, id: &str) -> SubjectData {
    SubjectData { system_id: Some(id.to_owned()), ip_addresses: Vec::new(), ..subject }
}

/// Every profile with the subject it needs, its issuer, and what OpenSSL calls its purpose.
fn profiles() -> Vec<(&'static str, &'static str, SubjectData, &'static str)> {
    let with_upn = SubjectData { upn: Some("zoe@surgery.example".to_owned()), ..person() };
    vec![
        ("prescriber-remote-signing", "remote-signing", person(), "any"),
        ("card-authentication", "card", with_upn.clone(), "sslclient"),
        ("card-signing", "card", person(), "any"),
        ("person-sign-in", "sign-in", with_upn, "sslclient"),
        ("system-tls-client", "systems", system(), "sslclient"),
        ("system-tls-server", "systems", server(), "sslserver"),
        ("accredited-system", "systems", registered(system(), "200000000017"), "sslclient"),
        ("message-handling-system", "systems", registered(server(), "S918999410559"), "sslserver"),
        ("acme-tls-server", "systems", server(), "sslserver"),
        ("device-tls-client", "systems", device(), "sslclient"),
        ("ocsp-responder", "card", service(), "ocsphelper"),
        ("time-stamp", "systems", service(), "timestampsign"),
    ]
}

/// A folder with the root, the issuer, the leaf and their lists as PEM.
pub(crate) struct Bundle {
    folder: TempDir,
}

impl Bundle {
    pub(crate) async fn of(world: &World, certified: &Issued, issuer: &str) -> Bundle {
        let bundle = Bundle { folder: TempDir::new().unwrap() };
        let pem = |label, base64: &str| pki::to_pem(label, &STANDARD.decode(base64).unwrap());
        let certificate = |base64: &str| pem("CERTIFICATE", base64);
        bundle.write("leaf.pem", &certificate(&certified.certificate));
        bundle.write("issuer.pem", &certificate(&certified.chain[0]));
        bundle.write("root.pem", &certificate(&certified.chain[1]));
        let chain = [&certified.certificate, &certified.chain[0], &certified.chain[1]]
            .map(|part| certificate(part))
            .concat();
        bundle.write("chain.pem", &chain);
        let mut lists = String::new();
        for id in [issuer, "root"] {
            let list = pem("X509 CRL", &world.client.crl(id).await.unwrap().crl);
            bundle.write(&format!("{id}.crl.pem"), &list);
            lists.push_str(&list);
        }
        bundle.write("crls.pem", &lists);
        bundle
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Runs a program in the folder: whether it succeeded, and all it said.
    fn run(&self, program: &str, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program).args(arguments).current_dir(self.path()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) fn must(&self, program: &str, arguments: &[&str]) -> String {
        let (well, said) = self.run(program, arguments);
        assert!(well, "{program} {arguments:?} said: {said}");
        said
    }

    pub(crate) fn openssl_verify(&self, purpose: &str) -> (bool, String) {
        let arguments = [
            "verify",
            "-x509_strict",
            "-policy_check",
            "-crl_check_all",
            "-purpose",
            purpose,
            "-CAfile",
            "root.pem",
            "-untrusted",
            "issuer.pem",
            "-CRLfile",
            "crls.pem",
            "leaf.pem",
        ];
        self.run("openssl", &arguments)
    }
}

platform::both_engines! {
    /// OpenSSL in strict mode and GnuTLS accept a certificate of every profile, with its chain and lists.
    async fn certificates_of_every_profile_are_accepted(db: Db) {
        let world = World::new(db).await;
        for (profile, issuer, subject, purpose) in profiles() {
            let mut request = IssueRequest::new(profile, profile, subject, fresh_key());
            request.issuer = Some(issuer.to_owned());
            let issued = world.client.issue(&request).await.unwrap();
            let bundle = Bundle::of(&world, &issued, issuer).await;
            let (well, said) = bundle.openssl_verify(purpose);
            assert!(well, "{profile}: {said}");
            let text = bundle.must("openssl", &["x509", "-in", "leaf.pem", "-noout", "-text"]);
            assert!(text.contains("Key Usage: critical"), "{profile}: {text}");
            let chain = bundle.must("certtool", &["--verify-chain", "--infile", "chain.pem"]);
            assert!(chain.contains("Chain verification output: Verified"), "{profile}: {chain}");
            let info = bundle.must("certtool", &["-i", "--infile", "leaf.pem"]);
            assert!(!info.contains("error") && info.contains("1.3.6.1.4.1.32473.1.2."), "{profile}: {info}");
        }
    }

    /// They accept the other kinds of key too: RSA and P-384.
    async fn other_kinds_of_key_are_accepted(db: Db) {
        let world = World::new(db).await;
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        for (name, key) in [("rsa", rsa), ("p384", p384)] {
            let key = KeySource::public_key(&key.subject_public_key_info());
            let request = IssueRequest::new(name, "prescriber-remote-signing", person(), key);
            let issued = world.client.issue(&request).await.unwrap();
            let bundle = Bundle::of(&world, &issued, "remote-signing").await;
            let (well, said) = bundle.openssl_verify("any");
            assert!(well, "{name}: {said}");
        }
    }

    /// OpenSSL verifies lists and refuses a certificate that is on one; a sound one passes beside it.
    async fn a_revoked_certificate_is_refused(db: Db) {
        let world = World::new(db).await;
        let (revoked, sound) = (world.prescriber("revoked").await, world.prescriber("sound").await);
        let request = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };
        world.client.revoke(&revoked.serial, &request).await.unwrap();
        world.authority.make_due_crls().await;
        let bundle = Bundle::of(&world, &revoked, "remote-signing").await;
        let list = ["crl", "-in", "remote-signing.crl.pem", "-CAfile", "issuer.pem", "-noout", "-text"];
        let text = bundle.must("openssl", &list);
        assert!(text.contains("verify OK") && text.contains("Key Compromise"), "{text}");
        let root = bundle.must("openssl", &["crl", "-in", "root.crl.pem", "-CAfile", "root.pem", "-noout"]);
        assert!(root.contains("verify OK"), "{root}");
        let (well, said) = bundle.openssl_verify("any");
        assert!(!well && said.contains("certificate revoked"), "{said}");
        let (well, said) = Bundle::of(&world, &sound, "remote-signing").await.openssl_verify("any");
        assert!(well, "{said}");
        let read = bundle.must("certtool", &["--crl-info", "--infile", "remote-signing.crl.pem"]);
        assert!(read.contains("Revoked certificates (1)"), "{read}");
    }
}
