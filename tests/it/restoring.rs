//! Yesterday's copy is restored: nothing is used before what happened since is accounted for.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use axum::http::Method;
use lanyard::client::Server;
use lanyard::signing::{self, Agreement, Credential, Envelope};
use pki::{Certificate, Crl, Serial};
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;
use zeroize::Zeroizing;

use crate::rig::{Demo, PATIENCE, Serving, Site, free_ports, said};

/// The prescriber of the demo.
const PRESCRIBER: &str = "555000000108";

/// What the demo keeps secret, in its folder.
const SECRETS: [&str; 6] = [
    "secrets/user.pin",
    "security-officer/so.pin",
    "secrets/document.key",
    "prescriber/passphrase",
    "prescriber/sign-in.key",
    "clients/registration-desk.key",
];

/// A backup is taken, life goes on, the database is lost. The restored server answers 503 to everything until it has
/// been given what was seen outside; then revocations are back, list numbers are beyond any use, open authorisations
/// are void, certificates without a row are told, and the record goes on in a new log that proves itself.
#[tokio::test(flavor = "multi_thread")]
async fn yesterdays_copy_is_not_used_before_the_gap_is_known() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let demo = Demo::start(&site.folder, site.base);
    let before = agreed(&site, b"agreed before the backup").await;
    somebody_is_signed_in(&site).await;
    let backup = dir.path().join("backup");
    site.run(&["backup", backup.to_str().unwrap()]);
    assert!(
        !site.try_run(&["backup", backup.to_str().unwrap()]).status.success(),
        "a backup is not overwritten"
    );

    a_backup_holds_no_secret(&site, &backup);

    let outside = life_goes_on(&site, dir.path()).await;
    demo.kill();
    for name in ["lanyard.db", "lanyard.db-wal", "lanyard.db-shm"] {
        let _ = std::fs::remove_file(site.folder.join(name));
    }
    damaged_backups_are_refused(&site, &backup, dir.path());
    site.run(&["restore", backup.to_str().unwrap()]);

    let serving = Serving::spawn(&site);
    let ready = site.private("/ready", 503).await;
    assert!(ready.contains("in-recovery") && ready.contains("lanyard recover"), "{ready}");
    let systems = site.systems(&site.system());
    for (method, path) in [
        (Method::POST, "/csc/v2/info"),
        (Method::GET, "/audit/checkpoint"),
        (Method::GET, "/ca/issuers"),
        (Method::POST, "/ca/certificates"),
    ] {
        assert_eq!(systems.status(method, path, &json!({})).await.unwrap(), 503, "{path}");
    }
    let csc = systems.post::<serde_json::Value>("/csc/v2/info", &json!({})).await.unwrap_err().to_string();
    assert!(csc.contains("lanyard recover") && csc.contains("[temporarily_unavailable]"), "{csc}");
    let rewrap = site.try_run(&["keys", "rewrap", "--new"]);
    assert!(!rewrap.status.success() && said(&rewrap).contains("lanyard recover"), "{}", said(&rewrap));
    assert_eq!(open_sign_ins(&site).await, [1, 1, 1], "the copy brings them back");
    let old = site.try_run(&["recover", "--crl", outside.old_list.to_str().unwrap()]);
    assert!(
        !old.status.success() && said(&old).contains("not signed by one of our issuers"),
        "{}",
        said(&old)
    );
    // That is done first, so that whatever else is refused, nobody goes on with what the copy brought back.
    let ended = "ended 1 sessions and 1 grants, and took back 1 links";
    assert!(said(&old).contains(ended), "{}", said(&old));
    assert!(!site.try_run(&["recover"]).status.success(), "nothing seen outside is not enough");
    nothing_in_a_file_is_nothing_seen(&site, &outside);
    let check = site.try_run(&["check"]);
    assert!(!check.status.success() && said(&check).contains("lanyard recover"), "{}", said(&check));
    somebody_may_enrol(&site).await;
    let earlier = a_recovery_that_stops_is_taken_up(&site, &outside).await;

    let told = recover(&site, &outside);
    let told = format!("{earlier}{told}");
    assert!(told.contains(&format!("certificate {} of sign-in: revoked again", outside.revoked)), "{told}");
    let adopted = told.lines().find(|line| line.contains("had no row here; it has one now"));
    assert!(adopted.is_some_and(|line| line.contains(&outside.issued.to_string())), "{told}");
    let named = told.lines().find(|line| line.starts_with("authenticator 01990000"));
    assert!(named.is_some_and(|line| line.contains("555000000108: security-key")), "{told}");
    assert!(told.contains("ended 1 secrets for a first certificate"), "{told}");
    let account = "external account 01990000-0000-7000-8000-000000000006 of ACME: Web servers";
    assert!(told.contains(account) && !told.contains("000000000007"), "{told}");
    assert_eq!(open_sign_ins(&site).await, [0, 0, 0]);
    site.private("/ready", 200).await;
    what_holds_afterwards(&site, &outside, before, &told).await;
    serving.kill();
}

