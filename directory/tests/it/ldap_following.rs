//! The register followed over LDAP: copies that are kept up to date (RFC 4533), persistent searches, and the changelog. Debian's
//! `ldapsearch` is the client of the first.

use std::process::Stdio;
use std::time::Duration;

use directory::api::CHANGES;
use directory::ldap::LdapConfig;
use http::{Method, StatusCode};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapMsg, LdapOp, LdapResultCode};
use platform::db::Db;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::ldap_faults::{Secure, persistent, search};
use crate::ldap_rig::{As, Ldap, names, tool, values};
use crate::rig::{Rig, system};
use crate::systems::{accredited, bring, entry, handling, keeper, register};
use crate::world::{self, AGENT, NURSE, user, who};

/// What a synchronisation has brought, as `ldapsearch` shows it.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) result: String,
    /// The names of entries, in order.
    pub(crate) names: Vec<String>,
    /// The unique ids of entries, in order.
    pub(crate) ids: Vec<String>,
    /// The unique ids that are said to be gone.
    pub(crate) gone: Vec<String>,
    pub(crate) cookie: String,
    /// Whether what was not sent stays.
    pub(crate) deletes: bool,
}

/// Asks for what is new of some entries since a cookie.
pub(crate) async fn copy(ldap: &Ldap, who: As, (base, filter): (&str, &str), cookie: Option<&str>) -> Copied {
    let sync = cookie.map_or("sync=ro".to_owned(), |cookie| format!("sync=ro/{cookie}"));
    let asked = ["-o", "ldif-wrap=no", "-b", base, "-E", &sync, filter, "1.1"];
    let output = ldap.run("ldapsearch", who, &asked).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let after = |head: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(head)).map(str::to_owned).collect()
    };
    let id = |line: String| line.split(' ').next().unwrap().to_owned();
    Copied {
        result: after("result: ").pop().unwrap_or_else(|| panic!("{text}")),
        names: names(&text),
        ids: after("# SyncState control, UUID ").into_iter().map(id).collect(),
        gone: after("#\t"),
        cookie: after("# cookie: ").pop().unwrap_or_default(),
        deletes: text.contains("refreshDeletes=1"),
    }
}

