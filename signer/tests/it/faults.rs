//! What a token that fails uses up: nothing.

use std::time::{Duration, Instant};

use platform::db::Db;
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
