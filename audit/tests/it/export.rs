//! Export: JSON lines with a cursor, and OpenTelemetry logs to a collector. The collector here is a foreign service.

use std::sync::{Arc, Mutex};

use audit::export::json_lines;
use audit::export::otlp::Export;
use audit::{Gap, Log, OtlpConfig, Reason, Sequencer};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use platform::db::Db;

use crate::support::{ORIGIN, Rig, SECRET, START, note, settle, settled};

#[derive(Default)]
struct Collector {
    refuses: bool,
    bodies: Vec<Bytes>,
}

async fn logs(State(collector): State<Arc<Mutex<Collector>>>, body: Bytes) -> StatusCode {
    let mut collector = collector.lock().unwrap();
    if collector.refuses {
        return StatusCode::BAD_REQUEST;
    }
    collector.bodies.push(body);
    StatusCode::OK
}

impl Collector {
    /// How often a text occurs in all that was accepted; protobuf carries text as it is.
    fn count(&self, text: &str) -> usize {
        let all: Vec<u8> = self.bodies.concat();
        all.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
    }
}

async fn start() -> (Arc<Mutex<Collector>>, Export) {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let routes = Router::new().route("/v1/logs", post(logs)).with_state(collector.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/logs", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (collector, Export::new(&OtlpConfig { endpoint }).unwrap())
}

platform::both_engines! {
    /// The lines go on where the cursor says, hold each entry once, and leave out what is not signed yet.
    async fn json_lines_go_on_at_the_cursor(db: Db) {
        let rig = Rig::new().await;
        let (log, mut sequencer) = settled(&rig, &db, 700).await;
        let mut out = Vec::new();
        let cursor = json_lines(&log, None, &mut out).await.unwrap();
        assert_eq!(cursor, Some(700));
        note(&db, START, 700..705).await;
        assert_eq!(json_lines(&log, cursor, &mut out).await.unwrap(), cursor, "an unsigned entry was exported");
        settle(&mut sequencer).await;
        assert_eq!(json_lines(&log, cursor, &mut out).await.unwrap(), Some(705));
        let positions = out.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).map(|line| {
            serde_json::from_slice::<serde_json::Value>(line).unwrap()["position"].as_u64().unwrap()
        });
        assert!(positions.eq(0..706));
    }

    /// Entries reach a collector once each and in order of logs; what it refuses is sent again, and a restart repeats nothing.
    async fn collector_gets_every_entry(db: Db) {
        let rig = Rig::new().await;
        let (log, mut sequencer) = settled(&rig, &db, 30).await;
        let (collector, export) = start().await;
        collector.lock().unwrap().refuses = true;
        assert!(export.step(&log).await.is_err());
        collector.lock().unwrap().refuses = false;
        assert_eq!(export.step(&log).await.unwrap(), 31);
        assert_eq!(export.step(&log).await.unwrap(), 0, "entries were sent twice");
        note(&db, START, 30..35).await;
        settle(&mut sequencer).await;
        let gap = Gap { reason: Reason::Restored, seen_outside: None };
        let config = audit::Config::new(ORIGIN);
        let next = Log::begin_epoch(db.clone(), rig.key.clone(), config, rig.clock.clone(), &gap).await.unwrap();
        note(&db, START, 35..40).await;
        settle(&mut Sequencer::new(&next)).await;
        while export.step(&next).await.unwrap() > 0 {}
        while export.step(&next).await.unwrap() > 0 {}
        let collector = collector.lock().unwrap();
        assert_eq!(collector.count(SECRET), 40, "an entry is missing or was sent twice");
        assert_eq!(collector.count("audit.log-began"), 2);
    }
}
