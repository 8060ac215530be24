//! What is wrong in a configuration is said with its place and what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use cryptoki::context::Pkcs11;
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use hsm::testing::TestToken;

use crate::rig::{LANYARD, free_ports, lanyard, said};

/// An installation in a folder; the configuration of which is then spoilt.
fn installed() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = lanyard(&["init", "--dir", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let text = fs::read_to_string(dir.path().join("lanyard.toml")).unwrap();
    (dir, text)
}

/// `init` makes what `check` then finds in order up to the certificates, and never writes twice.
#[test]
fn init_writes_once() {
    let (dir, text) = installed();
    let folder = dir.path().to_str().unwrap();
    let again = lanyard(&["init", "--dir", folder]);
    assert!(!again.status.success());
    assert!(said(&again).contains("nothing was changed"), "{}", said(&again));
    assert_eq!(fs::read_to_string(dir.path().join("lanyard.toml")).unwrap(), text);
    for pin in ["secrets/user.pin", "security-officer/so.pin"] {
        let mode = fs::metadata(dir.path().join(pin)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{pin}");
    }
    let file = dir.path().join("lanyard.toml");
    let check = lanyard(&["check", "--config", file.to_str().unwrap()]);
    assert!(!check.status.success(), "there is no server certificate yet");
    let told = said(&check);
    assert!(told.contains("ok    token"), "{told}");
    assert!(told.contains("ok    database"), "{told}");
    assert!(told.contains("lanyard enrol --kind server"), "{told}");
    assert!(told.contains("note  document key   this register has none yet"), "{told}");
    assert!(told.contains("secrets/document.key (") && !told.contains("ok    document key"), "{told}");
}

/// An installation whose token or tables were never made is finished by the same command, with the PINs that are there; without that
/// of the security officer, as where it was carried away long ago, no other token takes the place of one that is missing.
#[test]
fn init_goes_on_where_it_stopped() {
    let (dir, text) = installed();
    let folder = dir.path().to_str().unwrap();
    let init = || lanyard(&["init", "--dir", folder]);
    let pin = fs::read_to_string(dir.path().join("secrets/user.pin")).unwrap();
    fs::remove_dir_all(dir.path().join("token")).unwrap();
    for name in ["lanyard.db", "lanyard.db-wal", "lanyard.db-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    let again = init();
    assert!(again.status.success(), "{}", said(&again));
    let told = said(&again);
    assert!(told.contains("made token lanyard") && told.contains("made tables"), "{told}");
    assert_eq!(fs::read_to_string(dir.path().join("secrets/user.pin")).unwrap(), pin);
    assert_eq!(fs::read_to_string(dir.path().join("lanyard.toml")).unwrap(), text);
    let told = said(&lanyard(&["check", "--config", dir.path().join("lanyard.toml").to_str().unwrap()]));
    assert!(told.contains("ok    token") && told.contains("ok    database"), "{told}");
    let third = init();
    assert!(!third.status.success() && said(&third).contains("nothing was changed"), "{}", said(&third));

    let tokens = dir.path().join("token/tokens");
    fs::remove_dir_all(&tokens).unwrap();
    fs::remove_dir_all(dir.path().join("security-officer")).unwrap();
    for name in ["lanyard.db", "lanyard.db-wal", "lanyard.db-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    let refused = init();
    assert!(!refused.status.success() && said(&refused).contains("none was made"), "{}", said(&refused));
    assert_eq!(fs::read_dir(&tokens).unwrap().count(), 0, "a token was made");
}

/// Beside a database that is in use no token is made in the place of the one that it was used with, wherever that is.
#[test]
fn no_token_is_made_beside_a_database_in_use() {
    let (dir, _) = installed();
    let folder = dir.path().to_str().unwrap();
    let (token, away) = (dir.path().join("token"), dir.path().join("away"));
    let tokens = token.join("tokens");
    let refused = || {
        let refused = lanyard(&["init", "--dir", folder]);
        assert!(!refused.status.success(), "{}", said(&refused));
        assert!(said(&refused).contains("bring the token back"), "{}", said(&refused));
    };
    fs::rename(&token, &away).unwrap();
    refused();
    assert!(!token.exists(), "a token was made");
    fs::rename(&away, &token).unwrap();
    fs::rename(&tokens, &away).unwrap();
    refused();
    fs::create_dir(&tokens).unwrap();
    refused();
    assert_eq!(fs::read_dir(&tokens).unwrap().count(), 0, "a token was made");
    fs::remove_dir(&tokens).unwrap();
    fs::rename(&away, &tokens).unwrap();
    let whole = lanyard(&["init", "--dir", folder]);
    assert!(said(&whole).contains("nothing was changed"), "{}", said(&whole));
}

/// A token that was labelled when `init` broke off, and for which there was no PIN yet, is given the one that was made for it.
#[test]
fn init_goes_on_with_a_token_without_a_pin() {
    let (dir, _) = installed();
    let folder = dir.path().to_str().unwrap();
    let so_pin = fs::read_to_string(dir.path().join("security-officer/so.pin")).unwrap();
    let other = TestToken::new();
    let held = || -> Vec<_> {
        fs::read_dir(other.dir().join("tokens")).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let before = held();
    let pkcs11 = Pkcs11::new(other.module()).unwrap();
    let slots = pkcs11.get_slots_with_token().unwrap();
    let is_free = |slot: &Slot| !pkcs11.get_token_info(*slot).unwrap().token_initialized();
    let free = slots.into_iter().find(is_free).unwrap();
    pkcs11.init_token(free, &AuthPin::new(so_pin.trim_end().into()), "lanyard").unwrap();
    let half = held().into_iter().find(|token| !before.contains(token)).unwrap();
    let tokens = dir.path().join("token/tokens");
    fs::remove_dir_all(&tokens).unwrap();
    fs::create_dir(&tokens).unwrap();
    fs::rename(half, tokens.join("half")).unwrap();

    let again = lanyard(&["init", "--dir", folder]);
    assert!(again.status.success() && said(&again).contains("made token lanyard"), "{}", said(&again));
    let told = said(&lanyard(&["check", "--config", dir.path().join("lanyard.toml").to_str().unwrap()]));
    assert!(told.contains("ok    token"), "{told}");
    let third = lanyard(&["init", "--dir", folder]);
    assert!(said(&third).contains("nothing was changed"), "{}", said(&third));
}

/// `check` names each address that leads nobody here and stands in what is issued; a name that is given to `init` is in all of them.
#[test]
fn addresses_of_this_machine_alone_are_told() {
    let check = |dir: &std::path::Path| {
        said(&lanyard(&["check", "--config", dir.join("lanyard.toml").to_str().unwrap()]))
    };
    let (dir, _) = installed();
    let told = check(dir.path());
    for setting in [
        "ca.public_url",
        "ca.practice_statement",
        "ca.acme.url",
        "authn.issuer",
        "authn.cards_origin",
        "audit.origin",
    ] {
        assert!(told.contains(&format!("note  address        {setting} is ")), "{setting}: {told}");
    }
    let named = tempfile::tempdir().unwrap();
    let init = |host: &str| lanyard(&["init", "--dir", named.path().to_str().unwrap(), "--host", host]);
    for wrong in ["192.0.2.1", "care", "https://care.example"] {
        assert!(!init(wrong).status.success(), "{wrong}");
    }
    assert!(!named.path().join("lanyard.toml").exists());
    let made = init("care.example");
    assert!(made.status.success() && said(&made).contains("--kind server care.example"), "{}", said(&made));
    let told = check(named.path());
    assert!(told.contains("ok    configuration") && !told.contains("note  address"), "{told}");
    let text = fs::read_to_string(named.path().join("lanyard.toml")).unwrap();
    let ours: Vec<_> = text.lines().filter(|line| !line.starts_with("private = ")).collect();
    assert!(!ours.iter().any(|line| line.contains("localhost") || line.contains("127.0.0.1")), "{text}");
}

/// A token that its owner made is looked for before anything is written, and keeps its PIN: none is made up for it. For one that is
/// not there no place at their device is taken.
#[test]
fn a_token_of_others_keeps_its_pin() {
    let token = TestToken::new();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let init =
        |label: &str| lanyard(&["init", "--dir", folder, "--module", token.module(), "--label", label]);
    for _ in 0..2 {
        let refused = init("ward");
        assert!(!refused.status.success(), "{}", said(&refused));
        assert!(said(&refused).contains("there is no token ward in"), "{}", said(&refused));
    }
    assert!(!dir.path().join("lanyard.toml").exists() && !dir.path().join("secrets").exists());
    let made = init(token.label());
    assert!(made.status.success(), "{}", said(&made));
    let pin = dir.path().join("secrets/user.pin");
    let told = said(&made);
    assert!(told.contains(pin.to_str().unwrap()) && told.contains("a wrong one costs a try"), "{told}");
    for absent in ["secrets/user.pin", "security-officer", "token"] {
        assert!(!dir.path().join(absent).exists(), "{absent}");
    }
    fs::copy(token.dir().join("pin"), &pin).unwrap();
    let file = dir.path().join("lanyard.toml");
    let told = said(&lanyard(&["check", "--config", file.to_str().unwrap()]));
    assert!(told.contains("ok    token") && told.contains("ok    database"), "{told}");
}

/// The security officer's PIN is never put beside the server's. `check` says so while it is on this machine, and louder
/// when somebody puts it beside; once it is carried away nothing asks for it, and the demo's next run neither.
#[test]
fn the_security_officers_pin_is_carried_away() {
    let (dir, _) = installed();
    let check = || said(&lanyard(&["check", "--config", dir.path().join("lanyard.toml").to_str().unwrap()]));
    let (apart, beside) = (dir.path().join("security-officer/so.pin"), dir.path().join("secrets/so.pin"));
    assert!(!beside.exists());
    let pin = fs::read_to_string(&apart).unwrap();
    let told = check();
    assert!(told.contains("note  SO PIN") && told.contains("still on this machine"), "{told}");
    assert!(!told.contains(&pin), "the PIN was shown");
    fs::rename(&apart, &beside).unwrap();
    let told = check();
    assert!(
        told.contains("note  SO PIN") && told.contains("beside the server's own; move it away"),
        "{told}"
    );
    fs::remove_file(&beside).unwrap();
    let told = check();
    assert!(!told.contains("SO PIN") && told.contains("ok    token"), "{told}");

    let other = tempfile::tempdir().unwrap();
    let (folder, medium) = (other.path().join("installation"), other.path().join("medium/so.pin"));
    let output = lanyard(&["init", "--dir", folder.to_str().unwrap(), "--so-pin", medium.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(medium.is_file() && !folder.join("security-officer").exists());
    assert!(said(&output).contains(medium.to_str().unwrap()), "{}", said(&output));
}

/// Two that set up one folder, or make the tables of one database, at the same time: none spoils what the other made.
#[test]
fn two_at_once_spoil_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let start = |arguments: &[&str]| {
        let mut command = Command::new(LANYARD);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(&["init", "--dir", folder]), start(&["init", "--dir", folder])];
    let ended = both.map(|process| process.wait_with_output().unwrap());
    let good = ended.iter().filter(|output| output.status.success()).count();
    assert_eq!(good, 1, "{} and {}", said(&ended[0]), said(&ended[1]));
    let file = dir.path().join("lanyard.toml");
    let config = file.to_str().unwrap();
    let told = said(&lanyard(&["check", "--config", config]));
    assert!(told.contains("ok    token"), "the PIN is another than the token's: {told}");

    for name in ["lanyard.db", "lanyard.db-wal", "lanyard.db-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    let migrating = [(); 4].map(|()| start(&["--config", config, "migrate"]));
    for output in migrating.map(|process| process.wait_with_output().unwrap()) {
        assert!(output.status.success(), "{}", said(&output));
    }

    let specification = dir.path().join("ceremony.toml");
    let hold = || start(&["--config", config, "ceremony", "--spec", specification.to_str().unwrap()]);
    let ended = [hold(), hold()].map(|process| process.wait_with_output().unwrap());
    let good = ended.iter().filter(|output| output.status.success()).count();
    assert_eq!(good, 1, "{} and {}", said(&ended[0]), said(&ended[1]));
    let told = said(&lanyard(&["check", "--config", config]));
    assert!(told.contains("ok    audit key"), "the ceremonies made it twice: {told}");
}

/// What reads and is refused by the server all the same is told by `check`, each with the setting it is about.
#[test]
fn check_tells_what_the_server_would_refuse() {
    let (dir, text) = installed();
    let file = dir.path().join("lanyard.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        lanyard(&["check", "--config", file.to_str().unwrap()])
    };
    let told = said(&check(&text));
    assert!(!told.contains("FAIL  setting"), "{told}");
    let systems = text.lines().find(|line| line.starts_with("systems = ")).unwrap();
    let public = text.lines().find(|line| line.starts_with("public = ")).unwrap();
    let spoilt = text.replacen(systems, &public.replacen("public", "systems", 1), 1).replacen(
        "[signer]",
        "[signer]\nsad_lifetime_s = 0",
        1,
    );
    assert_ne!(spoilt, text);
    let spoilt =
        format!("{spoilt}\n[clients.desk]\nacts = [\"ca:issue\"]\nprofiles = [\"no-such-profile\"]\n");
    let output = check(&spoilt);
    let told = said(&output);
    assert!(!output.status.success(), "{told}");
    for part in ["sad_lifetime_s", "each needs its own", "no-such-profile"] {
        assert!(
            told.lines().any(|line| line.starts_with("FAIL  setting") && line.contains(part)),
            "{part}: {told}"
        );
    }
}

/// A clock that nothing vouches for, or not closely enough, is told by `check`, which fails and says what to do; the host's word
/// is taken where the configuration says so, and noted as what is for trying out.
#[test]
fn check_tells_of_a_clock_that_cannot_be_believed() {
    let (dir, text) = installed();
    let file = dir.path().join("lanyard.toml");
    let check = |time: &str| {
        fs::write(&file, text.replace("source = \"host-trusted\"", time)).unwrap();
        let mut command = Command::new(LANYARD);
        command.args(["check", "--config", file.to_str().unwrap()]).env("PATH", dir.path());
        command.output().unwrap()
    };
    // A kernel that is kept in time has an error above nothing; one that is not says so.
    let told = check("source = \"kernel\"\nlimit_ms = 0");
    assert!(!told.status.success() && said(&told).contains("FAIL  clock"), "{}", said(&told));
    assert!(said(&told).contains("time daemon"), "it does not say what to do: {}", said(&told));
    // No chrony is installed where this program looks.
    let told = check("source = \"chrony\"");
    assert!(!told.status.success() && said(&told).contains("FAIL  clock"), "{}", said(&told));
    assert!(said(&told).contains("chronyc could not be run"), "{}", said(&told));
    let told = said(&check("source = \"host-trusted\""));
    assert!(told.contains("note  clock") && !told.contains("FAIL  clock"), "{told}");
    assert!(told.contains("set [time] source to kernel or chrony"), "{told}");
}

/// An unknown key is refused by every command, with the file, the line and the key.
#[test]
fn unknown_keys_stop_every_command() {
    let (dir, text) = installed();
    let file = dir.path().join("lanyard.toml");
    let spoilt = text.replace("[time]\n", "[time]\nsorce = \"kernel\"\n");
    let line = 1 + spoilt.lines().position(|line| line.starts_with("sorce")).unwrap();
    fs::write(&file, spoilt).unwrap();
    for command in ["serve", "migrate", "check"] {
        let output = lanyard(&[command, "--config", file.to_str().unwrap()]);
        assert!(!output.status.success(), "{command}");
        let told = said(&output);
        assert!(told.contains("lanyard.toml"), "{command}: {told}");
        assert!(told.contains(&format!("line {line}")), "{command}: {told}");
        assert!(told.contains("sorce"), "{command}: {told}");
    }
}

/// A PIN file that others can read is refused with the command that mends it; the PIN is never shown.
#[test]
fn an_open_pin_file_is_refused() {
    let (dir, _) = installed();
    let pin = dir.path().join("secrets/user.pin");
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o644)).unwrap();
    let file = dir.path().join("lanyard.toml");
    let output = lanyard(&["check", "--config", file.to_str().unwrap()]);
    assert!(!output.status.success());
    let told = said(&output);
    assert!(told.contains("chmod 0600"), "{told}");
    assert!(!told.contains(fs::read_to_string(&pin).unwrap().trim()), "the PIN was shown");
}

/// The password of a database is never shown, whether the database can be reached or not.
#[test]
fn a_database_password_is_not_shown() {
    let (dir, text) = installed();
    let file = dir.path().join("lanyard.toml");
    for url in [
        "postgres://lanyard:swordfish@127.0.0.1:1/lanyard",
        "postgres://127.0.0.1:1/lanyard?user=lanyard&password=swordfish",
    ] {
        fs::write(&file, text.replace("sqlite:lanyard.db", url)).unwrap();
        for command in ["check", "migrate", "serve"] {
            let output = lanyard(&[command, "--config", file.to_str().unwrap()]);
            let told = said(&output);
            assert!(!output.status.success(), "{command}: {told}");
            assert!(told.contains("127.0.0.1:1/lanyard") && !told.contains("swordfish"), "{command}: {told}");
        }
    }
}

/// The PIN can come from a variable of the process; without it the token is not opened, and it is never shown.
#[test]
fn a_pin_comes_from_a_variable() {
    let (dir, text) = installed();
    let pin = fs::read_to_string(dir.path().join("secrets/user.pin")).unwrap();
    fs::remove_dir_all(dir.path().join("secrets")).unwrap();
    let file = dir.path().join("lanyard.toml");
    let from_variable = text.replace("{ file = \"secrets/user.pin\" }", "{ env = \"TOKEN_PIN\" }");
    assert_ne!(from_variable, text);
    fs::write(&file, from_variable).unwrap();
    let check = |pin: Option<&str>| {
        let mut command = Command::new(LANYARD);
        command.args(["check", "--config", file.to_str().unwrap()]).env_remove("TOKEN_PIN");
        command.envs(pin.map(|pin| ("TOKEN_PIN", pin)));
        said(&command.output().unwrap())
    };
    let told = check(None);
    assert!(told.contains("FAIL  token") && told.contains("TOKEN_PIN"), "{told}");
    let told = check(Some(pin.trim()));
    assert!(told.contains("ok    token") && !told.contains(pin.trim()), "{told}");
}

/// What `init` says comes next does, word for word, in whatever folder it was typed.
#[test]
fn what_comes_next_is_what_is_said() {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("installation");
    let binaries = std::path::Path::new(LANYARD).parent().unwrap().display();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let type_in = |script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]).current_dir(elsewhere.path()).env("PATH", &path);
        shell.env_remove("LANYARD_CONFIG").stdin(Stdio::null()).output().unwrap()
    };
    let made = type_in(&format!("lanyard init --dir installation --port-base {}", free_ports()));
    assert!(made.status.success(), "{}", said(&made));
    let told = said(&made);
    let (_, steps) = told.split_once("What comes next:\n").unwrap();
    let steps: Vec<&str> = steps.lines().filter_map(|line| Some(line.split_once(". ")?.1)).collect();
    let typed: Vec<&str> =
        steps.into_iter().filter(|step| step.starts_with("cd ") || step.starts_with("lanyard ")).collect();
    let [change, ceremony, server, client, last] = typed[..] else { panic!("{told}") };
    let done = type_in(&[change, ceremony, server, client].join("\n"));
    assert!(done.status.success(), "{}", said(&done));

    assert!(server.ends_with("then name tls/localhost.pem and tls/localhost.key in [tls]"), "{server}");
    let file = folder.join("lanyard.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("tls/server.", "tls/localhost.")).unwrap();
    let check = last.strip_suffix(" && lanyard serve").unwrap();
    let checked = type_in(&format!("{change}\n{check}"));
    assert!(checked.status.success() && said(&checked).contains("ok    TLS"), "{}", said(&checked));
}

/// No configuration at all says which command makes one, and how one that lies elsewhere is named.
#[test]
fn a_missing_configuration_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(LANYARD).arg("serve").current_dir(dir.path()).output().unwrap();
    assert!(!output.status.success());
    for way in ["--config", "LANYARD_CONFIG", "lanyard init"] {
        assert!(said(&output).contains(way), "{way}: {}", said(&output));
    }
}
