//! First certificates by `openssl cmp`: with a shared secret, and with the certificate that a maker gave a device.

use std::path::{Path, PathBuf};
use std::process::Command;

use pki::Certificate;

use crate::rig::{Serving, Site, lanyard, said};

/// A road for the devices of a maker, written into the demo's configuration.
const DEVICES: &str = "[ca.enrol.roads.devices]\nprofile = \"device-tls-client\"\nprotocols = [\"cmp\"]\n\n\
    [ca.enrol.roads.devices.vendors]\nroots = \"maker.pem\"\ndevices = [\"lab-*\"]\n\n[ca.enrol.roads.systems]";

/// Somebody with `openssl` and what an operator gave them.
struct Client {
    site: Site,
}

impl Client {
    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.join(name)
    }

    fn openssl(&self, line: &str, more: &[&str]) -> (bool, String) {
        let output =
            Command::new("openssl").args(line.split(' ')).args(more).current_dir(&self.site.folder).output();
        let output = output.unwrap();
        (output.status.success(), said(&output))
    }

    fn must(&self, line: &str, more: &[&str]) -> String {
        let (good, said) = self.openssl(line, more);
        assert!(good, "openssl {line}: {said}");
        said
    }

    fn key(&self, name: &str) {
        self.must(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}"), &[]);
    }

    /// One exchange on a road, protected as the options say.
    fn cmp(&self, road: &str, protection: &[&str], more: &str) -> (bool, String) {
        let root = self.site.root();
        let root = root.to_str().unwrap();
        let line = format!(
            "cmp -config  -server localhost:{} -path .well-known/cmp/p/{road} -tls_used -tls_trusted {root} \
             -trusted {root} -recipient /CN=any -total_timeout 60 {more}",
            self.site.base
        );
        self.openssl(&line, protection)
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate::from_pem(&std::fs::read_to_string(self.file(name)).unwrap()).unwrap()
    }

    /// `lanyard ca secrets` as the registration desk.
    fn secrets(&self, arguments: &[&str]) -> String {
        let (desk, root) = (self.site.desk(), self.site.root());
        let server = format!("https://localhost:{}", self.site.base + 1);
        let common = [
            "--server",
            &server,
            "--certificate",
            desk.certificate.to_str().unwrap(),
            "--key",
            desk.key.to_str().unwrap(),
            "--root",
            root.to_str().unwrap(),
        ];
        let output = lanyard(&[&["ca", "secrets", arguments[0]], &common[..], &arguments[1..]].concat());
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    /// A new secret for a client on the road of systems: its reference and itself.
    fn secret(&self, client: &str) -> (String, String) {
        let told = self.secrets(&["add", "--road", "systems", client]);
        let after = |name: &str| {
            let line =
                told.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{told}"));
            line.trim().to_owned()
        };
        (after("reference "), after("secret "))
    }
}

/// A client has its first certificate by a shared secret and a device by its maker's certificate, with `openssl cmp` on the
/// other side; openssl refuses nothing of the answers, and gets nothing that is not theirs.
#[tokio::test(flavor = "multi_thread")]
async fn openssl_asks_for_first_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    site.configure("[ca.enrol.roads.systems]", DEVICES);
    let client = Client { site };
    maker(&client);
    let _serving = Serving::spawn(&client.site);
    client.site.private("/ready", 200).await;
    by_secret(&client);
    by_maker(&client);
}

