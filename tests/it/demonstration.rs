//! The demo from an empty folder to a signature that a stranger's tool accepts, and again.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::rig::{Demo, LANYARD, free_ports, lanyard, said};

/// The demo works from nothing; its signature holds for openssl and for `lanyard verify`, a changed prescription does
/// for neither; the second run finds everything in place and is fast, and makes no second credential, also when the
/// security officer's PIN was carried away.
#[test]
fn the_demo_signs_a_prescription() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("demo");
    let base = free_ports();
    let mut demo = Demo::start_whole(&folder, base);
    let told = demo.said.join("\n");
    assert!(told.contains("openssl cms -verify"), "{told}");
    assert!(!told.contains("FAILED"), "{told}");
    let out = folder.join("out");
    for name in
        ["prescription.json", "prescription.p7s", "root.pem", "chain.pem", "root.crl", "remote-signing.crl"]
    {
        assert!(out.join(name).is_file(), "{name}");
    }
    the_pages_are_there(base);
    openssl_repeats(&told);
    the_people_answer(&told, 1);
    codes_can_be_read(&told, &folder.join("mailbox"));
    lanyard_verifies(&out);
    for name in ["lanyard.db", "lanyard.db-wal", "secrets/user.pin", "tls/server.key"] {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.join(name)).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{name} is for its owner alone, not {mode:o}");
    }
    demo.signal("TERM");
    assert!(demo.wait(), "a stop that was asked for is a good end");

    fs::remove_dir_all(folder.join("security-officer")).unwrap();
    let begun = Instant::now();
    let mut again = Demo::start_whole(&folder, base);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "the second run took {took:?}");
    let told = again.said.join("\n");
    assert!(told.matches("in place").count() >= 8, "{told}");
    for nothing_new in ["in place: 13 organisations", "in place: 40 people"] {
        assert!(told.contains(nothing_new), "{told}");
    }
    the_people_answer(&told, 3);
    again.signal("INT");
    assert!(again.wait());
}

/// What the demo says to open can be opened, and the address in the certificates too.
fn the_pages_are_there(base: u16) {
    let (public, plain, private) = (base, base + 3, base + 4);
    for address in [
        format!("https://localhost:{public}/"),
        format!("https://localhost:{public}/docs/"),
        format!("https://localhost:{public}/cps"),
        format!("https://localhost:{public}/audit/checkpoint"),
        format!("http://localhost:{plain}/crl/root.crl"),
        format!("http://127.0.0.1:{private}/ready"),
        format!("http://127.0.0.1:{private}/metrics"),
    ] {
        let output = Command::new("curl").args(["-ksSf", "-o", "/dev/null", &address]).output().unwrap();
        assert!(output.status.success(), "{address}: {}", said(&output));
    }
}

/// The commands that the demo prints are answered when they are pasted into a shell: as those people, with what is theirs.
fn the_people_answer(told: &str, own_requests: usize) {
    let lines = || told.lines().map(str::trim);
    let enter = lines().find(|line| line.starts_with("cd ") && !line.contains("openssl")).unwrap();
    let mut answers = Vec::new();
    for command in lines().filter(|line| line.starts_with("curl ")) {
        let output = Command::new("sh").args(["-c", &format!("{enter} && {command} -sSf")]).output().unwrap();
        assert!(output.status.success(), "{command}\n{}", said(&output));
        answers.push(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap());
    }
    let [people, requests, positions, actor, mine] = answers.as_slice() else {
        panic!("five commands are printed: {told}");
    };
    let many = |answer: &serde_json::Value| answer["items"].as_array().unwrap().len();
    assert_eq!((many(people), many(requests), many(mine)), (5, 2, own_requests));
    assert!(many(positions) > 20, "{positions}");
    assert!(actor.to_string().contains("sponsor"), "{actor}");
    assert!(told.contains("555000000108  Dr Ottoline Marchbanks"), "{told}");
}

