//! Enrolment as other people's programs do it: `openssl cmp` for CMP, `curl` with `openssl` for EST.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ca::api::{CertificateInfo, CertificateState};
use pki::{AlternativeName, Certificate};

use crate::rig::{Demo, PATIENCE, Serving, Site, free_ports};

/// The name that the demo's system has.
const SYSTEM: &str = "prescribing-system";

/// A client of the demo: the files it keeps and the programs it runs.
struct Client {
    site: Site,
}

impl Client {
    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.join(name)
    }

    /// Runs a program and answers what it said, and whether it ended well.
    fn run(program: &str, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program).args(arguments).output().unwrap();
        (output.status.success(), crate::rig::said(&output))
    }

    /// Runs a program that must end well.
    fn must(program: &str, arguments: &[&str]) -> String {
        let (good, said) = Client::run(program, arguments);
        assert!(good, "{program} {}: {said}", arguments.join(" "));
        said
    }

    fn key(&self, name: &str) -> PathBuf {
        let file = self.file(name);
        let out = file.to_str().unwrap();
        Client::must(
            "openssl",
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", out],
        );
        file
    }

    /// A PKCS#10 request for a key.
    fn request(&self, name: &str, key: &Path, subject: &str) -> PathBuf {
        let file = self.file(name);
        let arguments = ["req", "-new", "-key", key.to_str().unwrap(), "-subj", subject, "-outform", "DER"];
        Client::must("openssl", &[&arguments[..], &["-out", file.to_str().unwrap()]].concat());
        file
    }

    /// One exchange of CMP by `openssl cmp`, signed with the key of a certificate.
    fn cmp(&self, signer: (&Path, &Path), more: &[&str]) -> (bool, String) {
        let root = self.site.root();
        let (root, server) = (root.to_str().unwrap(), format!("localhost:{}", self.site.base));
        let (certificate, key) = (signer.0.to_str().unwrap(), signer.1.to_str().unwrap());
        let common = [
            "cmp",
            "-config",
            "",
            "-server",
            &server,
            "-path",
            ".well-known/cmp",
            "-tls_used",
            "-tls_trusted",
            root,
            "-trusted",
            root,
            "-cert",
            certificate,
            "-key",
            key,
            "-recipient",
            "/CN=any",
            "-total_timeout",
            "60",
        ];
        Client::run("openssl", &[&common[..], more].concat())
    }

    /// The same, which must give a certificate.
    fn cmp_gives(&self, signer: (&Path, &Path), name: &str, more: &[&str]) -> Certificate {
        let out = self.file(name);
        let root = self.site.root();
        let arguments = ["-certout", out.to_str().unwrap(), "-out_trusted", root.to_str().unwrap()];
        let (good, said) = self.cmp(signer, &[more, &arguments[..]].concat());
        assert!(good, "{more:?}: {said}");
        Certificate::from_pem(&std::fs::read_to_string(out).unwrap()).unwrap()
    }

    /// Posts a PKCS#10 request by curl, as a certificate; answers the status.
    fn est(&self, path: &str, pair: (&Path, &Path), request: &Path, out: &Path) -> String {
        let encoded = out.with_extension("b64");
        Client::must(
            "openssl",
            &["base64", "-in", request.to_str().unwrap(), "-out", encoded.to_str().unwrap()],
        );
        let url = format!("https://localhost:{}/.well-known/est{path}", self.site.base + 1);
        let body = format!("@{}", encoded.display());
        let root = self.site.root();
        Client::must(
            "curl",
            &[
                "-sS",
                "--cacert",
                root.to_str().unwrap(),
                "--cert",
                pair.0.to_str().unwrap(),
                "--key",
                pair.1.to_str().unwrap(),
                "-H",
                "Content-Type: application/pkcs10",
                "--data-binary",
                &body,
                "-o",
                out.to_str().unwrap(),
                "-w",
                "%{http_code}",
                &url,
            ],
        )
    }

    /// The certificates of a certs-only answer, as openssl prints them.
    fn printed(answer: &Path) -> Vec<Certificate> {
        let der = answer.with_extension("p7");
        let (answer, der) = (answer.to_str().unwrap(), der.to_str().unwrap());
        Client::must("openssl", &["base64", "-d", "-in", answer, "-out", der]);
        let text = Client::must("openssl", &["pkcs7", "-inform", "DER", "-in", der, "-print_certs"]);
        Certificate::chain_from_pem(&text).unwrap()
    }

    async fn state(&self, certificate: &Certificate) -> CertificateState {
        let path = format!("/ca/certificates/{}", certificate.serial());
        let info: CertificateInfo = self.site.systems(&self.site.desk()).get(&path).await.unwrap();
        info.state
    }
}

