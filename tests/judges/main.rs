//! Outside judges: OpenSSL, GnuTLS, Bouncy Castle, pkilint, pyHanko and Schemathesis say what they think of what we make.
//!
//! A judge that accepts everything proves nothing, so each is first given objects that it must refuse.

mod bench;
mod bouncy;
mod clinicians;
mod csc_client;
mod ended;
mod enrolled;
mod entries;
mod evidence;
mod fixture;
mod gnutls;
mod lists;
mod ocsp;
mod openssl;
mod ours;
mod pkilint;
mod post_quantum;
mod pyhanko;
mod rollover;
mod schemathesis;
mod server;
mod sign_in;
mod stamps;
#[path = "../workstation/mod.rs"]
mod workstation;

use evidence::{Content, Path, Signed, Verdict};

type PathJudge = fn(&Path) -> Verdict;
type CmsJudge = fn(&Signed) -> Verdict;
type CrlJudge = fn(&[u8], &[u8]) -> Verdict;

/// The judges that check a path with its CRLs.
const PATH: [(&str, PathJudge); 3] = [
    ("openssl", openssl::accepts_path),
    ("gnutls", gnutls::accepts_path),
    ("bouncy castle", bouncy::accepts_path),
];

/// The judges that check a signature, and whether they see the CRLs.
const CMS: [(&str, CmsJudge, bool); 4] = [
    ("openssl", openssl::accepts_cms, true),
    ("gnutls", gnutls::accepts_cms, false),
    ("bouncy castle", bouncy::accepts_cms, true),
    ("pyhanko", pyhanko::accepts_cms, true),
];

/// The judges that check a CRL against its issuer.
const CRL: [(&str, CrlJudge); 3] = [
    ("openssl", openssl::accepts_crl),
    ("gnutls", gnutls::accepts_crl),
    ("bouncy castle", bouncy::accepts_crl),
];

/// The bytes with one bit of the last one turned, which is in the signature.
fn tampered(der: &[u8]) -> Vec<u8> {
    let mut der = der.to_vec();
    *der.last_mut().expect("it is not empty") ^= 1;
    der
}

fn refused(judge: &str, what: &str, verdict: &Verdict) {
    assert!(verdict.is_err(), "{judge} accepted {what}");
}

/// Every judge of paths accepts a good one, and refuses a changed certificate, a foreign root, a revoked leaf and a
/// path without CRLs where it demands them.
#[test]
fn judges_of_paths_can_refuse() {
    let good = fixture::make();
    let other = fixture::make();
    for (name, judge) in PATH {
        judge(&good.path).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        refused(
            name,
            "a changed certificate",
            &judge(&Path { leaf: tampered(&good.path.leaf), ..good.path.clone() }),
        );
        refused(name, "a foreign root", &judge(&Path { root: other.path.root.clone(), ..good.path.clone() }));
        refused(name, "a revoked certificate", &judge(&good.revoked));
    }
    pkilint::accepts_path(&good.path).unwrap();
    refused(
        "pkilint",
        "a certificate that breaks RFC 5280",
        &pkilint::accepts_path(&Path { leaf: good.wrong, ..good.path }),
    );
}

/// Every judge of CRLs accepts a good one, and refuses a changed one and one of another issuer.
#[test]
fn judges_of_crls_can_refuse() {
    let Path { root, intermediates, crls, .. } = fixture::make().path;
    for (name, judge) in CRL {
        judge(&crls[1], &intermediates[0]).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        refused(name, "a changed CRL", &judge(&tampered(&crls[1]), &intermediates[0]));
        refused(name, "a CRL of another issuer", &judge(&crls[1], &root));
    }
    pkilint::accepts_crl(&crls[1]).unwrap();
    refused("pkilint", "a certificate in place of a CRL", &pkilint::accepts_crl(&root));
}

/// Every judge of signatures accepts good ones, and refuses other content, a changed signature, a foreign root and a
/// signer that is revoked.
#[test]
fn judges_of_signatures_can_refuse() {
    let good = fixture::make();
    let other = fixture::make();
    for (name, judge, sees_crls) in CMS {
        for signed in [&good.attached, &good.detached] {
            judge(signed).unwrap_or_else(|reason| panic!("{name}: {reason}"));
            refused(
                name,
                "a changed signature",
                &judge(&Signed { cms: tampered(&signed.cms), ..signed.clone() }),
            );
            let foreign = Path { root: other.path.root.clone(), ..signed.path.clone() };
            refused(name, "a foreign root", &judge(&Signed { path: foreign, ..signed.clone() }));
            let revoked = judge(&Signed { path: good.revoked.clone(), ..signed.clone() });
            assert_eq!(revoked.is_err(), sees_crls, "{name} on a revoked signer: {revoked:?}");
        }
        let content = Content::Beside(b"another prescription".to_vec());
        refused(name, "other content", &judge(&Signed { content, ..good.detached.clone() }));
    }
}
