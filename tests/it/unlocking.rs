//! A server whose PIN is in the hands of three people, two of whom together give it back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::Connection as _;

use crate::rig::{PATIENCE, Serving, Site, lanyard, said};

/// Status and body of an address on the private port.
async fn private(base: u16, path: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", base + 4)).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Asks for `/ready` until it says what is waited for.
async fn ready(base: u16, fits: impl Fn(u16, &str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = private(base, "/ready").await;
        if said.as_ref().is_some_and(|(status, body)| fits(*status, body)) {
            return;
        }
        assert!(Instant::now() < deadline, "/ready never said it: {said:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Makes shares for these people, of whom two are needed.
fn split(config: &Path, out: &Path) {
    let mut arguments = vec!["split-pin", "--config", config.to_str().unwrap(), "--threshold", "2", "--open"];
    for holder in ["Ada Byron", "Grace Hopper", "Zoë O’Neill"] {
        arguments.extend(["--holder", holder]);
    }
    arguments.extend(["--out", out.to_str().unwrap()]);
    let made = lanyard(&arguments);
    assert!(made.status.success(), "{}", said(&made));
}

fn unlock(config: &Path, share: &Path) -> (bool, String) {
    let output = lanyard(&["unlock", "--config", config.to_str().unwrap(), share.to_str().unwrap()]);
    (output.status.success(), said(&output))
}

/// A server without a PIN says so at /ready and with 503 on its other ports, takes the shares of its own set and no
/// others, and serves after the second without a restart. The PIN stands in no file and no log, and the record says which
/// shares opened it.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_people_unlock_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let (folder, base) = (site.folder.clone(), site.base);
    let config = folder.join("lanyard.toml");
    let (shares, foreign) = (folder.join("shares"), folder.join("foreign"));
    split(&config, &shares);
    split(&config, &foreign);
    let text = std::fs::read_to_string(&config).unwrap();
    let line = text.lines().find(|line| line.starts_with("pin = ")).unwrap().to_owned();
    let file = folder.join(line.split('"').nth(1).unwrap());
    let pin = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&config, text.replace(&line, "pin = { shares = \"shares/pin-set.toml\" }")).unwrap();

    let log = folder.join("locked.log");
    site.configure("[telemetry]\n", &format!("[telemetry]\nfile = \"{}\"\n", log.display()));
    let server = Serving::spawn(&site);
    ready(base, |status, said| status == 503 && said.contains("locked: 0 of 2 shares given")).await;
    assert_eq!(private(base, "/live").await.unwrap().0, 200);
    let plain = reqwest::get(format!("http://127.0.0.1:{}/crl/root.crl", base + 3)).await.unwrap();
    assert_eq!(plain.status(), 503);
    let told = plain.text().await.unwrap();
    assert!(told.contains("locked"));
    assert!(!told.contains("0 of 2") && !told.contains("lanyard,"), "strangers learn no more: {told}");

    let (well, told) = unlock(&config, &foreign.join("share-1.txt"));
    assert!(!well && told.contains("Ada Byron") && told.contains("is of the set"), "{told}");
    let (well, told) = unlock(&config, &shares.join("share-3.txt"));
    assert!(well && told.contains("1 of 2"), "{told}");
    let (well, told) = unlock(&config, &shares.join("share-3.txt"));
    assert!(!well && told.contains("was given already"), "{told}");
    let changed = std::fs::read_to_string(shares.join("share-1.txt")).unwrap().replace("Ada", "Eve");
    std::fs::write(folder.join("changed.txt"), changed).unwrap();
    let (well, told) = unlock(&config, &folder.join("changed.txt"));
    assert!(!well && told.contains("checksum"), "{told}");
    assert!(private(base, "/ready").await.unwrap().1.contains("locked: 1 of 2"));
    let (well, told) = unlock(&config, &shares.join("share-1.txt"));
    assert!(well && told.contains("unlocked"), "{told}");
    ready(base, |status, _| status == 200).await;
    drop(server);
    let mut database =
        sqlx::SqliteConnection::connect(&format!("sqlite:{}", folder.join("lanyard.db").display()))
            .await
            .unwrap();
    let told = "SELECT CAST(body AS TEXT) FROM audit_event WHERE module = 'server' AND name = 'unlocked'";
    let told: Vec<String> = sqlx::query_scalar(told).fetch_all(&mut database).await.unwrap();
    let [told] = &told[..] else { panic!("one act: {told:?}") };
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["event"]["shares"], serde_json::json!([1, 3]), "{told}");
    assert_eq!(
        (told["event"]["token"].as_str(), told["event"]["refused"].as_u64()),
        (Some("lanyard"), Some(2)),
        "{told}"
    );
    database.close().await.unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("share 3 was given"), "{log}");
    for name in ["Ada", "Grace", "Zoë"] {
        assert!(!log.contains(name), "{name} stands in the log");
    }

    for path in files(&folder) {
        let octets = std::fs::read(&path).unwrap();
        let found = octets.windows(pin.trim().len()).any(|window| window == pin.trim().as_bytes());
        assert!(!found, "the PIN stands in {}", path.display());
    }
}
