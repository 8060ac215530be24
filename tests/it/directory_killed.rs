//! A node that is killed while programs follow the directory over LDAP.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lanyard::keypair::Pair;
use serde_json::json;

use crate::keeping::{keeper, registered};
use crate::rig::{Serving, Site};

/// How long the port may take to open.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node that is killed in the middle of a synchronisation loses nothing of it: the client's cookies, from before and from the way, are good at the
/// node that comes after it, and bring what was changed since, once.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_outlive_a_killed_node() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let file = site.folder.join("lanyard.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = format!(
        "\n[directory.ldap]\ntls = \"127.0.0.1:{}\"\n\n[clients.keeper]\nacts = [\"directory:systems\", \"directory:look-up\"]\n",
        site.base + 6
    );
    std::fs::write(&file, text + &more).unwrap();
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let pair = keeper(&site, &site.systems(&site.desk())).await;
    let keeper = site.systems(&pair);
    let system = json!({"kind": "accredited", "organisation": "RXX", "party_key": "RXX-0000001", "interactions": ["urn:a:b"]});
    let first = registered(&keeper, &system).await;
    let whole = copied(&site, &pair, "sync=ro");
    assert_eq!(systems(&whole), std::slice::from_ref(&first), "{whole}");
    let early = cookie(&whole);

    let mut following =
        search(&site, &pair, &format!("sync=rp/{early}")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut until = |part: &str| {
        lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("it ended before {part}"))
    };
    until("switching to persist stage");
    let second = registered(&keeper, &system).await;
    until(&second);
    let late = until("# cookie: ").trim_start_matches("# cookie: ").to_owned();
    let third = registered(&keeper, &system).await;
    serving.kill();
    let _gone = following.wait();

    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let since = copied(&site, &pair, &format!("sync=ro/{late}"));
    assert_eq!(systems(&since), std::slice::from_ref(&third), "{since}");
    let since = copied(&site, &pair, &format!("sync=ro/{early}"));
    let mut expected = [second, third];
    expected.sort();
    assert_eq!(systems(&since), expected, "{since}");
    let same = copied(&site, &pair, &format!("sync=ro/{}", cookie(&since)));
    assert!(systems(&same).is_empty() && same.contains("result: 0 Success"), "{same}");
}

/// Debian's ldapsearch, for accredited systems.
fn search(site: &Site, pair: &Pair, sync: &str) -> Command {
    let mut command = Command::new("ldapsearch");
    command.env("LDAPCONF", "/dev/null").env("LDAPRC", "none").env("HOME", "/nonexistent");
    command.env("LDAPTLS_CACERT", site.root()).env("LDAPTLS_REQCERT", "demand");
    command.env("LDAPTLS_CERT", &pair.certificate).env("LDAPTLS_KEY", &pair.key);
    // By its number: libldap holds a certificate against the machine's own name where localhost is asked for.
    let address = format!("ldaps://127.0.0.1:{}", site.base + 6);
    command.args(["-x", "-H", &address, "-o", "ldif-wrap=no", "-b", "ou=Services,o=nhs", "-E", sync]);
    command.args(["(objectClass=nhsAs)", "1.1"]);
    command
}

/// What a synchronisation brings that does not go on, once the port is open.
fn copied(site: &Site, pair: &Pair, sync: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = search(site, pair, sync).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("result: ") {
            return text;
        }
        assert!(Instant::now() < deadline, "{text}{}", String::from_utf8_lossy(&output.stderr));
        std::thread::yield_now();
    }
}

/// The systems in an answer, in order.
fn systems(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.strip_prefix("dn: uniqueIdentifier="));
    let mut found: Vec<String> =
        names.filter_map(|rest| rest.split_once(',')).map(|(id, _)| id.to_owned()).collect();
    found.sort();
    found
}

fn cookie(text: &str) -> String {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("# cookie: "));
    line.unwrap_or_else(|| panic!("no cookie: {text}")).to_owned()
}