/// A system of the demo enrols, renews and revokes by CMP with openssl as client, and by EST with curl; openssl verifies
/// what it got, and is refused what it may not have.
#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_programs_enrol() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let _demo = Demo::start(&site.folder, site.base);
    let client = Client { site };
    by_cmp(&client).await;
    by_est(&client).await;
}

/// A certificate that was given and never confirmed is revoked after its time, though the server was killed in between; a
/// confirmed one stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_still_revokes_what_nobody_confirmed() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    Demo::run_once(&site.folder, site.base);
    let file = site.folder.join("lanyard.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text
        .replace("[ca]\n", "[ca]\nschedule_seconds = 1\n")
        .replace("[ca.enrol]\n", "[ca.enrol]\nconfirm_within_seconds = 3\n");
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    let client = Client { site };
    let serving = Serving::spawn(&client.site);
    client.site.private("/ready", 200).await;
    let pair = client.site.system();
    let signer = (pair.certificate.as_path(), pair.key.as_path());
    let (key, name) = (client.key("cmp.key"), format!("/CN={SYSTEM}"));
    let wanted = ["-cmd", "ir", "-newkey", key.to_str().unwrap(), "-subject", &name];
    let confirmed = client.cmp_gives(signer, "kept.pem", &wanted);
    let unconfirmed = client.cmp_gives(signer, "lost.pem", &[&wanted[..], &["-disable_confirm"]].concat());
    serving.kill();
    let _serving = Serving::spawn(&client.site);
    client.site.private("/ready", 200).await;
    let deadline = Instant::now() + PATIENCE;
    while client.state(&unconfirmed).await != CertificateState::Revoked {
        assert!(Instant::now() < deadline, "it was never revoked");
        tokio::task::yield_now().await;
    }
    assert_eq!(client.state(&confirmed).await, CertificateState::Issued);
}

/// A server's certificate that is in force stays, and gives way to another one where it lacks a host name.
#[tokio::test(flavor = "multi_thread")]
async fn a_further_host_name_gives_another_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let out = dir.path().join("tls");
    let enrol = |more: &[&str]| {
        let arguments = ["enrol", "--kind", "server", "a.example", "--out", out.to_str().unwrap()];
        let told = site.run(&[&arguments[..], more].concat());
        let pem = std::fs::read_to_string(out.join("a.example.pem")).unwrap();
        (told, Certificate::from_pem(&pem).unwrap())
    };
    let (_, first) = enrol(&[]);
    let (told, same) = enrol(&["--dns", "A.example"]);
    assert!(told.contains("nothing to do") && same == first, "{told}");
    let (told, both) = enrol(&["--dns", "b.example"]);
    assert!(told.contains("issued certificate"), "{told}");
    let names = ["a.example", "b.example"].map(|name| AlternativeName::Dns(name.to_owned()));
    assert_eq!(both.subject_alternative_names(), names);
    let (told, same) = enrol(&["--dns", "b.example"]);
    assert!(told.contains("nothing to do") && same == both, "{told}");
}

async fn by_cmp(client: &Client) {
    let pair = client.site.system();
    let signer = (pair.certificate.as_path(), pair.key.as_path());
    let key = client.key("cmp.key");
    let (new_key, name) = (key.to_str().unwrap(), format!("/CN={SYSTEM}"));
    let wanted = ["-newkey", new_key, "-subject", &name];
    let initial = client.cmp_gives(signer, "ir.pem", &[&["-cmd", "ir"], &wanted[..]].concat());
    assert_eq!(initial.common_name().as_deref(), Some(SYSTEM));
    let implicit = ["-cmd", "cr", "-implicit_confirm"];
    let further = client.cmp_gives(signer, "cr.pem", &[&implicit[..], &wanted[..]].concat());
    assert_ne!(initial.serial(), further.serial());
    let request = client.request("p10.csr", &key, &name);
    let p10 = ["-cmd", "p10cr", "-csr", request.to_str().unwrap()];
    let p10 = client.cmp_gives(signer, "p10.pem", &p10);
    let renewed = {
        let (certificate, next) = (client.file("ir.pem"), client.key("next.key"));
        let arguments = ["-cmd", "kur", "-newkey", next.to_str().unwrap()];
        client.cmp_gives((&certificate, &key), "kur.pem", &arguments)
    };
    assert_eq!(renewed.subject(), initial.subject());
    let (good, said) = client.cmp(signer, &["-cmd", "genm", "-infotype", "caCerts"]);
    assert!(good, "{said}");
    let revoked = client.file("p10.pem");
    let revocation = ["-cmd", "rr", "-oldcert", revoked.to_str().unwrap(), "-revreason"];
    let (good, said) = client.cmp(signer, &[&revocation[..], &["4"]].concat());
    assert!(good, "{said}");
    assert_eq!(client.state(&p10).await, CertificateState::Revoked);
    let (good, said) = client.cmp(signer, &[&revocation[..], &["3"]].concat());
    assert!(!good && said.contains("certRevoked"), "{said}");
    let nothing = client.file("nothing.pem");
    let refused = ["-cmd", "cr", "-certout", nothing.to_str().unwrap()];
    let desk = ["-newkey", new_key, "-subject", "/CN=registration-desk"];
    let (good, said) = client.cmp(signer, &[&refused[..], &desk[..]].concat());
    assert!(!good && said.contains("notAuthorized"), "{said}");
    let (good, said) = client.cmp(signer, &[&refused[..], &["-popo", "0"], &wanted[..]].concat());
    assert!(!good && said.contains("badPOP"), "{said}");
    assert!(!nothing.exists());
    for certificate in [&initial, &further, &renewed] {
        assert_eq!(client.state(certificate).await, CertificateState::Issued);
    }
}

