//! ID tokens of people with many roles, which relying parties asked to be told in them.

use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use crate::rig::{ANN, ISSUER, Rig, assign, basic, organisation};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// The longest signature of anybody else that is read.
const OF_OTHERS: usize = 16 * 1024;

/// Somebody with seventy roles.
async fn with_many_roles(db: &Db) -> Rig {
    db.write(|tx| {
        Box::pin(async move {
            for number in 13..=70 {
                organisation(tx, number).await?;
            }
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
    let rig = Rig::new(db.clone()).await;
    db.write(|tx| {
        Box::pin(async move {
            for number in 2..=70 {
                assign(tx, ANN, number).await?;
            }
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
    rig
}

/// An ID token with all of them.
async fn large(rig: &Rig, secret: &str, session: &str) -> String {
    let claims = json!({"id_token": {"nhsid_nrbac_roles": null}}).to_string();
    let tokens = rig.exchange(secret, &rig.code(&[("claims", &claims)], session).await, &[]).await.json();
    let token = tokens["id_token"].as_str().unwrap().to_owned();
    let told = rig.verified(&token).await;
    assert_eq!(told["nhsid_nrbac_roles"].as_array().map(Vec::len), Some(70));
    assert!(token.len() > OF_OTHERS, "{}", token.len());
    token
}

async fn is_signed_in(rig: &Rig, session: &str) -> bool {
    rig.authorise(&[("prompt", "none")], &[session]).await.sent("code").is_some()
}

platform::both_engines! {
    /// An ID token that is longer than what is read of anybody else signs its person out, by form and by address, names them as a hint,
    /// and is exchanged.
    async fn large_id_tokens_are_read(db: Db) {
        let rig = with_many_roles(&db).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &json!({
            "grant_types": [GRANT], "redirect_uris": [], "scopes": ["records:read"],
            "token_exchanges": [{"subject_clients": ["rp"], "subject_token_types": [ID_TOKEN], "scopes": ["records:read"]}]
        })).await;
        for by_form in [true, false] {
            let session = rig.sign_in(ANN, "smartcard").await;
            let token = large(&rig, &secret, &session).await;
            let silent = rig.authorise(&[("prompt", "none"), ("id_token_hint", &token)], &[&session]).await;
            assert!(silent.sent("code").is_some(), "{}", silent.location());
            let pairs = [("grant_type", GRANT), ("subject_token", token.as_str()), ("subject_token_type", ID_TOKEN)];
            let given = rig.form("/token", &[("authorization", &basic("gateway", &gateway))], &pairs).await;
            assert_eq!(given.status, StatusCode::OK, "{}", given.text);
            let done = if by_form {
                rig.form("/end-session", &[("cookie", &session)], &[("id_token_hint", &token)]).await
            } else {
                rig.browse(&format!("/end-session?id_token_hint={token}"), &[&session]).await
            };
            assert!(done.status == StatusCode::OK && done.text.contains("You are signed out"), "{}", done.text);
            assert!(!is_signed_in(&rig, &session).await);
        }
        assert_eq!(rig.recorded("session-ended").await, 2);
    }

    /// Whoever is signed in is asked where the hint is not read, and signs out by their word; a hint alone that is not read is refused,
    /// and what is longer than any of ours is not read.
    async fn a_hint_that_is_not_read_is_asked_about(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for hint in ["not-a-token".to_owned(), format!("{}.e30.c2ln", "e".repeat(48 * 1024))] {
            let pairs = [("id_token_hint", hint.as_str())];
            let asked = rig.form("/end-session", &[("cookie", &session)], &pairs).await;
            assert!(asked.status == StatusCode::OK && asked.text.contains("Do you want to sign out?"), "{:.300}", asked.text);
            assert!(is_signed_in(&rig, &session).await);
            assert_eq!(rig.form("/end-session", &[], &pairs).await.status, StatusCode::BAD_REQUEST);
        }
        assert_eq!(rig.recorded("session-ended").await, 0);
        let said = [("id_token_hint", "not-a-token"), ("confirmed", "yes")];
        let done = rig.form("/end-session", &[("cookie", &session), ("origin", ISSUER)], &said).await;
        assert!(done.text.contains("You are signed out"), "{}", done.text);
        assert!(!is_signed_in(&rig, &session).await);
    }
}
