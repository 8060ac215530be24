//! The routes: what everybody sees, and what only the auditor.

use audit::api::READ;
use audit::{Log, router};
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use platform::id::ClientId;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{ORIGIN, Rig, SECRET, START, note, settled};

struct Answer {
    status: StatusCode,
    cache: String,
    kind: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Who asks.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Nobody,
    Stranger,
    Auditor,
}

async fn ask(log: &Log, who: Who, path: &str) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    let acts: &[&str] = if who == Who::Auditor { &[READ.0] } else { &["ca:read"] };
    if who != Who::Nobody {
        let caller =
            Caller::new(CallerKind::System, "200000000001", ClientId::module("test"), acts.iter().copied());
        request.extensions_mut().insert(caller);
    }
    let answer = router(log.clone()).oneshot(request).await.unwrap();
    let header = |name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (status, cache, kind) = (answer.status(), header("cache-control"), header("content-type"));
    let body = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
    Answer { status, cache, kind, body }
}

platform::both_engines! {
    /// Nothing that everybody may fetch holds a word, a salt or a leaf of an entry; whoever is not the auditor is refused.
    async fn public_routes_never_reveal_entries(db: Db) {
        let rig = Rig::new().await;
        let (log, _) = settled(&rig, &db, 300).await;
        let ids = note(&db, START, 300..301).await;
        let proof = format!("/audit/events/{}/proof", ids[0]);
        for who in [Who::Nobody, Who::Stranger] {
            let refused = if who == Who::Nobody { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
            for path in [
                "/audit/entries", "/audit/entries?after=3&limit=5", "/audit/tile/entries/000",
                "/audit/tile/entries/001.p/45", "/audit/logs/1/tile/entries/000", &proof,
            ] {
                let answer = ask(&log, who, path).await;
                assert_eq!(answer.status, refused, "{path}");
                assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET));
            }
        }
        let rows: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT salt, body FROM audit_event").fetch_all(db.read()).await.unwrap();
        for path in [
            "/audit/checkpoint", "/audit/tile/0/000", "/audit/tile/0/001.p/45", "/audit/tile/1/000.p/1", "/audit/logs",
            "/audit/logs/1/checkpoint", "/audit/logs/1/tile/0/000",
        ] {
            let answer = ask(&log, Who::Nobody, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let reveals = |part: &[u8]| answer.body.windows(part.len()).any(|window| window == part);
            assert!(!reveals(SECRET.as_bytes()), "{path} shows an entry");
            assert!(!rows.iter().any(|(salt, body)| reveals(salt) || reveals(body)), "{path} shows a salt or an entry");
        }
    }

    /// The auditor reads on with the cursor to the end, in order, and every answer is bounded.
    async fn auditor_reads_with_a_cursor(db: Db) {
        let rig = Rig::new().await;
        let (log, _) = settled(&rig, &db, 250).await;
        note(&db, START, 250..260).await;
        let (mut after, mut numbers, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = ask(&log, Who::Auditor, &format!("/audit/entries?limit=100{after}")).await.json();
            assert_eq!((page["origin"].as_str(), page["size"].as_u64()), (Some(ORIGIN), Some(251)));
            pages += 1;
            for entry in page["entries"].as_array().unwrap() {
                numbers.extend(entry["record"]["event"]["number"].as_i64());
            }
            let Some(next) = page["next"].as_u64() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(pages, 3);
        assert!(numbers.into_iter().eq(0..250), "an entry is missing, or one that is not signed was shown");
        for limit in ["0", "1001", "-1", "x"] {
            let answer = ask(&log, Who::Auditor, &format!("/audit/entries?limit={limit}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{limit}");
        }
        assert_eq!(ask(&log, Who::Auditor, "/audit/entries?log_epoch=7").await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&log, Who::Auditor, "/audit/entries?colour=red").await.status, StatusCode::BAD_REQUEST);
    }

    /// An inclusion proof leads from the event to the signed root; before the event is signed it says when to come back.
    async fn inclusion_proof_leads_to_the_signed_root(db: Db) {
        use base64::prelude::{BASE64_STANDARD, Engine};
        use tlog_tiles::{Hash, check_record, record_hash};

        let rig = Rig::new().await;
        let log = rig.log(&db).await;
        let ids = note(&db, START, 0..400).await;
        let path = format!("/audit/events/{}/proof", ids[300]);
        assert_eq!(ask(&log, Who::Auditor, &path).await.status, StatusCode::SERVICE_UNAVAILABLE);
        crate::support::settle(&mut audit::Sequencer::new(&log)).await;
        let proof = ask(&log, Who::Auditor, &path).await.json();
        assert_eq!(proof["position"], 301);
        let head = log.verifier_key().open(proof["checkpoint"].as_str().unwrap()).unwrap();
        let hashes: Vec<Hash> = proof["path"].as_array().unwrap().iter()
            .map(|hash| Hash::parse_hash(hash.as_str().unwrap()).unwrap()).collect();
        let leaf = record_hash(&BASE64_STANDARD.decode(proof["commitment"].as_str().unwrap()).unwrap());
        check_record(&hashes, head.size, head.root, 301, leaf).unwrap();
        assert!(check_record(&hashes, head.size, head.root, 300, leaf).is_err());
        assert_eq!(ask(&log, Who::Auditor, "/audit/events/none/proof").await.status, StatusCode::NOT_FOUND);
    }

    /// Full tiles may be kept, partial ones for a minute, checkpoints never; other names of tiles lead nowhere.
    async fn tiles_say_how_long_they_stay(db: Db) {
        let rig = Rig::new().await;
        let (log, _) = settled(&rig, &db, 300).await;
        for (path, who, cache, length) in [
            ("/audit/tile/0/000", Who::Nobody, "public, max-age=86400, immutable", 8_192),
            ("/audit/logs/1/tile/0/000", Who::Nobody, "public, max-age=31536000, immutable", 8_192),
            ("/audit/tile/0/001.p/45", Who::Nobody, "public, max-age=60", 1_440),
            ("/audit/tile/0/001.p/7", Who::Nobody, "public, max-age=60", 224),
            ("/audit/tile/1/000.p/1", Who::Nobody, "public, max-age=60", 32),
            ("/audit/tile/entries/000", Who::Auditor, "no-store", 256 * 34),
        ] {
            let answer = ask(&log, who, path).await;
            assert_eq!((answer.status, answer.cache.as_str(), answer.body.len()), (StatusCode::OK, cache, length), "{path}");
            assert_eq!(answer.kind, "application/octet-stream");
        }
        let checkpoint = ask(&log, Who::Nobody, "/audit/checkpoint").await;
        assert_eq!((checkpoint.cache.as_str(), checkpoint.kind.as_str()), ("no-cache", "text/plain; charset=utf-8"));
        log.verifier_key().open(std::str::from_utf8(&checkpoint.body).unwrap()).unwrap();
        for path in [
            "/audit/tile/0/001", "/audit/tile/0/001.p/46", "/audit/tile/0/0", "/audit/tile/0/000.p/256",
            "/audit/tile/64/000", "/audit/tile/0/x000/000", "/audit/tile/2/000", "/audit/tile/8/000", "/audit/tile/..",
            "/audit/logs/2/tile/0/000", "/audit/logs/2/checkpoint", "/audit/logs/x/checkpoint",
        ] {
            assert_eq!(ask(&log, Who::Auditor, path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

/// Every route is in the description, under its method.
#[test]
fn routes_are_described() {
    let described = serde_json::to_value(audit::openapi()).unwrap();
    let paths: Vec<&String> = described["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/audit/checkpoint",
            "/audit/entries",
            "/audit/events/{id}/proof",
            "/audit/logs",
            "/audit/logs/{log_epoch}/checkpoint",
            "/audit/logs/{log_epoch}/tile/{path}",
            "/audit/moments/{at}",
            "/audit/tile/{path}"
        ]
    );
}