async fn by_est(client: &Client) {
    let pair = client.site.system();
    let pair = (pair.certificate.as_path(), pair.key.as_path());
    let key = client.key("est.key");
    let request = client.request("est.csr", &key, &format!("/CN={SYSTEM}"));
    let answer = client.file("est.answer");
    assert_eq!(client.est("/simpleenroll", pair, &request, &answer), "200");
    let enrolled = Client::printed(&answer);
    assert_eq!((enrolled.len(), enrolled[0].common_name().as_deref()), (1, Some(SYSTEM)));
    assert_eq!(client.est("/systems/simpleenroll", pair, &request, &answer), "200");
    assert_eq!(Client::printed(&answer), enrolled, "the same request has the same certificate");

    let certificate = client.file("est.pem");
    std::fs::write(&certificate, enrolled[0].to_pem()).unwrap();
    let next = client.key("est-next.key");
    let renewal = client.request("renewal.csr", &next, &format!("/OU=Systems/CN={SYSTEM}"));
    assert_eq!(client.est("/simplereenroll", (&certificate, &key), &renewal, &answer), "200");
    let renewed = Client::printed(&answer);
    assert_eq!(renewed[0].subject(), enrolled[0].subject());
    assert_ne!(renewed[0].spki_der(), enrolled[0].spki_der());

    let foreign = client.request("foreign.csr", &key, "/CN=registration-desk");
    assert_eq!(client.est("/simpleenroll", pair, &foreign, &answer), "403");
    assert_eq!(client.est("/nowhere/simpleenroll", pair, &request, &answer), "404");
    let authorities = format!("https://localhost:{}/.well-known/est/cacerts", client.site.base);
    let (root, out) = (client.site.root(), answer.to_str().unwrap());
    Client::must("curl", &["-sSf", "--cacert", root.to_str().unwrap(), "-o", out, &authorities]);
    let chain = Client::printed(&answer);
    assert!(chain.iter().any(Certificate::is_self_issued) && chain.len() == 2, "{chain:?}");
    verified(client, &chain, &renewed[0]);
    assert_eq!(client.state(&renewed[0]).await, CertificateState::Issued);
    attributes_by_est(client);
}

/// What a request should hold, over TLS: base64 of a sequence, which OpenSSL reads.
fn attributes_by_est(client: &Client) {
    let url = format!("https://localhost:{}/.well-known/est/csrattrs", client.site.base);
    let (root, text, der) = (client.site.root(), client.file("csrattrs.b64"), client.file("csrattrs.der"));
    let (text, der) = (text.to_str().unwrap(), der.to_str().unwrap());
    Client::must("curl", &["-sSf", "--cacert", root.to_str().unwrap(), "-o", text, &url]);
    Client::must("openssl", &["base64", "-d", "-in", text, "-out", der]);
    let read = Client::must("openssl", &["asn1parse", "-inform", "DER", "-in", der]);
    assert!(read.contains("SEQUENCE"), "{read}");
}

/// What came by EST is good to openssl with what came by EST.
fn verified(client: &Client, chain: &[Certificate], leaf: &Certificate) {
    let (root, between): (Vec<_>, Vec<_>) = chain.iter().partition(|it| it.is_self_issued());
    let files = [("root.cer", root[0]), ("between.cer", between[0]), ("leaf.cer", leaf)].map(|(name, it)| {
        let file = client.file(name);
        std::fs::write(&file, it.to_pem()).unwrap();
        file
    });
    let [root, between, leaf] = files.each_ref().map(|file| file.to_str().unwrap());
    let arguments =
        ["verify", "-x509_strict", "-CAfile", root, "-untrusted", between, "-purpose", "sslclient", leaf];
    Client::must("openssl", &arguments);
}
