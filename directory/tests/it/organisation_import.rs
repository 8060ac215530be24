//! A release of organisations brought in: counted first, broken off, gone on with, brought in again, and refused.

use std::io::{BufRead, Cursor, Read};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use audit::Actor;
use directory::Error;
use directory::api::{CHANGES, OPERATE, READ};
use directory::organisation::{Mode, Progress, Report, import};
use http::Method;
use platform::db::Db;
use serde_json::json;

use crate::release::{Release, code};
use crate::rig::{Rig, system};

/// Four parts, the last of them not full.
const FEW: Release = Release { records: 1_600, edition: 1 };

/// Brings in a whole release.
pub(crate) async fn bring(rig: &Rig, release: Release, mode: Mode) -> Result<Report, Error> {
    import(&rig.register, release.reader(), mode, |_| {}, &Actor::system("directory")).await
}

/// Brings in what a text says.
pub(crate) async fn bring_text(rig: &Rig, text: &str, mode: Mode) -> Result<Report, Error> {
    let reader = Cursor::new(text.to_owned());
    import(&rig.register, reader, mode, |_| {}, &Actor::system("directory")).await
}

/// Brings in a release until so many parts are in, and then goes away.
async fn break_off(rig: &Rig, release: Release, parts: usize) {
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let actor = Actor::system("directory");
    let progress = move |_: &Progress| sender.send(()).unwrap();
    let importing = import(&rig.register, release.reader(), Mode::Apply, progress, &actor);
    let enough = async {
        for _ in 0..parts {
            told.recv().await.unwrap();
        }
    };
    tokio::select! {
        biased;
        () = enough => {}
        _ = importing => unreachable!("it is broken off before its end"),
    }
}

/// The rest of a file, which comes when the gate is opened.
struct Gated {
    gate: Option<Receiver<()>>,
    rest: Cursor<String>,
}

impl BufRead for Gated {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if let Some(gate) = self.gate.take() {
            gate.recv().unwrap();
        }
        self.rest.fill_buf()
    }

    fn consume(&mut self, many: usize) {
        self.rest.consume(many);
    }
}

impl Read for Gated {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.fill_buf()?;
        self.rest.read(into)
    }
}

async fn count(rig: &Rig, what: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {what}")))
        .fetch_one(rig.db.read())
        .await
        .unwrap()
}

/// An organisation as a release has it: its class and what stands in it beside its code and its name.
pub(crate) fn organisation(code: &str, name: &str, status: &str, rest: &str) -> String {
    let roles = if rest.contains("<Roles>") {
        String::new()
    } else {
        "<Roles><Role id=\"RO197\" uniqueRoleId=\"1\" primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles>".to_owned()
    };
    format!(
        "<Organisation orgRecordClass=\"RC1\"><Name>{name}</Name><OrgId extension=\"{code}\"/>\
         <Status value=\"{status}\"/>{rest}{roles}</Organisation>\n"
    )
}

/// A release of these organisations, published on this day; the first organisation stands in line 3.
pub(crate) fn release(published: &str, organisations: &str) -> String {
    format!(
        "<HSCOrgRefData xmlns=\"http://refdata.hscic.gov.uk/org/v2-0-0\"><Manifest><Version value=\"2-0-0\"/>\
         <PublicationDate value=\"{published}\"/></Manifest>\n<Organisations>\n{organisations}</Organisations></HSCOrgRefData>"
    )
}