/// A file that holds something else than it was named for is refused before anything is done.
fn nothing_in_a_file_is_nothing_seen(site: &Site, outside: &Outside) {
    let certificate = outside.certificate.to_str().unwrap();
    let list = outside.certificate.with_extension("list.pem");
    let text = pem_of_list(&std::fs::read(&outside.list).unwrap());
    std::fs::write(&list, text).unwrap();
    let checkpoint = ["--checkpoint", outside.checkpoint.to_str().unwrap()];
    for arguments in [["--crl", certificate], ["--certificate", list.to_str().unwrap()]] {
        let refused = site.try_run(&[&["recover"], &checkpoint[..], &arguments[..]].concat());
        let told = said(&refused);
        assert!(!refused.status.success(), "{told}");
        assert!(told.contains("nothing was done") && !told.contains("open authorisations"), "{told}");
    }
}

fn pem_of_list(list: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(list);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", lines.join("\n"))
}

/// The copy goes to PostgreSQL, and the recovery is killed after its first, its second and its third step: the database stays
/// out of use, and the next recovery does what was left.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_on_postgres_is_killed_and_taken_up() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let target = TestDb::new(Engine::Postgres).await;
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let demo = Demo::start(&site.folder, site.base);
    let before = agreed(&site, b"agreed before the backup").await;
    let backup = dir.path().join("backup");
    site.run(&["backup", backup.to_str().unwrap()]);
    let outside = life_goes_on(&site, dir.path()).await;
    demo.kill();
    site.configure("sqlite:lanyard.db", &target.config.url);
    site.run(&["restore", backup.to_str().unwrap()]);
    let serving = Serving::spawn(&site);
    let earlier = a_killed_recovery_leaves_it_out_of_use(&site, &outside, &target.config.url).await;
    let told = earlier + &recover(&site, &outside);
    assert!(told.contains(&format!("certificate {} of sign-in: revoked again", outside.revoked)), "{told}");
    let adopted = told.lines().find(|line| line.contains("had no row here; it has one now"));
    assert!(adopted.is_some_and(|line| line.contains(&outside.issued.to_string())), "{told}");
    site.private("/ready", 200).await;
    what_holds_afterwards(&site, &outside, before, &told).await;
    serving.kill();
}

/// Kills a recovery after each step but the last, which another holds up, and answers what was told meanwhile.
async fn a_killed_recovery_leaves_it_out_of_use(site: &Site, outside: &Outside, database: &str) -> String {
    use sqlx::Connection as _;

    platform::db::install_drivers();
    let mut holder = sqlx::AnyConnection::connect(database).await.unwrap();
    let held = "BEGIN; LOCK TABLE platform_restore IN EXCLUSIVE MODE";
    sqlx::raw_sql(held).execute(&mut holder).await.unwrap();
    let mut told = String::new();
    for step in ["open authorisations", "has a number above", "goes on in a new log"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lanyard"))
            .arg("--config")
            .arg(site.folder.join("lanyard.toml"))
            .args(recovering(outside))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reached = false;
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            told.extend([line.as_str(), "\n"]);
            if line.contains(step) {
                reached = true;
                child.kill().unwrap();
                break;
            }
        }
        let ended = child.wait().unwrap();
        assert!(reached && ended.signal() == Some(9), "{step}: {ended}: {told}");
        assert!(!told.contains("is in use again"), "{step}: {told}");
        let ready = site.private("/ready", 503).await;
        assert!(ready.contains("in-recovery"), "{step}: {ready}");
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    holder.close().await.unwrap();
    told
}

