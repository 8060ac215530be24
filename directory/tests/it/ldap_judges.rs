//! The directory over LDAP before programs of other people: ldapts as a client, ldclt as a load, and slapd with the same data, of which
//! every question of a generated list is asked as of us. What it answers otherwise is explained in `docs/compatibility.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use directory::Config;
use directory::ldap::LdapConfig;
use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

use crate::ldap_rig::{As, Ldap, SECRET, names, tool};
use crate::systems::{accredited, handling, register};
use crate::world::{ADVANCED, who};
use crate::{terminology, workers};

/// Which questions are answered otherwise by slapd, by what they contain, and why.
const EXPLAINED: [(&str, &str); 2] = [
    ("~=", "slapd compares by sound, here it is equality"),
    ("(name=", "slapd looks through every attribute below `name`, here an attribute is itself"),
];

/// ldapts, in Node.js: trust, filters, pages, comparing, `StartTLS`, binds, and refusals as it names them.
#[tokio::test]
async fn ldapts_takes_the_directory() {
    let database = TestDb::new(Engine::Sqlite).await;
    let ldap = Ldap::new(database.db.clone()).await;
    for _ in 0..12 {
        register(&ldap.rig, &accredited("RXX")).await;
    }
    let packages = std::env::var("LANYARD_NPM").expect("tools/env says where packages of npm are");
    let script = ldap.folder.path().join("ldap.mjs");
    std::os::unix::fs::symlink(packages, ldap.folder.path().join("node_modules")).unwrap();
    std::fs::write(&script, include_str!("ldap.mjs")).unwrap();
    let mut node = Command::new("node");
    node.arg(script).arg(ldap.tls.port().to_string()).arg(ldap.start_tls.port().to_string());
    node.arg(ldap.folder.path()).arg(SECRET).env("HOME", ldap.folder.path()).kill_on_drop(true);
    let output = node.output().await.unwrap();
    assert_eq!(said(&output).trim(), "taken");
    ldap.stop().await;
    database.db.close().await;
}

/// ldclt of 389 Directory Server, with eight connections: it counts an error where there is one, and none of ten seconds of questions.
#[tokio::test]
async fn ldclt_counts_no_error() {
    let database = TestDb::new(Engine::Sqlite).await;
    let ldap = Ldap::new(database.db.clone()).await;
    for _ in 0..9 {
        register(&ldap.rig, &accredited("RXX")).await;
    }
    let load = async |base: &str, more: &[&str]| {
        let mut command = tool("ldclt", ldap.file("server.pem"));
        command.env("LDAPTLS_CERT", ldap.file("client.pem")).env("LDAPTLS_KEY", ldap.file("client.key"));
        let address = format!("ldaps://127.0.0.1:{}", ldap.tls.port());
        command.args(["-H", &address, "-b", base, "-f", "nhsAsClient=rxx0X", "-r", "1", "-R", "9"]);
        let output = command.args(["-e", "esearch,random"]).args(more).output().await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = load("ou=Nowhere,o=nhs", &["-q", "-n", "1", "-E", "0", "-T", "5"]).await;
    assert!(code == Some(3) && text.contains("error 32"), "{text}");
    let (code, text) = load("ou=Services,o=nhs", &["-n", "8", "-N", "1"]).await;
    assert!(code == Some(0) && text.contains("Global no error occurs"), "{text}");
    assert!(text.contains("\"no activity\" reports: never"), "{text}");
    ldap.stop().await;
    database.db.close().await;
}

/// The same data in slapd, brought in from what we answer: every question of a list that is made of the data has the same answer from
/// both, but for those that are explained, and each explanation is needed.
#[tokio::test]
async fn slapd_answers_alike() {
    let database = TestDb::new(Engine::Sqlite).await;
    let (world, ann) = workers::with_doctor(database.db.clone(), Config::default()).await;
    let group = json!({"organisation": "RXX", "name": "Larkfield", "parent": null});
    let made = world.rig.post(&who(ADVANCED), "/directory/workgroups", &group).await;
    assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    terminology::seeded(database.db.clone()).await;
    let ldap =
        Ldap::with(database.db.clone(), LdapConfig { size_limit: 10_000, ..LdapConfig::default() }).await;
    register(&ldap.rig, &accredited("RXX")).await;
    register(&ldap.rig, &accredited("G81086")).await;
    register(&ldap.rig, &handling("RXX", "https://mhs.example.nhs.uk/")).await;
    // What is hidden from the account is not there for it, nor in its copy.
    assert_eq!(ldap.found("(nhsGMC=1234567)").await.len(), 1);
    let by_number = ldap.search(As::Account, &["-b", "o=nhs", "(nhsGMC=1234567)"]).await;
    assert!(by_number.0 == 0 && names(&by_number.1).is_empty(), "{by_number:?}");
    let (code, data) = ldap.search(As::Account, &["-b", "o=nhs", "(objectClass=*)"]).await;
    assert_eq!(code, 0, "{data}");
    let slapd = Slapd::new(&ldap, &data).await;
    let entries = entries(&data);
    assert!(entries.len() > 200, "{}", entries.len());
    assert_eq!(slapd.entries().await, entries, "the same data");

    let questions = questions(&entries);
    assert!(questions.len() > 300, "{}", questions.len());
    let mut needed = BTreeSet::new();
    let every = |step: usize| questions.iter().step_by(step).cloned().collect::<Vec<_>>();
    let person = format!("uid={ann},ou=People,o=nhs");
    for (base, scope, asked) in [
        ("o=nhs", "sub", every(1)),
        ("ou=People,o=nhs", "one", every(7)),
        (person.as_str(), "sub", every(5)),
        ("ou=Organisations,o=nhs", "children", every(5)),
        ("ou=Services,o=nhs", "base", every(11)),
    ] {
        let file = ldap.folder.path().join("questions");
        std::fs::write(&file, asked.join("\n") + "\n").unwrap();
        let file = file.display().to_string();
        let all = ["-c", "-o", "ldif-wrap=no", "-b", base, "-s", scope, "-f", &file, PATTERN, "1.1"];
        let ours = answers(&said(&ldap.run("ldapsearch", As::Account, &all).await));
        let theirs = answers(&slapd.run(&all).await);
        assert_eq!((ours.len(), theirs.len()), (asked.len(), asked.len()), "{base} {scope}");
        for ((question, our), their) in asked.iter().zip(&ours).zip(&theirs) {
            if our == their {
                continue;
            }
            let why = EXPLAINED.iter().find(|(part, _)| question.contains(part));
            let (part, _) =
                why.unwrap_or_else(|| panic!("{base} {scope} {question}: {our:?}, and slapd {their:?}"));
            needed.insert(*part);
        }
    }
    assert_eq!(needed.len(), EXPLAINED.len(), "every explanation is needed: {needed:?}");
    ldap.stop().await;
    database.db.close().await;
}

/// What questions of a file are put into; `ldapsearch` wants an equals sign there.
const PATTERN: &str = "(&(objectClass=*)%s)";

/// What a program has said, if it went well. With `-c` results are no failures.
fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{errors}\n{text}");
    text
}

