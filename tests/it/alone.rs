//! Two processes of one number on one database: a second server is refused, and a command beside the server leaves alone what it has under
//! way.

use std::fs;

use platform::db::Engine;
use platform::db::testing::TestDb;
use sqlx::{AnyConnection, Connection as _};

use crate::rig::{Serving, Site, said};

/// A second server of the same number ends with a word about it, the first goes on, and when that is killed another starts at once. While
/// a server runs, `enrol` issues and closes no serial that the server has under way; once nobody runs it does.
mod one_number_is_one_server {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        let url = format!("sqlite:{}", site.folder.join("lanyard.db").display());
        stays_alone(&site, &url).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        stays_alone(&site, &database.config.url).await;
    }
}

async fn stays_alone(site: &Site, url: &str) {
    let first = Serving::spawn(site);
    site.private("/ready", 200).await;
    let (second, twin) = site.second();
    drop(twin);
    let configuration = site.folder.join("second.toml");
    let same = fs::read_to_string(&configuration).unwrap().replace("instance = 2", "instance = 1");
    fs::write(&configuration, same).unwrap();
    let refused = crate::rig::lanyard(&["--config", configuration.to_str().unwrap(), "serve"]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("instance 1"), "{}", said(&refused));
    site.private("/ready", 200).await;

    // As a certificate stands between its bytes and its signature.
    let mut connection = database(url).await;
    let serial: String =
        sqlx::query_scalar("SELECT MIN(serial) FROM ca_certificate WHERE profile = 'system-tls-client'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    sqlx::query("UPDATE ca_certificate SET state = 'linted' WHERE serial = $1")
        .bind(serial.clone())
        .execute(&mut connection)
        .await
        .unwrap();
    enrol(site, "beside");
    assert_eq!(state(&mut connection, &serial).await, "linted");
    first.kill();
    enrol(site, "alone");
    assert_eq!(state(&mut connection, &serial).await, "abandoned");
    let again = Serving::spawn(site);
    site.private("/ready", 200).await;
    again.kill();
    drop(second);
}

fn enrol(site: &Site, name: &str) {
    let out = site.folder.join("enrolled");
    site.run(&["enrol", name, "--out", out.to_str().unwrap()]);
}

async fn database(url: &str) -> AnyConnection {
    platform::db::install_drivers();
    AnyConnection::connect(url).await.unwrap()
}

async fn state(connection: &mut AnyConnection, serial: &str) -> String {
    sqlx::query_scalar("SELECT state FROM ca_certificate WHERE serial = $1")
        .bind(serial.to_owned())
        .fetch_one(connection)
        .await
        .unwrap()
}