fn by_secret(client: &Client) {
    client.key("new.key");
    let (reference, secret) = client.secret("new-system");
    let pass = format!("pass:{secret}");
    let by = |reference: &str, pass: &str, mac: &str| {
        ["-ref", reference, "-secret", pass, "-mac", mac, "-digest", "sha256"].map(str::to_owned)
    };
    let ask = |by: &[String; 8], more: &str| {
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        client.cmp("systems", &by, &format!("-newkey new.key -certout new.pem {more}"))
    };
    let good = by(&reference, &pass, "hmacWithSHA256");
    let named = "-cmd ir -subject /CN=new-system";
    for (by, more, sentence) in [
        (by(&reference, "pass:guess", "hmacWithSHA256"), named, "badMessageCheck"),
        (by("nobody", &pass, "hmacWithSHA256"), named, "badMessageCheck"),
        (by(&reference, &pass, "hmac-sha1"), named, "badAlg"),
        (good.clone(), "-cmd ir -subject /CN=registration-desk", "notAuthorized"),
        (good.clone(), "-cmd cr -subject /CN=new-system", "wrongIntegrity"),
    ] {
        let (done, said) = ask(&by, more);
        assert!(!done && said.contains(sentence), "{sentence}: {said}");
        assert!(!client.file("new.pem").exists());
    }
    let (done, said) = ask(&good, &format!("{named} -cacertsout root-by-secret.pem"));
    assert!(done, "{said}");
    let certificate = client.certificate("new.pem");
    assert_eq!(certificate.common_name().as_deref(), Some("new-system"));
    let root = Certificate::from_pem(&std::fs::read_to_string(client.site.root()).unwrap()).unwrap();
    assert_eq!(client.certificate("root-by-secret.pem"), root, "who has but a secret is given the root");
    std::fs::remove_file(client.file("new.pem")).unwrap();
    let (done, said) = ask(&good, named);
    assert!(!done && said.contains("notAuthorized"), "{said}");
    let (other, _) = client.secret("other-system");
    client.secrets(&["end", &other]);
    let list = client.secrets(&["list"]);
    assert!(list.contains(&format!("{reference}  systems  new-system  0 left")), "{list}");
    assert!(list.contains(&format!("{other}  systems  other-system  ended")), "{list}");
    assert!(!list.contains(&secret), "{list}");
}

/// A maker's root, and a device that it certified.
fn maker(client: &Client) {
    client.key("maker.key");
    client.must("req -x509 -new -key maker.key -subj /CN=Maker -days 3650 -out maker.pem", &[]);
    for (name, subject) in
        [("device", "/O=Maker/serialNumber=lab-17"), ("stray", "/O=Maker/serialNumber=sn-9")]
    {
        client.key(&format!("{name}.key"));
        client.must(&format!("req -new -key {name}.key -subj {subject} -out {name}.csr"), &[]);
        let line = format!(
            "x509 -req -in {name}.csr -CA maker.pem -CAkey maker.key -set_serial 7 -days 3650 -out {name}.pem \
             -extfile usage.cnf"
        );
        std::fs::write(client.file("usage.cnf"), "keyUsage = critical, digitalSignature\n").unwrap();
        client.must(&line, &[]);
    }
}

fn by_maker(client: &Client) {
    client.key("device-new.key");
    let ask = |road: &str, device: &str, more: &str| {
        let (certificate, key) = (format!("{device}.pem"), format!("{device}.key"));
        let by = ["-cert", certificate.as_str(), "-key", key.as_str(), "-extracerts", "maker.pem"];
        client.cmp(road, &by, &format!("-newkey device-new.key -certout device-new.pem {more}"))
    };
    for (road, device, more, sentence) in [
        ("devices", "stray", "-cmd ir -subject /CN=sn-9", "signerNotTrusted"),
        ("systems", "device", "-cmd ir -subject /CN=lab-17", "signerNotTrusted"),
        ("devices", "device", "-cmd ir -subject /CN=lab-18", "notAuthorized"),
        ("devices", "device", "-cmd cr -subject /CN=lab-17", "wrongIntegrity"),
    ] {
        let (done, said) = ask(road, device, more);
        assert!(!done && said.contains(sentence), "{sentence}: {said}");
        assert!(!client.file("device-new.pem").exists());
    }
    let (done, said) = ask("devices", "device", "-cmd ir -subject /CN=lab-17");
    assert!(done, "{said}");
    assert_eq!(client.certificate("device-new.pem").common_name().as_deref(), Some("lab-17"));
    let root = client.site.root();
    let authority = client.file("systems.pem");
    let chain = std::fs::read_to_string(Path::new(&client.site.folder).join("tls/server.pem")).unwrap();
    let between = Certificate::chain_from_pem(&chain).unwrap();
    std::fs::write(&authority, between[1].to_pem()).unwrap();
    client.must(
        "verify -x509_strict -purpose sslclient",
        &["-CAfile", root.to_str().unwrap(), "-untrusted", authority.to_str().unwrap(), "device-new.pem"],
    );
}
