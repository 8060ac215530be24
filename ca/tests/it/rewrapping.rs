//! The authority's secrets move under another wrapping key.

use ca::api;
use platform::db::Db;

use crate::acme::client::Acme;
use crate::acme::site::{Site, local};
use crate::world::client;

platform::both_engines! {
    /// Nonce key and MAC keys move, and machines register with what they were told before, here and at a process that started
    /// later. The key of an account that has ended is left; once more moves nothing.
    async fn sealed_secrets_move(db: Db) {
        let site = Site::new(db).await;
        let (before, ended) = (site.external(&local()).await, site.external(&local()).await);
        let operator = client(&site.authority, &[api::ACME]);
        operator.end_external_account(&ended.account.id).await.unwrap();
        let (world, db) = (&site.world, &site.world.db);
        assert_eq!(ca::sealed_secrets(db).await.unwrap(), [(1, 2)]);
        world.hsm.create_wrapping_key(2).await.unwrap();
        let mut told = 0;
        let done = ca::rewrap(db, &world.hsm, &world.clock, 2, &mut |moved| told += moved).await.unwrap();
        assert_eq!((done.moved, told, done.refused.len()), (2, 2, 0));
        assert_eq!(ca::sealed_secrets(db).await.unwrap(), [(2, 2)]);
        for authority in [&site.authority, &site.another().await] {
            Acme::registered(authority, &before).await;
        }
        assert_eq!(Acme::new(&site.authority).register(&ended).await.problem(), "unauthorized");
        let again = ca::rewrap(db, &world.hsm, &world.clock, 2, &mut |_| {}).await.unwrap();
        assert_eq!((again.moved, moves(db).await), (0, 2), "an event for each table");
    }
}

/// How many moves were recorded.
async fn moves(db: &Db) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'secrets-rewrapped'";
    sqlx::query_scalar(count).fetch_one(db.read()).await.unwrap()
}