/// The entries of LDIF by their names, each line once.
fn entries(ldif: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for block in ldif.split("\n\n") {
        let Some(dn) = block.lines().find_map(|line| line.strip_prefix("dn: ")) else { continue };
        let lines = block.lines().filter(|line| !line.starts_with("dn: ") && !line.is_empty());
        all.insert(dn.to_lowercase(), lines.map(str::to_owned).collect());
    }
    all
}

/// The result and the names that were found, question by question.
fn answers(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut all = Vec::new();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(dn) = line.strip_prefix("dn: ") {
            found.insert(dn.to_lowercase());
        } else if let Some(result) = line.strip_prefix("result: ") {
            all.push((result.to_owned(), std::mem::take(&mut found)));
        }
    }
    all
}

/// Questions about every attribute that the data has, by two of its values each: equal in each case of letters, there, in part, before and
/// behind, alike, not, by rules that are named, and combined with the question before; and what stands in no data.
fn questions(entries: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in entries.values().flatten() {
        if let Some((name, value)) = line.split_once(": ").filter(|(name, _)| !name.ends_with(':')) {
            values.entry(name).or_default().insert(value);
        }
    }
    let mut all: Vec<String> = [
        "(&)",
        "(|)",
        "(!(&))",
        "(objectClass=PERSON)",
        "(objectClass=nhsNothing)",
        "(nhsNothing=1)",
        "(!(nhsNothing=1))",
        "(|(nhsNothing=1)(uid=*))",
        "(&(nhsNothing=1)(uid=*))",
        "(ou:dn:=services)",
        "(ou:=people)",
        "(:dn:caseIgnoreMatch:=people)",
        "(:caseExactMatch:=RXX)",
        "(o:caseExactMatch:=larkfield nhs trust)",
        "(:caseIgnoreMatch:=larkfield NHS trust)",
        "(!(:caseIgnoreMatch:=in no data))",
        "(:dn:2.5.13.2:=people)",
        "(o:dn:caseExactMatch:=NHS)",
        "(!(nhsIDCode:noSuchMatch:=a))",
        "(!(uid:numericStringMatch:=1))",
        "(entryDN=uniqueIdentifier=rxx,OU=organisations,o=NHS)",
        "(name=LARKFIELD NHS TRUST)",
        "(o~=Larkfeld NHS Trust)",
        "(o= Larkfield   NHS Trust )",
        "(o=lark*nhs*trust)",
        "(hasSubordinates=TRUE)",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut before = "(objectClass=top)".to_owned();
    for (name, values) in values {
        for value in [values.first(), values.last()].into_iter().flatten().collect::<BTreeSet<_>>() {
            let escaped = escaped(value);
            let equal = format!("({name}={escaped})");
            all.extend([
                equal.clone(),
                format!("({name}={})", escaped.to_uppercase()),
                format!("({name}={})", escaped.to_lowercase()),
                format!("({name}=*)"),
                format!("({name}>={escaped})"),
                format!("({name}<={escaped})"),
                format!("(!({name}=*))"),
                format!("(!{equal})"),
                format!("(&{equal}{before})"),
                format!("(|(!{before})(&{equal}(objectClass=*)))"),
                format!("({name}:caseIgnoreMatch:={})", escaped.to_uppercase()),
                format!("({name}:dn:caseExactMatch:={escaped})"),
                format!("(!({name}:2.5.13.5:={}))", escaped.to_lowercase()),
            ]);
            // Parts without blanks at their ends: of these each server has its own view.
            let letters: String = value.chars().take_while(char::is_ascii_alphanumeric).collect();
            if letters.len() > 2 {
                all.extend([
                    format!("({name}={}*)", &letters[..2]),
                    format!("({name}=*{}*)", &letters[1..]),
                    format!("({name}=*{})", &letters[1..]),
                ]);
            }
            before = equal;
        }
    }
    all
}

/// A value as it stands in a filter. RFC 4515 3.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        match letter {
            '(' | ')' | '*' | '\\' => {
                let _ = write!(text, "\\{:02x}", u32::from(letter));
            }
            other => text.push(other),
        }
    }
    text
}

