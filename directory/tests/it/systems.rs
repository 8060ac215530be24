//! Systems over HTTP: their life, how they are found, and how they are brought in.

use directory::api::{CHANGES, READ, SYSTEMS};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{Answered, Rig, system};

const INTERACTION: &str = "urn:nhs:names:services:pds:QUPA_IN000006UK02";

/// An accredited system of an organisation.
pub(crate) fn accredited(organisation: &str) -> Value {
    json!({"kind": "accredited", "organisation": organisation, "party_key": format!("{organisation}-0000001"),
        "interactions": [INTERACTION, "urn:nhs:names:services:pds:PRPA_IN000203UK03"],
        "clients": ["RXX01"], "manufacturer": "YGM", "product": {"key": "123", "name": "Larkfield EPR", "version": "4.2"}})
}

/// Where an organisation receives the interaction.
pub(crate) fn handling(organisation: &str, endpoint: &str) -> Value {
    json!({"kind": "message-handling", "organisation": organisation, "party_key": format!("{organisation}-0000001"),
        "interaction": INTERACTION, "endpoints": [endpoint], "fqdn": "mhs.example.nhs.uk",
        "reliability": {"sync_reply_mode": "None", "retries": "2", "retry_interval": "PT1M", "actors": []}})
}

/// Who keeps systems.
pub(crate) fn keeper() -> Caller {
    system("keeper", &[SYSTEMS])
}

