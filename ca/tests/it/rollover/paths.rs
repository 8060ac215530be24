//! What a new root's certificates lead to, judged by `pki`, OpenSSL and GnuTLS.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::Issued;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::{Decode as _, Encode as _};
use pki::path::{self, Policy};
use pki::{Certificate, Crl};
use platform::db::Db;
use tempfile::TempDir;

use super::{roll_over, roll_over_further};
use crate::world::{World, certificate, decoded};

/// A hierarchy whose root and whose remote signing authority were given new keys, with a certificate of before and after.
struct Rolled {
    world: World,
    old: Issued,
    new: Issued,
    /// The new root's key by the old root, and the old one's by the new.
    new_with_old: Certificate,
    old_with_new: Certificate,
    crls: Vec<Crl>,
}

impl Rolled {
    async fn new(db: Db) -> Rolled {
        let world = World::new(db).await;
        let old = world.prescriber("before").await;
        roll_over(&world, "root").await;
        roll_over(&world, "remote-signing").await;
        let new = world.prescriber("after").await;
        let cross = async |id: &str| {
            let issuer = world.client.issuer(id).await.unwrap();
            let [cross] = issuer.cross_certificates.try_into().unwrap();
            decoded(&cross)
        };
        let (new_with_old, old_with_new) = (cross("root-g2").await, cross("root").await);
        let mut crls = Vec::new();
        for id in ["root", "root-g2", "remote-signing", "remote-signing-g2"] {
            crls.push(world.crl(id).await);
        }
        Rolled { world, old, new, new_with_old, old_with_new, crls }
    }

    async fn root(&self, id: &str) -> Certificate {
        decoded(&self.world.client.issuer(id).await.unwrap().certificate)
    }
}

fn pem<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> String {
    certificates.into_iter().map(Certificate::to_pem).collect()
}

