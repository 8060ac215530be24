//! The broker of CIS1: cards that sign a challenge, with the real authority and openssl as the card's middleware.

use std::time::Duration;

use ca::api::Reason;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, Agent, Answered, Authority, Card, OTHER, Rig, USER, parameter, staff};

/// The broker as agents of CIS1 need it.
pub(crate) fn settings() -> Value {
    json!({"cis1": {"sha1": "accepted"}})
}

/// Sign-in with the broker, and an authority, and somebody with roles in so many surgeries.
pub(crate) async fn broker(db: Db, surgeries: u64) -> (Rig, Authority, Agent) {
    let (rig, authority) = Rig::with_authority(db, &settings()).await;
    staff(&rig, surgeries).await;
    let agent = Agent::new(&rig.router);
    (rig, authority, agent)
}

/// The card of the first person.
pub(crate) async fn card(rig: &Rig, authority: &Authority) -> Card {
    Card::issued(rig, authority, USER, "card-authentication").await
}

fn refused(answered: &Answered, status: u16, word: &str) {
    assert_eq!(answered.status, status, "{word}: {}", answered.body);
    assert_eq!(parameter(answered, "error_code"), word);
    assert!(!answered.body.contains("sso_ticket"), "{}", answered.body);
}

platform::both_engines! {
    /// So many challenges of one network wait for a card, and no more; other networks go on, and so does this one once one is answered, or they
    /// are over. Nothing is kept of what is over.
    async fn challenges_have_an_end(db: Db) {
        let settings = json!({"cis1": {"sha1": "accepted"}, "limits": {"waiting_per_network": 2}});
        let (rig, _authority) = Rig::with_authority(db, &settings).await;
        let agent = Agent::new(&rig.router);
        let neighbour = Agent { address: std::net::IpAddr::from([192, 0, 2, 8]), ..agent.clone() };
        let rows = async || -> i64 {
            let text = "SELECT CAST(COUNT(*) AS BIGINT) FROM authn_ceremony";
            sqlx::query_scalar(text).fetch_one(rig.db.read()).await.unwrap()
        };
        let challenge = agent.activate().await;
        agent.activate().await;
        let full = agent.activated().await;
        refused(&full, 503, "too-many-challenges");
        assert!(parameter(&full, "error_text").contains("Too many workstations on your network"), "{}", full.body);
        assert_eq!(rows().await, 2, "what is refused is not stored");
        neighbour.activate().await;
        assert_ne!(agent.validate(&challenge, USER, "bm8=").await.status, 200);
        agent.activate().await;
        refused(&agent.activated().await, 503, "too-many-challenges");
        assert_eq!(rows().await, 3);
        rig.pass(Duration::from_mins(3));
        agent.activate().await;
        rig.provider.sweep().await.unwrap();
        assert_eq!(rows().await, 1);
    }

    /// An agent gets a challenge, its card signs it, and it finds in the answer what it looks for; the record has who, with which card,
    /// from where, and with which hash.
    async fn agent_gets_a_ticket(db: Db) {
        let (rig, authority, agent) = broker(db, 2).await;
        let card = card(&rig, &authority).await;
        let answered = agent.insert(&card, USER, "sha1").await;
        assert_eq!((answered.status, answered.header("content-type").as_str()), (200, "text/xml; charset=utf-8"), "{}", answered.body);
        assert_eq!(answered.header("cache-control"), "no-store");
        let ticket = parameter(&answered, "sso_ticket");
        assert!(ticket.starts_with("AQIC5wM2LY4Sfc") && ticket.ends_with("=@AAJTSQACMDE=#"), "{ticket}");
        for (name, value) in [
            ("log_session_id", "Ao9qufl+uA"), ("cn", "Okafor Ada Dr"), ("sso_domain", ".id.example.org"), ("sso_max_session_time", "720"),
            ("sso_session_time", "720"), ("sso_keep_alive", "false"), ("sso_logout_url", "https://id.example.org/login/authlogout"),
            ("error_url", "https://id.example.org/login/error"), ("auth_method", "3"), ("app_url", "NHST"), ("service", "AUTHENTICATION"),
        ] {
            assert_eq!(parameter(&answered, name), value, "{name}");
        }
        // A public agent takes a line apart at the first comma, then at colons.
        let line = answered.body.lines().find(|line| line.contains("name=\"nhsjobrole0\"")).unwrap();
        let (organisation, role) = line.split_once('>').unwrap().1.split('<').next().unwrap().split_once(',').unwrap();
        assert_eq!((organisation, role.split(':').count()), ("NORTHFIELD  LARK &amp; SONS 1", 3), "{line}");
        assert!(line.contains(" orgcode=\"Z00001\"") && role.ends_with('"'), "{line}");
        let opened = &rig.events("session-opened").await[0];
        assert_eq!((&opened["method"], &opened["authenticator"]), (&json!("smartcard"), &json!(format!("card:{}", card.serial))));
        assert_eq!((&opened["user"], &opened["address"]), (&json!(USER), &json!("192.0.2.7")));
        let issued = &rig.events("ticket-issued").await[0];
        assert_eq!((&issued["user"], &issued["digest"], &issued["device"]), (&json!(USER), &json!("sha-1"), &json!(agent.device)));
        assert!(!rig.events("ticket-issued").await[0].to_string().contains(&ticket), "the ticket is in no record");
        let dtd = agent.say("GET", "/login/dtd", "").await;
        assert!(dtd.status == 200 && dtd.body.contains("<!ELEMENT gpOBJECT (gpPARAM*)>"));
        assert_eq!(agent.say("GET", "/login/error", "").await.status, 200);
    }

    /// Nothing of the broker is there unless the section is.
    async fn broker_is_off_unless_configured(db: Db) {
        let rig = Rig::new(db).await;
        let agent = Agent::new(&rig.router);
        for (method, path) in [
            ("POST", "/login/authactivate"), ("POST", "/login/authvalidate"), ("POST", "/login/authlogout"), ("GET", "/login/authlogout"),
            ("GET", "/login/dtd"), ("GET", "/login/error"), ("GET", "/saml/RoleSelectionGP.jsp?token=x"), ("GET", "/saml/RoleAssertion?token=x"),
            ("GET", "/sessionmanager/session/update?token=x"), ("POST", "/sessionmanager/session/update"),
        ] {
            assert_eq!(agent.say(method, path, "<gpOBJECT/>").await.status, 404, "{method} {path}");
        }
    }

    /// SHA-1 is refused where nobody has asked for it, and told so; SHA-256 is taken, and the record says which it was.
    async fn sha1_is_refused_unless_configured(db: Db) {
        let (rig, authority) = Rig::with_authority(db, &json!({"cis1": {}})).await;
        staff(&rig, 1).await;
        let (agent, card) = (Agent::new(&rig.router), card(&rig, &authority).await);
        refused(&agent.insert(&card, USER, "sha1").await, 403, "sha1-refused");
        assert_eq!(rig.events("session-opened").await.len(), 0);
        assert_eq!(rig.events("sign-in-refused").await[0]["reason"], "sha1-refused");
        let answered = agent.insert(&card, USER, "sha256").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        assert_eq!(rig.events("ticket-issued").await[0]["digest"], "sha-256");
    }

    /// A challenge is answered once, in time, by the workstation that asked, on any machine of the service; what was not asked, or is
    /// signed by no card, opens nothing.
    async fn challenges_are_answered_once(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let card = card(&rig, &authority).await;
        let challenge = agent.activate().await;
        let response = card.sign(&challenge.octets(), "sha1");
        let other = rig.again(&settings()).await;
        let answered = agent.at(&other.router).validate(&challenge, USER, &response).await;
        assert_eq!(answered.status, 200, "the other machine: {}", answered.body);
        refused(&agent.validate(&challenge, USER, &response).await, 403, "challenge-over");
        refused(&agent.at(&other.router).validate(&challenge, USER, &response).await, 403, "challenge-over");
        let late = agent.activate().await;
        rig.pass(Duration::from_mins(2));
        refused(&agent.validate(&late, USER, &card.sign(&late.octets(), "sha1")).await, 403, "challenge-over");
        let elsewhere = Agent { device: "0-another,ClientIP=10.0.0.6".to_owned(), ..agent.clone() };
        let caught = agent.activate().await;
        let response = card.sign(&caught.octets(), "sha1");
        refused(&elsewhere.validate(&caught, USER, &response).await, 403, "challenge-over");
        refused(&agent.validate(&caught, USER, &response).await, 403, "challenge-over");
        // One of its own making.
        let mut made = agent.activate().await;
        made.challenge = "A".repeat(64);
        refused(&agent.validate(&made, USER, &card.sign(&made.octets(), "sha1")).await, 403, "challenge-over");
        // What the card has signed is another challenge.
        let (one, two) = (agent.activate().await, agent.activate().await);
        refused(&agent.validate(&one, USER, &card.sign(&two.octets(), "sha1")).await, 403, "signature-wrong");
        assert_eq!(rig.events("session-opened").await.len(), 1);
    }

    /// Held, expired, revoked, foreign and other people's cards, certificates that lie on no card, and everybody while the authority is
    /// silent: each the documented answer, and none a ticket. Whose card it is the record says once its key has signed.
    async fn cards_that_do_not_hold_get_no_ticket(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let good = card(&rig, &authority).await;
        let (held, revoked) = (card(&rig, &authority).await, card(&rig, &authority).await);
        authority.revoke(&held.serial, Reason::CertificateHold).await;
        authority.revoke(&revoked.serial, Reason::KeyCompromise).await;
        let in_a_file = Card::issued(&rig, &authority, USER, "person-sign-in").await;
        refused(&agent.insert(&held, USER, "sha1").await, 403, "card-held");
        refused(&agent.insert(&revoked, USER, "sha1").await, 403, "card-revoked");
        refused(&agent.insert(&in_a_file, USER, "sha1").await, 403, "card-unknown");
        refused(&agent.insert(&good, OTHER, "sha1").await, 403, "card-unknown");
        // Which cards there are is told to nobody who has not shown one.
        refused(&agent.insert(&Card::foreign(), USER, "sha1").await, 403, "signature-wrong");
        let record = rig.events("sign-in-refused").await;
        assert_eq!((&record[0]["user"], &record[0]["authenticator"]), (&json!(USER), &json!(format!("card:{}", held.serial))));
        assert_eq!((record[3].get("user"), &record[3]["address"]), (None, &json!("192.0.2.7")));
        let silent = rig.with_ca(&settings(), Authority::silent()).await;
        refused(&agent.at(&silent.router).insert(&good, USER, "sha1").await, 503, "authority-silent");
        rig.pass(Duration::from_hours(24 * 731));
        refused(&agent.insert(&good, USER, "sha1").await, 403, "card-expired");
        assert_eq!((rig.events("session-opened").await.len(), rig.events("ticket-issued").await.len()), (0, 0));
    }

    /// Whoever has left gets no ticket, though their card holds; the record says who.
    async fn leavers_get_no_ticket(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let card = card(&rig, &authority).await;
        rig.set_person(USER, "closed").await;
        refused(&agent.insert(&card, USER, "sha1").await, 403, "left");
        let record = &rig.events("sign-in-refused").await[0];
        assert_eq!((&record["user"], &record["reason"]), (&json!(USER), &json!("left")));
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// Wrong answers in somebody's name keep nobody out, from the very address from which they come: neither the card nor any other way
    /// to sign in waits.
    async fn wrong_answers_keep_nobody_out(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        rig.enrol_app(USER, "ada@example.org", "correct horse battery staple").await;
        let card = card(&rig, &authority).await;
        for _ in 0..6 {
            let challenge = agent.activate().await;
            refused(&agent.validate(&challenge, USER, &card.sign(&[0; 48], "sha1")).await, 403, "signature-wrong");
        }
        let mut invented = agent.activate().await;
        invented.challenge = "A".repeat(64);
        for _ in 0..110 {
            refused(&agent.validate(&invented, USER, "bm8=").await, 403, "challenge-over");
        }
        assert_eq!(agent.insert(&card, USER, "sha1").await.status, 200, "the holder is not locked out");
        let mut browser = rig.browser();
        browser.address = agent.address;
        let here = rig.begin(&mut browser, ALL).await;
        let fields = [("email", "ada@example.org"), ("password", "a guess at random"), ("code", "000000")];
        let answered = browser.form(&format!("{here}/app"), &fields).await;
        assert_eq!(answered.status, 403, "wrong, and looked at: {}", answered.body);
    }

    /// Nonsense, what is too large, and messages in the wrong place are refused in the words of agents.
    async fn nonsense_is_refused_by_the_broker(db: Db) {
        let (_rig, _authority, agent) = broker(db, 1).await;
        let bomb = "<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;\">]><gpOBJECT><gpPARAM name=\"service\">&d;</gpPARAM></gpOBJECT>";
        let without = "<gpOBJECT><gpPARAM name=\"auth_method\">3</gpPARAM><gpPARAM name=\"service\">ACTIVATION</gpPARAM></gpOBJECT>";
        for path in ["/login/authactivate", "/login/authvalidate", "/login/authlogout"] {
            for body in ["", "{}", bomb, without, "<gpOBJECT><gpPARAM name=\"service\">OTHER</gpPARAM></gpOBJECT>"] {
                refused(&agent.say("POST", path, body).await, 400, "request-unreadable");
            }
            let large = format!("<gpOBJECT><gpPARAM name=\"a\">{}</gpPARAM></gpOBJECT>", "x".repeat(65 * 1024));
            assert_eq!(agent.say("POST", path, large).await.status, 413, "{path}");
        }
        let challenge = agent.activate().await;
        refused(&agent.validate(&challenge, USER, "bm8=").await, 400, "request-unreadable");
        refused(&agent.validate(&challenge, "nobody", "bm8=").await, 400, "request-unreadable");
    }
}
