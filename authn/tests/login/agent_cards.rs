//! Smartcards by a challenge that an agent has them sign, with the real authority and a card in software.

use std::time::Duration;

use ca::api::Reason;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{Answered, Authority, Browser, ISSUER, OTHER, Rig, SoftCard, USER};

/// Where pages find the agent.
const AGENT: &str = "http://127.0.0.1:44880";

async fn with_agent(db: Db) -> (Rig, Authority) {
    Rig::with_authority(db, &json!({"card_agent": AGENT})).await
}

async fn answers(browser: &mut Browser, here: &str, answer: &Value) -> Answered {
    browser.script(&format!("{here}/card/answer"), answer).await
}

platform::both_engines! {
    /// A card signs in by what it signed, once, soon, for the request and in the browser that began; the session is bound to the card.
    async fn card_signs_a_challenge(db: Db) {
        let (rig, authority) = with_agent(db).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, here, challenge) = rig.challenged().await;
        assert_eq!((&challenge["server"], &challenge["client"], &challenge["service"]), (&json!(ISSUER), &json!("records"), &json!("Shared records")));
        let answer = card.answer(&challenge);
        let mut other = rig.browser();
        rig.begin(&mut other, crate::rig::STRONG).await;
        assert_eq!(answers(&mut other, &here, &answer).await.status, 404, "another browser");
        let signed = answers(&mut browser, &here, &answer).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        let done = signed.json();
        assert_eq!(done["location"], here.replace("/sign-in/", "/authorize/continue/"));
        assert_eq!(done["watch"]["address"], format!("{ISSUER}/authn/card-removals"));
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(answers(&mut browser, &here, &answer).await.status, 409, "again");
        let opened = rig.events("session-opened").await;
        assert_eq!((opened.len(), &opened[0]["authenticator"]), (1, &json!(format!("card:{}", card.serial))));
        assert_eq!(rig.events("sign-in-refused").await[0]["reason"], "replayed");
        // Whoever has a locked card finds the page to unlock it, which speaks to the agent too.
        let page = rig.browser().get("/sign-in/unlock-card").await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains(&format!("data-agent=\"{AGENT}\"")), "{}", page.body);
        assert!(page.header("content-security-policy").contains(&format!("connect-src 'self' {AGENT};")));
    }

    /// An answer that comes too late, one to the challenge of before, and one to that of another request sign nobody in; neither do
    /// two that come at once sign in twice.
    async fn each_challenge_is_answered_once(db: Db) {
        let (rig, authority) = with_agent(db).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut late, there, challenge) = rig.challenged().await;
        rig.pass(Duration::from_mins(2));
        assert_eq!(answers(&mut late, &there, &card.answer(&challenge)).await.status, 409);
        let (mut browser, here, first) = rig.challenged().await;
        let second = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        assert_ne!(first["nonce"], second["nonce"]);
        assert_eq!(answers(&mut browser, &here, &card.answer(&first)).await.status, 403, "the one of before");
        assert_eq!(answers(&mut browser, &here, &card.answer(&second)).await.status, 409, "a wrong answer takes the challenge");
        let (_, _, of_another) = rig.challenged().await;
        let (mut browser, here, mine) = rig.challenged().await;
        assert_eq!(answers(&mut browser, &here, &card.answer(&of_another)).await.status, 403, "another request's");
        assert_eq!(rig.events("session-opened").await.len(), 0);
        assert_eq!(mine["client"], of_another["client"]);
        let (mut one, here, challenge) = rig.challenged().await;
        let mut two = one.clone();
        let answer = card.answer(&challenge);
        let (left, right) = tokio::join!(answers(&mut one, &here, &answer), answers(&mut two, &here, &answer));
        let mut both = [left.status, right.status];
        both.sort_unstable();
        assert_eq!((both, rig.events("session-opened").await.len()), ([200, 409], 1));
    }

    /// A card that signed something else, another's certificate, a revoked, held, expired or foreign card are refused, each in words
    /// that say what to do; whose key was not shown is not named in the record.
    async fn cards_that_do_not_hold_sign_nobody_in(db: Db) {
        let (rig, authority) = with_agent(db).await;
        let soon = rig.now().plus(Duration::from_hours(24));
        let good = authority.soft_card(USER, rig.now(), None).await;
        let others = authority.soft_card(OTHER, rig.now(), None).await;
        let revoked = authority.soft_card(USER, rig.now(), None).await;
        authority.revoke(&revoked.serial, Reason::KeyCompromise).await;
        let held = authority.soft_card(USER, rig.now(), None).await;
        authority.revoke(&held.serial, Reason::CertificateHold).await;
        let expired = authority.soft_card(USER, rig.now(), Some(soon)).await;
        rig.pass(Duration::from_hours(25));
        let foreign = SoftCard::foreign();
        for (case, told, reason, named) in [
            ("something else", "could not be confirmed", "card-signature", None),
            ("another's certificate", "could not be confirmed", "card-signature", None),
            ("another algorithm", "could not be confirmed", "card-signature", None),
            ("no certificate", "could not be confirmed", "unreadable", None),
            ("too many certificates", "could not be confirmed", "unreadable", None),
            ("revoked", "was cancelled", "card-revoked", Some(USER)),
            ("held", "is on hold", "card-held", Some(USER)),
            ("expired", "has expired", "card-expired", Some(USER)),
            ("foreign", "not the one for signing in", "card-refused", None),
        ] {
            let (mut browser, here, challenge) = rig.challenged().await;
            let mut answer = match case {
                "something else" => good.sign(b"something else"),
                "another's certificate" => others.answer(&challenge),
                "revoked" => revoked.answer(&challenge),
                "held" => held.answer(&challenge),
                "expired" => expired.answer(&challenge),
                "foreign" => foreign.answer(&challenge),
                _ => good.answer(&challenge),
            };
            match case {
                "another's certificate" => answer["certificate"] = good.answer(&challenge)["certificate"].clone(),
                "another algorithm" => answer["algorithm"] = json!("RS256"),
                "no certificate" => answer["certificate"] = json!("AAAA"),
                "too many certificates" => answer["above"] = json!(["AAAA", "AAAA", "AAAA", "AAAA", "AAAA"]),
                _ => {}
            }
            let refused = answers(&mut browser, &here, &answer).await;
            assert_eq!(refused.status, 403, "{case}: {}", refused.body);
            assert!(refused.json()["detail"].as_str().unwrap().contains(told), "{case}: {}", refused.body);
            let record = rig.events("sign-in-refused").await;
            let last = record.last().unwrap();
            assert_eq!((last["reason"].as_str(), last.get("user").and_then(Value::as_str)), (Some(reason), named), "{case}");
        }
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// Without the authority nobody comes in, and is told so; where there are no agents there is no such road.
    async fn nothing_is_taken_on_trust(db: Db) {
        let (rig, authority) = with_agent(db).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (browser, here, challenge) = rig.challenged().await;
        let alone = rig.twin_with(Authority::silent(), &json!({"card_agent": AGENT})).await;
        let mut alone_with = alone.browser_like(&browser);
        let refused = answers(&mut alone_with, &here, &card.answer(&challenge)).await;
        assert!(refused.status == 503 && refused.body.contains("cannot find out whether your smartcard"), "{}", refused.body);
        assert_eq!(rig.events("sign-in-refused").await.last().unwrap()["reason"], "authority-silent");
        let without = rig.again(&json!({})).await;
        let mut there = without.browser();
        let path = without.begin(&mut there, crate::rig::STRONG).await;
        assert_eq!(there.script(&format!("{path}/card/challenge"), &json!({})).await.status, 404);
        let page = there.get(&format!("{path}/card")).await;
        assert!(!page.body.contains("agent") && !page.header("content-security-policy").contains("127.0.0.1"), "{}", page.body);
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// The page may speak to the agent and to nobody else, and what another site's page sends is not read.
    async fn only_our_page_speaks_to_the_agent(db: Db) {
        let (rig, authority) = with_agent(db).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, here, challenge) = rig.challenged().await;
        let page = browser.get(&format!("{here}/card")).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains(&format!("connect-src 'self' {AGENT};")), "{policy}");
        browser.origin = Some("https://evil.example".to_owned());
        assert_eq!(browser.script(&format!("{here}/card/challenge"), &json!({})).await.status, 403);
        assert_eq!(answers(&mut browser, &here, &card.answer(&challenge)).await.status, 403);
        browser.origin = Some(ISSUER.to_owned());
        assert_eq!(answers(&mut browser, &here, &card.answer(&challenge)).await.status, 200, "nothing was used");
    }

    /// Somebody else's card in the browser of somebody who is signed in signs its holder in, and ends the session that was there.
    async fn another_persons_card_takes_over_nothing(db: Db) {
        let (rig, authority) = with_agent(db).await;
        let (mine, others) = (authority.soft_card(USER, rig.now(), None).await, authority.soft_card(OTHER, rig.now(), None).await);
        let (mut browser, _) = rig.signed_in_by(&mine).await;
        let here = rig.begin(&mut browser, crate::rig::STRONG).await;
        let challenge = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        assert_eq!(answers(&mut browser, &here, &others.answer(&challenge)).await.status, 200);
        let opened = rig.events("session-opened").await;
        assert_eq!((opened.len(), &opened[1]["user"]), (2, &json!(OTHER)));
        let ended = rig.events("session-ended").await;
        assert_eq!((ended.len(), &ended[0]["user"], &ended[0]["cause"]), (1, &json!(USER), &json!("replaced")));
    }
}