/// What is known outside when the database is lost.
struct Outside {
    checkpoint: std::path::PathBuf,
    list: std::path::PathBuf,
    old_list: std::path::PathBuf,
    certificate: std::path::PathBuf,
    number: u64,
    revoked: Serial,
    issued: Serial,
}

/// A certificate is revoked and one is issued, neither of which the backup knows.
async fn life_goes_on(site: &Site, dir: &std::path::Path) -> Outside {
    let desk = site.systems(&site.desk());
    let revoked = serial_of(&site.person().certificate);
    let path = format!("/ca/certificates/{revoked}/revocation");
    let status = desk.status(Method::POST, &path, &json!({"reason": "key_compromise"})).await.unwrap();
    assert!((200..300).contains(&status), "{status}");
    let list = list_with(site, &revoked).await;
    site.run(&["enrol", "somebody-new", "--out", dir.to_str().unwrap()]);
    let certificate = dir.join("somebody-new.pem");
    let checkpoint = dir.join("seen-checkpoint");
    std::fs::write(&checkpoint, site.client(0, None).text("/audit/checkpoint").await.unwrap()).unwrap();
    let outside_list = dir.join("seen.crl");
    std::fs::write(&outside_list, list.der()).unwrap();
    // The list of somebody else says nothing about us.
    let old_list = dir.join("foreign.crl");
    std::fs::write(&old_list, foreign_list()).unwrap();
    Outside {
        issued: serial_of(&certificate),
        number: list.number().and_then(|number| number.to_u64()).unwrap(),
        list: outside_list,
        checkpoint,
        old_list,
        certificate,
        revoked,
    }
}

fn serial_of(pem: &std::path::Path) -> Serial {
    Certificate::from_pem(&std::fs::read_to_string(pem).unwrap()).unwrap().serial()
}

fn foreign_list() -> Vec<u8> {
    use rcgen::{CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair};
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let day = time::Duration::days(1);
    let now = time::OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
    let list = CertificateRevocationListParams {
        this_update: now,
        next_update: now + day,
        crl_number: 7_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&Issuer::new(params, key)).unwrap().der().to_vec()
}

/// The list of the sign-in authority once it holds this serial.
async fn list_with(site: &Site, serial: &Serial) -> Crl {
    let url = format!("http://localhost:{}/crl/sign-in.crl", site.base + 3);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let der = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
        let list = Crl::from_der(&der).unwrap();
        if list.entry(serial).is_some() {
            return list;
        }
        assert!(std::time::Instant::now() < deadline, "the revocation never showed in the list");
        tokio::task::yield_now().await;
    }
}

/// A backup is for its owner alone, tells which keys the token must hold, and has no secret in any of its files.
fn a_backup_holds_no_secret(site: &Site, backup: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(backup), 0o700);
    let mut files: Vec<_> = std::fs::read_dir(backup).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["checkpoint", "keys.json", "lanyard.toml", "manifest.json", "tables.jsonl"]);
    let keys = std::fs::read_to_string(backup.join("keys.json")).unwrap();
    for label in ["ca-root", "ca-remote-signing", "lanyard-audit", "lanyard-wrap-1"] {
        assert!(keys.contains(&format!("\"{label}\"")), "{label} is not in {keys}");
    }
    let secrets: Vec<String> = SECRETS
        .iter()
        .map(|name| std::fs::read_to_string(site.folder.join(name)).unwrap().trim().to_owned())
        // The middle line of a key in PEM, and the whole of what has one line.
        .map(|text| text.lines().nth(text.lines().count() / 2).unwrap().to_owned())
        .collect();
    for path in &files {
        assert_eq!(mode(path), 0o600, "{}", path.display());
        let text = std::fs::read_to_string(path).unwrap();
        for (name, secret) in SECRETS.iter().zip(&secrets) {
            assert!(secret.len() >= 8 && !text.contains(secret), "{name} is in {}", path.display());
        }
    }
}