/// A slapd with a copy of the data, behind a socket of its own.
struct Slapd {
    url: String,
    anchor: PathBuf,
    /// Ends with it.
    _running: Child,
}

impl Slapd {
    /// Takes the schema and the data from a directory. Data may lack what its classes ask for, as ours says of itself.
    async fn new(ldap: &Ldap, data: &str) -> Self {
        let folder = ldap.folder.path().join("slapd");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let asked =
            ["-b", "cn=Subschema", "-s", "base", "(objectClass=*)", "attributeTypes", "objectClasses"];
        let (code, schema) = ldap.search(As::Account, &asked).await;
        assert_eq!(code, 0, "{schema}");
        let national = |line: &&str| line.contains("( 1.2.826.0.1285.") || line.contains("NAME 'nhsTempUid'");
        let mut schema: Vec<String> = schema
            .lines()
            .filter(national)
            .map(|line| {
                line.replacen("attributeTypes: ", "attributetype ", 1).replacen(
                    "objectClasses: ",
                    "objectclass ",
                    1,
                )
            })
            .collect();
        assert_eq!(schema.len(), 131 + 22);
        // A class is read after what it names.
        schema.sort_by_key(|line| line.starts_with("objectclass "));
        let place = |name: &str| folder.join(name).display().to_string();
        std::fs::write(folder.join("national.schema"), schema.join("\n") + "\n").unwrap();
        std::fs::write(folder.join("data.ldif"), data).unwrap();
        let settings = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\ninclude {}\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             sizelimit unlimited\ndatabase mdb\nsuffix \"o=nhs\"\ndirectory {}\n",
            place("national.schema"),
            place("data")
        );
        std::fs::write(folder.join("slapd.conf"), settings).unwrap();
        let (settings, data) = (place("slapd.conf"), place("data.ldif"));
        let added =
            Command::new("/usr/sbin/slapadd").args(["-q", "-s", "-f", &settings, "-l", &data]).output().await;
        said(&added.unwrap());
        let socket = folder.join("socket");
        let url = format!("ldapi://{}", socket.display().to_string().replace('/', "%2F"));
        let mut command = Command::new("/usr/sbin/slapd");
        let running =
            command.args(["-f", &settings, "-h", &url, "-d", "0"]).kill_on_drop(true).spawn().unwrap();
        timeout(Duration::from_mins(1), answering(&socket)).await.expect("slapd answers");
        Self { url, anchor: ldap.folder.path().join("server.pem"), _running: running }
    }

    /// Asks as `ldapsearch` does.
    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = tool("ldapsearch", &self.anchor);
        said(&command.args(["-x", "-H", &self.url]).args(arguments).output().await.unwrap())
    }

    /// Everything that it has.
    async fn entries(&self) -> BTreeMap<String, BTreeSet<String>> {
        entries(&self.run(&["-LLL", "-o", "ldif-wrap=no", "-b", "o=nhs", "(objectClass=*)"]).await)
    }
}

/// Waits until somebody takes connections at a socket.
async fn answering(socket: &Path) {
    let mut look = interval(Duration::from_millis(20));
    while UnixStream::connect(socket).await.is_err() {
        look.tick().await;
    }
}