platform::both_engines! {
    /// A dry run counts and lists and writes nothing; the import writes; the same again writes nothing; the next edition
    /// writes what it changes and leaves the host.
    async fn release_is_brought_in_once(db: Db) {
        let rig = Rig::new(db);
        let dry = bring(&rig, FEW, Mode::DryRun).await.unwrap();
        assert_eq!((dry.progress.created, dry.progress.changed, dry.changes.len()), (1_600, 0, 100));
        assert_eq!((dry.changes[0].organisation.as_str(), dry.changes[0].members.len()), ("G0000001", 0));
        for table in ["directory_organisation", "directory_change", "audit_event", "directory_organisation_import"] {
            assert_eq!(count(&rig, table).await, 0, "{table}");
        }

        let first = bring(&rig, FEW, Mode::Apply).await.unwrap();
        assert_eq!((first.progress.created, first.progress.unchanged), (1_600, 0));
        assert_eq!((first.progress.records, first.progress.read), (Some(1_600), 1_600));
        assert_eq!(count(&rig, "directory_change WHERE kind = 'organisation-changed'").await, 1_600);
        assert_eq!(count(&rig, "audit_event WHERE name = 'organisations-imported'").await, 4);
        assert_eq!(count(&rig, "directory_organisation_role").await, 3_200);
        assert_eq!(count(&rig, "directory_organisation_import_part").await, 0);

        let operator = system("desk", &[OPERATE, READ]);
        let path = "/directory/organisations/G0000202/ra-host";
        let host = json!({"host": "G0000001"});
        assert_eq!(rig.send(&operator, Method::PUT, path, &[("if-match", "\"1\"")], Some(&host)).await.etag(), "\"2\"");
        let changes = count(&rig, "directory_change").await;

        let again = bring(&rig, FEW, Mode::Apply).await.unwrap();
        assert_eq!((again.progress.created, again.progress.changed, again.progress.unchanged), (0, 0, 1_600));
        assert_eq!(count(&rig, "directory_change").await, changes);
        assert_eq!(count(&rig, "directory_organisation WHERE version > 1").await, 1);

        let next = Release { edition: 2, ..FEW };
        let dry = bring(&rig, next, Mode::DryRun).await.unwrap();
        assert_eq!((dry.progress.created, dry.progress.changed, dry.progress.unchanged), (0, 16, 1_584));
        assert_eq!(dry.changes[0].members, ["name"]);
        let name = &dry.changes[0].differences[0];
        assert_eq!((name.before.is_some(), name.after.as_ref().is_some_and(|after| after.to_string().contains("NEW"))), (true, true), "{name:?}");
        assert_eq!(bring(&rig, next, Mode::Apply).await.unwrap().progress.changed, 16);
        assert_eq!(count(&rig, "directory_change").await, changes + 16);
        assert_eq!(count(&rig, "directory_organisation_role").await, 3_200);
        let hosted = rig.get(&operator, "/directory/organisations/G0000202").await;
        assert_eq!((hosted.body["ra_host"].as_str(), hosted.etag()), (Some("G0000001"), "\"3\"".to_owned()));
        assert_eq!(hosted.body["name"], "SURGERY 202 & NEW PARTNERS");
    }

    /// An import that was broken off goes on after the parts that are in, and ends as if nothing had been.
    async fn broken_import_goes_on(db: Db) {
        let rig = Rig::new(db);
        break_off(&rig, FEW, 2).await;
        let parts = count(&rig, "directory_organisation_import_part").await;
        assert!((2..=3).contains(&parts), "{parts}");
        let there = count(&rig, "directory_organisation").await;
        assert_eq!(there, parts * 500);
        // Whoever is still there may hold it: six seconds without a sign of life must pass.
        rig.hand.advance(Duration::from_secs(5));
        let busy = bring(&rig, FEW, Mode::Apply).await.unwrap_err();
        assert!(matches!(busy, Error::Conflict { code: "import-running", .. }), "{busy}");
        rig.hand.advance(Duration::from_secs(2));

        let report = bring(&rig, FEW, Mode::Apply).await.unwrap();
        assert_eq!(i64::try_from(report.progress.passed).unwrap(), there);
        assert_eq!(i64::try_from(report.progress.created).unwrap(), 1_600 - there);
        assert_eq!((report.progress.read, report.progress.unchanged), (1_600, 0));
        assert_eq!(count(&rig, "directory_organisation WHERE version = 1").await, 1_600);
        assert_eq!(count(&rig, "directory_change").await, 1_600);
        assert_eq!(count(&rig, "directory_organisation_import WHERE created = 1600 AND finished_at IS NOT NULL").await, 1);

        // With another release in between, what is in counts no longer.
        let next = Release { edition: 2, ..FEW };
        break_off(&rig, next, 1).await;
        rig.hand.advance(Duration::from_secs(7));
        let third = Release { edition: 3, ..FEW };
        assert_eq!(bring(&rig, third, Mode::Apply).await.unwrap().progress.passed, 0);
        let older = bring(&rig, next, Mode::Apply).await.unwrap_err();
        assert!(matches!(older, Error::Conflict { code: "older-release", .. }), "{older}");
    }

    /// An import that only slept goes on; one that slept while another was made does not write over it.
    async fn overtaken_import_stops(db: Db) {
        let rig = Rig::new(db);
        let actor = Actor::system("directory");
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        let progress = move |_: &Progress| sender.send(()).unwrap();
        let mut sleeper = Box::pin(import(&rig.register, FEW.reader(), Mode::Apply, progress, &actor));
        for _ in 0..2 {
            tokio::select! {
                biased;
                part = told.recv() => part.unwrap(),
                _ = &mut sleeper => unreachable!("it has four parts"),
            }
            rig.hand.advance(Duration::from_secs(7));
        }
        let next = Release { edition: 2, ..FEW };
        assert_eq!(bring(&rig, next, Mode::Apply).await.unwrap().progress.read, 1_600);
        let stopped = sleeper.await.unwrap_err();
        assert!(matches!(stopped, Error::Conflict { code: "import-overtaken", .. }), "{stopped}");
        assert_eq!(count(&rig, "directory_organisation WHERE name LIKE '%NEW%'").await, 16);
        // It took nobody's lease with it: the next import need not wait.
        assert_eq!(bring(&rig, next, Mode::Apply).await.unwrap().progress.unchanged, 1_600);
    }

    /// A file that comes slowly keeps its claim, however long it takes.
    async fn slow_file_keeps_its_claim(db: Db) {
        let rig = Rig::new(db);
        let text = release("2026-07-28", &organisation("RXX", "GOOD TRUST", "Active", ""));
        let (begun, rest) = text.split_at(text.find("<Organisation ").unwrap());
        let (open, gate) = std::sync::mpsc::channel();
        let reader = Cursor::new(begun.to_owned()).chain(Gated { gate: Some(gate), rest: Cursor::new(rest.to_owned()) });
        let (register, actor) = (rig.register.clone(), Actor::system("directory"));
        let slow = tokio::spawn(async move { import(&register, reader, Mode::Apply, |_| {}, &actor).await });
        let until = async || {
            let text = "SELECT COALESCE(MAX(expires_at), 0) FROM platform_lease WHERE name = 'directory.organisations'";
            sqlx::query_scalar::<_, i64>(text).fetch_one(rig.db.read()).await.unwrap()
        };
        while until().await == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..2 {
            rig.hand.advance(Duration::from_secs(4));
            let sign = rig.now().plus(Duration::from_secs(6)).0;
            while until().await < sign {
                tokio::task::yield_now().await;
            }
            let other = bring(&rig, FEW, Mode::Apply).await.unwrap_err();
            assert!(matches!(other, Error::Conflict { code: "import-running", .. }), "{other}");
        }
        open.send(()).unwrap();
        assert_eq!(slow.await.unwrap().unwrap().progress.created, 1);
    }

    /// Each import of a release has its own numbers; the second of one does not write over those of the first.
    async fn each_import_keeps_its_numbers(db: Db) {
        let rig = Rig::new(db);
        for _ in 0..3 {
            bring(&rig, FEW, Mode::Apply).await.unwrap();
            rig.hand.advance(Duration::from_secs(1));
        }
        let listed = rig.get(&system("desk", &[directory::api::IMPORT]), "/directory/organisations/import").await;
        let rows = listed.body["imports"].as_array().unwrap();
        let numbers: Vec<_> = rows.iter().map(|row| (row["created"].as_u64().unwrap(), row["unchanged"].as_u64().unwrap())).collect();
        assert_eq!(numbers, [(0, 1_600), (0, 1_600), (1_600, 0)]);
        assert!(rows.iter().all(|row| row["release"] == rows[0]["release"] && !row["finished_at"].is_null()), "{rows:?}");
        let page = async |query: &str| {
            let path = format!("/directory/organisations/import?limit=2{query}");
            rig.get(&system("desk", &[directory::api::IMPORT]), &path).await.body
        };
        let first = page("").await;
        let rest = page(&format!("&after={}", first["next"].as_str().unwrap())).await;
        assert_eq!([&first["imports"][0], &first["imports"][1], &rest["imports"][0]], [&rows[0], &rows[1], &rows[2]]);
        assert_eq!((rest["imports"].as_array().map(Vec::len), rest.get("next")), (Some(1), None));
    }

    /// A file with fewer organisations than its manifest says is no whole release: it is not ended, dry or not, and an older one is
    /// refused before anything is said of it.
    async fn release_that_lost_some_is_not_ended(db: Db) {
        let rig = Rig::new(db);
        let whole = release("2026-07-28", &organisation("RXX", "GOOD TRUST", "Active", ""));
        let lost = whole.replace("</Manifest>", "<RecordCount value=\"2\"/></Manifest>");
        for mode in [Mode::DryRun, Mode::Apply] {
            let said = bring_text(&rig, &lost, mode).await.unwrap_err().to_string();
            assert!(said.contains("2 organisations, and the file has 1"), "{said}");
        }
        assert_eq!(count(&rig, "directory_organisation_import WHERE finished_at IS NOT NULL").await, 0);
        bring_text(&rig, &whole, Mode::Apply).await.unwrap();
        let older = release("2026-06-28", &organisation("RXX", "GOOD TRUST", "Active", ""));
        for mode in [Mode::DryRun, Mode::Apply] {
            let refused = bring_text(&rig, &older, mode).await.unwrap_err();
            assert!(matches!(refused, Error::Conflict { code: "older-release", .. }), "{refused}");
        }
    }

    /// What can be no organisation is named with its line and left as it was; the others are in.
    async fn refused_organisations_are_named(db: Db) {
        let rig = Rig::new(db);
        let good = release("2026-07-28", &organisation("RXX", "GOOD TRUST", "Active", ""));
        bring_text(&rig, &good, Mode::Apply).await.unwrap();
        let two = "<Roles><Role id=\"RO197\" uniqueRoleId=\"1\" primaryRole=\"true\"><Status value=\"Active\"/></Role>\
                   <Role id=\"RO57\" uniqueRoleId=\"2\" primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles>";
        let date = |start: &str, end: &str| {
            format!("<Date><Type value=\"Legal\"/><Start value=\"{start}\"/><End value=\"{end}\"/></Date>")
        };
        let all = [
            organisation("RXX", "BAD TRUST", "Active", two),
            organisation("rx y", "SPACED &amp; SMALL", "Active", ""),
            organisation("RX1", "NO DATE", "Active", &date("2020-02-30", "2021-01-01")),
            organisation("RX2", "BACKWARD", "Active", &date("2021-01-01", "2020-01-01")),
            organisation("R!", "NO CODE", "Active", ""),
            organisation("RX3", "NO STATUS", "Open", ""),
            organisation("RXY", "TWICE", "Active", ""),
            organisation("RX4", "ITS OWN PARENT", "Active", "<Rels><Rel id=\"RE6\" uniqueRelId=\"21\"><Status value=\"Active\"/>\
                <Target><OrgId extension=\"RX4\"/></Target></Rel></Rels>"),
        ];
        let report = bring_text(&rig, &release("2026-08-28", &all.concat()), Mode::Apply).await.unwrap();
        assert_eq!((report.progress.created, report.progress.changed, report.progress.refused), (1, 0, 7));
        let told: Vec<String> = report.refused.iter().map(|one| format!("{} {}: {}", one.line, one.code, one.sentence)).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        3 RXX: it has 2 primary roles: RO197, RO57
        5 RX1: "2020-02-30" is not a date as YYYY-MM-DD between 1900 and 2199
        6 RX2: it ends before it begins: legal dates 2021-01-01 to 2020-01-01
        7 R!: the code "R!" is not an ODS code of three to twelve capital letters and digits
        8 RX3: the status is "Open"; expected Active or Inactive
        9 RXY: it stands in the release twice
        10 RX4: it is related to itself, by RE6 with the id 21
        "#);
        let reader = system("reader", &[READ]);
        assert_eq!(rig.get(&reader, "/directory/organisations/RXX").await.body["name"], "GOOD TRUST");
        assert_eq!(rig.get(&reader, "/directory/organisations/RXY").await.body["name"], "SPACED & SMALL");
        assert_eq!(rig.get(&reader, "/directory/organisations/RX1").await.status, 404);
    }

    /// A file that is none, is of another kind or breaks off is refused with its line, and what stood before it stays.
    async fn broken_files_name_their_line(db: Db) {
        let rig = Rig::new(db);
        let good = release("2026-07-28", &organisation("RXX", "GOOD TRUST", "Active", ""));
        let cases = [
            (good.replace("org/v2-0-0", "org/v9"), "line 1: the element HSCOrgRefData is of the namespace"),
            (good.replace("2-0-0\"/>", "1-0-0\"/>"), "line 1: the Manifest says version \"1-0-0\""),
            (good.replace("<Organisations>", "<Things>").replace("</Organisations>", "</Things>"), "there is no Organisations element"),
            (good.replace("</Organisation>\n", "</Org>\n"), "line 3: the XML cannot be read on"),
            (good.replace("</Organisations></HSCOrgRefData>", ""), "line 4: the file ends in the middle"),
            ("code,name\nRXX,GOOD TRUST\n".to_owned(), "this is not an XML document"),
        ];
        for (text, words) in cases {
            let said = bring_text(&rig, &text, Mode::Apply).await.unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
        // The one that only broke off at its end had been read so far; an error gives the lease back at once.
        let report = bring_text(&rig, &good, Mode::Apply).await.unwrap();
        assert_eq!(report.progress.read, 1);
    }

    /// An organisation of this register's own is not overwritten by a release that has its code.
    async fn virtual_organisations_stay(db: Db) {
        let rig = Rig::new(db);
        let early = release("2026-06-28", &organisation("FFFFF", "SOMETHING ELSE", "Active", ""));
        let report = bring_text(&rig, &early, Mode::Apply).await.unwrap();
        assert_eq!((report.progress.created, report.kept.len()), (0, 1), "it is of no nation");
        let operator = system("desk", &[OPERATE, READ, CHANGES]);
        let made = json!({"ods": "fffff", "name": "Locum pharmacy", "primary_role": "ro182"});
        assert_eq!(rig.post(&operator, "/directory/organisations", &made).await.status, 201);
        let text = release("2026-07-28", &organisation("FFFFF", "SOMETHING ELSE", "Active", ""));
        let report = bring_text(&rig, &text, Mode::Apply).await.unwrap();
        assert_eq!((report.progress.created, report.progress.changed), (0, 0));
        assert_eq!(report.kept.iter().map(platform::id::OdsCode::as_str).collect::<Vec<_>>(), ["FFFFF"]);
        let there = rig.get(&operator, "/directory/organisations/FFFFF").await;
        assert_eq!((there.body["name"].as_str(), there.etag()), (Some("Locum pharmacy"), "\"1\"".to_owned()));
        let changes = rig.get(&operator, "/directory/changes").await;
        assert_eq!(changes.body["changes"].as_array().map(Vec::len), Some(1));
    }
}

/// What is left of an import takes as long for each as what was read; without a number nothing is said.
#[test]
fn remaining_time_is_told() {
    let mut progress = Progress {
        read: 0,
        records: Some(300),
        passed: 0,
        created: 0,
        changed: 0,
        unchanged: 0,
        refused: 0,
        elapsed: Duration::ZERO,
    };
    assert_eq!(progress.remaining(), None);
    (progress.read, progress.elapsed) = (100, Duration::from_secs(10));
    assert_eq!(progress.remaining(), Some(Duration::from_secs(20)));
    progress.read = 301;
    assert_eq!(progress.remaining(), None);
    progress.records = None;
    assert_eq!(progress.remaining(), None);
    assert_eq!(code(7), "G0000007");
}
