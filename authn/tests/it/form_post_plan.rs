//! The modules of the basic plan once more with `response_mode=form_post`, as `oidcc-formpost-basic-certification-test-plan` has them:
//! those that `plans.rs` does not ask for both ways. The way in which an answer comes hangs on no database.

use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::{Value, json};

use crate::rig::{
    ANN, Answered, BEN, CALLBACK, CHALLENGE, Rig, VERIFIER, basic, half_hash, part, request, user,
};

/// A field of a page that posts an answer, which goes to the address of the client and nowhere else.
fn posted(page: &Answered, name: &str) -> Option<String> {
    assert_eq!((page.status, page.headers.get("location")), (StatusCode::OK, None), "{}", page.text);
    assert!(page.text.contains(&format!("action=\"{CALLBACK}\"")), "{}", page.text);
    let rest = page.text.split_once(&format!("name=\"{name}\" value=\""))?.1;
    rest.split('"').next().map(str::to_owned)
}

async fn asked(rig: &Rig, change: &[(&str, &str)], cookies: &[&str]) -> Answered {
    rig.authorise(&[change, &[("response_mode", "form_post")]].concat(), cookies).await
}

/// What a code gives that comes by form.
async fn given(rig: &Rig, secret: &str, change: &[(&str, &str)], session: &str) -> (String, Value, Value) {
    let page = asked(rig, change, &[session]).await;
    assert_eq!(posted(&page, "state").as_deref(), Some("a-state"));
    let code = posted(&page, "code").unwrap_or_else(|| panic!("{}", page.text));
    let tokens = rig.exchange(secret, &code, &[]).await.json();
    let claims = rig.verified(tokens["id_token"].as_str().unwrap()).await;
    (code, tokens, claims)
}

/// oidcc-server, -idtoken-signature, -userinfo-get, -userinfo-post-header, -userinfo-post-body, -refresh-token, -codereuse: what a posted code
/// gives is what any other gives, and it gives it once.
async fn codes_work(rig: &Rig, secret: &str, session: &str) {
    let (code, tokens, claims) = given(rig, secret, &[("nonce", "n-1")], session).await;
    assert_eq!(part(tokens["id_token"].as_str().unwrap(), 0)["alg"], "RS256");
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["nonce"]),
        (&json!(user(ANN)), &json!("rp"), &json!("n-1"))
    );
    assert_eq!(
        (claims["c_hash"].as_str(), claims["s_hash"].as_str()),
        (Some(half_hash(&code).as_str()), Some(half_hash("a-state").as_str()))
    );
    let access = tokens["access_token"].as_str().unwrap();
    let told = rig.userinfo(access).await;
    assert_eq!((told.status, &told.json()["sub"]), (StatusCode::OK, &claims["sub"]));
    let header = format!("Bearer {access}");
    assert_eq!(rig.form("/userinfo", &[("authorization", &header)], &[]).await.text, told.text);
    assert_eq!(rig.form("/userinfo", &[], &[("access_token", access)]).await.text, told.text);
    let pairs =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let fresh = rig.form("/token", &[("authorization", &basic("rp", secret))], &pairs).await.json();
    assert_eq!(rig.verified(fresh["id_token"].as_str().unwrap()).await["sub"], claims["sub"]);
    assert_eq!(rig.exchange(secret, &code, &[]).await.error(), "invalid_grant", "again");
    for ended in [access, fresh["access_token"].as_str().unwrap()] {
        assert_eq!(rig.userinfo(ended).await.status, StatusCode::UNAUTHORIZED, "it ended what it gave");
    }
}

