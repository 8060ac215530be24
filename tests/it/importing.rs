//! National data brought in from the command line through a running server, which is killed on the way.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lanyard::keypair::Pair;
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Config, Db, Engine};
use serde_json::Value;

use crate::national::Release;
use crate::rig::{LANYARD, Serving, Site, said};

/// How many organisations: so many parts that a kill comes in the middle.
const RECORDS: u64 = 4_000;

/// An installation where an importer may bring national data in, read the register and look up.
pub(crate) fn installed(dir: &Path) -> Site {
    let site = Site::of_demo(dir);
    let file = site.folder.join("lanyard.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let acts = "[\"directory:import\", \"directory:read\", \"directory:look-up\"]";
    write!(text, "\n[clients.importer]\nacts = {acts}\n").unwrap();
    std::fs::write(&file, text).unwrap();
    site.run(&["enrol", "importer", "--out", site.folder.join("clients").to_str().unwrap()]);
    site
}

/// A command of the importer.
fn command(site: &Site, arguments: &[&str]) -> Command {
    let pair = Pair::in_folder(&site.folder.join("clients"), "importer");
    let mut command = Command::new(LANYARD);
    command
        .arg("directory")
        .args(arguments)
        .env("LANYARD_SERVER", format!("https://localhost:{}", site.base + 1))
        .env("LANYARD_CLIENT_CERTIFICATE", pair.certificate)
        .env("LANYARD_CLIENT_KEY", pair.key)
        .env("LANYARD_ROOT", site.root())
        .stdin(Stdio::null());
    command
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    command(site, arguments).output().unwrap()
}

pub(crate) fn well(site: &Site, arguments: &[&str]) -> String {
    let output = run(site, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn release(dir: &Path, edition: u64) -> PathBuf {
    let path = dir.join(format!("release-{edition}.xml"));
    let mut text = Vec::new();
    Release { records: RECORDS, edition }.reader().read_to_end(&mut text).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// Everything that a release makes of the register, as text.
async fn register(db: &Db) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for text in [
        "SELECT ods || '|' || name || '|' || status || '|' || primary_role || '|' || content_sha256 || '|' || CAST(version AS TEXT) \
         FROM directory_organisation WHERE ods LIKE 'G00%' ORDER BY ods",
        "SELECT ods || '|' || CAST(place AS TEXT) || '|' || role || '|' || instance FROM directory_organisation_role WHERE ods LIKE 'G00%' ORDER BY ods, place",
        "SELECT ods || '|' || CAST(place AS TEXT) || '|' || relationship || '|' || target FROM directory_organisation_relationship \
         WHERE ods LIKE 'G00%' ORDER BY ods, place",
        "SELECT ods || '|' || target FROM directory_organisation_succession WHERE ods LIKE 'G00%' ORDER BY ods, place",
        "SELECT ods || '|' || kind || '|' || value FROM directory_organisation_contact WHERE ods LIKE 'G00%' ORDER BY ods, place",
        "SELECT kind || '|' || subject FROM directory_change WHERE kind = 'organisation-changed' AND subject LIKE 'G00%' ORDER BY number",
        "SELECT release || '|' || CAST(created AS TEXT) || '|' || CAST(changed AS TEXT) FROM directory_organisation_import \
         WHERE finished_at IS NOT NULL",
    ] {
        let rows: Vec<(String,)> = sqlx::query_as(text).fetch_all(db.read()).await.unwrap();
        all.push(rows.into_iter().map(|(row,)| row).collect());
    }
    all
}

/// A server that is killed in the middle of an import goes on when the command is given again, and the register is in the end
/// what one whole run makes of it. A dry run before says what comes and leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn killed_import_goes_on_to_the_same_register() {
    let dir = tempfile::tempdir().unwrap();
    let site = installed(dir.path());
    let file = release(dir.path(), 1);
    let file = file.to_str().unwrap();
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;

    let tried = well(&site, &["import-organisations", file, "--dry-run"]);
    assert!(tried.contains("new      G0000001") && tried.contains("4000 new, 0 changed"), "{tried}");

    let mut importing = command(&site, &["import-organisations", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    let mut serving = Some(serving);
    for line in BufReader::new(importing.stdout.take().unwrap()).lines() {
        told.push(line.unwrap());
        if told.len() == 3 {
            serving.take().unwrap().kill();
        }
    }
    let mut last = String::new();
    importing.stderr.take().unwrap().read_to_string(&mut last).unwrap();
    assert!(!importing.wait().unwrap().success(), "{told:?}");
    assert!(last.contains("--resume"), "{last}");

    let url = format!("sqlite:{}", site.folder.join("lanyard.db").display());
    let stopped = Db::connect(&Config::new(&url), Clock::system()).await.unwrap();
    let half: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM directory_organisation WHERE ods LIKE 'G00%'")
        .fetch_one(stopped.read())
        .await
        .unwrap();
    stopped.close().await;
    assert!((1_500..4_000).contains(&half) && half % 500 == 0, "whole parts, not all: {half}");

    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let resumed = well(&site, &["--json", "import-organisations", file, "--resume"]);
    let report: Value = serde_json::from_str(&resumed).unwrap_or_else(|error| panic!("{error}: {resumed}"));
    assert_eq!(report["progress"]["passed"].as_i64(), Some(half));
    assert_eq!(report["progress"]["created"].as_i64(), Some(4_000 - half));
    serving.kill();

    let killed = Db::connect(&Config::new(&url), Clock::system()).await.unwrap();
    let resumed = register(&killed).await;
    killed.close().await;
    assert_eq!(resumed, whole_run(file).await);
}

/// What one run that nothing disturbs makes of a register.
async fn whole_run(file: &str) -> Vec<Vec<String>> {
    let database = TestDb::new(Engine::Sqlite).await;
    let parts = directory::Parts {
        config: directory::Config::default(),
        db: database.db.clone(),
        clock: Clock::system(),
        document_key: directory::DocumentKey::new(&[7; 32]),
    };
    let whole = directory::Register::new(parts).unwrap();
    let reader = BufReader::new(std::fs::File::open(file).unwrap());
    let actor = audit::Actor::system("directory");
    let mode = directory::organisation::Mode::Apply;
    directory::organisation::import(&whole, reader, mode, |_| {}, &actor).await.unwrap();
    register(&database.db).await
}

/// People and roles come from files, bad rows are named with their line, and a report is written; what is refused is said.
#[tokio::test(flavor = "multi_thread")]
async fn people_roles_and_reports_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let site = installed(dir.path());
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };

    let people =
        write("people.csv", "external_id,given,family,birth\n1,Ann,Example,1984-07-23\n2,Bea,,1985-01-02\n");
    let arguments = ["import-people", &people, "--source", "old-register"];
    let refused = run(&site, &[&arguments[..], &["--dry-run"]].concat());
    let told = said(&refused);
    assert!(!refused.status.success() && told.contains("refused  line 3 2:"), "{told}");
    let done = said(&run(&site, &[&arguments[..], &["--good"]].concat()));
    assert!(done.contains("1 people were made") && done.contains("1 refused"), "{done}");

    let folder = dir.path().join("release");
    std::fs::create_dir(&folder).unwrap();
    let head = "category,category_name,group,group_name,code,name\n";
    for (name, text) in [
        (
            "job-roles.csv",
            format!("{head}S8000,Clinical,G8000,Clinical Provision,R8000,Clinical Practitioner\n"),
        ),
        ("areas.csv", head.to_owned()),
        ("activities.csv", "code,name\nB0820,View\n".to_owned()),
        ("inclusions.csv", "activity,includes\n".to_owned()),
        ("baselines.csv", "job_role,area,restriction_set,activity\nR8000,,,B0820\n".to_owned()),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let folder = folder.to_str().unwrap();
    let tried = well(&site, &["import-roles", folder, "--name", "27.2", "--dry-run"]);
    assert!(tried.contains("would be release") && tried.contains("job roles: "), "{tried}");
    assert!(well(&site, &["import-roles", folder, "--name", "27.2"]).contains("this is release"));
    assert!(well(&site, &["import-roles", folder, "--name", "27.2"]).contains("has this content already"));
    // The job roles of a code system, most of them new: the published form, made up (`fixtures`).
    let system = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/job-roles.CodeSystem.xml");
    let tried = well(&site, &["import-roles", "--code-system", system, "--dry-run"]);
    assert!(tried.contains("this would be release 2"), "{tried}");
    assert!(tried.contains("job roles: 39 came, 0 went, 1 have another name"), "{tried}");
    let brought = well(&site, &["import-roles", "--code-system", system]);
    assert!(brought.contains("this is release 2") && brought.contains("job roles: 39 came"), "{brought}");
    assert!(
        well(&site, &["import-roles", "--code-system", system])
            .contains("release 2 has this content already")
    );
    let none = run(&site, &["import-roles", "--code-system", &people]);
    assert!(!none.status.success() && said(&none).contains("file-invalid"), "{}", said(&none));

    let small = "<HSCOrgRefData xmlns=\"http://refdata.hscic.gov.uk/org/v2-0-0\"><Manifest><Version value=\"2-0-0\"/>\
        <PublicationDate value=\"2026-07-28\"/></Manifest><Organisations><Organisation orgRecordClass=\"RC1\">\
        <Name>GOOD TRUST</Name><OrgId extension=\"RXX\"/><Status value=\"Active\"/><Roles><Role id=\"RO197\" uniqueRoleId=\"1\" \
        primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles></Organisation></Organisations></HSCOrgRefData>";
    let organisations = write("organisations.xml", small);
    assert!(well(&site, &["import-organisations", &organisations]).contains("1 new"));
    let none = run(&site, &["import-organisations", &people]);
    assert!(!none.status.success() && said(&none).contains("file-invalid"), "{}", said(&none));

    let report = well(&site, &["report", "positions", "--organisation", "RXX", "--filter", "state=open"]);
    assert_eq!(report, "position,organisation,name,state,rank,access_profiles,assignments,closed_at\r\n");
    let cards = well(&site, &["report", "smartcards", "--organisation", "RXX"]);
    assert_eq!(
        cards,
        "user_id,given,family,certificate,profile,state,issued_at,ends_at,cancelled_at,reason\r\n"
    );
}
