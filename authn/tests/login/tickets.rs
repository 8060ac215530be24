//! Tickets of the broker of CIS1: roles, assertions, and sessions that end anywhere.

use std::time::Duration;

use ca::api::Reason;
use platform::db::Db;
use serde_json::json;

use crate::brokers::{broker, card, settings};
use crate::rig::{
    Agent, Answered, Authority, ISSUER, OTHER, Rig, USER, assign, attributes, desk, dismiss, parameter,
    person, staff, system,
};

/// A role that the agent was offered.
fn role(answered: &Answered, place: usize) -> String {
    let line =
        answered.body.lines().find(|line| line.contains(&format!("name=\"nhsjobrole{place}\""))).unwrap();
    line.split_once("id=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

/// Somebody who has signed in with a card: their ticket, and their roles.
async fn signed_in(rig: &Rig, authority: &Authority, agent: &Agent, roles: usize) -> (String, Vec<String>) {
    let card = card(rig, authority).await;
    let answered = agent.insert(&card, USER, "sha1").await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    (parameter(&answered, "sso_ticket"), (0..roles).map(|place| role(&answered, place)).collect())
}

fn untold(answered: &Answered, status: u16, word: &str) {
    assert_eq!(answered.status, status, "{word}: {}", answered.body);
    let told = format!("<samlp:StatusMessage>{word}: ");
    assert!(answered.body.contains(&told), "{}", answered.body);
    assert!(
        !answered.body.contains("samlp:Success") && !answered.body.contains("saml:Assertion"),
        "{}",
        answered.body
    );
}

platform::both_engines! {
    /// An application that shows a ticket is told who it is in SAML 1.1, as its readers take it: flat attributes, the person, and a
    /// block for each role that its organisation begins; the session role is one of them. That it was told is in the record.
    async fn applications_are_told_who_it_is(db: Db) {
        let (rig, authority, agent) = broker(db, 2).await;
        let (ticket, roles) = signed_in(&rig, &authority, &agent, 2).await;
        rig.pass(Duration::from_mins(5));
        untold(&agent.assertion(&ticket).await, 409, "role-not-chosen");
        assert_eq!(agent.choose(&ticket, &roles[1], "0").await.status, 200);
        let answered = agent.assertion(&ticket).await;
        assert_eq!((answered.status, answered.header("content-type").as_str()), (200, "text/xml; charset=utf-8"), "{}", answered.body);
        let found = attributes(&answered.body);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let block = ["nhsIdCode", "o", "nhsJobRole", "nhsJobRoleCode", "uniqueIdentifier", "nhsBusinessFunctions", "nhsBusinessFunctionsCodes"];
        let head = ["ssbAssertionVersion", "cn", "uid", "ssbSessionRoleUid", "ssbMode"];
        assert_eq!(names, [&head[..], &block, &block].concat());
        let one = |place: usize| found[place].1[0].as_str();
        assert_eq!((one(0), one(1), one(2), one(3), one(4)), ("1.1", "Okafor Ada Dr", USER, roles[1].as_str(), "0"));
        assert_eq!((one(5), one(9), one(12), one(16)), ("Z00001", roles[0].as_str(), "Z00002", roles[1].as_str()));
        for text in [
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:1.0:protocol\" ResponseID=\"null\" InResponseTo=\"null\" MajorVersion=\"1\" MinorVersion=\"1\" IssueInstant=\"2026-11-24T17:25:00Z\" Recipient=\"192.0.2.7\">",
            "<samlp:StatusCode Value=\"samlp:Success\">",
            "<saml:Conditions NotBefore=\"2026-11-24T17:22:00Z\" NotOnOrAfter=\"2026-11-24T17:26:00Z\">",
            "<saml:NameIdentifier NameQualifier=\"o=nhs\">uid=555021942107,ou=People,o=nhs</saml:NameIdentifier>",
            "<saml:AuthenticationStatement AuthenticationInstant=\"2026-11-24T17:20:00Z\" AuthenticationMethod=\"urn:com:sun:identity:ExtendedLoginModule\">",
            &format!("<saml:SubjectConfirmationData>{ticket}</saml:SubjectConfirmationData>"),
            "<saml:SubjectLocality IPAddress=\"192.0.2.7\">",
            "<saml:Attribute AttributeName=\"uid\" AttributeNamespace=\"http://www.syntegra.com\">",
        ] {
            assert!(answered.body.contains(text), "{text}: {}", answered.body);
        }
        let asserted = rig.events("role-asserted").await;
        assert_eq!((asserted.len(), &asserted[0]["user"], &asserted[0]["role"]), (1, &json!(USER), &json!(roles[1])));
        assert_eq!(rig.events("ticket-refused").await[0]["reason"], "role-not-chosen");
    }

    /// One role is theirs without being asked for; the role of a session is fixed, in the mode that was said; one that is nobody's, or
    /// somebody else's, is not taken. Whoever has none is told without one.
    async fn roles_are_fixed_once(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let (ticket, roles) = signed_in(&rig, &authority, &agent, 1).await;
        let found = attributes(&agent.assertion(&ticket).await.body);
        assert_eq!(found[3], ("ssbSessionRoleUid".to_owned(), vec![roles[0].clone()]));
        assert_eq!(agent.choose(&ticket, &roles[0], "1").await.status, 200, "the same again, for training");
        assert_eq!(attributes(&agent.assertion(&ticket).await.body)[4].1, ["1"]);
        assign(&rig, USER, 2).await;
        let answered = agent.insert(&card(&rig, &authority).await, USER, "sha1").await;
        let second = [role(&answered, 0), role(&answered, 1)].into_iter().find(|id| *id != roles[0]).unwrap();
        for (role, mode, status, word) in [
            (second.as_str(), "0", 409, "role-fixed"),
            ("500999888777", "0", 403, "role-not-theirs"),
            ("", "0", 403, "role-not-theirs"),
            (roles[0].as_str(), "2", 400, "request-unreadable"),
        ] {
            let refused = agent.choose(&ticket, role, mode).await;
            assert_eq!((refused.status, parameter(&refused, "error_code").as_str()), (status, word), "{}", refused.body);
        }
        let fixed = rig.events("role-fixed").await;
        assert_eq!(fixed.len(), 2, "{fixed:?}");
        assert_eq!((&fixed[0]["role"], &fixed[0]["mode"], &fixed[1]["mode"]), (&json!(roles[0]), &json!("live"), &json!("training")));
    }

    /// Whoever has no role is told of without one.
    async fn people_without_a_role_are_told_of(db: Db) {
        let (rig, authority, agent) = broker(db, 0).await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 0).await;
        let names: Vec<String> = attributes(&agent.assertion(&ticket).await.body).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ssbAssertionVersion", "cn", "uid", "ssbMode"]);
    }

    /// A role that was taken away is asserted no more, at once; another one can be chosen then.
    async fn closed_roles_are_not_asserted(db: Db) {
        let (rig, authority, agent) = broker(db, 2).await;
        let (ticket, roles) = signed_in(&rig, &authority, &agent, 2).await;
        assert_eq!(agent.choose(&ticket, &roles[0], "0").await.status, 200);
        assert_eq!(agent.assertion(&ticket).await.status, 200);
        dismiss(&rig, 1).await;
        untold(&agent.assertion(&ticket).await, 403, "role-closed");
        assert_eq!(rig.events("ticket-refused").await[0]["reason"], "role-closed");
        assert_eq!(agent.choose(&ticket, &roles[0], "0").await.status, 403);
        assert_eq!(agent.choose(&ticket, &roles[1], "0").await.status, 200);
        assert_eq!(attributes(&agent.assertion(&ticket).await.body)[3].1, [roles[1].clone()]);
    }

    /// A role whose organisation takes no cards is neither fixed nor asserted, whenever its policy came, and with no other role nobody
    /// comes in.
    async fn organisations_are_asked_for_their_roles(db: Db) {
        let (rig, authority, agent) = broker(db, 2).await;
        let (ticket, roles) = signed_in(&rig, &authority, &agent, 2).await;
        rig.policy("Z00002", &json!({"authenticators": ["security-key"]})).await;
        let refused = agent.choose(&ticket, &roles[1], "0").await;
        assert_eq!((refused.status, parameter(&refused, "error_code").as_str()), (403, "role-not-by-card"), "{}", refused.body);
        assert_eq!(rig.events("ticket-refused").await[0]["reason"], "role-not-by-card");
        assert_eq!(agent.choose(&ticket, &roles[0], "0").await.status, 200);
        assert_eq!(agent.assertion(&ticket).await.status, 200);
        rig.policy("Z00001", &json!({"authenticators": ["security-key", "platform-key"]})).await;
        untold(&agent.assertion(&ticket).await, 403, "role-not-by-card");
        dismiss(&rig, 2).await;
        let refused = agent.insert(&card(&rig, &authority).await, USER, "sha1").await;
        assert_eq!((refused.status, parameter(&refused, "error_code").as_str()), (403, "role-not-by-card"), "{}", refused.body);
        assert_eq!((rig.events("session-opened").await.len(), rig.events("ticket-issued").await.len()), (1, 1));
        let event = &rig.events("sign-in-refused").await[0];
        assert_eq!((&event["user"], &event["reason"]), (&json!(USER), &json!("role-not-by-card")));
        assert_eq!(rig.events("role-fixed").await.len(), 1);
    }

    /// No ticket, one that is none of ours, one that is spoiled, and the number of a session tell nothing; a ticket opens no browser's
    /// session, and a browser's secret is no ticket.
    async fn tickets_are_not_guessed(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        untold(&agent.say("GET", "/saml/RoleAssertion", "").await, 400, "ticket-missing");
        untold(&agent.assertion("").await, 400, "ticket-missing");
        untold(&agent.say("GET", "/saml/RoleAssertion?token=a&token=b", "").await, 400, "request-unreadable");
        let sid = rig.events("session-opened").await[0]["sid"].as_str().unwrap().to_owned();
        let other = format!("AQIC5wM2LY4SfcAA{}=@AAJTSQACMDE=#", "A".repeat(43));
        for wrong in [ticket.replace("AQIC", "AQID").as_str(), &other, &sid, &ticket[..40], "' OR 1=1 --", "\u{1f511}"] {
            untold(&agent.assertion(wrong).await, 401, "ticket-unknown");
        }
        let refused = agent.choose(&other, "1", "0").await;
        assert_eq!((refused.status, parameter(&refused, "error_code").as_str()), (401, "ticket-unknown"));
        assert_eq!(agent.log_out(&other, USER).await.status, 401);
        let inner = ticket[16..59].replace('+', "-").replace('/', "_");
        let mut browser = rig.browser();
        browser.keep("__Host-lanyard-session", &inner);
        assert_eq!(browser.get("/account").await.status, 401, "a ticket is nothing in a browser");
        assert_eq!(agent.assertion(&ticket).await.status, 200);
    }

    /// The agent gives a ticket back, for its own holder alone, and again to no effect; then it tells nothing on any machine.
    async fn tickets_are_given_back(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        assert_eq!(agent.log_out(&ticket, OTHER).await.status, 401, "somebody else's");
        assert_eq!(agent.assertion(&ticket).await.status, 200);
        for _ in 0..2 {
            let answered = agent.log_out(&ticket, USER).await;
            assert_eq!((answered.status, parameter(&answered, "service").as_str()), (200, "LOGOUT"), "{}", answered.body);
        }
        let ended = rig.events("session-ended").await;
        assert_eq!((ended.len(), &ended[0]["cause"], &ended[0]["user"]), (1, &json!("signed-out"), &json!(USER)));
        let other = rig.again(&settings()).await;
        for router in [&rig.router, &other.router] {
            untold(&agent.at(router).assertion(&ticket).await, 401, "session-over");
            assert_eq!(agent.at(router).choose(&ticket, "1", "0").await.status, 401);
        }
    }

    /// Whatever ends the session elsewhere ends the ticket: the holder, an administrator, a revoked card, leaving, the time. Each is told
    /// with its cause, and recorded.
    async fn sessions_ended_elsewhere_end_here(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let other = rig.again(&settings()).await;
        let agent_there = agent.at(&other.router);
        let told = async |ticket: &str, cause: &str| {
            let answered = agent_there.assertion(ticket).await;
            untold(&answered, 401, "session-over");
            assert!(answered.body.contains(&format!("({cause})")), "{cause}: {}", answered.body);
            assert_eq!(rig.events("session-ended").await.last().unwrap()["cause"], cause);
        };
        let mut browser = rig.browser();
        let sessions = format!("/authn/people/{USER}/sessions");
        for (caller, cause) in [(person(USER), "by-holder"), (desk(), "by-administrator")] {
            let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
            assert_eq!(browser.call(&caller, "DELETE", &sessions, None).await.status, 200);
            told(&ticket, cause).await;
        }
        assert_eq!(browser.call(&system("records", &[]), "DELETE", &sessions, None).await.status, 403);
        let card = card(&rig, &authority).await;
        let ticket = agent.ticket(&card, USER).await;
        authority.revoke(&card.serial, Reason::KeyCompromise).await;
        told(&ticket, "card-revoked").await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        rig.pass(Duration::from_hours(12));
        let answered = agent.assertion(&ticket).await;
        untold(&answered, 401, "session-over");
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        rig.set_person(USER, "closed").await;
        told(&ticket, "left").await;
        assert!(rig.events("ticket-refused").await.iter().all(|event| event["user"] == USER && event["reason"] == "session-over"));
        assert_eq!(rig.events("ticket-refused").await.len(), 5);
    }

    /// The session manager says how long a session has left, to the agent and to whoever has the ticket; asking does not make it used, and
    /// its end is told on any machine, whatever ended it.
    async fn agents_ask_how_long_a_session_lives(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let answered = agent.insert(&card(&rig, &authority).await, USER, "sha1").await;
        assert_eq!(parameter(&answered, "sso_session_url"), format!("{ISSUER}/sessionmanager/session/update"));
        let ticket = parameter(&answered, "sso_ticket");
        rig.pass(Duration::from_secs(90));
        let told = agent.ask(&ticket, USER).await;
        assert_eq!((told.status, told.header("cache-control").as_str()), (200, "no-store"), "{}", told.body);
        assert!(!told.body.contains("AQIC5wM2LY4Sfc"), "the ticket is not repeated: {}", told.body);
        for (name, value) in [
            ("log_session_id", "Ao9qufl+uA"), ("sso_max_session_time", "719"), ("sso_session_time", "719"), ("sso_keep_alive", "false"),
            ("service", "SESSIONUPDATE"),
        ] {
            assert_eq!(parameter(&told, name), value, "{name}");
        }
        let other = rig.again(&settings()).await;
        let there = agent.at(&other.router);
        assert_eq!(parameter(&there.look(&ticket).await, "sso_max_session_time"), "719");
        for (answered, status, word) in [
            (agent.ask(&ticket, OTHER).await, 401, "ticket-unknown"),
            (agent.ask("", USER).await, 400, "ticket-missing"),
            (agent.ask("nonsense", USER).await, 401, "ticket-unknown"),
            (agent.look("").await, 400, "ticket-missing"),
            (agent.say("POST", "/sessionmanager/session/update", "{}").await, 400, "request-unreadable"),
        ] {
            assert_eq!((answered.status, parameter(&answered, "error_code").as_str()), (status, word), "{}", answered.body);
        }
        agent.log_out(&ticket, USER).await;
        for answered in [there.ask(&ticket, USER).await, there.look(&ticket).await] {
            assert_eq!((answered.status, parameter(&answered, "error_code").as_str()), (401, "session-over"), "{}", answered.body);
            assert!(parameter(&answered, "error_text").contains("(signed-out)"), "{}", answered.body);
        }
        let refused = rig.events("ticket-refused").await;
        assert_eq!((refused.len(), &refused[1]["act"], &refused[1]["reason"]), (2, &json!("session-update"), &json!("session-over")));
    }

    /// A ticket that is over is refused as often as it is shown, and recorded once for what it was shown for, on every machine and until it
    /// was not shown for two days; what it is shown for otherwise is recorded too.
    async fn an_ended_ticket_is_recorded_once(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        agent.log_out(&ticket, USER).await;
        let other = rig.again(&settings()).await;
        for _ in 0..5 {
            for agent in [&agent, &agent.at(&other.router)] {
                untold(&agent.assertion(&ticket).await, 401, "session-over");
                assert_eq!(agent.choose(&ticket, "1", "0").await.status, 401);
            }
            rig.pass(Duration::from_hours(24));
            rig.provider.sweep().await.unwrap();
        }
        let refused = rig.events("ticket-refused").await;
        let mut acts: Vec<&str> = refused.iter().map(|event| event["act"].as_str().unwrap()).collect();
        acts.sort_unstable();
        assert_eq!(acts, ["role-assertion", "role-selection"]);
    }

    /// A ticket that is over and shows up elsewhere is in the record from there too, so often of one session and not more often.
    async fn a_stolen_ticket_leaves_its_traces(db: Db) {
        let (rig, authority, mut agent) = broker(db, 1).await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        agent.log_out(&ticket, USER).await;
        for address in ["192.0.2.7", "198.51.100.1", "2001:db8:0:1::1", "2001:db8:0:2::1", "192.0.2.7"] {
            agent.address = address.parse().unwrap();
            untold(&agent.assertion(&ticket).await, 401, "session-over");
        }
        let refused = rig.events("ticket-refused").await;
        let from: Vec<&str> = refused.iter().map(|event| event["address"].as_str().unwrap()).collect();
        assert_eq!(from, ["192.0.2.7", "198.51.100.1", "2001:db8:0:1::1"], "a /48 is one network");
        for number in 0..60 {
            agent.address = format!("203.0.113.{number}").parse().unwrap();
            untold(&agent.assertion(&ticket).await, 401, "session-over");
        }
        assert_eq!(rig.events("ticket-refused").await.len(), 32);
        let kept: i64 = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM authn_attempt WHERE subject LIKE 'ticket/%'")
            .fetch_one(rig.db.read())
            .await
            .unwrap();
        assert_eq!(kept, 33, "nor are there rows without end");
    }

    /// Where asking keeps a session from being idle it does so, up to its absolute limit; where it does not, a session that only its agent
    /// asks about ends.
    async fn asking_keeps_a_session_where_it_is_set(db: Db) {
        let idle = |rule: &str| json!({"cis1": {"sha1": "accepted", "keep_alive": rule}, "sessions": {"idle_ends": "session"}});
        let (rig, authority) = Rig::with_authority(db, &idle("asked")).await;
        staff(&rig, 1).await;
        let agent = Agent::new(&rig.router);
        let card = card(&rig, &authority).await;
        let answered = agent.insert(&card, USER, "sha1").await;
        assert_eq!((parameter(&answered, "sso_keep_alive"), parameter(&answered, "sso_session_time")), ("true".to_owned(), "15".to_owned()));
        let ticket = parameter(&answered, "sso_ticket");
        for _ in 0..71 {
            rig.pass(Duration::from_mins(10));
            let told = agent.ask(&ticket, USER).await;
            assert_eq!(told.status, 200, "{}", told.body);
            assert_eq!(agent.assertion(&ticket).await.status, 200);
        }
        assert_eq!(parameter(&agent.ask(&ticket, USER).await, "sso_session_time"), "10", "never beyond the absolute limit");
        rig.pass(Duration::from_mins(10));
        let over = agent.ask(&ticket, USER).await;
        assert_eq!((over.status, parameter(&over, "error_code").as_str()), (401, "session-over"), "{}", over.body);
        let strict = rig.again(&idle("refused")).await;
        let agent = agent.at(&strict.router);
        let ticket = agent.ticket(&card, USER).await;
        rig.pass(Duration::from_mins(10));
        assert_eq!(parameter(&agent.ask(&ticket, USER).await, "sso_session_time"), "5");
        rig.pass(Duration::from_mins(5));
        assert_eq!(agent.ask(&ticket, USER).await.status, 401);
    }

    /// The ticket goes with its session, when that is erased.
    async fn tickets_are_erased_with_their_session(db: Db) {
        let (rig, authority, agent) = broker(db, 1).await;
        let (ticket, _) = signed_in(&rig, &authority, &agent, 1).await;
        agent.log_out(&ticket, USER).await;
        rig.pass(Duration::from_hours(24 * 29));
        rig.provider.sweep().await.unwrap();
        untold(&agent.assertion(&ticket).await, 401, "session-over");
        rig.pass(Duration::from_hours(24 * 2));
        rig.provider.sweep().await.unwrap();
        rig.provider.sweep().await.unwrap();
        untold(&agent.assertion(&ticket).await, 401, "ticket-unknown");
    }
}
