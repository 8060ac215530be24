//! Credentials beside other processes, and of people who have many.

use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use tokio::sync::oneshot;

use super::*;
use crate::ids::{AuthorisationId, SigningId};
use crate::store::signings::Signing;
use crate::store::signings::testing::make_ready;

/// A credential of the same person, made at this time.
fn made(at: i64, state: CredentialState) -> CredentialRow {
    let credential_id = CredentialId::new(Millis(at));
    CredentialRow {
        request_id: credential_id.to_string(),
        credential_id,
        user_id: "555021942107".to_owned(),
        state,
        version: 1,
        subject: SubjectData::default(),
        passphrase: None,
        key_id: KeyId::new(Millis(at)),
        serial: None,
        created_at: Millis(at),
        kind: Kind::Kept,
        ending: None,
    }
}

platform::both_engines! {
    /// However many of somebody's credentials are over, those that are not are found, and of many the newest; all are found page by page, once each.
    async fn what_is_over_hides_nothing(db: Db) {
        use CredentialState::{Active, Destroyed, Pending, Revoked, Suspended};
        let mut rows: Vec<CredentialRow> = (0..60).map(|at| made(at, Destroyed)).collect();
        rows.extend((60..120).map(|at| made(at, Revoked)));
        rows.extend([(120, Active), (121, Suspended), (122, Pending), (123, Revoked)].map(|(at, state)| made(at, state)));
        let stored = rows.clone();
        let done: Result<(), Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    for row in &stored {
                        insert(tx, row).await?;
                    }
                    Ok(())
                })
            })
            .await;
        done.unwrap();
        let times = |rows: Vec<CredentialRow>| rows.iter().map(|row| row.created_at.0).collect::<Vec<_>>();
        let user = "555021942107";
        assert_eq!(times(of_user(db.read(), user, Which::NotOver).await.unwrap()), [120, 121, 122]);
        let newest: Vec<i64> = (24..124).collect();
        assert_eq!(times(of_user(db.read(), user, Which::All).await.unwrap()), newest);
        assert!(of_user(db.read(), "555021942115", Which::All).await.unwrap().is_empty());
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = of_user_after(db.read(), user, &after, 50).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.credential_id.to_string();
            found.extend(times(page));
        }
        assert_eq!(found, (0..124).collect::<Vec<_>>());
        assert!(of_user_after(db.read(), "555021942115", "", 50).await.unwrap().is_empty());
    }
}

/// What comes of changing a credential now, without waiting for anybody.
async fn changed_at_once(db: &Db, credential: &CredentialId) -> Result<i64, Error> {
    let credential = credential.clone();
    db.write(move |tx| {
        Box::pin(async move {
            let sql =
                "SELECT version FROM signer_credential WHERE credential_id = $1 FOR NO KEY UPDATE NOWAIT";
            Ok(sqlx::query_scalar(sql).bind(credential.as_str()).fetch_one(&mut *tx).await?)
        })
    })
    .await
}

/// Whoever gives an authorisation has the credential stay as it was looked at until that is stored: a process beside it that changes the passphrase
/// finds what was given, and ends it. SQLite has one writer.
#[tokio::test]
async fn a_credential_stays_until_what_rests_on_it_is_stored() {
    let test = TestDb::new(Engine::Postgres).await;
    let beside = Db::connect(&test.config, Clock::system()).await.unwrap();
    let signing = Signing {
        signing_id: SigningId::new(Millis(1)),
        authorisation_id: AuthorisationId::new(Millis(1)),
        credential_id: CredentialId::new(Millis(1)),
        serial: "01".to_owned(),
        client: "practice-system".to_owned(),
        signed_at: Millis(1),
    };
    make_ready(&test.db, &signing, 9).await;
    let (begun, begins) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let (db, id) = (test.db.clone(), signing.credential_id.clone());
    let looking = tokio::spawn(async move {
        let found: Result<Option<(CredentialState, i64)>, Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    let found = version(tx, &id).await?;
                    begun.send(()).unwrap();
                    released.await.unwrap();
                    Ok(found)
                })
            })
            .await;
        found.unwrap()
    });
    begins.await.unwrap();
    assert!(changed_at_once(&beside, &signing.credential_id).await.is_err(), "it is not changed meanwhile");
    release.send(()).unwrap();
    assert_eq!(looking.await.unwrap(), Some((CredentialState::Active, 7)));
    assert_eq!(changed_at_once(&beside, &signing.credential_id).await.unwrap(), 7, "nor kept for longer");
    beside.close().await;
}