/// oidcc-ensure-request-with-valid-pkce-succeeds, -ensure-post-request-succeeds, -ensure-registered-redirect-uri: a proof key counts, a
/// request may be posted too, and nothing is posted to strangers.
async fn requests_are_held_to_what_is_registered(rig: &Rig, secret: &str, session: &str) {
    let proof = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    for (verifier, status) in
        [("x".repeat(43), StatusCode::BAD_REQUEST), (VERIFIER.to_owned(), StatusCode::OK)]
    {
        let code = posted(&asked(rig, &proof, &[session]).await, "code").unwrap();
        assert_eq!(
            rig.exchange(secret, &code, &[("code_verifier", &verifier)]).await.status,
            status,
            "{verifier}"
        );
    }
    let query = request(&[("response_mode", "form_post")]);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let begun = rig.form("/authorize", &[], &pairs).await;
    let page = rig.browse(begun.location(), &[&begun.cookie(), session]).await;
    let code = posted(&page, "code").unwrap();
    assert_eq!(rig.exchange(secret, &code, &[]).await.status, StatusCode::OK);
    for stranger in ["https://evil.example/callback", "https://rp.example/callback/", ""] {
        let page = asked(rig, &[("redirect_uri", stranger)], &[session]).await;
        assert_eq!(
            (page.status, page.headers.get("location")),
            (StatusCode::BAD_REQUEST, None),
            "{stranger}"
        );
        assert!(!page.text.contains("<form") || !page.text.contains("evil"), "{}", page.text);
    }
}

/// oidcc-prompt-none-not-logged-in, -prompt-login, -max-age-1, -id-token-hint: who has to be asked is asked first, or refused by form.
async fn who_is_asked(rig: &Rig, secret: &str, session: &str) {
    let (_, tokens, first) = given(rig, secret, &[], session).await;
    let refused = asked(rig, &[("prompt", "none")], &[]).await;
    assert_eq!(
        (posted(&refused, "error").as_deref(), posted(&refused, "code")),
        (Some("login_required"), None)
    );
    rig.pass(2);
    for change in [("prompt", "login"), ("max_age", "1")] {
        let begun = asked(rig, &[change], &[session]).await;
        assert!(begun.location().starts_with("/sign-in/"), "{change:?} {}", begun.location());
        rig.pass(1);
        let anew = rig.sign_in(ANN, "smartcard").await;
        let onward = begun.location().replace("/sign-in/", "/authorize/continue/");
        let page = rig.browse(&onward, &[&begun.cookie(), &anew]).await;
        let tokens = rig.exchange(secret, &posted(&page, "code").unwrap(), &[]).await.json();
        let claims = rig.verified(tokens["id_token"].as_str().unwrap()).await;
        assert!(claims["auth_time"].as_i64() > first["auth_time"].as_i64(), "{change:?}");
    }
    let hint = [("prompt", "none"), ("id_token_hint", tokens["id_token"].as_str().unwrap())];
    assert!(posted(&asked(rig, &hint, &[session]).await, "code").is_some());
    let other = rig.sign_in(BEN, "smartcard").await;
    let refused = asked(rig, &hint, &[&other]).await;
    assert_eq!(
        (posted(&refused, "error").as_deref(), posted(&refused, "code")),
        (Some("login_required"), None)
    );
}

/// oidcc-server-client-secret-post: the client shows its secret in the form of the token endpoint.
async fn the_secret_comes_by_form(rig: &Rig, session: &str) {
    let secret = rig.register("rp-post", &json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    let page = asked(rig, &[("client_id", "rp-post")], &[session]).await;
    let code = posted(&page, "code").unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", "rp-post"),
        ("client_secret", secret.as_str()),
    ];
    let tokens = rig.form("/token", &[], &pairs).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
    assert_eq!(rig.verified(tokens.json()["id_token"].as_str().unwrap()).await["aud"], "rp-post");
}

/// The modules of the form-post plan, one after the other, in one installation.
#[tokio::test]
async fn the_form_post_plan_module_by_module() {
    let test = TestDb::new(Engine::Sqlite).await;
    let rig = Rig::new(test.db.clone()).await;
    let secret = rig.register("rp", &json!({})).await;
    let session = rig.sign_in(ANN, "smartcard").await;
    codes_work(&rig, &secret, &session).await;
    requests_are_held_to_what_is_registered(&rig, &secret, &session).await;
    the_secret_comes_by_form(&rig, &session).await;
    who_is_asked(&rig, &secret, &session).await;
}
