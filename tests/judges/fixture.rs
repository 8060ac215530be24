//! A small PKI made by openssl, and signatures by pyHanko: objects that are not ours, to try the judges with.

use std::process::Command;

use crate::{
    bench::{Bench, beside, run, setting},
    evidence::{Content, Path, Signed},
};

/// The objects, all in DER.
pub(crate) struct Fixture {
    pub(crate) path: Path,
    /// The same path with a CRL that lists the leaf.
    pub(crate) revoked: Path,
    /// A leaf of the same issuer that breaks RFC 5280.
    pub(crate) wrong: Vec<u8>,
    pub(crate) attached: Signed,
    pub(crate) detached: Signed,
}

/// Makes the PKI in a folder of its own, and signs.
pub(crate) fn make() -> Fixture {
    let bench = Bench::new();
    std::fs::copy(beside("openssl.cnf"), bench.folder().join("openssl.cnf"))
        .expect("the configuration can be copied");
    for authority in ["root", "issuing"] {
        bench.file(&format!("{authority}.index"), "");
        bench.file(&format!("{authority}.crlnumber"), "1000");
        bench.file(&format!("{authority}.serial"), "1F00000000000000A1");
    }
    let make = |authority: &str, line: &str| openssl(&bench, authority, line);
    for (name, curve) in [("root", "secp384r1"), ("issuing", "prime256v1"), ("leaf", "prime256v1")] {
        make(name, &format!("ecparam -genkey -noout -name {curve} -out {name}.key"));
    }
    make(
        "root",
        "req -x509 -new -key root.key -subj /C=GB/CN=root -days 3650 -extensions root -out root.pem -sha384",
    );
    certify(&bench, "root", "issuing", "issuing");
    certify(&bench, "issuing", "leaf", "leaf");
    std::fs::copy(bench.folder().join("leaf.key"), bench.folder().join("wrong.key"))
        .expect("a key can be copied");
    certify(&bench, "issuing", "wrong", "wrong");
    let crl = |authority: &str| {
        make(authority, "ca -gencrl -out crl.pem");
        make(authority, "crl -in crl.pem -outform DER -out out.der");
        read(&bench, "out.der")
    };
    let (root_crl, issuing_crl) = (crl("root"), crl("issuing"));
    make("issuing", "ca -revoke leaf.pem");
    let revoking_crl = crl("issuing");
    let certificate = |name: &str| {
        make("root", &format!("x509 -in {name}.pem -outform DER -out out.der"));
        read(&bench, "out.der")
    };
    let path = Path {
        root: certificate("root"),
        intermediates: vec![certificate("issuing")],
        leaf: certificate("leaf"),
        crls: vec![root_crl.clone(), issuing_crl],
    };
    let content = b"a prescription\r\n".to_vec();
    Fixture {
        revoked: Path { crls: vec![root_crl, revoking_crl], ..path.clone() },
        wrong: certificate("wrong"),
        attached: sign(&bench, &path, Content::Inside(content.clone())),
        detached: sign(&bench, &path, Content::Beside(content)),
        path,
    }
}

/// Issues a certificate with the extensions of a section of the configuration.
fn certify(bench: &Bench, authority: &str, name: &str, extensions: &str) {
    openssl(bench, authority, &format!("req -new -key {name}.key -subj /C=GB/CN={name} -out {name}.csr"));
    openssl(
        bench,
        authority,
        &format!("ca -batch -notext -extensions {extensions} -in {name}.csr -out {name}.pem"),
    );
}

fn sign(bench: &Bench, path: &Path, content: Content) -> Signed {
    let (place, bytes) = match &content {
        Content::Inside(bytes) => ("inside", bytes),
        Content::Beside(bytes) => ("beside", bytes),
    };
    let file = |name: &str| bench.folder().join(name).into_os_string();
    let arguments = [
        beside("python/sign.py").into_os_string(),
        place.into(),
        bench.file("content", bytes).into_os_string(),
        file("leaf.key"),
        file("leaf.pem"),
        file("issuing.pem"),
        file("out.der"),
    ];
    run(setting("LANYARD_PYTHON"), arguments).expect("pyHanko signs");
    Signed { cms: read(bench, "out.der"), content, path: path.clone() }
}

fn openssl(bench: &Bench, authority: &str, line: &str) {
    let output = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(bench.folder())
        .env("OPENSSL_CONF", "openssl.cnf")
        .env("CA_NAME", authority)
        .output()
        .expect("openssl can be run");
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read(bench: &Bench, name: &str) -> Vec<u8> {
    std::fs::read(bench.folder().join(name)).expect("openssl wrote it")
}
