//! Programs that are not ours read an issued card through a real service for card readers, and openssl its certificates.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use card::testing::{CardProcess, DRIVER};
use platform::db::Engine;
use platform::db::testing::TestDb;
use tempfile::TempDir;

use super::rig::{CHOSEN, Chip, Desk};

/// `OpenSC`'s own way to a card for other programs.
const OPENSC: &str = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so";

/// A service for card readers of this test's own, with one reader.
struct Service {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Its own folder is laid over the system's, for the service alone.
    fn start() -> Service {
        const OVERLAY: &str = "mkdir -p /run/pcscd && mount --bind \"$1\" /run/pcscd && exec pcscd --foreground --config \"$2\"";
        let folder = tempfile::tempdir().unwrap();
        let (run, readers) = (folder.path().join("run"), folder.path().join("readers"));
        std::fs::create_dir(&run).unwrap();
        std::fs::create_dir(&readers).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let text = format!(
            "FRIENDLYNAME \"Lanyard Test Reader\"\nDEVICENAME /dev/null:{port}\nLIBPATH {DRIVER}\nCHANNELID {port}\n"
        );
        std::fs::write(readers.join("reader"), text).unwrap();
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = Command::new("unshare");
        if !root {
            command.args(["--user", "--map-root-user"]);
        }
        let quiet =
            command.args(["--mount", "sh", "-c", OVERLAY, "sh"]).args([&run, &readers]).stdin(Stdio::null());
        let child = quiet.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let service = Service { child, folder, port };
        until("the service answers", || UnixStream::connect(service.socket()).is_ok());
        service
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("run/pcscd.comm")
    }

    /// What a program says that uses this service. It must succeed.
    fn must(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(arguments).env("PCSCLITE_CSOCK_NAME", self.socket()).current_dir(self.folder.path());
        let output =
            command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        said
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn pem(path: &Path, ders: &[&[u8]]) {
    let text: String = ders.iter().map(|der| pki::to_pem("CERTIFICATE", der)).collect();
    std::fs::write(path, text).unwrap();
}

/// yubico-piv-tool and `OpenSC` read what was written, `OpenSC`'s module signs with both keys by the holder's passcode, and openssl verifies
/// signatures and both certificates up to the root.
#[test]
fn others_read_an_issued_card() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        // Others look at the time.
        let desk = Desk::now(database.db.clone()).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let card = desk.card(&id).await;
        let service = Service::start();
        let issuer = desk.world.client.issuer("card").await.unwrap();
        let decode = |text: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.decode(text).unwrap()
        };
        let root = decode(issuer.chain.last().unwrap());
        pem(&service.file("root.pem"), &[&root]);
        pem(&service.file("issuer.pem"), &[&decode(&issuer.certificate)]);
        let _in_reader = CardProcess::insert(service.port, Some(chip.folder()));
        let reader = "Lanyard Test Reader 00 00";
        until("the card is seen", || service.must("opensc-tool", &["-l"]).contains("Yes"));
        let status = service.must("yubico-piv-tool", &["-r", reader, "-a", "status"]);
        assert!(status.contains("Slot 9a") && status.contains("Slot 9c"), "{status}");
        std::fs::write(service.file("data"), "what is signed").unwrap();
        for (slot, object, serial) in
            [("9a", "01", card.authentication.unwrap()), ("9c", "02", card.signature.unwrap())]
        {
            let certificate = format!("{slot}.pem");
            service.must(
                "yubico-piv-tool",
                &["-r", reader, "-a", "read-certificate", "-s", slot, "-o", &certificate],
            );
            let said = service.must("openssl", &["x509", "-in", &certificate, "-noout", "-serial"]);
            assert_eq!(said.trim().to_lowercase(), format!("serial={}", serial.to_lowercase()));
            let verified = service.must(
                "openssl",
                &["verify", "-CAfile", "root.pem", "-untrusted", "issuer.pem", &certificate],
            );
            assert!(verified.contains("OK"), "{verified}");
            let sign = [
                "--module",
                OPENSC,
                "--login",
                "--pin",
                CHOSEN,
                "--sign",
                "--id",
                object,
                "-m",
                "ECDSA-SHA256",
                "--signature-format",
                "openssl",
                "-i",
                "data",
                "-o",
                "signature",
            ];
            service.must("pkcs11-tool", &sign);
            service.must("openssl", &["x509", "-in", &certificate, "-noout", "-pubkey", "-out", "key.pem"]);
            let said = service.must(
                "openssl",
                &["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "data"],
            );
            assert!(said.contains("Verified OK"), "{said}");
        }
        database.db.close().await;
    });
}