/// Whether a program is content, and what it said.
fn run(folder: &TempDir, program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// What `pki`, OpenSSL and GnuTLS say of a path from the leaf to the anchor, with every list.
fn judged(rolled: &Rolled, anchor: &Certificate, leaf: &Certificate, between: &[Certificate]) -> [bool; 3] {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("root.pem", pem([anchor]));
    write("leaf.pem", pem([leaf]));
    write("between.pem", pem(between));
    write("chain.pem", pem(std::iter::once(leaf).chain(between)));
    write("crls.pem", rolled.crls.iter().map(|crl| pki::to_pem("X509 CRL", crl.der())).collect());
    let now = rolled.world.clock.now().0;
    let anchors = std::slice::from_ref(anchor);
    let ours = path::check(leaf, between, anchors, &rolled.crls, now, &Policy::default()).is_ok();
    let openssl = [
        "verify",
        "-x509_strict",
        "-policy_check",
        "-crl_check_all",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "between.pem",
        "-CRLfile",
        "crls.pem",
        "leaf.pem",
    ];
    let (openssl, _) = run(&folder, "openssl", &openssl);
    let certtool =
        ["--verify", "--load-ca-certificate", "root.pem", "--load-crl", "crls.pem", "--infile", "chain.pem"];
    let (gnutls, _) = run(&folder, "certtool", &certtool);
    [ours, openssl, gnutls]
}

/// The certificates of a certs-only message.
fn bag(octets: &[u8]) -> Vec<Certificate> {
    let info = ContentInfo::from_der(octets).unwrap();
    let data: SignedData = info.content.decode_as().unwrap();
    let all = data.certificates.unwrap();
    all.0.iter().map(|one| Certificate::from_der(&one.to_der().unwrap()).unwrap()).collect()
}

platform::both_engines! {
    /// Who knows only one root finds a path to certificates below the other by the certificate across, and without it
    /// none; every judge agrees.
    async fn either_root_leads_to_both(db: Db) {
        let rolled = Rolled::new(db).await;
        let (first, second) = (rolled.root("root").await, rolled.root("root-g2").await);
        let (old, new) = (certificate(&rolled.old), certificate(&rolled.new));
        let (above_old, above_new) = (decoded(&rolled.old.chain[0]), decoded(&rolled.new.chain[0]));
        rolled.new_with_old.verify_signed_by(&first).unwrap();
        rolled.old_with_new.verify_signed_by(&second).unwrap();
        assert_eq!(rolled.new_with_old.spki_der(), second.spki_der());
        assert_eq!(rolled.old_with_new.spki_der(), first.spki_der());
        assert_eq!(rolled.new_with_old.basic_constraints().unwrap().path_length, Some(1));
        let cases = [
            ("old by old", &first, &old, vec![above_old.clone()], true),
            ("new by new", &second, &new, vec![above_new.clone()], true),
            ("new by old", &first, &new, vec![above_new.clone(), rolled.new_with_old.clone()], true),
            ("old by new", &second, &old, vec![above_old.clone(), rolled.old_with_new.clone()], true),
            ("new by old, nothing across", &first, &new, vec![above_new.clone()], false),
            ("old by new, nothing across", &second, &old, vec![above_old.clone()], false),
            ("new by old, across the wrong way", &first, &new, vec![above_new, rolled.old_with_new.clone()], false),
            ("old by new, across the wrong way", &second, &old, vec![above_old, rolled.new_with_old.clone()], false),
        ];
        for (what, anchor, leaf, between, good) in cases {
            assert_eq!(judged(&rolled, anchor, leaf, &between), [good; 3], "{what}: ours, OpenSSL, GnuTLS");
        }
    }

    /// The certificates across are published beside their root, and a later root's certificates say where; the bag is
    /// read by OpenSSL as it is by us.
    async fn the_bag_of_a_root_is_published(db: Db) {
        let rolled = Rolled::new(db).await;
        let second = rolled.root("root-g2").await;
        let (parts, octets) = rolled.world.get("/aia/root-g2.p7c", &[]).await;
        assert_eq!((parts.status.as_u16(), parts.headers["content-type"].to_str().unwrap()), (200, "application/pkcs7-mime; smime-type=certs-only"));
        let mut all = bag(&octets);
        all.sort_by_key(|one| one.der() != second.der());
        assert_eq!(all, [second, rolled.new_with_old.clone()]);
        let (_, first) = rolled.world.get("/aia/root.p7c", &[]).await;
        assert!(bag(&first).contains(&rolled.old_with_new));
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("root.p7c"), &octets).unwrap();
        let (well, said) = run(&folder, "openssl", &["pkcs7", "-inform", "DER", "-in", "root.p7c", "-print_certs", "-noout"]);
        assert!(well && said.matches("subject=").count() == 2, "{said}");
        let above = decoded(&rolled.new.chain[0]);
        let text = String::from_utf8_lossy(above.der()).into_owned();
        assert!(text.contains("http://pki.example/aia/root-g2.p7c"), "where its issuer is found");
        let etag = parts.headers["etag"].to_str().unwrap();
        assert_eq!(rolled.world.get("/aia/root-g2.p7c", &[("if-none-match", etag)]).await.0.status, 304);
        assert_eq!(rolled.world.get("/aia/nobody.p7c", &[]).await.0.status, 404);
    }

    /// A third root is certified across with both before it, each way.
    async fn three_roots_certify_each_other(db: Db) {
        let world = World::new(db).await;
        roll_over(&world, "root").await;
        let third = roll_over_further(&world, "root", 3).await;
        assert_eq!(third.issuer, "root-g3");
        let issuers = world.client.issuers().await.unwrap();
        let roots: Vec<_> = issuers.iter().filter(|it| it.id.starts_with("root")).collect();
        assert_eq!(roots.len(), 3);
        for root in &roots {
            assert_eq!(root.cross_certificates.len(), 2, "{}", root.id);
            for cross in &root.cross_certificates {
                let cross = decoded(cross);
                assert_eq!(cross.spki_der(), decoded(&root.certificate).spki_der());
                let by = roots.iter().filter(|other| cross.verify_signed_by(&decoded(&other.certificate)).is_ok());
                assert_eq!(by.count(), 1, "one other root signed it");
            }
        }
        assert_eq!(STANDARD.decode(&roots[2].certificate).unwrap(), decoded(&third.certificate.unwrap()).der());
    }
}
