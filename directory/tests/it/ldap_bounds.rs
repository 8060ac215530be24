//! What one client may take of an LDAP server: connections, requests, and the work that a question makes. What is asked for all the
//! same is answered, or refused with a reason.

use std::time::Duration;

use bytes::BytesMut;
use directory::ldap::{LdapConfig, Rates};
use ldap3_proto::LdapCodec;
use ldap3_proto::control::{LdapControl, ServerSortRequet};
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapDerefAliases, LdapExtendedRequest, LdapFilter,
    LdapMatchingRuleAssertion, LdapMsg, LdapOp, LdapResultCode, LdapSearchRequest, LdapSearchScope,
    LdapSubstringFilter,
};
use platform::db::Db;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Encoder as _;

use crate::ldap_faults::{Secure, nested, search};
use crate::ldap_rig::{As, Ldap, SECRET, at_once, names, values};
use crate::systems::{accredited, register};
use crate::world::{AGENT, NURSE, World, user, who};

/// A search of systems.
fn of_systems(msgid: i32, filter: LdapFilter) -> LdapMsg {
    let op = LdapOp::SearchRequest(LdapSearchRequest {
        base: "ou=Services,o=nhs".to_owned(),
        scope: LdapSearchScope::Subtree,
        aliases: LdapDerefAliases::Never,
        sizelimit: 0,
        timelimit: 0,
        typesonly: false,
        filter,
        attrs: vec!["1.1".to_owned()],
    });
    LdapMsg { msgid, op, ctrl: Vec::new() }
}

/// The names of what is found, and the result.
async fn all(client: &mut Secure, message: LdapMsg) -> (Vec<String>, LdapResultCode) {
    client.send(message).await;
    let mut found = Vec::new();
    loop {
        match client.next().await.expect("the connection is open").op {
            LdapOp::SearchResultEntry(entry) => found.push(entry.dn),
            LdapOp::SearchResultDone(result) => return (found, result.code),
            other => panic!("{other:?}"),
        }
    }
}

/// Whether a connection is ended by the server before anything is said.
async fn is_refused(mut stream: TcpStream) -> bool {
    let read = timeout(Duration::from_secs(20), stream.read(&mut [0; 8])).await;
    read.expect("it is ended at once").unwrap_or(0) == 0
}

/// A connection is ended by the server with this reason.
async fn demand_end(client: &mut Secure, code: LdapResultCode) {
    let last = client.next().await.expect("it is told why");
    let LdapOp::ExtendedResponse(response) = last.op else { panic!("{last:?}") };
    assert_eq!((last.msgid, response.res.code), (0, code));
    assert!(client.next().await.is_none());
}

/// One record more, of a question that ended so; how far it went, and how many entries it was about.
async fn demand_record(
    world: &World,
    before: &mut i64,
    (code, expected): (i32, i32),
    (scope, entries): (&str, i64),
) {
    *before += 1;
    assert_eq!((code, world.recorded("people-shown").await), (expected, *before), "{scope}");
    let event = world.event("people-shown").await;
    assert_eq!((&event["scope"], &event["entries"]), (&json!(scope), &json!(entries)), "{event}");
}

/// Puts entries in the order of an attribute, backward.
fn by(name: &str) -> LdapControl {
    let sort = ServerSortRequet {
        attribute_name: name.to_owned(),
        ordering_rule: Some("caseIgnoreOrderingMatch".to_owned()),
        reverse_order: true,
    };
    LdapControl::ServerSort { sort_requests: vec![sort] }
}

/// Binds as the account.
fn bind(msgid: i32) -> LdapMsg {
    let cred = LdapBindCred::Simple(SECRET.to_owned());
    let request = LdapBindRequest { version: 3, dn: "cn=reader,o=nhs".to_owned(), cred };
    LdapMsg { msgid, op: LdapOp::BindRequest(request), ctrl: Vec::new() }
}

