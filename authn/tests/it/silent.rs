//! Requests that may ask nothing (`prompt=none`): whatever comes of them, nobody sees a page.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::rig::{ANN, Answered, CALLBACK, ISSUER, Logged, Rig, request};

/// Posts the request of every test, changed so, as a page of another site does: without a cookie.
async fn posted(rig: &Rig, change: &[(&str, &str)], headers: &[(&str, &str)]) -> Answered {
    let query = request(change);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    rig.form("/authorize", headers, &pairs).await
}

/// Whether this is a page that sends the browser nowhere.
fn page(answered: &Answered) -> bool {
    answered.status == StatusCode::BAD_REQUEST && answered.headers.get("location").is_none()
}

/// Whether a page may be in a frame of the relying party, and if not, that it may be in none.
fn framed(answered: &Answered) -> bool {
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    let policy = answered.headers["content-security-policy"].to_str().unwrap();
    let origin = url::Url::parse(CALLBACK).unwrap().origin().ascii_serialization();
    match answered.headers.get("x-frame-options") {
        None => policy.ends_with(&format!("; frame-ancestors {origin}")),
        Some(refused) => {
            assert!(refused == "DENY" && policy.ends_with("; frame-ancestors 'none'"), "{policy}");
            false
        }
    }
}

/// Takes the address of the tests out of a registration, or closes it.
async fn take_back(rig: &Rig, id: &str, method: Method) {
    let path = format!("/authn/configs/larkfield/{id}");
    let known = rig.operate(Method::GET, &path, &json!(null)).await.json();
    let mut config = known["client_config"].clone();
    config["redirect_uris"] = json!(["https://rp.example/other"]);
    let path = format!("{path}?hash={}", known["hash"].as_str().unwrap());
    let changed = rig.operate(method, &path, &json!({"client_config": config})).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
}

/// Has a table fail from now on.
async fn take_away(db: &Db, statement: &'static str) {
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(statement).execute(&mut *tx).await.map(drop).map_err(platform::db::Error::from)
        })
    })
    .await
    .unwrap();
}

platform::both_engines! {
    /// What fails here is told to a relying party that asked silently, since a page would be seen by nobody; whoever is there is shown a page. It is
    /// logged once, whoever is told, and by whichever way the request came.
    async fn failures_are_told_to_whoever_asked_silently(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let card = rig.sign_in(ANN, "smartcard").await;
        take_away(&rig.db, "ALTER TABLE authn_grant RENAME TO authn_grant_away").await;
        let logged = Logged::default();
        let _log = logged.begin();
        let told = rig.authorise(&[("prompt", "none")], &[&card]).await;
        assert_eq!(told.sent_error().as_deref(), Some("server_error"), "{}", told.text);
        assert_eq!((told.sent("state").is_some(), told.sent("iss").as_deref(), told.sent("code")), (true, Some(ISSUER), None));
        assert_eq!(logged.lines(), 1, "to the relying party, by GET");
        let shown = rig.authorise(&[], &[&card]).await;
        assert_eq!(shown.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", shown.text);
        assert_eq!(logged.lines(), 2, "on a page");
        take_away(&rig.db, "ALTER TABLE authn_interaction RENAME TO authn_interaction_away").await;
        let told = posted(&rig, &[("prompt", "none")], &[]).await;
        assert_eq!(told.sent_error().as_deref(), Some("server_error"), "{}", told.text);
        assert_eq!(logged.lines(), 3, "to the relying party, by POST");
        // What is no failure of ours is not logged.
        assert_eq!(rig.authorise(&[("prompt", "none")], &[]).await.sent_error().as_deref(), Some("login_required"));
        assert_eq!(logged.lines(), 3);
    }

    /// From a frame in the page of another site a browser sends no cookie, neither of the request nor of a session: a relying party that asked silently
    /// by POST is told so. Nothing is given to whoever comes to it so, and it waits for its browser; where somebody is there they see a page.
    async fn frames_of_other_sites_are_answered(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let begun = posted(&rig, &[("prompt", "none")], &[("sec-fetch-dest", "iframe")]).await;
        for held in [&[][..], &[session.as_str()]] {
            let back = rig.browse(begun.location(), held).await;
            assert_eq!(back.sent_error().as_deref(), Some("login_required"), "{}", back.text);
            assert!(back.location().starts_with(CALLBACK), "{}", back.location());
            assert_eq!((back.sent("state").as_deref(), back.sent("code")), (Some("a-state"), None));
        }
        let pressed = rig.form(begun.location(), &[("cookie", &session)], &[("role", "1")]).await;
        assert!(page(&pressed), "{} {}", pressed.status, pressed.text);
        assert!(rig.browse(begun.location(), &[&begun.cookie(), &session]).await.sent("code").is_some(), "it waited");
        let gone = rig.browse(begun.location(), &[]).await;
        assert!(page(&gone), "{} {}", gone.status, gone.text);
        let asked = posted(&rig, &[], &[]).await;
        assert!(asked.location().starts_with("/authorize/continue/"), "{}", asked.location());
        for held in [&[][..], &[session.as_str()]] {
            let shown = rig.browse(asked.location(), held).await;
            assert!(page(&shown), "{} {}", shown.status, shown.text);
        }
        // A page that posts the answer is shown in the frame of whoever asked silently, and in no other.
        let mode = ("response_mode", "form_post");
        let begun = posted(&rig, &[("prompt", "none"), mode], &[("sec-fetch-dest", "iframe")]).await;
        let back = rig.browse(begun.location(), &[]).await;
        assert!(back.text.contains("login_required") && framed(&back), "{:?} {}", back.headers, back.text);
        let back = rig.authorise(&[("prompt", "none"), mode], &[]).await;
        assert!(back.text.contains("login_required") && framed(&back), "{:?} {}", back.headers, back.text);
        let given = rig.authorise(&[mode], &[&session]).await;
        assert!(given.text.contains("name=\"code\"") && !framed(&given), "{:?} {}", given.headers, given.text);
    }

    /// No refusal goes to an address that was taken out of the registration meanwhile, or whose client was closed: neither to whoever asked silently,
    /// with a session, without one, or in a frame, nor where the person does not want to.
    async fn refusals_go_nowhere_else(db: Db) {
        let rig = Rig::new(db).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for (id, method) in [("rp", Method::PUT), ("rp-b", Method::DELETE)] {
            rig.register(id, &json!({})).await;
            let silently = [("client_id", id), ("prompt", "none")];
            let nobody = posted(&rig, &silently, &[]).await;
            let somebody = posted(&rig, &silently, &[]).await;
            let frame = posted(&rig, &silently, &[("sec-fetch-dest", "iframe")]).await;
            let asked = rig.authorise(&[("client_id", id)], &[]).await;
            take_back(&rig, id, method.clone()).await;
            let cancelled = format!("{}?cancelled", asked.location().replace("/sign-in/", "/authorize/continue/"));
            for (path, held) in [
                (nobody.location(), vec![nobody.cookie()]),
                (somebody.location(), vec![somebody.cookie(), session.clone()]),
                (frame.location(), vec![]),
                (cancelled.as_str(), vec![asked.cookie()]),
            ] {
                let held: Vec<&str> = held.iter().map(String::as_str).collect();
                let shown = rig.browse(path, &held).await;
                assert!(page(&shown), "{method} {path}: {} {:?}", shown.status, shown.headers.get("location"));
            }
        }
    }
}
