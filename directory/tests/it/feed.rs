//! What a personnel system tells: starters, changes, leavers; each once, in its order, by the rank it has.

use directory::api::{OPERATE, READ};
use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use crate::feed_rig::{Payroll, event, id, personnel, with};
use crate::people_rig::execute;
use crate::rig::system;
use crate::world::{ADVANCED, AGENT, MANAGER, NURSE, SPONSOR, day, user, who};

platform::both_engines! {
    /// A starter gets the linked position, and nothing else; the record and the change feed tell of it.
    async fn starter_gets_the_linked_position(db: Db) {
        let feed = Payroll::new(db).await;
        let told = feed.world.changes(0).await.len();
        let starts = with(event("e-1", "starter", NURSE, 1, &day(-3)), &[("position", "WARD"), ("end", &day(90))]);
        let done = feed.one(starts).await;
        assert_eq!((done["state"].as_str(), done["id"].as_str()), (Some("applied"), Some("e-1")), "{done}");
        assert_eq!(done["done"]["person"], user(NURSE));
        let ward = feed.world.ward.clone();
        assert_eq!(feed.holds(NURSE).await, [(ward, day(-3), Some(day(90)))]);
        let assignment = done["done"]["made"][0]["assignment"].as_str().unwrap();
        let shown = feed.world.rig.get(&who(MANAGER), &format!("/directory/assignments/{assignment}")).await;
        assert_eq!((shown.body["via"].as_str(), shown.body["made_by"].as_str()), (Some("esr"), Some("payroll")));
        assert_eq!(feed.world.changes(told as u64).await, [("assignment-changed".to_owned(), assignment.to_owned())]);
        assert_eq!(feed.world.recorded("feed-event-applied").await, 1);
    }

    /// The same event again is answered the same and does nothing; its id with other content is refused.
    async fn events_are_done_once(db: Db) {
        let feed = Payroll::new(db).await;
        let starts = with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "WARD")]);
        let first = feed.one(starts.clone()).await;
        let rows = feed.rows().await;
        assert_eq!(feed.one(starts.clone()).await, first);
        let quarantined = with(event("e-2", "starter", NURSE + 1, 1, &day(0)), &[("position", "NOWHERE")]);
        let kept = feed.one(quarantined.clone()).await;
        assert_eq!(kept["reason"], "no-link");
        let rows_then = feed.rows().await;
        assert!(rows_then > rows);
        assert_eq!(feed.send(&[quarantined, starts.clone()]).await, [kept, first]);
        let other = feed.one(with(starts, &[("position", "CLINIC")])).await;
        assert_eq!((other["state"].as_str(), other["reason"].as_str()), (Some("refused"), Some("event-id-reused")));
        assert_eq!(feed.rows().await, rows_then);
    }

    /// A change ends the old position and begins the new one in one act: later at the day between, otherwise at once.
    async fn change_moves_from_one_position_to_another(db: Db) {
        let feed = Payroll::new(db).await;
        let (ward, clinic) = (feed.world.ward.clone(), feed.world.clinic.clone());
        feed.one(with(event("e-1", "starter", NURSE, 1, &day(-9)), &[("position", "WARD")])).await;
        let moved = feed.one(with(event("e-2", "change", NURSE, 2, &day(10)), &[("position", "CLINIC")])).await;
        assert_eq!(moved["state"], "applied", "{moved}");
        assert_eq!(moved["done"]["ended"][0]["last_day"], day(9));
        let expected = [(ward.clone(), day(-9), Some(day(9))), (clinic.clone(), day(10), None)];
        assert_eq!(feed.holds(NURSE).await, expected);

        feed.one(with(event("e-3", "starter", NURSE + 1, 1, &day(-9)), &[("position", "WARD")])).await;
        let back = with(event("e-4", "change", NURSE + 1, 2, &day(-1)), &[("position", "CLINIC"), ("from_position", "WARD")]);
        let moved = feed.one(back).await;
        assert_eq!((moved["state"].as_str(), moved["done"]["ended"][0].get("last_day")), (Some("applied"), None));
        assert_eq!(feed.holds(NURSE + 1).await, [(clinic.clone(), day(-1), None)]);

        // Nothing of a change is done where one half of it cannot be.
        let rows = feed.holds(NURSE + 1).await;
        for (number, to) in [("e-5", "CLINIC"), ("e-6", "NOWHERE")] {
            let sequence = if to == "CLINIC" { 3 } else { 4 };
            let stays = feed.one(with(event(number, "change", NURSE + 1, sequence, &day(0)), &[("position", to)])).await;
            assert_eq!(stays["state"], "quarantined", "{stays}");
        }
        assert_eq!(feed.holds(NURSE + 1).await, rows);
    }

    /// Which position ends must be clear where somebody holds several; an ended link still says which one it was.
    async fn change_names_what_ends_where_it_must(db: Db) {
        let feed = Payroll::new(db).await;
        let (ward, clinic) = (feed.world.ward.clone(), feed.world.clinic.clone());
        let other = feed.world.make(&who(MANAGER), &crate::world::position("RXX02", "Theatre", crate::world::ROLE_OF_NURSES, &[])).await;
        let link = feed.link("THEATRE", &other).await;
        feed.one(with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "WARD")])).await;
        feed.one(with(event("e-2", "starter", NURSE, 2, &day(0)), &[("position", "THEATRE")])).await;
        let unclear = feed.one(with(event("e-3", "change", NURSE, 3, &day(5)), &[("position", "CLINIC")])).await;
        assert_eq!(unclear["reason"], "contradicts", "{unclear}");
        feed.decide(&who(MANAGER), &unclear, "discard", &json!({"reason": "Sent again with the old position"})).await;
        assert_eq!(feed.unlink(&link).await.status, StatusCode::OK);
        let clear = with(event("e-4", "change", NURSE, 4, &day(5)), &[("position", "CLINIC"), ("from_position", "THEATRE")]);
        assert_eq!(feed.one(clear).await["state"], "applied");
        let mut holds = feed.holds(NURSE).await;
        holds.sort();
        let mut expected = [(ward, day(0), None), (other, day(0), Some(day(4))), (clinic, day(5), None)];
        expected.sort();
        assert_eq!(holds, expected);
        let again = feed.one(with(event("e-5", "starter", NURSE + 1, 1, &day(0)), &[("position", "THEATRE")])).await;
        assert_eq!(again["reason"], "no-link", "an ended link gives nothing");
    }

    /// A leaver loses everything with the employer, whoever gave it, and keeps what they hold elsewhere.
    async fn leaver_loses_what_the_employer_gave(db: Db) {
        let feed = Payroll::new(db).await;
        let elsewhere = feed.world.make(&feed.world.operator.clone(),
            &crate::world::position("RYY", "Elsewhere", crate::world::ROLE_OF_NURSES, &[])).await;
        feed.world.assign(&feed.world.operator.clone(), NURSE, &elsewhere).await;
        feed.one(with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "WARD")])).await;
        feed.world.assign(&who(AGENT), NURSE, &feed.world.clinic.clone()).await;
        let left = feed.one(with(event("e-2", "leaver", NURSE, 2, &day(7)), &[("reason", "Retires")])).await;
        assert_eq!((left["state"].as_str(), left["done"]["ended"].as_array().map(Vec::len)), (Some("applied"), Some(2)), "{left}");
        let ends: Vec<Option<String>> = feed.holds(NURSE).await.into_iter().map(|held| held.2).collect();
        assert_eq!(ends.iter().filter(|end| **end == Some(day(7))).count(), 2);
        assert_eq!(ends.iter().filter(|end| end.is_none()).count(), 1);
        let leavings = feed.world.rig.get(&who(MANAGER), &format!("/directory/people/{}/leaving", user(NURSE))).await;
        let reasons: Vec<&str> = leavings.body["leavings"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
        assert_eq!(reasons, ["Retires", "Retires"], "one for each organisation of the employer");
        feed.world.wait_days(8);
        feed.world.sweep().await;
        assert_eq!(feed.holds(NURSE).await, [(elsewhere, day(0), None)]);
        assert!(!feed.world.changes(0).await.iter().any(|row| row.0 == "person-closed"));
    }

    /// Who holds nothing anywhere after the last day is closed, as who is deleted over SCIM: on that day, or at once where it has passed,
    /// and whatever was asked for them ends. Who is taken on elsewhere meanwhile stays.
    async fn leaver_of_everything_is_closed(db: Db) {
        let feed = Payroll::new(db.clone()).await;
        let (world, operator) = (&feed.world, feed.world.operator.clone());
        let elsewhere = world.make(&operator, &crate::world::position("RYY", "Elsewhere", crate::world::ROLE_OF_NURSES, &[])).await;
        let state = async |number: u64| {
            let text = "SELECT state || ' ' || COALESCE(close_reason, '') FROM directory_person WHERE user_id = $1";
            crate::people_rig::texts(&db, text, &user(number)).await.remove(0)
        };
        let asked = async |number: u64, position: &str| {
            let ask = json!({"ask": {"kind": "assign", "person": user(number), "position": position}});
            let made = world.rig.post(&who(SPONSOR), "/directory/requests", &ask).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            id(&made)
        };
        let request = async |id: &str| {
            let text = "SELECT state || ' ' || COALESCE(reason, '') FROM directory_request WHERE request_id = $1";
            crate::people_rig::texts(&db, text, id).await.remove(0)
        };
        for number in [NURSE, NURSE + 1, NURSE + 2] {
            let starts = with(event(&format!("s-{number}"), "starter", number, 1, &day(-9)), &[("position", "WARD")]);
            assert_eq!(feed.one(starts).await["state"], "applied");
        }
        let (now, later) = (asked(NURSE, &world.clinic).await, asked(NURSE + 1, &world.ward).await);
        let (clinic, stays) = (asked(NURSE + 1, &world.clinic).await, asked(NURSE + 3, &world.clinic).await);
        let leaves = async |number: u64, last: i64| {
            let left = feed.one(event(&format!("l-{number}"), "leaver", number, 2, &day(last))).await;
            assert_eq!(left["state"], "applied", "{left}");
        };
        leaves(NURSE, -1).await;
        assert_eq!(state(NURSE).await, "closed left", "at once");
        assert!(request(&now).await.starts_with("rejected The profile"), "{}", request(&now).await);
        leaves(NURSE + 1, 7).await;
        leaves(NURSE + 2, 7).await;
        // What is asked for anywhere with the employer ends with the announcement; what is asked for others waits.
        for asked in [&later, &clinic] {
            assert!(request(asked).await.starts_with("rejected The person leaves"), "{}", request(asked).await);
        }
        assert!(request(&stays).await.starts_with("submitted"));
        world.assign(&operator, NURSE + 2, &elsewhere).await;
        world.wait_days(7);
        world.sweep().await;
        assert_eq!(state(NURSE + 1).await, "open ", "the last day is a day of work");
        world.wait_days(1);
        world.sweep().await;
        assert_eq!((state(NURSE + 1).await, state(NURSE + 2).await), ("closed left".to_owned(), "open ".to_owned()));
        let told = world.changes(0).await;
        let closed: Vec<&String> = told.iter().filter(|row| row.0 == "person-closed").map(|row| &row.1).collect();
        assert_eq!(closed, [&user(NURSE), &user(NURSE + 1)], "those who follow are told of both, once");
        // Whoever comes back is opened by somebody, and not by an event.
        let back = feed.one(with(event("b-1", "starter", NURSE, 3, &day(9)), &[("position", "WARD")])).await;
        assert_eq!(back["reason"], "profile-closed", "{back}");
    }

    /// An employer's system ends what its people held in the registration authority too; a position that gives a rank is not
    /// linked, and nobody's rank comes by the feed.
    async fn ranks_are_ended_and_never_given(db: Db) {
        let feed = Payroll::new(db).await;
        let sponsor = with(event("e-1", "leaver", SPONSOR, 1, &day(-1)), &[("user_id", &user(SPONSOR))]);
        assert_eq!(feed.one(sponsor).await["state"], "applied");
        assert!(feed.world.roles(SPONSOR).await.is_empty());
        let refused = feed.try_link(&who(MANAGER), "SISTER", &feed.world.sponsor_position.clone()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "position-of-the-authority"));
        let assign = json!({"person": user(NURSE), "position": feed.world.ward});
        let direct = feed.world.rig.post(&feed.payroll, "/directory/assignments", &assign).await;
        assert_eq!((direct.status, direct.code()), (StatusCode::FORBIDDEN, "not-in-role"), "by events only");
    }

    /// Hosting a registration authority employs nobody: the host's personnel system neither ends nor names who works in an
    /// independent organisation, nor closes them.
    async fn staff_of_hosted_organisations_are_not_the_hosts(db: Db) {
        let feed = Payroll::new(db).await;
        let hosted = crate::world::position("RXX02", "Reception", crate::world::ROLE_OF_NURSES, &[]);
        let hosted = feed.world.make(&who(MANAGER), &hosted).await;
        for number in [NURSE, NURSE + 30] {
            feed.world.assign(&who(AGENT), number, &hosted).await;
        }
        let left = feed.one(event("e-1", "leaver", NURSE, 1, &day(-1))).await;
        assert_eq!((left["state"].as_str(), left["reason"].as_str()), (Some("quarantined"), Some("contradicts")), "{left}");
        let named = with(event("e-2", "leaver", NURSE + 30, 1, &day(-1)), &[("user_id", &user(NURSE + 30))]);
        assert_eq!(feed.one(named).await["reason"], "person-elsewhere");
        let closed = close(&feed, NURSE).await;
        assert_eq!(closed.status, StatusCode::FORBIDDEN, "{:?}", closed.body);
        for number in [NURSE, NURSE + 30] {
            assert_eq!(feed.holds(number).await, [(hosted.clone(), day(0), None)]);
        }
    }

    /// The last manager of a registration authority is not ended by an event, and nobody of a rank is closed over SCIM.
    async fn last_manager_stays(db: Db) {
        let feed = Payroll::new(db.clone()).await;
        let link = "INSERT INTO directory_person_link (source, external_id, user_name, user_id, content, at) \
                    VALUES ('scim payroll', 'M1', 'M1', $1, '', 0)";
        execute(&db, link, vec![user(MANAGER)]).await;
        let mut leaves = event("e-1", "leaver", MANAGER, 1, &day(3));
        leaves["employee"] = json!("M1");
        let left = feed.one(leaves).await;
        assert_eq!((left["state"].as_str(), left["reason"].as_str()), (Some("quarantined"), Some("not-allowed")), "{left}");
        let closed = close(&feed, MANAGER).await;
        assert_eq!(closed.status, StatusCode::FORBIDDEN, "{:?}", closed.body);
        assert_eq!(feed.holds(MANAGER).await[0].2, None);
        feed.world.assign(&feed.world.operator.clone(), NURSE + 30, &feed.world.manager_position.clone()).await;
        let done = feed.decide(&who(NURSE + 30), &left, "retry", &json!({})).await;
        assert_eq!(done.body["state"], "applied", "{:?}", done.body);
        assert_eq!(feed.holds(MANAGER).await[0].2, Some(day(3)));
        assert_eq!(close(&feed, MANAGER).await.status, StatusCode::FORBIDDEN, "above the rank of a personnel system");
    }

    /// The first event that names somebody says who the employee is; another person under that number contradicts.
    async fn employee_numbers_are_of_one_person(db: Db) {
        let feed = Payroll::new(db).await;
        let (one, other) = (NURSE + 30, NURSE + 31);
        for number in [one, other] {
            feed.world.assign(&who(AGENT), number, &feed.world.clinic.clone()).await;
        }
        let starts = with(event("e-1", "starter", one, 1, &day(0)), &[("position", "WARD"), ("user_id", &user(one))]);
        assert_eq!(feed.one(starts).await["state"], "applied");
        let leaves = with(event("e-2", "leaver", one, 2, &day(-1)), &[("user_id", &user(other))]);
        assert_eq!(feed.one(leaves).await["reason"], "contradicts");
        assert_eq!((feed.holds(one).await.len(), feed.holds(other).await.len()), (2, 1));
        assert_eq!(feed.world.recorded("feed-employee-linked").await, 1);
        // Nothing is known by an event that was not done.
        let stays = with(event("e-3", "starter", other, 1, &day(0)), &[("position", "NOWHERE"), ("user_id", &user(other))]);
        assert_eq!(feed.one(stays).await["reason"], "no-link");
        assert_eq!(feed.world.recorded("feed-employee-linked").await, 1);
    }

    /// A dry run says what each event would do, with those before it done, and leaves nothing.
    async fn dry_run_leaves_nothing(db: Db) {
        let feed = Payroll::new(db).await;
        let events = [
            with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "WARD")]),
            with(event("e-2", "change", NURSE, 2, &day(3)), &[("position", "CLINIC")]),
            with(event("e-3", "starter", NURSE + 1, 1, "soon"), &[("position", "WARD")]),
        ];
        let rows = feed.rows().await;
        let tried = feed.send_as(&feed.payroll, &events, "yes").await;
        let states: Vec<&str> = tried.iter().map(|one| one["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["applied", "applied", "quarantined"]);
        assert_eq!(tried[1]["done"]["ended"][0]["last_day"], day(2));
        assert!(tried.iter().all(|one| one.get("event").is_none()), "{tried:?}");
        assert!(tried[0]["done"]["made"][0].get("assignment").is_none());
        assert_eq!(feed.rows().await, rows);
        let done = feed.send(&events).await;
        let after: Vec<&str> = done.iter().map(|one| one["state"].as_str().unwrap()).collect();
        assert_eq!(after, states);
    }

    /// Links are made by advanced agents and above, with somebody else's approval, each position of theirs once.
    async fn links_are_the_registration_authoritys(db: Db) {
        let feed = Payroll::new(db).await;
        let ward = feed.world.ward.clone();
        for caller in [who(AGENT), who(SPONSOR), who(NURSE)] {
            assert_eq!(feed.try_link(&caller, "NEW", &ward).await.code(), "not-in-role");
        }
        assert_eq!(feed.try_link(&feed.payroll.clone(), "NEW", &ward).await.code(), "not-in-role");
        assert_eq!(feed.try_link(&who(ADVANCED), "WARD", &ward).await.code(), "position-linked");
        let own = json!({"organisation": "RXX", "their_position": "NEW", "position": ward,
            "approval": {"how": "E-mail", "approver": user(ADVANCED)}});
        assert_eq!(feed.world.rig.post(&who(ADVANCED), "/directory/feed/links", &own).await.code(), "field-invalid");
        let foreign = json!({"organisation": "RYY", "their_position": "NEW", "position": ward,
            "approval": crate::world::approval()});
        assert_eq!(feed.world.rig.post(&who(MANAGER), "/directory/feed/links", &foreign).await.code(), "outside-organisation");
        let made = feed.try_link(&who(ADVANCED), "NEW", &ward).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let path = format!("/directory/feed/links/{}", id(&made));
        let reader = system("reader", &[READ]);
        assert_eq!(feed.world.rig.get(&reader, &path).await.body["their_position"], "NEW");
        assert_eq!(feed.world.rig.get(&who(AGENT), &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(feed.unlink(&made.body).await.etag(), "\"2\"");
        assert_eq!(feed.unlink(&made.body).await.code(), "link-ended");
        let list = |state: &str| format!("/directory/feed/links?organisation=rxx&state={state}");
        let count = async |state: &str| {
            feed.world.rig.get(&who(MANAGER), &list(state)).await.body["items"].as_array().unwrap().len()
        };
        assert_eq!((count("in-force").await, count("all").await), (2, 3));
        assert_eq!(feed.world.recorded("feed-position-unlinked").await, 1);
    }

    /// Events come from systems that feed, for the employer they speak for; each sees its own, and nobody else's.
    async fn systems_feed_for_their_employer(db: Db) {
        let feed = Payroll::new(db).await;
        let starts = with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "WARD")]);
        let body = json!({"events": [starts.clone()]});
        let nobody = system("payroll", &[directory::api::FEED]);
        let answered = feed.world.rig.post(&nobody, "/directory/feed/events", &body).await;
        assert_eq!(answered.code(), "feed-without-organisation");
        for caller in [who(MANAGER), system("operator", &[OPERATE, READ])] {
            let answered = feed.world.rig.post(&caller, "/directory/feed/events", &body).await;
            assert_eq!(answered.status, StatusCode::FORBIDDEN);
        }
        // The same numbers of another employer are of others.
        let other = personnel("other-payroll", "RYY");
        let done = feed.send_as(&other, std::slice::from_ref(&starts), "no").await;
        assert_eq!(done[0]["reason"], "unknown-person");
        let named = with(event("e-2", "starter", NURSE, 2, &day(0)), &[("position", "WARD"), ("user_id", &user(NURSE))]);
        assert_eq!(feed.send_as(&other, &[named], "no").await[0]["state"], "quarantined");
        let own = feed.one(starts).await;
        assert_eq!(own["state"], "applied");
        let listed = feed.world.rig.get(&other, "/directory/feed/events").await;
        assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(2));
        let path = format!("/directory/feed/events/{}", own["event"].as_str().unwrap());
        assert_eq!(feed.world.rig.get(&other, &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(feed.world.rig.get(&feed.payroll, &path).await.body["sent"]["id"], "e-1");
        let theirs = feed.world.rig.get(&feed.payroll, "/directory/feed/summary?organisation=RYY").await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        let counts = feed.world.rig.get(&feed.payroll, "/directory/feed/summary").await;
        assert_eq!(counts.body["counts"], json!([{"kind": "starter", "state": "applied", "events": 1}]));
        let empty = feed.world.rig.post(&feed.payroll, "/directory/feed/events", &json!({"events": []})).await;
        assert_eq!(empty.code(), "field-invalid");
    }
}

/// Closes somebody over SCIM.
async fn close(feed: &Payroll, number: u64) -> crate::rig::Answered {
    let path = format!("/directory/scim/v2/Users/{}", user(number));
    feed.world.rig.send(&feed.payroll, http::Method::DELETE, &path, &[], None).await
}
