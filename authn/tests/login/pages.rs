//! The pages: whom they let in, and what they let others do to them.

use platform::db::Db;
use serde_json::json;

use crate::rig::{ALL, Browser, Rig, STRONG, SoftKey, USER};

/// Every page that there is before and after somebody signed in, with its status.
async fn pages(rig: &Rig, browser: &mut Browser) -> Vec<(String, u16)> {
    let here = rig.begin(browser, ALL).await;
    let link = rig.link(USER, "recovery").await;
    let mut pages =
        vec![(here.clone(), 200), ("/sign-in/none".to_owned(), 404), ("/account".to_owned(), 401)];
    pages.extend(["/account/cards", "/account/cards/none"].map(|page| (page.to_owned(), 401)));
    pages.extend(["key", "app", "card"].map(|page| (format!("{here}/{page}"), 200)));
    pages.extend([(link, 200), ("/enrol/none".to_owned(), 404), ("/enrol/done/totp".to_owned(), 200)]);
    pages
}

platform::both_engines! {
    /// No page can be put into another site's frame, keeps anything in a cache, tells its address, or runs what is not ours.
    async fn pages_are_sealed(db: Db) {
        let rig = Rig::new(db).await;
        let mut browser = rig.browser();
        for (path, status) in pages(&rig, &mut browser).await {
            let page = browser.get(&path).await;
            assert_eq!(page.status, status, "{path}: {}", page.body);
            let policy = page.header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{path}: {policy}");
            assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(page.header("strict-transport-security"), "max-age=31536000", "{path}");
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert_eq!(page.header("referrer-policy"), "strict-origin", "{path}");
            for bad in ["<script>", " style=", " onclick", "javascript:", "http://"] {
                assert!(!page.body.contains(bad), "{path}: {bad}");
            }
            for good in ["<html lang=\"en-GB\"", "<main ", "<h1 ", "Skip to main content", "<title>"] {
                assert!(page.body.contains(good), "{path}: {good}");
            }
        }
    }

    /// Whatever another site makes a browser send changes nothing: not choosing, signing in, opening a link, ending a session.
    async fn other_sites_change_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        let session = browser.session().unwrap().clone();
        let here = rig.begin(&mut browser, ALL).await;
        let asked = browser.asked(&here).await;
        let link = rig.link(USER, "issue").await;
        let credential = key.get(&asked);
        for origin in [Some("https://evil.example"), Some("null"), Some("http://id.example.org"), None] {
            browser.origin = origin.map(str::to_owned);
            for (path, fields) in [
                (here.clone(), vec![("method", "totp")]),
                (format!("{here}/app"), vec![("email", "a@example.org")]),
                (link.clone(), vec![]),
                ("/account/enrolments".to_owned(), vec![]),
                ("/account/sessions/01900000-0000-7000-8000-000000000000/end".to_owned(), vec![]),
                ("/account/authenticators/01900000-0000-7000-8000-000000000000/removal".to_owned(), vec![]),
                ("/account/cards/none/renewal/end".to_owned(), vec![]),
            ] {
                let refused = browser.form(&path, &fields).await;
                assert_eq!(refused.status, 403, "{origin:?} {path}: {}", refused.body);
                assert!(refused.body.contains("did not come from our page"), "{}", refused.body);
            }
            let refused = browser.answer(&here, &credential).await;
            assert_eq!(refused.status, 403, "{origin:?}: {}", refused.body);
            let refused = browser.script("/account/cards/none/ticket", &json!({})).await;
            assert_eq!(refused.status, 403, "{origin:?}: {}", refused.body);
            let refused = browser.card(&here, None, None).await;
            assert!(refused.body.contains("did not come from our page"), "{}", refused.body);
        }
        browser.origin = Some(crate::rig::ISSUER.to_owned());
        assert_eq!(browser.session(), Some(&session));
        assert_eq!(rig.events("session-opened").await.len(), 1);
        assert_eq!(browser.answer(&here, &credential).await.status, 200, "nothing was used up");
    }

    /// A session that somebody put into the browser before is not the one that is signed in, and ends; each sign-in has a secret of
    /// its own.
    async fn sessions_cannot_be_fixed(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let thief = rig.signed_in(&mut key).await;
        let planted = thief.session().unwrap().clone();
        let mut victim = rig.browser();
        victim.keep("__Host-lanyard-session", &planted);
        let here = rig.begin(&mut victim, ALL).await;
        assert_eq!(victim.show(&here, &mut key).await.status, 200);
        assert_ne!(victim.session(), Some(&planted));
        assert_eq!(thief.clone().get("/account").await.status, 401, "what was planted opens nothing any more");
        assert_eq!(victim.get("/account").await.status, 200);
        // What nobody has made opens nothing either.
        let mut made_up = rig.browser();
        made_up.keep("__Host-lanyard-session", &crate::rig::secret());
        let here = rig.begin(&mut made_up, ALL).await;
        assert_eq!(made_up.get("/account").await.status, 401);
        let before = made_up.session().unwrap().clone();
        assert_eq!(made_up.show(&here, &mut key).await.status, 200);
        assert_ne!(made_up.session(), Some(&before));
    }

    /// A request that was begun in one browser signs nobody in in another, whatever link is sent; nor after an hour.
    async fn requests_belong_to_a_browser(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut thief = rig.browser();
        let here = rig.begin(&mut thief, ALL).await;
        let mut victim = rig.browser();
        rig.begin(&mut victim, ALL).await;
        for page in ["", "/key", "/app", "/card"] {
            let page = victim.get(&format!("{here}{page}")).await;
            assert!(page.status == 404 && page.body.contains("Start again from your service"), "{}", page.body);
        }
        assert_eq!(victim.script(&format!("{here}/key/options"), &json!({})).await.status, 404);
        assert_eq!(thief.get(&here).await.status, 200);
        rig.pass(std::time::Duration::from_hours(1));
        assert_eq!(thief.get(&here).await.status, 404);
    }

    /// What satisfies the request is offered, a choice is remembered and taken at once the next time, and every page leads to the
    /// choice and back to the service.
    async fn choice_is_remembered(db: Db) {
        let rig = Rig::new(db).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        let page = browser.get(&here).await;
        assert!(page.body.contains("Smartcard") && page.body.contains("sign in to Shared records"), "{}", page.body);
        assert!(!page.body.contains("value=\"totp\"") && !page.body.contains("value=\"passkey\""), "{}", page.body);
        let nothing = browser.form(&here, &[]).await;
        assert!(nothing.status == 400 && nothing.body.contains("Choose a way to sign in"), "{}", nothing.body);
        assert_eq!(browser.form(&here, &[("method", "totp")]).await.status, 400, "it was not offered");
        let chosen = browser.form(&here, &[("method", "security-key")]).await;
        assert_eq!(chosen.location(), format!("{here}/key?kind=security-key"));
        let next = rig.begin(&mut browser, STRONG).await;
        assert_eq!(browser.get(&next).await.location(), format!("{next}/key?kind=security-key"));
        assert!(browser.get(&format!("{next}?choose")).await.body.contains("value=\"security-key\" aria-describedby=\"hint-security-key\" checked"));
        for page in ["/key", "/app", "/card"] {
            let page = browser.get(&format!("{next}{page}")).await;
            let cancel = next.replace("/sign-in/", "/authorize/continue/");
            assert!(page.body.contains(&format!("{next}?choose")) && page.body.contains(&format!("{cancel}?cancelled")), "{}", page.body);
        }
        let without = rig.again(&json!({"cards_origin": null})).await;
        assert!(!without.browser_like(&browser).get(&format!("{next}?choose")).await.body.contains("Smartcard"));
    }

    /// What somebody types is shown as text.
    async fn what_is_typed_is_text(db: Db) {
        let rig = Rig::new(db).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let email = "\"><script>alert(1)</script>@example.org";
        let page = browser.form(&format!("{here}/app"), &[("email", email)]).await;
        assert!(page.status == 403 && !page.body.contains("<script>") && page.body.contains("&#60;script"), "{}", page.body);
    }

    /// Style and script are served, and nothing beside them.
    async fn assets_are_served(db: Db) {
        let rig = Rig::new(db).await;
        let mut browser = rig.browser();
        for (file, kind) in [("key.js", "text/javascript"), ("page.js", "text/javascript"), ("brand.css", "text/css"), ("nhsuk-frontend.css", "text/css")] {
            let answered = browser.get(&format!("/authn/assets/{file}")).await;
            assert!(answered.status == 200 && answered.header("content-type").starts_with(kind), "{file}");
            assert!(!answered.body.contains("Frutiger") && !answered.body.contains("@font-face"), "{file}");
        }
        assert_eq!(browser.get("/authn/assets/LICENSE-nhsuk-frontend").await.status, 404);
    }
}
