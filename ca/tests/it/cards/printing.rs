//! Faces go to a printer through a real CUPS of the test's own, whose one printer is a script.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ca::api::{CancelReason, CardState};
use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::faces::photographed;
use super::rig::{Chip, Desk, MANAGER, STRANGER, settings};

/// How long things may take that are no one's promise.
const PATIENCE: Duration = Duration::from_secs(20);

/// CUPS with one queue, `desk`. Its printer writes what it gets into a file, unless it is jammed.
struct Cups {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Cups {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cups {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["etc", "spool", "cache", "state", "bin", "bin/backend", "bin/filter", "bin/notifier"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        // CUPS begins programs by one of its own.
        std::os::unix::fs::symlink("/usr/lib/cups/daemon", path("bin/daemon")).unwrap();
        let here = folder.path().display();
        let script = format!(
            "#!/bin/sh\n[ $# -eq 0 ] && exit 0\nif [ -e '{here}/jammed' ]; then echo 'ERROR: the ribbon is torn' >&2; exit 1; fi\n\
             cat \"${{6:--}}\" >'{here}/part' && mv '{here}/part' '{here}/printed'\n"
        );
        std::fs::write(path("bin/backend/script"), script).unwrap();
        // One that its owner alone may run is run as the owner.
        let owner_alone = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path("bin/backend/script"), owner_alone).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let said = |program: &str, argument: &str| {
            let output = Command::new(program).arg(argument).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        // Run by root it wants another user for what needs no rights.
        let (user, group) = match said("id", "-un").as_str() {
            "root" => ("lp".to_owned(), "lp".to_owned()),
            user => (user.to_owned(), said("id", "-gn")),
        };
        let files = format!(
            "ServerRoot {here}/etc\nServerBin {here}/bin\nRequestRoot {here}/spool\nCacheDir {here}/cache\nStateDir {here}/state\n\
             TempDir {here}/spool\nAccessLog {here}/access\nErrorLog {here}/error\nPageLog {here}/page\nUser {user}\nGroup {group}\n"
        );
        let daemon = format!(
            "Listen 127.0.0.1:{port}\nBrowsing Off\nDefaultAuthType None\nWebInterface No\nPreserveJobHistory Yes\n\
             <Location />\nOrder allow,deny\nAllow all\n</Location>\n\
             <Policy default>\nJobPrivateAccess all\nJobPrivateValues none\n<Limit All>\nOrder deny,allow\nAllow all\n</Limit>\n</Policy>\n"
        );
        let printers = "<Printer desk>\nDeviceURI script:/\nState Idle\nAccepting Yes\nShared Yes\nErrorPolicy abort-job\n</Printer>\n";
        std::fs::write(path("files.conf"), files).unwrap();
        std::fs::write(path("daemon.conf"), daemon).unwrap();
        std::fs::write(path("etc/printers.conf"), printers).unwrap();
        let mut command = Command::new("/usr/sbin/cupsd");
        command.arg("-f").arg("-c").arg(path("daemon.conf")).arg("-s").arg(path("files.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("cups-daemon is installed; run: make setup");
        let cups = Self { child, folder, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "CUPS does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        cups
    }

    fn queue(&self) -> String {
        format!("ipp://localhost:{}/printers/desk", self.port)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Desk {
    /// Has a card printed: what is answered at once.
    async fn printing(&self, card: &str, key: &str) -> (StatusCode, Value) {
        let tag = format!("\"{}\"", self.card(card).await.version);
        self.post(MANAGER, &format!("/ca/cards/{card}/prints"), Some(&tag), key, &json!({})).await
    }

    /// How a print ended.
    async fn print_ended(&self, card: &str, print: &Value) -> Value {
        let path = format!("/ca/cards/{card}/prints/{}", print["id"].as_str().unwrap());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, said) = self.get(MANAGER, &path).await;
            assert_eq!(status, StatusCode::OK, "{said}");
            if said["state"] != "printing" {
                return said;
            }
            assert!(Instant::now() < deadline, "{said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Somebody had a card printed at a time, and the process that followed it has died.
pub(crate) async fn plant_print(db: &Db, card: &str, id: &str, begun_at: i64) {
    let (card, id) = (card.to_owned(), id.to_owned());
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO ca_card_print (print_id, card_id, state, subject, begun_at) VALUES ($1, $2, 'printing', 'x', $3)",
            )
            .bind(id)
            .bind(card)
            .bind(begun_at)
            .execute(tx)
            .await?;
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

platform::both_engines! {
    /// A face that was printed leaves the card as it is; one that the printer spoils, and one that nobody knows the end of, cancel it with its
    /// certificates; one that goes on is left alone. A stranger prints nothing, and the same request prints once.
    async fn faces_are_printed_or_cards_are_cancelled(db: Db) {
        let cups = Cups::start();
        let mut config = settings();
        config.cards.printer = Some(cups.queue());
        let desk = Desk::under(db.clone(), config).await;
        photographed(&db).await;
        let chip = Chip::new(4711);
        let card = desk.issued(&chip).await;
        let prints = format!("/ca/cards/{card}/prints");
        assert_eq!(desk.post(STRANGER, &prints, Some("*"), "s", &json!({})).await.0, StatusCode::FORBIDDEN);
        assert_eq!(desk.post(MANAGER, &prints, None, "n", &json!({})).await.0, StatusCode::PRECONDITION_REQUIRED);

        let (status, begun) = desk.printing(&card, "first").await;
        assert_eq!((status, &begun["state"], &begun["by"]), (StatusCode::CREATED, &json!("printing"), &json!(MANAGER)), "{begun}");
        let ended = desk.print_ended(&card, &begun).await;
        assert_eq!(ended["state"], "printed", "{ended}");
        let page = std::fs::read(cups.file("printed")).unwrap();
        assert!(page.starts_with(b"%PDF-1."), "the printer got the page");
        assert_eq!((desk.card(&card).await.state, desk.good().await.len()), (CardState::Active, 2));
        std::fs::remove_file(cups.file("printed")).unwrap();
        assert_eq!(desk.printing(&card, "first").await, (status, begun), "the same request");
        assert!(!cups.file("printed").exists(), "it is printed once");

        // Two whose process died: the one of long ago is over.
        let (old, new) = (desk.reserved(8).await, desk.reserved(9).await);
        plant_print(&db, &old, "old", 0).await;
        plant_print(&db, &new, "new", desk.world.clock.now().0).await;
        let (status, said) = desk.printing(&new, "again").await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-print-goes-on")));
        desk.world.authority.end_due_prints().await;
        let (_, said) = desk.get(MANAGER, &format!("/ca/cards/{old}/prints/old")).await;
        assert_eq!((&said["state"], said["words"].as_str().unwrap()), (&json!("failed"), "whether it was printed is not known"));
        assert_eq!(desk.card(&old).await.reason, Some(CancelReason::PrintFailed));
        assert_eq!(desk.card(&new).await.state, CardState::Reserved);

        std::fs::write(cups.file("jammed"), "").unwrap();
        let (_, begun) = desk.printing(&card, "second").await;
        let ended = desk.print_ended(&card, &begun).await;
        assert_eq!((&ended["state"], &ended["words"]), (&json!("failed"), &json!("the ribbon is torn")), "{ended}");
        let cancelled = desk.card(&card).await;
        assert_eq!((cancelled.state, cancelled.reason), (CardState::Cancelled, Some(CancelReason::PrintFailed)));
        assert_eq!(desk.good().await, Vec::<String>::new(), "no certificate of it is good");
        let (status, said) = desk.printing(&card, "third").await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")));
        assert_eq!(desk.get(MANAGER, &format!("{prints}/x")).await.0, StatusCode::NOT_FOUND);
    }
}
