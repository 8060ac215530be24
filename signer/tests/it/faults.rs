//! What a token that fails uses up: nothing.

use std::time::{Duration, Instant};

use platform::db::testing::TestDb;
use platform::db::{self, Db, Engine};
use signer::api::Algorithm;

use crate::rig::{Authority, Rig, digest_of};

platform::both_engines! {
    /// With the token's directory moved away signing fails clearly and uses nothing up; moved back, the same SAD signs.
    async fn token_failure_consumes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let moved = Authority::move_token_away();
        // The token notices within seconds; until then it signs from what it has in memory.
        let deadline = Instant::now() + Duration::from_secs(20);
        let (mut hash, mut sad) = (String::new(), String::new());
        for number in 0_u32.. {
            hash = digest_of(&number.to_be_bytes());
            sad = rig.sad(&id, &[&hash]).await;
            let answer = rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await;
            if answer.status != 200 {
                assert_eq!(answer.status, 503, "{:?}", answer.body);
                assert_eq!(answer.body["error"], "temporarily_unavailable");
                assert!(answer.header("retry-after").is_some());
                break;
            }
            assert!(Instant::now() < deadline, "nobody noticed that the token is away");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut signed = rig.ledger(&id).await.len();
        moved.put_back();
        let deadline = Instant::now() + Duration::from_secs(40);
        while rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await.status != 200 {
            assert!(Instant::now() < deadline, "the token did not come back");
            assert_eq!(rig.ledger(&id).await.len(), signed, "a refusal used nothing up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        signed += 1;
        assert_eq!(rig.ledger(&id).await.len(), signed);
        let events = rig.events_of(&id).await.iter().filter(|(name, _)| name == "documents-signed").count();
        assert_eq!(events, signed);
    }
}

/// Where a full disk of `PostgreSQL` refuses: at each table that a signature is written to, or at COMMIT.
const REFUSALS: [(&str, &str); 4] = [
    ("signer_signing", "TRIGGER full_disk BEFORE INSERT ON signer_signing FOR EACH ROW"),
    ("signer_signature", "TRIGGER full_disk BEFORE INSERT ON signer_signature FOR EACH ROW"),
    (
        "audit_event",
        "TRIGGER full_disk BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.name = 'documents-signed')",
    ),
    (
        "signer_signature",
        "CONSTRAINT TRIGGER full_disk AFTER INSERT ON signer_signature DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
    ),
];

/// A full disk is told as such to everybody whose signatures were to be stored together, wherever it refuses, and uses
/// nothing up: with room again the same authorisation signs.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_uses_nothing_up() {
    let database = TestDb::new(Engine::Postgres).await;
    let rig = Rig::new(database.db.clone()).await;
    let id = rig.ready(Algorithm::P256).await;
    said(
        &rig.db,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
    )
    .await;
    for (number, (table, when)) in REFUSALS.into_iter().enumerate() {
        let hashes: Vec<String> =
            (0..3).map(|place| digest_of(format!("{number} {place}").as_bytes())).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = rig.sad(&id, &hashes).await;
        said(&rig.db, format!("CREATE {when} EXECUTE FUNCTION full_disk()")).await;
        let (one, two, three) = tokio::join!(
            rig.sign_hash(&rig.system, &id, &sad, &hashes[..1]),
            rig.sign_hash(&rig.system, &id, &sad, &hashes[1..2]),
            rig.sign_hash(&rig.system, &id, &sad, &hashes[2..]),
        );
        for refused in [one, two, three] {
            let sentence = "The disk of the database is full or cannot be written. Nothing was done. The operator must \
                            make room; then try again.";
            refused.is_csc(503, "temporarily_unavailable", sentence);
            assert_eq!(refused.header("retry-after"), Some("30".to_owned()), "{when}");
        }
        assert_eq!(rig.ledger(&id).await.len(), 3 * number, "{when}");
        said(&rig.db, format!("DROP TRIGGER full_disk ON {table}")).await;
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &hashes).await.status, 200, "{when}");
    }
    let signed = rig.events_of(&id).await.iter().filter(|(name, _)| name == "documents-signed").count();
    assert_eq!(signed, REFUSALS.len());
}

async fn said(db: &Db, sql: impl Into<String>) {
    let sql = sql.into();
    let done = db.write(|tx| {
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(tx).await?;
            Ok::<_, db::Error>(())
        })
    });
    done.await.unwrap();
}