/// Somebody who adds an address of their own finds the code in the mailbox that the demo names, and shows with it that it is
/// theirs; a text message lies there too.
fn codes_can_be_read(told: &str, mailbox: &std::path::Path) {
    assert!(told.contains(&mailbox.display().to_string()), "{told}");
    let mut lines = told.lines().map(str::trim);
    let enter = lines.find(|line| line.starts_with("cd ") && !line.contains("openssl")).unwrap();
    let mine = lines.find(|line| line.starts_with("curl ") && line.ends_with("/directory/actor'")).unwrap();
    let id = mine.split("people/").nth(1).and_then(|rest| rest.get(..12)).unwrap();
    let post = |path: &str, body: &str| -> serde_json::Value {
        let command = mine.replace("/directory/actor", &format!("/directory/people/{id}/{path}"));
        let key = path.replace('/', "-");
        let script = format!(
            "{enter} && {command} -sSf -H 'idempotency-key: {key}' -H 'content-type: application/json' -d '{body}'"
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let arrived = |ending: &str| -> String {
        let begun = Instant::now();
        loop {
            let files = fs::read_dir(mailbox).unwrap().map(|entry| entry.unwrap().path());
            let mut found = files.filter(|path| path.extension().is_some_and(|it| it == ending));
            if let Some(path) = found.next() {
                return fs::read_to_string(path).unwrap();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no .{ending} came");
            std::thread::yield_now();
        }
    };
    let added = post("emails", r#"{"value": "sponsor@home.example"}"#);
    let emails = added["personal"]["emails"].as_array().unwrap();
    let contact =
        emails.iter().find(|one| one["value"] == "sponsor@home.example").unwrap()["id"].as_str().unwrap();
    let letter = arrived("eml");
    assert!(letter.contains("To: sponsor@home.example"), "{letter}");
    // What it says was never in the database, nor in its journal, in clear.
    for file in ["lanyard.db", "lanyard.db-wal"] {
        let kept = fs::read(mailbox.with_file_name(file)).unwrap();
        assert!(!kept.windows(13).any(|part| part == b"Your code is "), "{file}");
    }
    let code = letter.split("Your code is ").nth(1).and_then(|rest| rest.get(..6)).unwrap();
    let verified = post(&format!("emails/{contact}/verification"), &format!("{{\"code\": \"{code}\"}}"));
    assert!(verified["personal"]["emails"].to_string().contains("verified_at"), "{verified}");
    post("mobiles", r#"{"value": "07700 900123"}"#);
    assert!(arrived("txt").starts_with("To: +447700900123\n"));
}

/// The command that the demo prints does what it says when it is pasted into a shell.
fn openssl_repeats(told: &str) {
    let command = told.lines().find(|line| line.contains("&& openssl cms -verify")).unwrap().trim();
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}\n{}", said(&output));
    let changed = command.replace("prescription.json", "prescription-changed.json");
    assert!(!Command::new("sh").args(["-c", &changed]).output().unwrap().status.success());
}

fn lanyard_verifies(out: &std::path::Path) {
    let verify = |file: &str, lists: &[&str]| {
        let mut command = Command::new(LANYARD);
        command.current_dir(out).args(["verify", file, "--signature", "prescription.p7s"]);
        for list in lists {
            command.args(["--crl", list]);
        }
        command.output().unwrap()
    };
    let both = ["root.crl", "remote-signing.crl"];
    let good = verify("prescription.json", &both);
    assert!(good.status.success() && said(&good).contains("VALID"), "{}", said(&good));
    let changed = verify("prescription-changed.json", &both);
    assert!(!changed.status.success());
    assert!(said(&changed).contains("not the one that was signed"), "{}", said(&changed));
    let unknown = verify("prescription.json", &both[..1]);
    assert!(!unknown.status.success(), "without a revocation list nothing is believed");
}

/// A first run that is killed in the middle is finished by the next.
#[test]
fn a_killed_first_run_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("demo");
    let base = free_ports();
    for step in ["[ 3/", "[ 5/", "[ 8/", "[10/"] {
        let mut demo = Demo::spawn(&folder, base);
        assert!(demo.wait_for(step), "{}", demo.said.join("\n"));
        demo.kill();
    }
    let mut demo = Demo::start_whole(&folder, base);
    assert!(!demo.said.join("\n").contains("FAILED"));
    demo.signal("TERM");
    assert!(demo.wait());
}

/// A port in use is named, with the option that gives another, before anything is written.
#[test]
fn a_port_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("demo");
    let base = free_ports();
    let taken = TcpListener::bind(("127.0.0.1", base + 1)).unwrap();
    let output =
        lanyard(&["demo", "--once", "--dir", folder.to_str().unwrap(), "--port-base", &base.to_string()]);
    drop(taken);
    assert!(!output.status.success());
    let told = said(&output);
    assert!(told.contains(&(base + 1).to_string()) && told.contains("--port-base"), "{told}");
    assert!(!fs::exists(folder.join("lanyard.toml")).unwrap(), "nothing is to be written before");
}

/// A token library that is not there is named, with what to do.
#[test]
fn a_missing_token_library_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("demo");
    let output =
        lanyard(&["demo", "--once", "--dir", folder.to_str().unwrap(), "--module", "/nowhere/token.so"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("/nowhere/token.so"), "{}", said(&output));
}
