//! The token goes away while certificates are asked for.

use hsm::TokenState;
use platform::db::Db;
use platform::problem::Kind;

use crate::world::{World, listed, prescriber, until};

async fn rows(db: &Db) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_certificate";
    sqlx::query_scalar(count).fetch_one(db.read()).await.unwrap()
}

platform::both_engines! {
    /// While it is known that the token is away, attempts are refused with a time and leave no row, so that the
    /// revocation list does not grow; what was issued before is still answered, and afterwards issuing works.
    async fn attempts_without_a_token_leave_nothing(db: Db) {
        let world = World::new(db).await;
        let before = prescriber("before");
        let issued = world.client.issue(&before).await.unwrap();
        world.move_token_away();
        // The calls that find out may have been under way.
        until(async || {
            let found = world.client.issue(&prescriber("finds-out")).await;
            found.is_err() && matches!(world.hsm.health().tokens[0].state, TokenState::Sick { .. })
        })
        .await;
        let at_first = rows(&world.db).await;
        for attempt in 0..20 {
            let problem = world.client.issue(&prescriber(&format!("away-{attempt}"))).await.unwrap_err();
            assert_eq!((problem.kind, problem.code), (Kind::Unavailable, "token-unavailable"), "{problem:?}");
            assert!(problem.retry_after.is_some(), "it says when to come back");
        }
        assert_eq!(rows(&world.db).await, at_first, "an attempt left a row");
        assert_eq!(world.client.issue(&before).await.unwrap().serial, issued.serial);

        world.move_token_back();
        until(async || world.client.issue(&prescriber("away-0")).await.is_ok()).await;
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_none());
    }
}
