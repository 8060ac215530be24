//! Authenticator apps with e-mail address and password, and guessing.

use std::time::Duration;

use platform::db::Db;
use serde_json::json;

use crate::rig::{ALL, Answered, Browser, Rig, STRONG, SoftKey, USER, code};

const EMAIL: &str = "aisha@example.org";
const PASSWORD: &str = "correct horse battery";

async fn tries(browser: &mut Browser, here: &str, email: &str, password: &str, code: &str) -> Answered {
    browser.form(&format!("{here}/app"), &[("email", email), ("password", password), ("code", code)]).await
}

platform::both_engines! {
    /// An app is added with a link and signs in with address, password and code; a code works once, and no earlier one after it.
    async fn app_signs_in(db: Db) {
        let rig = Rig::new(db).await;
        let seed = rig.enrol_app(USER, "Aisha@Example.org", PASSWORD).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let replayed = tries(&mut browser, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
        assert!(replayed.body.contains("That code was used already"), "the one that enrolled: {}", replayed.body);
        let earlier = code(&seed, rig.now());
        rig.pass(Duration::from_secs(30));
        let right = code(&seed, rig.now());
        let signed = tries(&mut browser, &here, " AISHA@example.org ", PASSWORD, &right).await;
        assert_eq!(signed.status, 303, "{}", signed.body);
        assert_eq!(signed.location(), here.replace("/sign-in/", "/authorize/continue/"));
        for code in [right, earlier] {
            let mut other = rig.browser();
            let there = rig.begin(&mut other, ALL).await;
            let refused = tries(&mut other, &there, EMAIL, PASSWORD, &code).await;
            assert_eq!((refused.status, other.session()), (403, None), "{}", refused.body);
        }
        let opened = rig.events("session-opened").await;
        assert_eq!((opened.len(), &opened[0]["method"], &opened[0]["level"]), (1, &json!("totp"), &json!("2")));
        assert_eq!(rig.events("sign-in-refused").await.last().unwrap()["reason"], "replayed");
    }

    /// The seed lies sealed in its row, and no page and no record holds it or the password afterwards.
    async fn secrets_stay_secret(db: Db) {
        let rig = Rig::new(db).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let (sealed, hash): (Vec<u8>, String) = sqlx::query_as(
            "SELECT a.secret, p.password FROM authn_authenticator a JOIN authn_person p ON p.user_id = a.user_id",
        ).fetch_one(rig.db.read()).await.unwrap();
        assert!(sealed.len() > 60 && hash.starts_with("$argon2id$"), "{hash}");
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT body FROM audit_event").fetch_all(rig.db.read()).await.unwrap();
        for (body,) in rows {
            let body = String::from_utf8(body).unwrap();
            assert!(!body.contains(&seed) && !body.contains("battery") && !body.contains(EMAIL), "{body}");
        }
    }

    /// Where hashing costs more than it did, what is kept of a password is hashed anew when it is next right, and not when it is wrong.
    async fn passwords_follow_the_cost(db: Db) {
        let rig = Rig::new(db).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let kept = async || -> (String,) {
            sqlx::query_as("SELECT password FROM authn_person WHERE password IS NOT NULL").fetch_one(rig.db.read()).await.unwrap()
        };
        let dearer = rig.again(&json!({"passwords": {"memory_kib": 128, "passes": 1}})).await;
        for (password, cost) in [("wrong horse battery", "$m=64,"), (PASSWORD, "$m=128,"), (PASSWORD, "$m=128,")] {
            rig.pass(Duration::from_secs(30));
            let mut browser = dearer.browser();
            let here = dearer.begin(&mut browser, ALL).await;
            let tried = tries(&mut browser, &here, EMAIL, password, &code(&seed, rig.now())).await;
            assert_eq!(tried.status, if password == PASSWORD { 303 } else { 403 }, "{}", tried.body);
            let (hash,) = kept().await;
            assert!(hash.contains(cost), "{hash}");
        }
    }

    /// Unknown address, wrong password and wrong code read alike; the password is in no answer.
    async fn what_is_wrong_is_not_told(db: Db) {
        let rig = Rig::new(db).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_mins(1));
        let right = code(&seed, rig.now());
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let mut told = Vec::new();
        for (email, password, code) in [
            ("nobody@example.org", PASSWORD, right.as_str()),
            (EMAIL, "wrong horse battery", &right),
            (EMAIL, PASSWORD, "000000"),
            (EMAIL, PASSWORD, ""),
            ("no address", PASSWORD, &right),
        ] {
            let refused = tries(&mut browser, &here, email, password, code).await;
            assert_eq!(refused.status, 403, "{email}");
            assert!(!refused.body.contains("battery"), "{}", refused.body);
            told.push(refused.body.replace(email, "ADDRESS"));
        }
        assert!(told.iter().all(|page| *page == told[0]), "{told:?}");
        assert!(told[0].contains("Those details are not right"), "{}", told[0]);
        assert_eq!(tries(&mut browser, &here, EMAIL, PASSWORD, &right).await.status, 303);
    }

    /// A seed moves under a new wrapping key, with its event, and signs in as before; what has moved is not moved again.
    async fn seeds_move_under_a_new_wrapping_key(db: Db) {
        let rig = Rig::new(db).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        assert_eq!(authn::sealed_seeds(&rig.db).await.unwrap(), [(1, 1)]);
        rig.hsm.create_wrapping_key(2).await.unwrap();
        for moved in [1, 0] {
            let done = authn::rewrap(&rig.db, &rig.hsm, &rig.clock, 2, &mut |_| {}).await.unwrap();
            assert_eq!((done.moved, done.refused.len()), (moved, 0));
        }
        assert_eq!(authn::sealed_seeds(&rig.db).await.unwrap(), [(2, 1)]);
        assert_eq!(rig.events("seeds-rewrapped").await[0]["wrapping_version"], 2);
        rig.pass(Duration::from_secs(30));
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(tries(&mut browser, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await.status, 303);
    }

    /// What nobody could look at counts for nobody: while seeds cannot be opened everybody is told so, and whoever is right comes in at once when they can
    /// be again, from the same network.
    async fn failures_of_ours_are_no_guesses(db: Db) {
        let rig = Rig::with(db, &json!({"throttle": {"free": 3, "strangers_free": 3, "network_free": 3}})).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let sealed: Vec<u8> = sqlx::query_scalar("SELECT secret FROM authn_authenticator WHERE secret IS NOT NULL")
            .fetch_one(rig.db.read())
            .await
            .unwrap();
        let put = async |secret: Vec<u8>| {
            rig.db
                .write(move |tx| Box::pin(async move {
                    let text = "UPDATE authn_authenticator SET secret = $1 WHERE secret IS NOT NULL";
                    sqlx::query(text).bind(secret).execute(&mut *tx).await.map(drop).map_err(platform::db::Error::from)
                }))
                .await
                .unwrap();
        };
        put(vec![0; 8]).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        for _ in 0..6 {
            let tried = tries(&mut browser, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
            assert!(tried.status >= 500, "{}: {}", tried.status, tried.body);
        }
        put(sealed).await;
        assert_eq!(tries(&mut browser, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await.status, 303);
    }

    /// Guessing is slowed down for whoever guesses, whether or not there is such an account; the holder signs in from where they
    /// usually are, and anywhere with a key.
    async fn guessing_locks_nobody_out(db: Db) {
        let rig = Rig::with(db, &json!({"throttle": {"free": 3, "strangers_free": 8, "network_free": 100}})).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let mut home = rig.browser();
        home.address = [198, 51, 100, 1].into();
        let here = rig.begin(&mut home, ALL).await;
        assert_eq!(tries(&mut home, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await.status, 303);
        for email in [EMAIL, "nobody@example.org"] {
            let mut thief = rig.browser();
            let there = rig.begin(&mut thief, ALL).await;
            let mut statuses = Vec::new();
            for number in 0..6 {
                let tried = tries(&mut thief, &there, email, "a guess at random", &format!("{number:06}")).await;
                statuses.push(tried.status);
                if tried.status == 429 {
                    assert!(!tried.header("retry-after").is_empty() && tried.body.contains("choose another way"), "{}", tried.body);
                }
            }
            assert_eq!(statuses, [403, 403, 403, 403, 429, 429], "{email}");
        }
        // Many networks together: strangers who have failed wait, whoever they are.
        rig.pass(Duration::from_secs(30));
        let mut slowed = 0;
        for network in 0..8 {
            let mut thief = rig.browser();
            thief.address = [203, 0, 113, network].into();
            let there = rig.begin(&mut thief, ALL).await;
            assert_eq!(tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await.status, 403, "one is free");
            slowed += u32::from(tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await.status == 429);
        }
        assert!(slowed >= 3, "{slowed}");
        // The holder is away, in a browser and on a network where nobody has seen them.
        let mut away = rig.browser();
        away.address = [198, 51, 100, 200].into();
        let there = rig.begin(&mut away, ALL).await;
        let signed = tries(&mut away, &there, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
        assert_eq!(signed.status, 303, "the holder comes in wherever they are: {}", signed.body);
        rig.pass(Duration::from_secs(30));
        let there = rig.begin(&mut home, ALL).await;
        let signed = tries(&mut home, &there, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
        assert_eq!(signed.status, 303, "the holder is not locked out: {}", signed.body);
        rig.signed_in(&mut key).await;
    }

    /// Whoever guesses from the very address of somebody slows down neither the browser in which they have signed in nor their other
    /// methods, for as long as they go on; a browser that only shares the address waits with them.
    async fn guessing_beside_somebody_slows_nobody_else_down(db: Db) {
        let rig = Rig::with(db, &json!({"throttle": {"free": 3, "strangers_free": 8, "network_free": 5}})).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let mut home = rig.browser();
        let here = rig.begin(&mut home, ALL).await;
        assert_eq!(tries(&mut home, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await.status, 303);
        let known = home.cookies["__Host-lanyard-known"].clone();
        for _ in 0..3 {
            let mut thief = rig.browser();
            let there = rig.begin(&mut thief, ALL).await;
            for _ in 0..20 {
                tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await;
                rig.pass(Duration::from_millis(100));
            }
            assert_eq!(tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await.status, 429);
            assert_eq!(thief.cookies.get("__Host-lanyard-known"), None, "a wrong attempt makes nobody known");
            rig.pass(Duration::from_mins(1));
            let there = rig.begin(&mut home, ALL).await;
            let signed = tries(&mut home, &there, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
            assert_eq!(signed.status, 303, "{}", signed.body);
        }
        assert_ne!(home.cookies["__Host-lanyard-known"], known, "each sign-in changes it");
        // What was known before is not any more, and another person's is nothing to this account.
        rig.enrol_app(crate::rig::OTHER, "jo@example.org", PASSWORD).await;
        let mut thief = rig.browser();
        let there = rig.begin(&mut thief, ALL).await;
        for _ in 0..8 {
            tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await;
        }
        thief.keep("__Host-lanyard-known", &known);
        assert_eq!(tries(&mut thief, &there, EMAIL, PASSWORD, "000000").await.status, 429);
        thief.keep("__Host-lanyard-known", &home.cookies["__Host-lanyard-known"]);
        assert_eq!(tries(&mut thief, &there, "jo@example.org", PASSWORD, "000000").await.status, 429);
        // Guessing in the known browser is slowed down as well, by itself.
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await.status);
        }
        assert_eq!(statuses, [403, 403, 403, 403, 429]);
    }

    /// Where somebody enrolled they are known: strangers who guess before their first sign-in slow down neither that browser nor what was
    /// typed on the same network.
    async fn whoever_enrols_is_known(db: Db) {
        let rig = Rig::with(db, &json!({"throttle": {"free": 3, "strangers_free": 1, "network_free": 100}})).await;
        let (mut home, link) = rig.opened(USER, "issue").await;
        let path = format!("{link}/app");
        let seed = home.get(&path).await.between("<code class=\"lanyard-seed\">", "</code>");
        let fields = [("email", EMAIL), ("password", PASSWORD), ("code", &code(&seed, rig.now())), ("name", "phone")];
        assert_eq!(rig.adds_app(&mut home, &link, &fields).await.status, 303);
        assert!(home.cookies.contains_key("__Host-lanyard-known"));
        rig.pass(Duration::from_secs(30));
        let mut thief = rig.browser();
        thief.address = [203, 0, 113, 1].into();
        let there = rig.begin(&mut thief, ALL).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(tries(&mut thief, &there, EMAIL, "a guess at random", "000000").await.status);
        }
        assert_eq!(statuses, [403, 403, 429]);
        let mut beside = rig.browser();
        let there = rig.begin(&mut beside, ALL).await;
        for _ in 0..2 {
            assert_eq!(tries(&mut beside, &there, EMAIL, "mistyped by somebody", "000000").await.status, 403, "the network is known");
        }
        let here = rig.begin(&mut home, ALL).await;
        let signed = tries(&mut home, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
        assert_eq!(signed.status, 303, "{}", signed.body);
    }

    /// What is typed with U+0000 in it is refused with words, on both databases alike, and nothing fails.
    async fn no_text_holds_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        for (email, password) in [("a\0@example.org", PASSWORD), (EMAIL, "correct\0horse battery")] {
            let refused = tries(&mut browser, &here, email, password, "000000").await;
            assert!(refused.status == 400 && refused.body.contains("U+0000"), "{} {}", refused.status, refused.body);
        }
        let (mut enrolling, link) = rig.opened(USER, "issue").await;
        let fields = [("email", "a\0@example.org"), ("password", PASSWORD), ("code", "000000"), ("name", "phone")];
        assert_eq!(enrolling.form(&format!("{link}/app"), &fields).await.status, 400);
        let refused = enrolling.script(&format!("{link}/key"), &json!({"name": "a\u{0}b", "credential": {}})).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
    }

    /// An app does not sign in where level three is asked for, and is not offered there.
    async fn app_is_not_enough(db: Db) {
        let rig = Rig::new(db).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        assert!(!browser.get(&here).await.body.contains("Authenticator app"));
        let refused = tries(&mut browser, &here, EMAIL, PASSWORD, &code(&seed, rig.now())).await;
        assert_eq!((refused.status, browser.session()), (403, None), "{}", refused.body);
    }

    /// Whoever adds an app beside theirs by themselves shows that they know the password, and keeps address and password: a desk that was
    /// left does not take over with what somebody signs in. Wrong guesses are slowed down. With a link of the authority both are set anew.
    async fn a_second_app_takes_nothing_over(db: Db) {
        let rig = Rig::new(db).await;
        rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let mut passkey = SoftKey::synced();
        rig.enrol_key(USER, "device", &mut passkey).await;
        let mut browser = rig.signed_in(&mut passkey).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        browser.form(&link, &[]).await;
        let path = format!("{link}/app");
        let page = browser.get(&path).await;
        assert!(page.body.contains("Your password") && !page.body.contains("A new password"), "{}", page.body);
        let seed = page.between("<code class=\"lanyard-seed\">", "</code>");
        for (email, password) in [("thief@example.org", PASSWORD), (EMAIL, "something else that is new"), ("thief@example.org", "something else that is new")] {
            let fields = [("email", email), ("password", password), ("code", &code(&seed, rig.now())), ("name", "phone")];
            let refused = browser.form(&path, &fields).await;
            assert!(refused.status == 400 && refused.body.contains("with which you sign in now"), "{}", refused.body);
        }
        let right = [("email", EMAIL), ("password", PASSWORD), ("code", &code(&seed, rig.now())), ("name", "phone")];
        assert_eq!(browser.form(&path, &right).await.status, 303);
        assert_eq!((rig.events("authenticator-enrolled").await.len(), rig.events("password-set").await.len()), (3, 1));
        let kept: Vec<(Option<String>,)> = sqlx::query_as("SELECT email FROM authn_person WHERE email IS NOT NULL").fetch_all(rig.db.read()).await.unwrap();
        assert_eq!(kept, [(Some(EMAIL.to_lowercase()),)]);
        let link = browser.form("/account/enrolments", &[]).await.location();
        browser.form(&link, &[]).await;
        let mut slowed = 0;
        for _ in 0..8 {
            let fields = [("email", EMAIL), ("password", "a guess at random"), ("code", "000000"), ("name", "phone")];
            slowed += u32::from(browser.form(&format!("{link}/app"), &fields).await.body.contains("several wrong attempts"));
        }
        assert!(slowed >= 2, "{slowed}");
    }

    /// What somebody types wrongly when they add an app is told on the page, and nothing is stored before it is right.
    async fn mistakes_are_told_when_adding(db: Db) {
        let rig = Rig::new(db).await;
        rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let (mut browser, link) = rig.opened(crate::rig::OTHER, "issue").await;
        let path = format!("{link}/app");
        let seed = browser.get(&path).await.between("<code class=\"lanyard-seed\">", "</code>");
        let again = browser.get(&path).await.between("<code class=\"lanyard-seed\">", "</code>");
        assert_eq!(seed, again, "a page that is loaded again shows what the app has read");
        let right = code(&seed, rig.now());
        for (email, password, code, told) in [
            ("no address", PASSWORD, right.as_str(), "Enter an e-mail address"),
            ("jo@example.org", "short", &right, "12 to 128 characters"),
            ("jo@example.org", PASSWORD, "123", "The code is not right"),
        ] {
            let fields = [("email", email), ("password", password), ("code", code), ("name", "phone")];
            let page = browser.form(&path, &fields).await;
            assert_eq!(page.status, 400, "{}", page.body);
            assert!(page.body.contains(told) && page.body.contains("<title>Error: "), "{told}: {}", page.body);
            assert!(!page.body.contains(password) || password == "short", "{}", page.body);
        }
        let fields = [("email", "jo@example.org"), ("password", PASSWORD), ("code", &right), ("name", "phone")];
        assert_eq!(rig.adds_app(&mut browser, &link, &fields).await.location(), "/enrol/done/totp");
    }

    /// An address is of no use before a code that was sent there was shown: whosever it is, nothing else is told, few tries and few codes
    /// are to be had, of the code only a hash is kept, and an address that the register was shown needs none.
    async fn addresses_are_proved(db: Db) {
        let rig = Rig::new(db).await;
        rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let (mut browser, link) = rig.opened(crate::rig::OTHER, "issue").await;
        let (path, there) = (format!("{link}/app"), format!("{link}/app/address"));
        let seed = browser.get(&path).await.between("<code class=\"lanyard-seed\">", "</code>");
        assert_eq!(browser.get(&there).await.location(), path, "nothing waits");
        let give = async |browser: &mut Browser, email: &str| {
            // Messages sort by the millisecond of their making.
            rig.pass(Duration::from_millis(1));
            let fields = [("email", email), ("password", PASSWORD), ("code", &code(&seed, rig.now())), ("name", "phone")];
            browser.form(&path, &fields).await
        };
        // Somebody else's address and nobody's are answered alike, and neither signs anybody in.
        let mut pages = Vec::new();
        for email in ["nobody@example.org", EMAIL] {
            assert_eq!(give(&mut browser, email).await.location(), there);
            pages.push(browser.get(&there).await.body.replace(email, "ADDRESS"));
        }
        assert_eq!(pages[0], pages[1]);
        let mut stranger = rig.browser();
        let here = rig.begin(&mut stranger, ALL).await;
        let early = tries(&mut stranger, &here, "nobody@example.org", PASSWORD, &code(&seed, rig.now())).await;
        assert_eq!((early.status, rig.events("authenticator-enrolled").await.len()), (403, 1));
        // The code of one address is none of another's, and only a browser that opened the link comes so far.
        let (of_nobody, of_theirs) = (rig.sent_code("nobody@example.org").await, rig.sent_code(EMAIL).await);
        let kept: Vec<(String,)> = sqlx::query_as("SELECT state FROM authn_ceremony").fetch_all(rig.db.read()).await.unwrap();
        assert!(kept.iter().all(|(state,)| !state.contains(&of_theirs) && !state.contains(&of_theirs.replace('-', ""))), "{kept:?}");
        assert_eq!(stranger.form(&there, &[("proof", &of_theirs)]).await.status, 404);
        let refused = browser.form(&there, &[("proof", &of_nobody)]).await;
        assert!(refused.status == 400 && refused.body.contains("The code is not right"), "{}", refused.body);
        // Whoever reads the mailbox is told that it is in use already.
        let taken = browser.form(&there, &[("proof", &of_theirs)]).await;
        assert!(taken.status == 400 && taken.body.contains("This e-mail address cannot be used here"), "{}", taken.body);
        for left in (0..5).rev() {
            let refused = browser.form(&there, &[("proof", "AAAA-BBBB-CCCC")]).await;
            assert_eq!(refused.status, if left == 0 { 409 } else { 400 }, "{}", refused.body);
            assert_eq!(rig.events("address-code-refused").await.last().unwrap()["left"], left);
        }
        assert_eq!(browser.form(&there, &[("proof", &of_theirs)]).await.location(), path, "it was tried too often");
        // Addresses are not tried out, and nobody's mailbox is filled.
        let mut slowed = 0;
        for _ in 0..8 {
            slowed += u32::from(give(&mut browser, EMAIL).await.body.contains("There were several attempts"));
        }
        assert!(slowed >= 2, "{slowed}");
        rig.pass(Duration::from_mins(10));
        assert_eq!(give(&mut browser, "jo@example.org").await.location(), there);
        let (slow, other) = (rig.sent_code("jo@example.org").await, rig.opened(crate::rig::OTHER, "issue").await);
        rig.pass(Duration::from_mins(15));
        assert_eq!(browser.form(&there, &[("proof", &slow)]).await.location(), path, "it is too late for the code");
        // What the register was shown to be theirs is taken at once.
        let (mut browser, link) = other;
        let shown: Result<(), platform::db::Error> = rig.db.write(|tx| Box::pin(async move {
            let text = "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) VALUES ('c1', $1, 'email', 'jo@trust.example', 1, 0, 0)";
            sqlx::query(text).bind(crate::rig::OTHER).execute(&mut *tx).await?;
            Ok(())
        })).await;
        shown.unwrap();
        let seed = browser.get(&format!("{link}/app")).await.between("<code class=\"lanyard-seed\">", "</code>");
        let fields = [("email", "Jo@trust.example"), ("password", PASSWORD), ("code", &code(&seed, rig.now())), ("name", "phone")];
        assert_eq!(browser.form(&format!("{link}/app"), &fields).await.location(), "/enrol/done/totp");
        let proved: Vec<_> = rig.events("address-proved").await.into_iter().map(|event| event["by"].clone()).collect();
        assert_eq!(proved, [json!("code"), json!("register")]);
    }
}
