//! What EST and CMP give to other people's programs, put before every judge, with the certificate that signs CMP answers.

use std::path::{Path as FilePath, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use lanyard::keypair::Pair;
use pki::Certificate;

use crate::{
    PATH,
    bench::{Bench, run},
    evidence::Path,
    pkilint,
    server::Running,
};

/// The name that the demo's system has.
const SYSTEM: &str = "prescribing-system";

/// A system of the demo with a key for what it asks for.
struct Client {
    server: Running,
    bench: Bench,
    pair: Pair,
    key: PathBuf,
}

fn text(path: &FilePath) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

impl Client {
    fn start() -> Client {
        let server = Running::start();
        let pair = Pair::in_folder(&server.folder().join("clients"), SYSTEM);
        let bench = Bench::new();
        let key = bench.folder().join("new.key");
        let curve =
            ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", text(&key)];
        run("openssl", curve).expect("openssl makes a key");
        Client { server, bench, pair, key }
    }

    fn root(&self) -> PathBuf {
        self.server.folder().join("clients/root.pem")
    }

    /// A certificate by `openssl cmp`, and the one that signed the answer.
    fn by_cmp(&self) -> [Certificate; 2] {
        let (leaf, beside) = (self.bench.folder().join("cmp.pem"), self.bench.folder().join("beside.pem"));
        let (server, root) = (self.server.https_address(), self.root());
        let fixed =
            "cmp -config  -cmd cr -path .well-known/cmp -tls_used -recipient /CN=any -implicit_confirm";
        let subject = format!("/CN={SYSTEM}");
        let named = [
            ("-server", server.as_str()),
            ("-tls_trusted", text(&root)),
            ("-trusted", text(&root)),
            ("-cert", text(&self.pair.certificate)),
            ("-key", text(&self.pair.key)),
            ("-newkey", text(&self.key)),
            ("-subject", &subject),
            ("-certout", text(&leaf)),
            ("-extracertsout", text(&beside)),
        ];
        let named = named.iter().flat_map(|(name, value)| [*name, *value]);
        run("openssl", fixed.split(' ').chain(named)).expect("openssl gets a certificate by CMP");
        let read = |file| {
            let pem = std::fs::read_to_string(file).expect("openssl wrote it");
            Certificate::chain_from_pem(&pem).expect("they are certificates")
        };
        let signer = read(beside).into_iter().find(|it| it.common_name().as_deref() == Some("CMP responder"));
        [read(leaf).remove(0), signer.expect("the signer's certificate comes along")]
    }

    /// A certificate by curl and openssl.
    fn by_est(&self) -> Certificate {
        let folder = self.bench.folder();
        let [request, encoded, answer] = ["est.csr", "est.b64", "est.answer"].map(|name| folder.join(name));
        let subject = format!("/CN={SYSTEM}");
        let asked = ["req", "-new", "-key", text(&self.key), "-subj", &subject, "-outform", "DER", "-out"];
        run("openssl", asked.into_iter().chain([text(&request)])).expect("openssl makes a request");
        run("openssl", ["base64", "-in", text(&request), "-out", text(&encoded)])
            .expect("openssl encodes it");
        let url = format!("{}/.well-known/est/simpleenroll", self.server.systems_url());
        let (body, root) = (format!("@{}", text(&encoded)), self.root());
        let fixed =
            ["-sSf", "-H", "Content-Type: application/pkcs10", "--data-binary", &body, "-o", text(&answer)];
        let named =
            ["--cacert", text(&root), "--cert", text(&self.pair.certificate), "--key", text(&self.pair.key)];
        run("curl", fixed.into_iter().chain(named).chain([url.as_str()])).expect("curl gets an answer");
        let answer = std::fs::read_to_string(answer).expect("curl wrote it").replace(['\n', '\r'], "");
        let bag = self.bench.file("est.p7", STANDARD.decode(answer).expect("an answer is base64"));
        let printed = run("openssl", ["pkcs7", "-inform", "DER", "-in", text(&bag), "-print_certs"]);
        Certificate::from_pem(&printed.expect("openssl reads the answer").out).expect("it has a certificate")
    }
}

/// Certificates that came by EST and by CMP, and the certificate of the CMP responder, are accepted by every judge of paths
/// and by pkilint.
#[tokio::test(flavor = "multi_thread")]
async fn what_enrolment_gives_is_accepted() {
    platform::tls::install_crypto_provider();
    let client = Client::start();
    let [by_cmp, responder] = client.by_cmp();
    assert_eq!(responder.common_name().as_deref(), Some("CMP responder"));
    // id-kp-cmcCA, RFC 6402 2.10.
    let purposes = responder.extended_key_usage().unwrap_or_default().iter().map(ToString::to_string);
    assert_eq!(purposes.collect::<Vec<_>>(), ["1.3.6.1.5.5.7.3.27"]);
    let by_est = client.by_est();
    for certificate in [&by_cmp, &by_est] {
        assert_eq!(certificate.common_name().as_deref(), Some(SYSTEM));
    }
    let root = std::fs::read_to_string(client.root()).expect("the demo left it");
    let root = Certificate::from_pem(&root).expect("it is a certificate").der().to_vec();
    let issuer = client.server.plain("/aia/systems.cer").await;
    let crls =
        vec![client.server.plain("/crl/root.crl").await, client.server.plain("/crl/systems.crl").await];
    let mut refusals = Vec::new();
    for (what, leaf) in [("by CMP", by_cmp), ("by EST", by_est), ("the CMP responder", responder)] {
        let (root, intermediates, crls) = (root.clone(), vec![issuer.clone()], crls.clone());
        let path = Path { root, intermediates, leaf: leaf.der().to_vec(), crls };
        for (judge, accepts) in PATH {
            refusals.extend(accepts(&path).err().map(|reason| format!("{judge}, {what}: {reason}")));
        }
        refusals
            .extend(pkilint::accepts_path(&path).err().map(|reason| format!("pkilint, {what}: {reason}")));
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}