/// A recovery that stops at its third or at its last step leaves the database out of use, and is done again. A list alone is
/// enough of what was seen outside to get to the third. Answers what was told meanwhile.
async fn a_recovery_that_stops_is_taken_up(site: &Site, outside: &Outside) -> String {
    let mut all = String::new();
    let database = format!("sqlite:{}", site.folder.join("lanyard.db").display());
    let stops = [
        (
            "the log",
            "CREATE TRIGGER stop BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'stopped'); END",
        ),
        (
            "the mark",
            "CREATE TRIGGER stop BEFORE DELETE ON platform_restore BEGIN SELECT RAISE(ABORT, 'stopped'); END",
        ),
    ];
    let (list, checkpoint) = (outside.list.to_str().unwrap(), outside.checkpoint.to_str().unwrap());
    let given = [vec!["recover", "--crl", list], vec!["recover", "--crl", list, "--checkpoint", checkpoint]];
    for ((what, trigger), given) in stops.into_iter().zip(given) {
        run_sql(&database, trigger).await;
        let stopped = site.try_run(&given);
        run_sql(&database, "DROP TRIGGER stop").await;
        let told = said(&stopped);
        assert!(!stopped.status.success() && told.contains("was taken in"), "{what}: {told}");
        assert!(!told.contains("is in use again"), "{what}: {told}");
        let ready = site.private("/ready", 503).await;
        assert!(ready.contains("in-recovery"), "{what}: {ready}");
        all.push_str(&told);
    }
    all
}

async fn run_sql(database: &str, statement: &'static str) {
    use sqlx::Connection as _;

    platform::db::install_drivers();
    let mut connection = sqlx::AnyConnection::connect(database).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Rows as sign-in has them: somebody with an authenticator is signed in, a system has something beside that, and there is a link.
async fn somebody_is_signed_in(site: &Site) {
    let database = format!("sqlite:{}", site.folder.join("lanyard.db").display());
    run_sql(
        &database,
        "INSERT INTO authn_authenticator (authenticator_id, user_id, method, name, version, created_at, created_by) VALUES \
           ('01990000-0000-7000-8000-000000000001', '555000000108', 'security-key', 'key', 1, 1, 'desk'); \
         INSERT INTO authn_session (session_id, sid, secret, user_id, method, authenticator, authenticated_at, last_used_at, \
           expires_at) VALUES ('01990000-0000-7000-8000-000000000002', 'sid', x'01', '555000000108', 'security-key', \
           '01990000-0000-7000-8000-000000000001', 1, 1, 9999999999999); \
         INSERT INTO authn_grant (grant_id, client_id, content, created_at, expires_at) VALUES \
           ('01990000-0000-7000-8000-000000000003', 'rp', '{\"face\":\"plain\",\"scope\":[]}', 1, 9999999999999); \
         INSERT INTO authn_enrolment (enrolment_id, secret, user_id, purpose, most_level, made_by, created_at, expires_at) VALUES \
           ('01990000-0000-7000-8000-000000000004', x'02', '555000000108', 'issue', 3, 'desk', 1, 9999999999999)",
    )
    .await;
}

/// Rows as a copy brings them back: a secret for a first certificate that is not used up, an external account of ACME, and one that
/// has ended.
async fn somebody_may_enrol(site: &Site) {
    let database = format!("sqlite:{}", site.folder.join("lanyard.db").display());
    run_sql(
        &database,
        "INSERT INTO ca_enrol_secret (reference, road, client, secret, uses_left, created_at, expires_at) VALUES \
           ('01990000-0000-7000-8000-000000000005', 'systems', 'larkfield', x'01', 1, 1, 9999999999999); \
         INSERT INTO ca_acme_external_account (id, name, mac_key, profiles, dns_suffixes, networks, devices, most_accounts, \
           created_at, ended_at) VALUES \
           ('01990000-0000-7000-8000-000000000006', 'Web servers', x'02', '', '', '', '', 1, 1, NULL), \
           ('01990000-0000-7000-8000-000000000007', 'Ended', x'03', '', '', '', '', 1, 1, 2)",
    )
    .await;
}

/// How many sessions, grants and links of the restored database can be used.
async fn open_sign_ins(site: &Site) -> [i64; 3] {
    use sqlx::Connection as _;

    platform::db::install_drivers();
    let database = format!("sqlite:{}", site.folder.join("lanyard.db").display());
    let mut connection = sqlx::AnyConnection::connect(&database).await.unwrap();
    let mut open = [0; 3];
    let questions = [
        "SELECT COUNT(*) FROM authn_session WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM authn_grant WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM authn_enrolment WHERE cancelled_at IS NULL AND used_at IS NULL",
    ];
    for (found, question) in open.iter_mut().zip(questions) {
        *found = sqlx::query_scalar(question).fetch_one(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    open
}

fn damaged_backups_are_refused(site: &Site, backup: &std::path::Path, dir: &std::path::Path) {
    let damaged = dir.join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    for entry in std::fs::read_dir(backup).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), damaged.join(entry.file_name())).unwrap();
    }
    let tables = damaged.join("tables.jsonl");
    let text = std::fs::read_to_string(&tables).unwrap();
    std::fs::write(&tables, text.replacen("issued", "dropped", 1)).unwrap();
    let refused = site.try_run(&["restore", damaged.to_str().unwrap()]);
    assert!(!refused.status.success() && said(&refused).contains("damaged or changed"), "{}", said(&refused));
}

