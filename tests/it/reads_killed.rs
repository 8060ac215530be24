//! Nodes that are killed after they have shown people: whoever was shown is in the record, once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lanyard::client::Server;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::Value;
use sqlx::{AnyConnection, Connection as _};

use crate::rig::{Serving, Site, until};

/// How often a node is killed while it is asked.
const KILLS: usize = 3;
/// About how many people it is asked in each of these, and of how many it has told at the least when it is killed.
const ASKED: usize = 300;
const TOLD: usize = 60;
/// How many it shows while the database takes nothing.
const WITHOUT_DATABASE: usize = 100;

/// Nodes with a journal of reads are killed while they are asked, and one after it has shown people whom the database could not take. Whoever
/// was shown is in the record once when the next node is ready, and nobody is in it twice.
mod reads_outlive_killed_nodes {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        let url = format!("sqlite:{}", site.folder.join("lanyard.db").display());
        super::reads_outlive_killed_nodes(&site, &url, "BEGIN IMMEDIATE").await;
    }

    /// On PostgreSQL, where the end of a killed node's transaction comes after it.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        super::reads_outlive_killed_nodes(
            &site,
            &database.config.url,
            "BEGIN; LOCK TABLE audit_event IN EXCLUSIVE MODE",
        )
        .await;
    }
}

async fn reads_outlive_killed_nodes(site: &Site, url: &str, hold: &'static str) {
    platform::db::install_drivers();
    site.configure(
        "\ndocument_key",
        "\nreads_recorded = \"journal\"\nreads_journal = \"reads\"\ndocument_key",
    );
    site.configure("\"signer:credentials\", ", "\"signer:credentials\", \"directory:read\", ");
    site.run(&["seed", "--people", "1400"]);
    let people = people(url, KILLS * ASKED + WITHOUT_DATABASE).await;
    let (while_killed, last) = people.split_at(KILLS * ASKED);
    let answered = Arc::new(Mutex::new(Vec::new()));
    for asked in while_killed.chunks(ASKED) {
        let serving = Serving::spawn(site);
        site.private("/ready", 200).await;
        let before = answered.lock().unwrap().len();
        let asking = ask(site.systems(&site.desk()), asked.to_vec(), Arc::clone(&answered));
        let asking = tokio::spawn(asking);
        until("some are shown", || answered.lock().unwrap().len() >= before + TOLD).await;
        serving.kill();
        asking.await.unwrap();
    }

    let serving = Serving::spawn(site);
    site.private("/ready", 200).await;
    demand_once(&recorded(url).await, &answered.lock().unwrap());
    let mut database = AnyConnection::connect(url).await.unwrap();
    sqlx::raw_sql(hold).execute(&mut database).await.unwrap();
    let before = answered.lock().unwrap().len();
    ask(site.systems(&site.desk()), last.to_vec(), Arc::clone(&answered)).await;
    assert_eq!(answered.lock().unwrap().len(), before + WITHOUT_DATABASE, "it shows people all the same");
    serving.kill();
    let record = recorded(url).await;
    assert!(last.iter().all(|person| !record.contains_key(person)), "the database took something");
    sqlx::raw_sql("ROLLBACK").execute(&mut database).await.unwrap();
    database.close().await.unwrap();

    let serving = Serving::spawn(site);
    site.private("/ready", 200).await;
    demand_once(&recorded(url).await, &answered.lock().unwrap());
    serving.kill();
    let left = std::fs::read_dir(site.folder.join("reads")).unwrap().count();
    assert_eq!(left, 2, "the lock and the last node's file");
}

/// People of the register.
async fn people(url: &str, many: usize) -> Vec<String> {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let text = "SELECT user_id FROM directory_person WHERE kind = 'person' AND state = 'open' ORDER BY user_id LIMIT $1";
    let many = i64::try_from(many).unwrap();
    let found: Vec<String> = sqlx::query_scalar(text).bind(many).fetch_all(&mut connection).await.unwrap();
    assert_eq!(i64::try_from(found.len()).unwrap(), many, "there are enough people");
    found
}

/// Asks for one after the other until the server is gone, and notes who was shown.
async fn ask(server: Server, people: Vec<String>, answered: Arc<Mutex<Vec<String>>>) {
    for person in people {
        let path = format!("/healthcare-worker/FHIR/R4/Practitioner?identifier={person}");
        let Ok(answer) = server.get::<Value>(&path).await else { return };
        assert_eq!(answer["total"], 1, "{answer}");
        answered.lock().unwrap().push(person);
    }
}

/// How often the record has whom.
async fn recorded(url: &str) -> BTreeMap<String, usize> {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let text = "SELECT body FROM audit_event WHERE module = 'directory' AND name IN ('workers-shown', 'reads-together')";
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(text).fetch_all(&mut connection).await.unwrap();
    let mut times = BTreeMap::new();
    for body in rows {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let alone = [serde_json::json!({"shown": body["event"]})];
        let reads = body["event"]["reads"].as_array().map_or(&alone[..], Vec::as_slice);
        for person in reads.iter().flat_map(|read| read["shown"]["people"].as_array().unwrap()) {
            *times.entry(person.as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    times
}

/// Whoever was shown is in the record, and nobody twice.
fn demand_once(record: &BTreeMap<String, usize>, answered: &[String]) {
    let lost: Vec<_> = answered.iter().filter(|person| !record.contains_key(*person)).collect();
    assert!(lost.is_empty(), "{} of {} are not in the record: {lost:?}", lost.len(), answered.len());
    let twice: Vec<_> = record.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
