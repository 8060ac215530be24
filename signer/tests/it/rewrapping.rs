//! People's keys move under another wrapping key while they sign.

use platform::db::{self, Db};
use serde_json::Value;
use signer::api::Algorithm;

use crate::rig::{Rig, digest_of};

platform::both_engines! {
    /// Every key moves, spare and used, with an event in the same write; signers go on before, while and after, and so does
    /// one that started later. Once more moves nothing.
    async fn every_key_moves(db: Db) {
        let rig = Rig::new(db).await;
        let ids = [rig.ready(Algorithm::P256).await, rig.ready(Algorithm::P256).await];
        rig.fill_spare_keys().await;
        let sign = async |rig: &Rig, id: &str, text: &str| {
            let hash = digest_of(text.as_bytes());
            let sad = rig.sad(id, &[&hash]).await;
            assert_eq!(rig.sign_hash(&rig.system, id, &sad, &[&hash]).await.status, 200, "{text}");
        };
        sign(&rig, &ids[0], "before").await;
        let before = signer::wrapped_keys(&rig.db).await.unwrap();
        let [(1, keys)] = before[..] else { panic!("{before:?}") };
        assert_eq!(keys, 3);
        rig.hsm.create_wrapping_key(2).await.unwrap();
        let mut told = 0;
        let mut tell = |moved| told += moved;
        let done = signer::rewrap(&rig.db, &rig.hsm, &rig.clock, 2, &mut tell).await.unwrap();
        assert_eq!((done.moved, told, done.refused.len()), (keys, keys, 0));
        assert_eq!(signer::wrapped_keys(&rig.db).await.unwrap(), [(2, keys)]);
        let moved = events(&rig.db).await;
        assert_eq!(moved.len(), 1);
        assert_eq!(moved[0]["keys"].as_array().unwrap().len() as u64, keys);
        for id in &ids {
            sign(&rig, id, "with what was in memory").await;
            sign(&rig.twin(), id, "as another process").await;
        }
        let again = signer::rewrap(&rig.db, &rig.hsm, &rig.clock, 2, &mut |_| {}).await.unwrap();
        assert_eq!((again.moved, events(&rig.db).await.len()), (0, 1));
    }

    /// A key that does not open is named and stays as it is, the others move; one that is destroyed meanwhile stays destroyed.
    async fn damaged_and_destroyed_keys_stay(db: Db) {
        let rig = Rig::new(db).await;
        let (good, damaged, destroyed) = (
            rig.ready(Algorithm::P256).await,
            rig.ready(Algorithm::P256).await,
            rig.ready(Algorithm::P256).await,
        );
        give_the_key_of(&rig.db, &good, &damaged).await;
        assert_eq!(rig.delete(&rig.admin, &format!("/signer/credentials/{destroyed}")).await.status, 200);
        rig.hsm.create_wrapping_key(2).await.unwrap();
        let done = signer::rewrap(&rig.db, &rig.hsm, &rig.clock, 2, &mut |_| {}).await.unwrap();
        assert_eq!((done.moved, done.refused.len()), (1, 1), "{done:?}");
        assert!(done.refused[0].starts_with("signer_key "), "{done:?}");
        assert_eq!(signer::wrapped_keys(&rig.db).await.unwrap(), [(1, 1), (2, 1)]);
        assert_eq!(rig.wrapped_keys(&destroyed).await, 0);
    }
}

/// What was recorded of moves.
async fn events(db: &Db) -> Vec<Value> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM audit_event WHERE name = 'keys-rewrapped' ORDER BY ordinal")
            .fetch_all(db.read())
            .await
            .unwrap();
    rows.iter().map(|body| serde_json::from_slice::<Value>(body).unwrap()["event"].clone()).collect()
}

/// Puts the wrapped key of one credential into the row of another, as somebody with the database might.
async fn give_the_key_of(db: &Db, from: &str, to: &str) {
    const SQL: &str = "UPDATE signer_key SET wrapped = (SELECT wrapped FROM signer_key WHERE credential_id = $1) \
                       WHERE credential_id = $2";
    let (from, to) = (from.to_owned(), to.to_owned());
    let done: Result<u64, db::Error> = db
        .write(move |tx| {
            Box::pin(
                async move { Ok(sqlx::query(SQL).bind(from).bind(to).execute(tx).await?.rows_affected()) },
            )
        })
        .await;
    assert_eq!(done.unwrap(), 1);
}