fn recover(site: &Site, outside: &Outside) -> String {
    site.run(&recovering(outside))
}

/// A recovery that is told all that is known outside.
fn recovering(outside: &Outside) -> [&str; 7] {
    [
        "recover",
        "--checkpoint",
        outside.checkpoint.to_str().unwrap(),
        "--crl",
        outside.list.to_str().unwrap(),
        "--certificate",
        outside.certificate.to_str().unwrap(),
    ]
}

async fn what_holds_afterwards(
    site: &Site,
    outside: &Outside,
    before: (Server, Credential, Agreement),
    told: &str,
) {
    let list = list_with(site, &outside.revoked).await;
    assert!(list.number().and_then(|number| number.to_u64()).unwrap() > outside.number + 1000);
    let (server, credential, agreement) = before;
    let document = [b"agreed before the backup".to_vec()];
    let late = signing::signatures(&server, &credential, agreement, &document, Envelope::Detached).await;
    assert!(
        late.unwrap_err().to_string().contains("expired"),
        "an authorisation of before does not sign any more"
    );
    let (server, credential, agreement) = agreed(site, b"agreed afterwards").await;
    let document = [b"agreed afterwards".to_vec()];
    signing::signatures(&server, &credential, agreement, &document, Envelope::Detached).await.unwrap();
    let copy = site.folder.join("log-copy");
    let copied = site.run(&["audit", "copy", copy.to_str().unwrap()]);
    // A recovery that stopped may have begun a log too; the last one goes on.
    let key = told.lines().rfind(|line| line.contains("localhost/lanyard/")).unwrap().trim();
    let proved = site.run(&["audit", "verify", copy.to_str().unwrap(), "--key", key]);
    assert!(proved.contains("PROVED"), "{copied}\n{proved}");
    let first = site.run(&["audit", "export"]);
    let gap = first.lines().find(|line| line.contains("\"restored\"")).expect("the gap is in the record");
    assert!(gap.contains("seen_outside"), "{gap}");
}

/// An authorisation that is still open.
async fn agreed(site: &Site, document: &[u8]) -> (Server, Credential, Agreement) {
    let server = site.systems(&site.system());
    let credential = signing::credential(&server, PRESCRIBER, None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let agreement =
        signing::authorise(&server, &credential, &passphrase, &[document.to_vec()]).await.unwrap();
    (server, credential, agreement)
}