/// Withdraws a system.
async fn withdraw(rig: &Rig, asid: &str) {
    let path = format!("/directory/systems/{asid}");
    let gone = rig.send(&keeper(), Method::DELETE, &path, &[("if-match", "*")], None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{:?}", gone.body);
}

/// A synchronisation that goes on, line by line.
struct Persisting {
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
    /// Ends with it.
    _child: Child,
}

impl Persisting {
    fn begin(ldap: &Ldap, base: &str, cookie: &str) -> Self {
        let mut command = tool("ldapsearch", ldap.file("server.pem"));
        command.env("LDAPTLS_CERT", ldap.file("client.pem")).env("LDAPTLS_KEY", ldap.file("client.key"));
        let address = format!("ldaps://127.0.0.1:{}", ldap.tls.port());
        let sync = format!("sync=rp/{cookie}");
        command.args([
            "-x",
            "-H",
            &address,
            "-o",
            "ldif-wrap=no",
            "-b",
            base,
            "-E",
            &sync,
            "(objectClass=*)",
            "1.1",
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { lines, _child: child }
    }

    /// The next line that has this in it.
    async fn until(&mut self, part: &str) -> String {
        let found = async {
            loop {
                let line =
                    self.lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended before {part}"));
                if line.contains(part) {
                    return line;
                }
            }
        };
        timeout(Duration::from_mins(1), found).await.unwrap_or_else(|_late| panic!("{part} never came"))
    }
}

platform::both_engines! {
    /// A copy is brought up to date by what has changed, on another node too and after the first one ended; a cookie of something
    /// else, or one that is older than the feed, has to begin anew.
    async fn copies_are_kept_up_to_date(db: Db) {
        let systems = ("ou=Services,o=nhs", "(objectClass=nhsAs)");
        let ldap = Ldap::new(db.clone()).await;
        let first = register(&ldap.rig, &accredited("RXX")).await;
        let dn = |asid: &str| format!("uniqueIdentifier={asid},ou=Services,o=nhs");
        let whole = copy(&ldap, As::Certificate, systems, None).await;
        assert_eq!((whole.result.as_str(), &whole.names[..], whole.deletes), ("0 Success", &[dn(&first)][..], false));
        let same = copy(&ldap, As::Certificate, systems, Some(&whole.cookie)).await;
        assert!(same.names.is_empty() && same.gone.is_empty() && same.deletes, "{same:?}");
        assert_eq!(same.cookie, whole.cookie, "nothing has changed");
        let second = register(&ldap.rig, &accredited("RYY")).await;
        register(&ldap.rig, &handling("RYY", "https://mhs.example.nhs.uk/")).await;
        withdraw(&ldap.rig, &first).await;
        ldap.stop().await;
        let other = Ldap::new(db.clone()).await;
        let newer = copy(&other, As::Certificate, systems, Some(&whole.cookie)).await;
        assert_eq!((newer.names, newer.deletes), (vec![dn(&second)], true));
        assert!(newer.gone.contains(&whole.ids[0]) && !newer.gone.contains(&newer.ids[0]), "{:?}", newer.gone);
        for (asked, cookie) in [(("o=nhs", systems.1), newer.cookie.as_str()), (systems, "nonsense"), (systems, &newer.cookie[1..])] {
            let refused = copy(&other, As::Certificate, asked, Some(cookie)).await;
            assert!(refused.result.starts_with("4096") && refused.names.is_empty(), "{refused:?}");
        }
        *other.acts.lock().unwrap() = vec!["directory:look-up"];
        let fewer = copy(&other, As::Certificate, systems, Some(&newer.cookie)).await;
        assert!(fewer.result.starts_with("4096"), "a copy that was made with people is another one: {fewer:?}");
        *other.acts.lock().unwrap() = vec!["directory:read"];
        // Everybody has applied what there is, and it is old.
        let progress = json!({"applied": 4});
        let said = other.rig.send(&system("one", &[CHANGES]), Method::PUT, "/directory/consumers/one", &[], Some(&progress)).await;
        assert_eq!(said.status, StatusCode::NO_CONTENT, "{:?}", said.body);
        other.rig.hand.advance(Duration::from_hours(24 * 91));
        assert_eq!(other.rig.register.sweep_changes().await.unwrap(), 4);
        let old = copy(&other, As::Certificate, systems, Some(&whole.cookie)).await;
        assert!(old.result.starts_with("4096"), "{old:?}");
        let quiet = copy(&other, As::Certificate, systems, Some(&newer.cookie)).await;
        assert_eq!((quiet.result.as_str(), quiet.names.len()), ("0 Success", 0), "nothing was told after it");
    }

    /// Whoever follows people is told of them with everything below them: what they got, what ended, and what they are called by
    /// others; and each time it is recorded.
    async fn people_are_followed_with_their_roles(db: Db) {
        let world = world::World::new(db.clone()).await;
        let ldap = Ldap::new(db).await;
        let people = ("ou=People,o=nhs", "(objectClass=*)");
        let whole = copy(&ldap, As::Account, people, None).await;
        assert!(whole.result.starts_with('0') && whole.names.len() > 200, "{}", whole.names.len());
        let before = world.recorded("people-shown").await;
        let assignment = world.assign(&who(AGENT), NURSE, &world.ward.clone()).await;
        let more = copy(&ldap, As::Account, people, Some(&whole.cookie)).await;
        let own = format!("uid={},ou=People,o=nhs", user(NURSE));
        assert_eq!(more.names.len(), 3, "{:?}", more.names);
        assert!(more.names.iter().all(|name| name.ends_with(&own)), "{:?}", more.names);
        assert_eq!(world.recorded("people-shown").await, before + 1);
        // A role that begins with a day is told on that day, though nobody does anything.
        let later = json!({"person": user(NURSE + 1), "position": world.clinic, "start": world::day(3)});
        let made = world.rig.post(&who(AGENT), "/directory/assignments", &later).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let again = copy(&ldap, As::Account, people, Some(&more.cookie)).await;
        let other = format!("uid={},ou=People,o=nhs", user(NURSE + 1));
        assert_eq!(again.names, std::slice::from_ref(&other), "not yet");
        world.wait_days(3);
        ldap.rig.hand.advance(Duration::from_hours(72));
        let again = copy(&ldap, As::Account, people, Some(&again.cookie)).await;
        assert!(again.names.len() == 3 && again.names.iter().all(|name| name.ends_with(&other)), "{:?}", again.names);
        let removed = world.act(&who(AGENT), &format!("/directory/assignments/{assignment}/removal"), &json!({"notes": "Moved"})).await;
        assert_eq!(removed.status, StatusCode::OK, "{:?}", removed.body);
        let less = copy(&ldap, As::Account, people, Some(&again.cookie)).await;
        assert_eq!(less.names, [own], "{less:?}");
        let recorded = world.event("people-shown").await["entries"].as_u64().and_then(|many| usize::try_from(many).ok());
        assert_eq!(recorded, Some(less.names.len() + less.gone.len()), "that something of theirs is gone tells of them");
        for id in &more.ids[1..] {
            assert!(less.gone.contains(id), "{less:?}");
        }
        assert!(!less.gone.contains(&more.ids[0]), "{less:?}");
        // A look at the feed alone shows nobody.
        let shown = world.recorded("people-shown").await;
        let none = copy(&ldap, As::Account, people, Some(&less.cookie)).await;
        assert!(none.names.is_empty() && none.gone.is_empty(), "{none:?}");
        assert_eq!(world.recorded("people-shown").await, shown);
    }
}

/// A client that stays hears of what changes as it changes, on another node too, until what it showed is worth nothing any more.
#[tokio::test]
async fn changes_are_told_as_they_come() {
    let database = platform::db::testing::TestDb::new(platform::db::Engine::Sqlite).await;
    let ldap = Ldap::new(database.db.clone()).await;
    let first = register(&ldap.rig, &accredited("RXX")).await;
    let whole = copy(&ldap, As::Certificate, ("ou=Services,o=nhs", "(objectClass=*)"), None).await;
    let second = register(&ldap.rig, &accredited("RYY")).await;
    let mut staying = Persisting::begin(&ldap, "ou=Services,o=nhs", &whole.cookie);
    staying.until(&second).await;
    staying.until("switching to persist stage").await;
    let writer = Rig::new(database.db.clone());
    let third = register(&writer, &accredited("RZZ")).await;
    staying.until(&third).await;
    staying.until(" added").await;
    let cookie = staying.until("# cookie: ").await;
    withdraw(&writer, &first).await;
    staying.until(&first).await;
    staying.until(" deleted").await;
    // The cookie of the way is as good as one of the end.
    let cookie = cookie.strip_prefix("# cookie: ").unwrap().to_owned();
    let since = copy(&ldap, As::Certificate, ("ou=Services,o=nhs", "(objectClass=*)"), Some(&cookie)).await;
    assert_eq!((since.names.len(), since.gone.len()), (0, 1), "{since:?}");
    ldap.acts.lock().unwrap().clear();
    register(&writer, &accredited("RXX")).await;
    staying.until("result: 50").await;
    ldap.stop().await;
    database.db.close().await;
}

/// A persistent search tells of the kinds of changes that it asked for, of what its filter finds alone; there are so many over one
/// connection and no more.
#[tokio::test]
async fn persistent_searches_tell_of_what_they_asked_for() {
    let database = platform::db::testing::TestDb::new(platform::db::Engine::Sqlite).await;
    let ldap =
        Ldap::with(database.db.clone(), LdapConfig { followers_per_connection: 1, ..LdapConfig::default() })
            .await;
    let there = register(&ldap.rig, &accredited("RZZ")).await;
    let mut client = Secure::connect(&ldap).await;
    client.send(persistent(1, 3, "(objectClass=nhsAs)")).await;
    let at_first = timeout(Duration::from_mins(1), client.next()).await.unwrap().unwrap();
    let LdapOp::SearchResultEntry(entry) = at_first.op else { panic!("{at_first:?}") };
    assert!(entry.dn.contains(&there) && at_first.ctrl.is_empty(), "what was there has no notice");
    client.send(persistent(2, 15, "(objectClass=*)")).await;
    assert_eq!(client.result(2).await, LdapResultCode::Busy);
    client.send(search(3, "(objectClass=nhsAs)")).await;
    assert_eq!(client.result(3).await, LdapResultCode::Success, "others are answered beside it");
    register(&ldap.rig, &handling("RXX", "https://mhs.example.nhs.uk/")).await;
    let asid = register(&ldap.rig, &accredited("RXX")).await;
    let told = async |client: &mut Secure| {
        let message = timeout(Duration::from_mins(1), client.next()).await.unwrap().unwrap();
        let LdapOp::SearchResultEntry(entry) = message.op else { panic!("{message:?}") };
        let [LdapControl::Unknown { oid, value: Some(value), .. }] = &message.ctrl[..] else {
            panic!("{:?}", message.ctrl)
        };
        assert_eq!((message.msgid, oid.as_str()), (1, "2.16.840.1.113730.3.4.7"));
        (entry.dn, value[4])
    };
    let dn = format!("uniqueIdentifier={asid},ou=Services,o=nhs");
    assert_eq!(told(&mut client).await, (dn.clone(), 1), "and of nothing that it does not find");
    // A change of what is there was not asked for.
    ldap.rig.hand.advance(Duration::from_mins(1));
    let path = format!("/directory/systems/{asid}");
    let body = accredited("RYY");
    let changed = ldap.rig.send(&keeper(), Method::PUT, &path, &[("if-match", "*")], Some(&body)).await;
    assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
    withdraw(&ldap.rig, &asid).await;
    assert_eq!(told(&mut client).await, (dn, 2));
    client.send(LdapMsg { msgid: 0, op: LdapOp::AbandonRequest(1), ctrl: Vec::new() }).await;
    let mut paged = persistent(4, 15, "(objectClass=*)");
    paged.ctrl.push(LdapControl::SimplePagedResults { size: 5, cookie: Vec::new() });
    client.send(paged).await;
    assert_eq!(client.result(4).await, LdapResultCode::UnwillingToPerform);
    let log = persistent(5, 15, "(objectClass=*)");
    let LdapOp::SearchRequest(mut request) = log.op else { panic!() };
    request.base = "cn=Changelog,o=nhs".to_owned();
    client.send(LdapMsg { msgid: 5, op: LdapOp::SearchRequest(request), ctrl: log.ctrl }).await;
    assert_eq!(client.result(5).await, LdapResultCode::UnwillingToPerform, "the log is read by its numbers");
    ldap.stop().await;
    database.db.close().await;
}

/// A client that vanishes gives its place back: the next one gets it as soon as the server has noticed.
#[tokio::test]
async fn vanished_clients_keep_no_place() {
    let database = platform::db::testing::TestDb::new(platform::db::Engine::Sqlite).await;
    let ldap = Ldap::with(database.db.clone(), LdapConfig { followers: 1, ..LdapConfig::default() }).await;
    let asid = register(&ldap.rig, &accredited("RXX")).await;
    let whole = copy(&ldap, As::Certificate, ("ou=Services,o=nhs", "(objectClass=*)"), None).await;
    let mut first = Persisting::begin(&ldap, "ou=Services,o=nhs", &whole.cookie);
    first.until("switching to persist stage").await;
    let refused = copy(&ldap, As::Certificate, ("ou=Services,o=nhs", "(objectClass=*)"), None).await;
    assert!(refused.result.starts_with("51"), "the one place is taken: {refused:?}");
    // Dropped, it is killed.
    drop(first);
    let again = async {
        loop {
            let next = copy(&ldap, As::Certificate, ("ou=Services,o=nhs", "(objectClass=*)"), None).await;
            if !next.result.starts_with("51") {
                return next;
            }
        }
    };
    let next = timeout(Duration::from_mins(1), again).await.unwrap();
    assert!(next.names.iter().any(|name| name.contains(&asid)), "{next:?}");
    ldap.stop().await;
    database.db.close().await;
}

/// An import in the middle of a search in pages loses nothing of what was there before it, and shows nothing twice.
#[tokio::test]
async fn an_import_in_the_middle_loses_nothing() {
    let database = platform::db::testing::TestDb::new(platform::db::Engine::Sqlite).await;
    let ldap = Ldap::new(database.db.clone()).await;
    let mut before = Vec::new();
    for _ in 0..20 {
        before.push(format!(
            "uniqueIdentifier={},ou=Services,o=nhs",
            register(&ldap.rig, &accredited("RXX")).await
        ));
    }
    let mut client = Secure::connect(&ldap).await;
    let (mut found, mut cookie) = (Vec::new(), Vec::new());
    for msgid in 1.. {
        let paged = LdapControl::SimplePagedResults { size: 7, cookie };
        client.send(LdapMsg { ctrl: vec![paged], ..search(msgid, "(objectClass=nhsAs)") }).await;
        let done = loop {
            let message = client.next().await.unwrap();
            match message.op {
                LdapOp::SearchResultEntry(entry) => found.push(entry.dn),
                _ => break message,
            }
        };
        let [LdapControl::SimplePagedResults { cookie: next, .. }] = &done.ctrl[..] else {
            panic!("{done:?}")
        };
        cookie = next.clone();
        if cookie.is_empty() {
            break;
        }
        // New ones before, between and behind those that were there.
        let more: String =
            (0..50).map(|at| entry(100_000_000_000 * u64::try_from(msgid).unwrap() + at, "RYY")).collect();
        assert!(msgid < 40, "it ends");
        if msgid <= 3 {
            bring(&ldap.rig, &more, "").await;
        }
    }
    let mut once = found.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), found.len(), "nothing twice");
    assert!(before.iter().all(|dn| once.contains(dn)), "{found:?}");
    ldap.stop().await;
    database.db.close().await;
}

/// Each change has its number, without a gap, and says of which entry it is and what makes an older form of it the present one; of
/// whom it is, is said to who sees people alone.
#[tokio::test]
async fn the_changelog_is_read_by_numbers() {
    let database = platform::db::testing::TestDb::new(platform::db::Engine::Sqlite).await;
    let world = world::World::new(database.db.clone()).await;
    world.assign(&who(AGENT), NURSE, &world.ward.clone()).await;
    let ldap = Ldap::new(database.db.clone()).await;
    let asid = register(&ldap.rig, &accredited("RXX")).await;
    ldap.rig.hand.advance(Duration::from_mins(1));
    let path = format!("/directory/systems/{asid}");
    let body = accredited("RYY");
    ldap.rig.send(&keeper(), Method::PUT, &path, &[("if-match", "*")], Some(&body)).await;
    withdraw(&ldap.rig, &asid).await;
    let log = "cn=changelog, o=NHS";
    let (code, text) = ldap.search(As::Certificate, &["-b", log, "-s", "base", "(objectClass=*)"]).await;
    assert_eq!((code, values(&text, "firstchangenumber")), (0, vec!["1".to_owned()]), "{text}");
    let last: u64 = values(&text, "lastchangenumber")[0].parse().unwrap();
    let number = |number: u64| format!("changenumber={number},cn=Changelog,o=nhs");
    let change = async |at: u64| {
        let (code, text) = ldap.search(As::Certificate, &["-b", &number(at), "-s", "base"]).await;
        assert_eq!(code, 0, "{at}: {text}");
        let of = |name: &str| values(&text, name).pop().unwrap_or_default();
        let encoded = text.lines().find_map(|line| line.strip_prefix("changes:: ")).unwrap_or_default();
        let changes = String::from_utf8(decoded(encoded)).unwrap();
        (of("changetype"), of("targetdn"), changes)
    };
    let dn = format!("uniqueIdentifier={asid},ou=Services,o=nhs");
    let (kind, target, changes) = change(last - 2).await;
    assert_eq!((kind.as_str(), &target), ("add", &dn));
    assert!(
        changes.contains("objectClass: nhsAs\n") && changes.contains("nhsMhsManufacturerOrg: YGM\n"),
        "{changes}"
    );
    let (kind, _, changes) = change(last - 1).await;
    assert!(
        kind == "modify" && changes.contains("replace: nhsIDCode\nnhsIDCode: RYY\n-\n"),
        "{kind}: {changes}"
    );
    let (kind, target, changes) = change(last).await;
    assert_eq!((kind.as_str(), target, changes.as_str()), ("delete", dn, ""));
    let person = format!("uid={},ou=People,o=nhs", user(NURSE));
    assert_eq!(change(last - 3).await.1, person);
    let before = world.recorded("people-shown").await;
    *ldap.acts.lock().unwrap() = vec!["directory:look-up"];
    let hidden = change(last - 3).await;
    assert_eq!(
        (hidden.1.as_str(), hidden.2.as_str()),
        ("ou=People,o=nhs", ""),
        "there was a change, and not of whom"
    );
    assert_eq!(world.recorded("people-shown").await, before);
    let (code, text) = ldap
        .search(
            As::Certificate,
            &["-E", "pr=7/noprompt", "-b", log, "-s", "one", "(objectClass=*)", "changenumber"],
        )
        .await;
    let numbers: Vec<u64> =
        values(&text, "changenumber").iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!((code, numbers), (0, (1..=last).collect()), "each once, in their order");
    assert_eq!(ldap.search(As::Certificate, &["-b", &number(last + 1), "-s", "base"]).await.0, 32);
    assert!(ldap.found("(changenumber=*)").await.is_empty(), "a naming context of its own");
    assert_eq!(ldap.search(As::Nobody, &["-b", log, "-s", "base"]).await.0, 50);
    ldap.stop().await;
    database.db.close().await;
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