/// Registers a system and gives its identifier.
pub(crate) async fn register(rig: &Rig, content: &Value) -> String {
    let made = rig.post(&keeper(), "/directory/systems", &json!({"system": content})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    made.body["identifier"].as_str().unwrap().to_owned()
}

fn identifiers(answer: &Answered) -> Vec<String> {
    let items = answer.body["items"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    items.iter().map(|item| item["identifier"].as_str().unwrap().to_owned()).collect()
}

async fn put(rig: &Rig, path: &str, tag: &str, body: &Value) -> Answered {
    rig.send(&keeper(), Method::PUT, path, &[("if-match", tag)], Some(body)).await
}

/// Brings in a file; gives the last line.
pub(crate) async fn bring(rig: &Rig, text: &str, query: &str) -> Value {
    lines(rig, text, query).await.pop().unwrap()
}

/// Brings in a file; gives every line.
async fn lines(rig: &Rig, text: &str, query: &str) -> Vec<Value> {
    let path = format!("/directory/systems/import{query}");
    let answer = rig.file(&keeper(), Method::POST, &path, &[], text.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // One line is JSON; more are told in hexadecimal.
    let Value::String(octets) = &answer.body else { return vec![answer.body] };
    let text = String::from_utf8(hex::decode(octets).unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An accredited system as LDIF has it.
pub(crate) fn entry(asid: u64, organisation: &str) -> String {
    format!(
        "dn: uniqueIdentifier={asid},ou=Services,o=nhs\nobjectClass: nhsAs\nobjectClass: top\nuniqueIdentifier: {asid}\n\
         nhsIDCode: {organisation}\nnhsMHSPartyKey: {organisation}-7\nnhsAsSvcIA: {INTERACTION}\nnhsTempUid: 9\n\n"
    )
}

platform::both_engines! {
    /// A system is registered under a number of its own, changed at the version that was read, and withdrawn for good.
    async fn systems_have_a_life(db: Db) {
        let rig = Rig::new(db);
        let made = rig.post(&keeper(), "/directory/systems", &json!({"system": accredited("rxx")})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let asid = made.body["identifier"].as_str().unwrap();
        assert!(asid.len() == 12 && asid.starts_with("2000"), "{asid}");
        assert_eq!(made.body["system"]["organisation"], "RXX", "small letters are meant");
        let path = format!("/directory/systems/{asid}");
        assert_eq!(made.headers["location"], path.as_str());
        let read = rig.get(&system("reader", &[READ]), &path).await;
        assert_eq!((read.etag(), &read.body), ("\"1\"".to_owned(), &made.body));

        let mut content = accredited("RXX");
        content["interactions"] = json!(["urn:a:b"]);
        assert_eq!(put(&rig, &path, "\"7\"", &content).await.status, StatusCode::PRECONDITION_FAILED);
        let changed = put(&rig, &path, "\"1\"", &content).await;
        assert_eq!((changed.status, changed.etag()), (StatusCode::OK, "\"2\"".to_owned()), "{}", changed.body);
        assert_eq!(put(&rig, &path, "\"2\"", &content).await.etag(), "\"2\"", "nothing was done");
        let found = |query: &'static str| {
            let rig = &rig;
            async move { identifiers(&rig.get(&keeper(), &format!("/directory/systems?{query}")).await).len() }
        };
        assert_eq!((found("interaction=URN:A:B").await, found("client=rxx01&organisation=rxx").await), (1, 1));
        let other = put(&rig, &path, "\"2\"", &handling("RXX", "https://a.example/")).await;
        assert_eq!(other.code(), "field-invalid", "a system stays of its kind");

        let gone = rig.send(&keeper(), Method::DELETE, &path, &[("if-match", "*")], None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!((found("organisation=RXX").await, found("").await), (0, 0));
        assert!(rig.get(&keeper(), &path).await.body["withdrawn_at"].is_number());
        assert_eq!(put(&rig, &path, "*", &content).await.code(), "system-withdrawn");
        let again = json!({"identifier": asid, "system": content});
        assert_eq!(rig.post(&keeper(), "/directory/systems", &again).await.code(), "identifier-taken");

        let told = rig.get(&system("follower", &[CHANGES]), "/directory/changes?after=0").await;
        let kinds: Vec<_> = told.body["changes"].as_array().unwrap().iter().map(|row| row["kind"].clone()).collect();
        assert_eq!(kinds, ["system-changed", "system-changed", "system-withdrawn"]);
    }

    /// A request is done once; whoever may not is refused, and so is what can be no system.
    async fn systems_are_registered_once(db: Db) {
        let rig = Rig::new(db);
        let body = json!({"system": handling("RXX", "https://a.example/")});
        let keyed = [("idempotency-key", "one")];
        let first = rig.send(&keeper(), Method::POST, "/directory/systems", &keyed, Some(&body)).await;
        let again = rig.send(&keeper(), Method::POST, "/directory/systems", &keyed, Some(&body)).await;
        assert_eq!((first.status, &first.body), (StatusCode::CREATED, &again.body));
        let reader = system("reader", &[READ]);
        assert_eq!(rig.post(&reader, "/directory/systems", &body).await.status, StatusCode::FORBIDDEN);
        let stranger = system("follower", &[CHANGES]);
        assert_eq!(rig.get(&stranger, "/directory/systems").await.status, StatusCode::FORBIDDEN);
        for bad in [
            json!({"system": {"kind": "accredited", "organisation": "RXX", "party_key": "a", "interactions": []}}),
            json!({"system": {"kind": "lorry"}}),
            json!({"identifier": "12", "system": accredited("RXX")}),
            json!({"identifier": "a b", "system": accredited("RXX")}),
        ] {
            let refused = rig.post(&keeper(), "/directory/systems", &bad).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad}: {}", refused.body);
        }
    }

    /// A list is read in parts, each system once.
    async fn systems_are_listed_in_parts(db: Db) {
        let rig = Rig::new(db);
        for _ in 0..5 {
            register(&rig, &accredited("RXX")).await;
        }
        register(&rig, &handling("RXX", "https://a.example/")).await;
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/directory/systems?kind=accredited&organisation=RXX&limit=2{after}");
            let page = rig.get(&keeper(), &path).await;
            seen.extend(identifiers(&page));
            match page.body["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert!(seen.len() == 5 && seen.is_sorted(), "{seen:?}");
    }

    /// A file is tried, brought in, and brought in again without effect; what can be no system is named with its line.
    async fn systems_are_brought_in(db: Db) {
        let rig = Rig::new(db);
        let mut text = "dn: o=nhs\nobjectClass: organization\no: nhs\n\n".to_owned();
        (1..=250).for_each(|number| text.push_str(&entry(918_999_000_000 + number, "RXX")));
        text.push_str("dn: uniqueIdentifier=x,ou=Services,o=nhs\nobjectClass: nhsMhs\nuniqueIdentifier: x\nnhsIDCode: RXX\n");
        let numbers = |line: &Value| {
            let progress = &line["report"]["progress"];
            ["read", "passed", "created", "changed", "unchanged", "refused"].map(|name| progress[name].as_i64().unwrap())
        };
        let tried = bring(&rig, &text, "?dry_run=yes").await;
        assert_eq!(numbers(&tried), [252, 1, 250, 0, 0, 1], "{tried}");
        assert_eq!(tried["report"]["changes"].as_array().unwrap().len(), 100);
        let all = lines(&rig, &text, "?dry_run=yes&changes=all").await;
        assert_eq!(all.iter().filter(|line| line["change"].is_string()).count(), 250);
        assert_eq!(all.last().unwrap()["report"]["changes"], tried["report"]["changes"]);
        assert_eq!(tried["report"]["refused"][0]["name"], "uniqueIdentifier=x,ou=Services,o=nhs");
        assert_eq!(rig.get(&keeper(), "/directory/systems/918999000001").await.status, StatusCode::NOT_FOUND);
        let done = bring(&rig, &text, "").await;
        assert_eq!(numbers(&done), [252, 1, 250, 0, 0, 1], "{done}");
        assert_eq!(numbers(&bring(&rig, &text, "").await), [252, 1, 0, 0, 250, 1]);
        let read = rig.get(&keeper(), "/directory/systems/918999000001").await;
        assert_eq!(read.body["system"]["temporary_id"], "9");
        let changed = bring(&rig, &entry(918_999_000_001, "RYY"), "").await;
        assert_eq!(numbers(&changed), [1, 0, 0, 1, 0, 0], "{changed}");

        let broken = rig.file(&keeper(), Method::POST, "/directory/systems/import", &[], b"nonsense\n").await;
        assert_eq!((broken.status, broken.code()), (StatusCode::BAD_REQUEST, "file-invalid"));
    }
}
