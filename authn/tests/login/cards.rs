//! Smartcards by TLS client certificate, with the real authority.

use std::time::Duration;

use ca::api::Reason;
use platform::caller::Caller;
use platform::db::Db;
use serde_json::json;

use crate::rig::{Authority, Browser, CARDS, ISSUER, OTHER, Rig, STRONG, SoftKey, USER, person, system};

/// Shows a card and comes back, as a browser does; the last answer.
async fn shows(browser: &mut Browser, here: &str, caller: &Caller, leaf: &[u8]) -> crate::rig::Answered {
    let shown = browser.card(here, Some(caller), Some(leaf)).await;
    if shown.status != 303 {
        return shown;
    }
    assert_eq!(shown.header("connection"), "close", "the next person shows the next card");
    let back = shown.location();
    browser.get(back.strip_prefix(ISSUER).unwrap()).await
}

platform::both_engines! {
    /// A card signs in by a ticket that works once, soon, in the browser that began; the session is bound to the card.
    async fn card_signs_in(db: Db) {
        let (rig, authority) = Rig::with_authority(db, &json!({})).await;
        let (leaf, serial) = authority.card(USER, rig.now(), None).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        let page = browser.get(&format!("{here}/card")).await;
        let port = format!("{CARDS}{}", here.replace("/sign-in/", "/card/"));
        assert!(page.body.contains(&port), "{}", page.body);
        let shown = browser.card(&here, Some(&person(USER)), Some(&leaf)).await;
        let back = shown.location();
        let back = back.strip_prefix(ISSUER).unwrap();
        let mut other = rig.browser();
        rig.begin(&mut other, STRONG).await;
        assert_eq!(other.get(back).await.status, 404, "another browser");
        let wrong = browser.get(&format!("{here}/card?ticket={}", crate::rig::secret())).await;
        assert_eq!(wrong.status, 409, "{}", wrong.body);
        let signed = browser.get(back).await;
        assert_eq!((signed.status, signed.location()), (303, here.replace("/sign-in/", "/authorize/continue/")), "{}", signed.body);
        assert_eq!(browser.get(back).await.status, 409, "again");
        let opened = rig.events("session-opened").await;
        assert_eq!((opened.len(), &opened[0]["authenticator"]), (1, &json!(format!("card:{serial}"))));
        // Whoever sends tickets that nobody was given fills no record: of a network it has a hundred.
        for _ in 0..105 {
            assert_eq!(browser.get(&format!("{here}/card?ticket={}", crate::rig::secret())).await.status, 409);
        }
        assert_eq!(rig.events("sign-in-refused").await.len(), 100);
        let mut far = rig.browser();
        far.address = [203, 0, 113, 7].into();
        let there = rig.begin(&mut far, STRONG).await;
        assert_eq!(far.get(&format!("{there}/card?ticket={}", crate::rig::secret())).await.status, 409);
        assert_eq!(rig.events("sign-in-refused").await.len(), 101, "another network has its own");
        // A ticket that comes too late.
        let mut late = rig.browser();
        let there = rig.begin(&mut late, STRONG).await;
        let shown = late.card(&there, Some(&person(USER)), Some(&leaf)).await.location();
        rig.pass(Duration::from_mins(1));
        assert_eq!(late.get(shown.strip_prefix(ISSUER).unwrap()).await.status, 409);
    }

    /// A revoked, held, expired, foreign or missing card, one that is another's, and one not known to be a card are refused, each
    /// in words that say what to do; without the authority nobody comes in, and is told so.
    async fn cards_that_do_not_hold_are_refused(db: Db) {
        let (rig, authority) = Rig::with_authority(db, &json!({})).await;
        let soon = rig.now().plus(Duration::from_hours(24));
        let (good, _) = authority.card(USER, rig.now(), None).await;
        let (revoked, serial) = authority.card(USER, rig.now(), None).await;
        authority.revoke(&serial, Reason::KeyCompromise).await;
        let (held, serial) = authority.card(USER, rig.now(), None).await;
        authority.revoke(&serial, Reason::CertificateHold).await;
        let (expired, _) = authority.card(USER, rig.now(), Some(soon)).await;
        rig.pass(Duration::from_hours(25));
        let foreign = rcgen::generate_simple_self_signed(vec!["x.example".to_owned()]).unwrap();
        let mut in_a_file = person(USER);
        in_a_file.assurance = Some("aal2".to_owned());
        let us = person(USER);
        for (caller, leaf, status, told) in [
            (Some(&us), Some(revoked.as_slice()), 403, "was cancelled"),
            (Some(&us), Some(&held), 403, "is on hold"),
            (Some(&us), Some(&expired), 403, "has expired"),
            (Some(&us), Some(foreign.cert.der()), 403, "was not issued here"),
            (Some(&person(OTHER)), Some(&good), 403, "was not issued here"),
            (Some(&in_a_file), Some(&good), 403, "directory.sign_in_certificate"),
            (Some(&system("records", &[])), Some(&good), 403, "is a system"),
            (None, None, 403, "Put your smartcard into the reader"),
        ] {
            let mut browser = rig.browser();
            let here = rig.begin(&mut browser, STRONG).await;
            let refused = browser.card(&here, caller, leaf).await;
            assert_eq!(refused.status, status, "{told}: {}", refused.body);
            assert!(refused.body.contains(told) && refused.body.contains("choose another way"), "{told}: {}", refused.body);
        }
        let alone = rig.twin(Authority::silent()).await;
        let mut browser = alone.browser();
        let here = alone.begin(&mut browser, STRONG).await;
        let refused = browser.card(&here, Some(&us), Some(&good)).await;
        assert!(refused.status == 503 && refused.body.contains("cannot be checked at the moment"), "{}", refused.body);
        assert_eq!(rig.events("sign-in-refused").await.last().unwrap()["reason"], "authority-silent");
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// A card that is revoked after its ticket was made opens nothing; one that is revoked later ends its session at the next use.
    async fn session_ends_with_its_card(db: Db) {
        let (rig, authority) = Rig::with_authority(db, &json!({})).await;
        let (leaf, serial) = authority.card(USER, rig.now(), None).await;
        let us = person(USER);
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        assert_eq!(shows(&mut browser, &here, &us, &leaf).await.status, 303);
        let mut late = rig.browser();
        let there = rig.begin(&mut late, STRONG).await;
        let back = late.card(&there, Some(&us), Some(&leaf)).await.location();
        assert_eq!(browser.get("/account").await.status, 200);
        authority.revoke(&serial, Reason::CessationOfOperation).await;
        assert_eq!(browser.get("/account").await.status, 401);
        assert_eq!(rig.events("session-ended").await[0]["cause"], "card-revoked");
        let refused = late.get(back.strip_prefix(ISSUER).unwrap()).await;
        assert!(refused.status == 403 && refused.body.contains("taken off your profile"), "{}", refused.body);
    }

    /// The sessions of a card that was revoked end though nobody uses them, those too that go on from it with something else since; one
    /// whose card holds stays.
    async fn revoked_cards_end_what_nobody_uses(db: Db) {
        let (rig, authority) = Rig::with_authority(db, &json!({"card_agent": "http://127.0.0.1:44880"})).await;
        let (lost, good) = (authority.soft_card(USER, rig.now(), None).await, authority.soft_card(USER, rig.now(), None).await);
        let (mut goes_on, _) = rig.signed_in_by(&lost).await;
        rig.signed_in_by(&lost).await;
        let (mut other, _) = rig.signed_in_by(&good).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let here = rig.begin(&mut goes_on, STRONG).await;
        assert_eq!(goes_on.show(&here, &mut key).await.status, 200);
        assert_eq!(rig.events("session-continued").await.len(), 1);
        assert_eq!(rig.provider.end_with_cards().await.unwrap(), 0);
        authority.revoke(&lost.serial, Reason::KeyCompromise).await;
        assert_eq!(rig.provider.end_with_cards().await.unwrap(), 2);
        let ended = rig.events("session-ended").await;
        assert!(ended.len() == 2 && ended.iter().all(|event| event["cause"] == "card-revoked"), "{ended:?}");
        assert_eq!(rig.provider.end_with_cards().await.unwrap(), 0);
        assert_eq!(other.get("/account").await.status, 200);
    }

    /// A card that whoever makes callers of certificates refuses, because it is revoked, is in the record with its holder and its
    /// certificate, where a browser of ours showed it; anything else that is refused is not.
    async fn refused_cards_are_recorded(db: Db) {
        use axum::middleware::{Next, from_fn};
        let (rig, authority) = Rig::with_authority(db, &json!({})).await;
        let (leaf, serial) = authority.card(USER, rig.now(), None).await;
        authority.revoke(&serial, Reason::KeyCompromise).await;
        let refusing = |code: &'static str| {
            let layer = from_fn(move |_: axum::extract::Request, _: Next| async move {
                Err::<axum::response::Response, _>(platform::problem::Problem::unauthenticated(code, "refused"))
            });
            authn::in_pages(rig.cards.clone().layer(layer), rig.provider.clone())
        };
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        browser.cards = refusing("certificate-revoked");
        assert_eq!(browser.card(&here, None, Some(&leaf)).await.status, 401);
        let record = rig.events("sign-in-refused").await;
        assert_eq!((record.len(), &record[0]["reason"], &record[0]["user"]), (1, &json!("card-revoked"), &json!(USER)));
        assert_eq!(record[0]["authenticator"], json!(format!("card:{serial}")));
        let foreign = rcgen::generate_simple_self_signed(vec!["x.example".to_owned()]).unwrap();
        browser.cards = refusing("certificate-unknown");
        browser.card(&here, None, Some(foreign.cert.der())).await;
        let record = rig.events("sign-in-refused").await;
        assert_eq!((record.len(), &record[1]["reason"], record[1].get("user")), (2, &json!("card-refused"), None));
        browser.cards = refusing("too-many-requests");
        browser.card(&here, None, Some(&leaf)).await;
        let mut stranger = rig.browser();
        stranger.cards = refusing("certificate-revoked");
        stranger.card(&here, None, Some(&leaf)).await;
        assert_eq!(rig.events("sign-in-refused").await.len(), 2);
    }

    /// Where the server says who called in words for programs, a browser reads a page, with the way back.
    async fn refusals_are_pages(db: Db) {
        use axum::middleware::{Next, from_fn};
        let rig = Rig::new(db).await;
        let refusing = from_fn(|request: axum::extract::Request, _next: Next| async move {
            let code: &'static str = if request.uri().query() == Some("down") { "revocation-unknown" } else { "certificate-expired" };
            let problem = match code {
                "revocation-unknown" => platform::problem::Problem::unavailable(code, "No list.", Duration::from_secs(30)),
                _ => platform::problem::Problem::unauthenticated(code, "expired"),
            };
            Err::<axum::response::Response, _>(problem)
        });
        let router = authn::in_pages(rig.cards.clone().layer(refusing), rig.provider.clone());
        let style = http::Request::get("/authn/assets/brand.css").body(axum::body::Body::empty()).unwrap();
        let style = tower::ServiceExt::oneshot(router.clone(), style).await.unwrap();
        assert_eq!(style.status(), 200, "the page has its style");
        for (query, accept, status, told) in [
            ("", "text/html", 401, "Your smartcard has expired"),
            ("?down", "text/html", 503, "cannot be checked at the moment"),
            ("", "application/json", 401, "certificate-expired"),
        ] {
            let request = http::Request::post(format!("/card/abc{query}")).header("accept", accept);
            let answer = tower::ServiceExt::oneshot(router.clone(), request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.headers()["connection"].to_str().unwrap()), (status, "close"));
            let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            assert!(body.contains(told), "{body}");
            assert_eq!(body.contains(&format!("{ISSUER}/sign-in/abc?choose")), accept == "text/html", "{body}");
        }
    }
}
