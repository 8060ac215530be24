//! The page on which a prescriber sees what is theirs, and ends a credential.

use platform::db::Db;

use super::world::Browser;
use super::{ISSUER, World, unprepared};

const ACCOUNT: &str = "/signing-service/account";

/// A form of a page, from this origin.
async fn sent(world: &World, browser: &Browser, path: &str, origin: &str) -> (u16, String) {
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = http::Request::builder().method("POST").uri(path).header("origin", origin);
    let request = request.header("cookie", cookies.join("; ")).body(axum::body::Body::empty()).unwrap();
    let answered = world.route(request).await;
    (answered.status, answered.header("location"))
}

platform::both_engines! {
    /// A prescriber sees own signatures and credentials alone, and ends one, by our own page and after a question; nobody without a
    /// session, or with one that is worth less than signing wants, sees anything.
    async fn a_prescriber_sees_and_ends_what_is_theirs(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("script-77", &unprepared(1))]).await;
        world.agree(&request).await;
        let nobody = world.send("GET", ACCOUNT, None, None).await;
        assert!(nobody.status == 401 && nobody.body.contains("You are not signed in"), "{}", nobody.body);
        let mut mine = world.browsers["555021942107"].clone();
        let method = |name: &str| (name.to_owned(), 0);
        for (name, expires_at) in [method("totp"), method("security-key")] {
            let weak = name == "totp";
            world.write("UPDATE authn_session SET method = $1 WHERE expires_at > $2", vec![name], expires_at).await;
            let shown = mine.get(&world, ACCOUNT).await;
            assert_eq!((shown.status == 403, shown.body.contains("script-77")), (weak, !weak), "{}", shown.body);
        }
        let mut theirs = world.browsers["555021942115"].clone();
        let shown = mine.get(&world, ACCOUNT).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        for text in ["script-77", "practice-system", "security-key", "RSA-2048: Can sign"] {
            assert!(shown.body.contains(text), "{text}: {}", shown.body);
        }
        let others = theirs.get(&world, ACCOUNT).await;
        assert!(others.status == 200 && !others.body.contains("script-77") && others.body.contains("no credential"), "{}", others.body);
        let listed = world.rig.get(&world.rig.admin, "/signer/credentials?user_id=555021942107").await;
        let id = listed.body["credentials"][0]["credential_id"].as_str().unwrap().to_owned();
        let here = format!("{ACCOUNT}/credentials/{id}");
        assert_eq!(theirs.get(&world, &here).await.status, 404);
        assert!(mine.get(&world, &here).await.body.contains("Do you want to end this credential?"));
        let end = format!("{here}/end");
        assert_eq!(sent(&world, &mine, &end, "https://evil.example").await.0, 403);
        assert_eq!(sent(&world, &theirs, &end, ISSUER).await.0, 404);
        assert!(mine.get(&world, ACCOUNT).await.body.contains("Can sign"), "nothing was ended by others");
        assert_eq!(sent(&world, &mine, &end, ISSUER).await, (303, ACCOUNT.to_owned()));
        let ended = mine.get(&world, ACCOUNT).await.body;
        assert!(ended.contains("RSA-2048: Ended") && ended.contains("script-77"), "{ended}");
        let jwt = world.jwt(&world.claims(&[("two", &unprepared(2))], &serde_json::json!({})));
        assert_eq!(world.ask(&jwt, &world.token, "s").await.refusal(), (409, "credential-none".to_owned()));
    }
}
