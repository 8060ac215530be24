//! Tokens of requests that come together, through the writer that groups them.

use std::sync::Arc;

use platform::clock::Millis;
use platform::db::Db;
use platform::db::together::Together;

use super::{codes, grants, tokens};
use crate::error::Error;
use crate::oidc::giving::{By, Given, Stood};
use crate::oidc::scope::Scopes;
use crate::secret::sha256_hex;
use crate::store::codes::{Bound, Code};
use crate::store::grants::tests::sample;
use crate::token::{Binding, Grant, Kind, Token};

const PERSON: &str = "555021942107";

/// Tokens for a code, which lies in the database.
async fn with_code(db: &Db, number: i64) -> Given {
    let grant = sample("rp", &format!("s{number}"), number);
    let code = Code {
        hash: sha256_hex(&number.to_be_bytes()),
        grant: grant.id.clone(),
        client: grant.client.clone(),
        bound: Bound { redirect_uri: String::new(), challenge: None, key: None },
        expires_at: Millis(1_000),
        used_at: None,
    };
    let (under, kept) = (grant.clone(), code.clone());
    db.write(move |tx| {
        Box::pin(async move {
            grants::insert_all(tx, &[&under]).await?;
            codes::insert(tx, &kept).await
        })
    })
    .await
    .unwrap();
    Given {
        rows: vec![token(&grant, number)],
        grant,
        by: By::Code { code: code.hash, person: PERSON.parse().unwrap() },
        at: Millis(number),
    }
}

fn token(grant: &Grant, number: i64) -> Token {
    Token {
        hash: format!("token-{number}"),
        kind: Kind::Access,
        grant: grant.id.clone(),
        client: grant.client.clone(),
        scope: Scopes::of(["openid"]),
        issued_at: Millis(number),
        expires_at: Millis(1_000),
        used_at: None,
        ended_at: None,
        binding: Binding::Nothing,
        actors: vec![],
        audience: None,
    }
}

async fn person(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            sqlx::query("INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', 'open', 1)")
                .bind(PERSON)
                .execute(&mut *tx)
                .await?;
            Ok::<_, Error>(())
        })
    })
    .await
    .unwrap();
}

async fn events(db: &Db) -> i64 {
    sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'tokens-issued'")
        .fetch_one(db.read())
        .await
        .unwrap()
}

platform::both_engines! {
    /// What comes together is stored together, each with its event; a code that comes twice in a group gives once, and one of
    /// a grant that has ended gives nothing, while the others are not touched by it.
    async fn a_group_gives_each_its_own(db: Db) {
        person(&db).await;
        let together = Together::start(&db);
        let mut all = Vec::new();
        for number in 1..=20 {
            all.push(with_code(&db, number).await);
        }
        let (ended, twice) = (all[3].grant.id.clone(), Given { rows: vec![token(&all[7].grant, 99)], ..all[7].clone() });
        db.write(move |tx| Box::pin(async move { grants::end(tx, &ended, "left", Millis(5)).await })).await.unwrap();
        all.push(twice);
        for number in 30..40 {
            let grant = sample("system", "", number);
            all.push(Given { rows: vec![token(&grant, number)], grant, by: By::Itself, at: Millis(number) });
        }
        let mut tasks = tokio::task::JoinSet::new();
        let together = Arc::new(together);
        for (place, given) in all.into_iter().enumerate() {
            let together = Arc::clone(&together);
            tasks.spawn(async move { (place, together.write(given).await.unwrap()) });
        }
        let mut stands = vec![Stood::Over; 31];
        while let Some(done) = tasks.join_next().await {
            let (place, stood) = done.unwrap();
            stands[place] = stood;
        }
        assert_eq!(stands[3], Stood::Over, "its grant has ended, and nobody has used its code");
        assert!([[Stood::Stands, Stood::Used], [Stood::Used, Stood::Stands]].contains(&[stands[7], stands[20]]), "{stands:?}");
        assert_eq!((stands.iter().filter(|stood| **stood == Stood::Stands).count(), events(&db).await), (29, 29));
        assert!(tokens::find(db.read(), "token-1").await.unwrap().is_some());
        assert!(tokens::find(db.read(), "token-4").await.unwrap().is_none());
        assert!(tokens::find(db.read(), "token-39").await.unwrap().is_some());
    }

    /// What is given for a person who has just left, or for a code whose grant has just ended, is over and not used: nobody came twice.
    async fn what_is_over_was_not_used(db: Db) {
        person(&db).await;
        let together = Together::start(&db);
        let (ended, left) = (with_code(&db, 1).await, with_code(&db, 2).await);
        let id = ended.grant.id.clone();
        db.write(move |tx| Box::pin(async move { grants::end(tx, &id, "given-back", Millis(5)).await })).await.unwrap();
        assert_eq!(together.write(ended).await.unwrap(), Stood::Over);
        db.write(|tx| Box::pin(async move {
            sqlx::query("UPDATE directory_person SET state = 'closed'").execute(&mut *tx).await?;
            Ok::<_, Error>(())
        })).await.unwrap();
        assert_eq!(together.write(left).await.unwrap(), Stood::Over);
        assert_eq!(events(&db).await, 0);
    }
}