fn any(value: &str) -> LdapFilter {
    LdapFilter::Extensible(LdapMatchingRuleAssertion {
        matching_rule: Some("caseIgnoreMatch".to_owned()),
        type_: None,
        match_value: value.to_owned(),
        dn_attributes: false,
    })
}

platform::both_engines! {
    /// Whoever is not known has few places, and they are nobody else's: those who have shown who they are go on.
    async fn strangers_have_few_places(db: Db) {
        let config = LdapConfig { strangers_per_address: 2, request_time_out_ms: 60_000, ..LdapConfig::default() };
        let ldap = Ldap::with(db, config).await;
        let mut known = Vec::new();
        for _ in 0..3 {
            let mut client = Secure::connect(&ldap).await;
            client.send(search(1, "(o=nhs)")).await;
            assert_eq!(client.result(1).await, LdapResultCode::Success);
            known.push(client);
        }
        let held = [TcpStream::connect(ldap.tls).await.unwrap(), TcpStream::connect(ldap.tls).await.unwrap()];
        assert!(is_refused(TcpStream::connect(ldap.tls).await.unwrap()).await);
        assert!(is_refused(TcpStream::connect(ldap.start_tls).await.unwrap()).await);
        for client in &mut known {
            client.send(search(2, "(o=nhs)")).await;
            assert_eq!(client.result(2).await, LdapResultCode::Success);
        }
        drop(held);
    }

    /// One address does not take all connections of a port.
    async fn addresses_have_their_share(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { connections_per_address: 2, ..LdapConfig::default() }).await;
        let mut known = [Secure::connect(&ldap).await, Secure::connect(&ldap).await];
        assert!(is_refused(TcpStream::connect(ldap.tls).await.unwrap()).await);
        for client in &mut known {
            client.send(search(1, "(o=nhs)")).await;
            assert_eq!(client.result(1).await, LdapResultCode::Success);
        }
    }

    /// One who is known does not take all connections either, from wherever they come; others go on.
    async fn callers_have_their_share(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { connections_per_caller: 2, ..LdapConfig::default() }).await;
        let mut known = [Secure::connect(&ldap).await, Secure::connect(&ldap).await];
        for client in &mut known {
            client.send(search(1, "(o=nhs)")).await;
            assert_eq!(client.result(1).await, LdapResultCode::Success);
        }
        demand_end(&mut Secure::connect(&ldap).await, LdapResultCode::Busy).await;
        assert_eq!(ldap.search(As::Account, &["-b", "o=nhs", "-s", "base"]).await.0, 0, "another one");
        // Who binds as somebody else is one of theirs then.
        known[0].send(bind(2)).await;
        assert_eq!(known[0].result(2).await, LdapResultCode::Success);
        let mut third = Secure::connect(&ldap).await;
        third.send(search(1, "(o=nhs)")).await;
        assert_eq!(third.result(1).await, LdapResultCode::Success);
    }

    /// Strangers have half of all places, from however many addresses; who is known finds one all the same, and who has bound is none.
    async fn strangers_leave_places_to_others(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { connections: 8, ..LdapConfig::default() }).await;
        let mut strangers = Vec::new();
        for _ in 0..4 {
            let mut stranger = Secure::connect_as_stranger(&ldap).await;
            stranger.send(search(1, "(o=nhs)")).await;
            assert_eq!(stranger.result(1).await, LdapResultCode::InsufficentAccessRights);
            strangers.push(stranger);
        }
        demand_end(&mut Secure::connect_as_stranger(&ldap).await, LdapResultCode::Busy).await;
        let mut known = Secure::connect(&ldap).await;
        known.send(search(1, "(o=nhs)")).await;
        assert_eq!(known.result(1).await, LdapResultCode::Success);
        strangers[0].send(bind(2)).await;
        assert_eq!(strangers[0].result(2).await, LdapResultCode::Success);
        let mut next = Secure::connect_as_stranger(&ldap).await;
        next.send(search(1, "(o=nhs)")).await;
        assert_eq!(next.result(1).await, LdapResultCode::InsufficentAccessRights);
    }

    /// Everything that is answered is counted: who somebody is, what cannot be read, and writes too.
    async fn every_request_is_counted(db: Db) {
        let ldap = Ldap::counted(db, LdapConfig::default(), Rates { known: at_once(2), strangers: at_once(1) }).await;
        let mut client = Secure::connect(&ldap).await;
        let who_am_i = LdapExtendedRequest { name: "1.3.6.1.4.1.4203.1.11.3".to_owned(), value: None };
        let mut codes = Vec::new();
        for msgid in 1..=40 {
            client.send(LdapMsg { msgid, op: LdapOp::ExtendedRequest(who_am_i.clone()), ctrl: Vec::new() }).await;
            codes.push(client.result(msgid).await);
        }
        assert_eq!(codes[0], LdapResultCode::Success);
        assert!(codes.contains(&LdapResultCode::Busy), "{codes:?}");
        let mut writing = Vec::new();
        for msgid in 1..=40 {
            client.send(LdapMsg { msgid, op: LdapOp::DelRequest("o=nhs".to_owned()), ctrl: Vec::new() }).await;
            let LdapOp::DelResponse(result) = client.next().await.unwrap().op else { panic!() };
            writing.push(result.code);
        }
        assert!(writing.contains(&LdapResultCode::Busy), "{writing:?}");
        let mut last = None;
        for _ in 0..40 {
            client.raw(&nested(7, 1_000)).await;
            if let LdapOp::ExtendedResponse(response) = client.next().await.expect("it is told").op {
                last = Some(response.res.code);
                break;
            }
        }
        assert_eq!(last, Some(LdapResultCode::Busy), "whoever sends too much that cannot be read is let go");
    }

    /// Strangers are let go soon; who is known has their time.
    async fn strangers_are_let_go_soon(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { stranger_idle_time_out_s: 1, ..LdapConfig::default() }).await;
        let mut known = Secure::connect(&ldap).await;
        let mut stranger = Secure::connect_as_stranger(&ldap).await;
        let last = stranger.next().await.expect("it is told");
        assert!(matches!(last.op, LdapOp::ExtendedResponse(_)), "{last:?}");
        assert!(stranger.next().await.is_none());
        known.send(search(1, "(o=nhs)")).await;
        assert_eq!(known.result(1).await, LdapResultCode::Success);
    }

    /// Each caller has a count of their own; who asks more is told that the server is busy, and others are answered.
    async fn callers_have_counts_of_their_own(db: Db) {
        let ldap = Ldap::counted(db, LdapConfig::default(), Rates { known: at_once(2), strangers: at_once(1) }).await;
        let mut client = Secure::connect(&ldap).await;
        let mut codes = Vec::new();
        for msgid in 1..=40 {
            client.send(search(msgid, "(o=nhs)")).await;
            codes.push(client.result(msgid).await);
        }
        assert_eq!(codes[0], LdapResultCode::Success);
        assert!(codes.contains(&LdapResultCode::Busy), "{codes:?}");
        // The account has bound, and has its own count.
        assert_eq!(ldap.search(As::Account, &["-b", "o=nhs", "-s", "base"]).await.0, 0);
        let mut stranger = Secure::connect_as_stranger(&ldap).await;
        let mut codes = Vec::new();
        for msgid in 1..=40 {
            stranger.send(search(msgid, "(o=nhs)")).await;
            codes.push(stranger.result(msgid).await);
        }
        assert!(codes.contains(&LdapResultCode::Busy), "{codes:?}");
    }

    /// A filter of very many parts is asked of large entries within bounds, and others are answered meanwhile.
    async fn costly_filters_hold_nobody_up(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { look_through: 100, ..LdapConfig::default() }).await;
        let mut large = accredited("RXX");
        large["interactions"] = json!((0..100).map(|number| format!("urn:nhs:names:services:{number}")).collect::<Vec<_>>());
        for _ in 0..20 {
            register(&ldap.rig, &large).await;
        }
        let mut client = Secure::connect(&ldap).await;
        let cheap = of_systems(1, any("URN:nhs:names:services:7"));
        let (found, code) = all(&mut client, cheap).await;
        assert_eq!((found.len(), code), (20, LdapResultCode::Success));
        let parts: Vec<LdapFilter> = (0..4_000).map(|number| any(&format!("a{number}"))).collect();
        client.send(of_systems(2, LdapFilter::Or(parts.clone()))).await;
        let mut other = Secure::connect(&ldap).await;
        other.send(search(1, "(o=nhs)")).await;
        assert_eq!(other.result(1).await, LdapResultCode::Success);
        // Each entry counts as several.
        assert_eq!(client.result(2).await, LdapResultCode::AdminLimitExceeded);
        let by_id = [parts, vec![any("urn:nhs:names:services:99")]].concat();
        let one = LdapFilter::And(vec![LdapFilter::Equality("nhsIDCode".to_owned(), "RXX".to_owned()), LdapFilter::Or(by_id)]);
        let (found, _) = all(&mut client, of_systems(3, one)).await;
        assert!(!found.is_empty(), "what was looked at is answered");
        let looking = vec![LdapFilter::Substring("o".to_owned(), LdapSubstringFilter { any: vec!["x".to_owned()], ..LdapSubstringFilter::default() }); 300];
        client.send(of_systems(4, LdapFilter::Or(looking))).await;
        assert_eq!(client.result(4).await, LdapResultCode::AdminLimitExceeded, "these are looked for in every value");
    }

    /// What cannot be looked through at once is looked through in pages, some of them empty, each a little further.
    async fn pages_go_on_where_enough_was_looked_at(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { look_through: 7, ..LdapConfig::default() }).await;
        let mut asids = Vec::new();
        for _ in 0..20 {
            asids.push(register(&ldap.rig, &accredited("RXX")).await);
        }
        let ask = async |filter: &str, more: &[&str]| {
            let all = [more, &["-b", "ou=Services,o=nhs", filter, "uniqueIdentifier"]].concat();
            let (code, text) = ldap.search(As::Certificate, &all).await;
            (code, values(&text, "uniqueIdentifier"))
        };
        let pages = ["-E", "pr=100/noprompt"];
        assert_eq!(ask("(nhsProductName=larkfield epr)", &[]).await.0, 11);
        assert_eq!(ask("(nhsProductName=larkfield epr)", &pages).await, (0, asids.clone()));
        assert_eq!(ask("(nhsProductName=larkfield epr)", &["-E", "pr=3/noprompt"]).await, (0, asids));
        assert_eq!(ask("(nhsProductName=nothing)", &pages).await, (0, Vec::new()));
    }

    /// What is put in order waits for what is being put in order, and each is answered, with entries as they are.
    async fn orders_wait_for_each_other(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { sorts: 1, ..LdapConfig::default() }).await;
        let mut expected = Vec::new();
        for _ in 0..5 {
            expected.push(format!("uniqueIdentifier={},ou=Services,o=nhs", register(&ldap.rig, &accredited("RXX")).await));
        }
        expected.reverse();
        let mut client = Secure::connect(&ldap).await;
        for msgid in 1..=4 {
            client.send(LdapMsg { ctrl: vec![by("uniqueIdentifier")], ..search(msgid, "(objectClass=nhsAs)") }).await;
        }
        let (mut found, mut ended) = ([const { Vec::new() }; 4], 0);
        while ended < 4 {
            let message = client.next().await.expect("the connection is open");
            match message.op {
                LdapOp::SearchResultEntry(entry) => {
                    assert!(entry.attributes.iter().any(|one| one.atype == "nhsIDCode"), "{entry:?}");
                    found[usize::try_from(message.msgid - 1).unwrap()].push(entry.dn);
                }
                LdapOp::SearchResultDone(result) => {
                    assert_eq!(result.code, LdapResultCode::Success);
                    ended += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        for dns in found {
            assert_eq!(dns, expected);
        }
    }

    /// Beginnings of ids and names are asked of an index, and found wherever they stand.
    async fn beginnings_are_asked_of_an_index(db: Db) {
        let _world = World::new(db.clone()).await;
        let ldap = Ldap::with(db.clone(), LdapConfig { look_through: 40, ..LdapConfig::default() }).await;
        let nurse = user(NURSE + 50);
        let of_people = async |filter: &str| {
            let (code, text) = ldap.search(As::Certificate, &["-b", "ou=People,o=nhs", filter, "1.1"]).await;
            (code, names(&text))
        };
        let (code, found) = of_people(&format!("(uid={}*)", &nurse[..11])).await;
        assert!(code == 0 && found.contains(&format!("uid={nurse},ou=People,o=nhs")), "{code} {found:?}");
        assert_eq!(of_people(&format!("(uid=*{})", &nurse[6..])).await.0, 11, "an end is looked for everywhere");
        crate::terminology::seeded(db).await;
        let (code, text) = ldap.search(As::Certificate, &["-b", "ou=Organisations,o=nhs", "(o=larkf*)", "o"]).await;
        let found = values(&text, "o");
        assert!(code == 0 && !found.is_empty(), "{text}");
        assert!(found.iter().all(|name| name.to_lowercase().starts_with("larkf")), "{found:?}");
    }

    /// Of alternatives each is asked of the index once, and what is gathered of it counts as looked at: whoever asks for more goes on in
    /// pages.
    async fn alternatives_are_gathered_within_bounds(db: Db) {
        let ldap = Ldap::with(db, LdapConfig { look_through: 50, ..LdapConfig::default() }).await;
        let mut content = accredited("RXX");
        let mut asids = Vec::new();
        for (word, many) in [("urn:one", 15), ("urn:other", 15), ("urn:few", 3)] {
            content["interactions"] = json!([word]);
            for _ in 0..many {
                asids.push(register(&ldap.rig, &content).await);
            }
        }
        let is = |word: &str| LdapFilter::Equality("nhsAsSvcIA".to_owned(), word.to_owned());
        let both = LdapFilter::Or(vec![is("urn:one"), is("urn:other")]);
        let mut client = Secure::connect(&ldap).await;
        let same = LdapFilter::Or(vec![is("urn:one"); 3_000]);
        let (found, code) = all(&mut client, of_systems(1, same)).await;
        assert_eq!((found.len(), code), (15, LdapResultCode::Success), "one word, however often it is said");
        let (found, code) = all(&mut client, of_systems(2, both)).await;
        assert_eq!(code, LdapResultCode::AdminLimitExceeded, "{found:?}");
        let asked = ["-E", "pr=100/noprompt", "-b", "ou=Services,o=nhs", "(|(nhsAsSvcIA=urn:one)(nhsAsSvcIA=urn:other))", "uniqueIdentifier"];
        let (code, text) = ldap.search(As::Certificate, &asked).await;
        assert_eq!((code, values(&text, "uniqueIdentifier")), (0, asids[..30].to_vec()), "{text}");
        let few = LdapFilter::Or(vec![is("urn:few"), is("urn:one")]);
        let (found, code) = all(&mut client, of_systems(3, few)).await;
        assert_eq!((found.len(), code), (18, LdapResultCode::Success), "these are found by their ids, and no others looked at");
    }

    /// Of very many words the index is asked for a few, and the filter keeps out what has not all of them.
    async fn many_words_are_one_question(db: Db) {
        let ldap = Ldap::new(db).await;
        let mut large = accredited("RXX");
        large["interactions"] = json!((0..100).map(|number| format!("urn:nhs:names:services:{number}")).collect::<Vec<_>>());
        let asid = register(&ldap.rig, &large).await;
        large["interactions"] = json!((0..99).map(|number| format!("urn:nhs:names:services:{number}")).collect::<Vec<_>>());
        register(&ldap.rig, &large).await;
        let words = |many| {
            let words: Vec<String> = (0..many).map(|number| format!("(nhsAsSvcIA=urn:nhs:names:services:{number})")).collect();
            words.concat()
        };
        assert_eq!(ldap.found(&format!("(&{})", words(100))).await, [format!("uniqueIdentifier={asid},ou=Services,o=nhs")]);
        assert_eq!(ldap.found(&format!("(&{})", words(99))).await.len(), 2);
        assert!(ldap.found(&format!("(&{})", words(101))).await.is_empty());
    }

    /// By a rule that was named things are found which the index has otherwise.
    async fn named_rules_find_what_they_compare(db: Db) {
        let world = World::new(db.clone()).await;
        world.assign(&who(AGENT), NURSE, &world.ward.clone()).await;
        let ldap = Ldap::new(db).await;
        let asid = register(&ldap.rig, &accredited("RXX")).await;
        for (filter, same) in [
            ("(&(objectClass=nhsOrgPerson)(nhsIDCode:caseIgnoreMatch:=rxx01))", "(&(objectClass=nhsOrgPerson)(nhsIDCode=RXX01))"),
            ("(nhsIDCode:2.5.13.2:=rxx)", "(nhsIDCode=RXX)"),
            ("(nhsAsClient:caseExactMatch:=RXX01)", "(nhsAsClient=RXX01)"),
        ] {
            let found = ldap.found(filter).await;
            assert!(!found.is_empty(), "{filter}");
            assert_eq!(found, ldap.found(same).await, "{filter}");
        }
        assert!(ldap.found("(nhsAsClient:caseExactMatch:=rxx01)").await.is_empty());
        assert_eq!(ldap.found(&format!("(uniqueIdentifier:caseExactMatch:={asid})")).await.len(), 1);
    }

    /// What holds an octet of zero is nowhere, and no database is asked for it.
    async fn zeros_are_nowhere(db: Db) {
        let _world = World::new(db.clone()).await;
        let ldap = Ldap::new(db).await;
        for filter in ["(uid=\\00)", "(uid=5\\00*)", "(sn=a\\00*)", "(o=\\00b)", "(nhsIDCode=\\00)", "(nhsAsClient=R\\00)", "(|(uid=\\00)(cn=\\00))"] {
            assert!(ldap.found(filter).await.is_empty(), "{filter}");
        }
        for base in ["uid=\\00,ou=People,o=nhs", "uniqueIdentifier=a\\00,ou=Services,o=nhs", "uniqueIdentifier=\\00,ou=workgroups,o=nhs"] {
            assert_eq!(ldap.search(As::Certificate, &["-b", base, "-s", "base"]).await.0, 32, "{base}");
        }
    }

    /// Whoever asks something of somebody is recorded, whether or not anything is answered: an assertion that fails, a filter that does
    /// not find, a place in a list behind its end.
    async fn questions_about_people_are_recorded(db: Db) {
        let world = World::new(db.clone()).await;
        let ldap = Ldap::new(db).await;
        let dn = format!("uid={},ou=People,o=nhs", user(NURSE));
        let mut before = world.recorded("people-shown").await;
        let asserted = ["-e", "!assert=(nhsGMC=7654321)", "-b", &dn, "-s", "base"];
        let (code, _) = ldap.search(As::Certificate, &asserted).await;
        demand_record(&world, &mut before, (code, 122), ("assertion", 1)).await;
        let compared = ldap.run("ldapcompare", As::Certificate, &["-e", "!assert=(nhsGMC=7654321)", &dn, "uid:1"]).await;
        demand_record(&world, &mut before, (compared.status.code().unwrap(), 122), ("compare", 1)).await;
        let (code, text) = ldap.search(As::Certificate, &["-b", &dn, "-s", "sub", "(nhsGMC=7654321)"]).await;
        assert!(names(&text).is_empty());
        demand_record(&world, &mut before, (code, 0), ("subtree", 0)).await;
        // By an id or a number, wherever it stands in the filter and however it is compared.
        let id = user(NURSE);
        for filter in [
            format!("(&(uid={id})(sn=nobody))"),
            format!("(&(|(uid={id})(uid=1))(sn=nobody))"),
            format!("(&(uid:caseExactMatch:={id})(sn=nobody))"),
            format!("(&(uid={id}*)(sn=nobody))"),
            format!("(&(uniqueIdentifier={id})(sn=nobody))"),
            "(nhsGMC=7654399)".to_owned(),
        ] {
            let (code, text) = ldap.search(As::Certificate, &["-b", "ou=People,o=nhs", &filter, "1.1"]).await;
            assert!(names(&text).is_empty(), "{filter}: {text}");
            demand_record(&world, &mut before, (code, 0), ("subtree", 0)).await;
        }
        // Behind everything: nothing is shown but how many there are.
        let view = LdapControl::Unknown {
            oid: "2.16.840.1.113730.3.4.9".to_owned(),
            criticality: true,
            value: Some(vec![0x30, 9, 2, 1, 0, 2, 1, 0, 0x81, 1, b'!']),
        };
        let mut client = Secure::connect(&ldap).await;
        let listed = LdapMsg { ctrl: vec![by("uid"), view], ..search(1, "(objectClass=nhsPerson)") };
        let (found, code) = all(&mut client, listed).await;
        assert_eq!((found.len(), code), (0, LdapResultCode::Success));
        demand_record(&world, &mut before, (0, 0), ("subtree", 209)).await;
        // Of systems nothing is recorded, nor of words, nor where nobody could be found.
        for filter in ["(sn=nobody)".to_owned(), format!("(&(objectClass=nhsAs)(uniqueIdentifier={id}))"), "(uniqueIdentifier=RXX0)".to_owned()] {
            assert!(ldap.found(&filter).await.is_empty(), "{filter}");
        }
        *ldap.acts.lock().unwrap() = vec!["directory:look-up"];
        assert!(ldap.found(&format!("(uid={id})")).await.is_empty(), "people are not seen");
        assert_eq!(ldap.search(As::Certificate, &["-b", "ou=Services,o=nhs", "(nhsIDCode=RXX)"]).await.0, 0);
        assert_eq!(world.recorded("people-shown").await, before);
    }

    /// A request that is almost as large as one may be is answered; one that is a little larger ends the connection, with the reason.
    async fn large_requests_are_answered(db: Db) {
        let most = 1024 * 1024;
        let ldap = Ldap::new(db).await;
        let asid = register(&ldap.rig, &accredited("RXX")).await;
        let of_size = |size: usize| {
            let equal = |value: String| LdapFilter::Equality("uniqueIdentifier".to_owned(), value);
            let made = |padding: usize| {
                let others = (0..900).map(|number| equal(format!("{number}-{}", "x".repeat(1_100))));
                let padded = equal("y".repeat(padding));
                let parts = others.chain([padded, equal(asid.clone())]).collect();
                let mut octets = BytesMut::new();
                let message = of_systems(1, LdapFilter::Or(parts));
                LdapCodec::default().encode(message.clone(), &mut octets).unwrap();
                (message, octets.len())
            };
            let padding = 1_000 + size - made(1_000).1;
            made(padding).0
        };
        let mut client = Secure::connect(&ldap).await;
        let (found, code) = all(&mut client, of_size(most - 64)).await;
        assert_eq!((found.len(), code), (1, LdapResultCode::Success));
        let huge = LdapSubstringFilter { any: vec!["x".repeat(most - 1_000)], ..LdapSubstringFilter::default() };
        let (found, code) = all(&mut client, of_systems(2, LdapFilter::Substring("description".to_owned(), huge))).await;
        assert_eq!((found.len(), code), (0, LdapResultCode::Success));
        // Its head is enough: one octet more than is taken.
        client.raw(&[0x30, 0x83, 0x10, 0x00, 0x01]).await;
        let last = client.next().await.expect("it is told why");
        let LdapOp::ExtendedResponse(response) = last.op else { panic!("{last:?}") };
        assert_eq!((last.msgid, response.res.code), (0, LdapResultCode::ProtocolError));
    }
}
