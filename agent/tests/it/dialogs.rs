//! Dialogs for the passcode, answered, refused and stuck.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent::passcode::{NoPasscode, ask, choose};
use tempfile::TempDir;

/// A dialog whose user does this when asked for the passcode.
fn dialog(folder: &TempDir, act: &str) -> PathBuf {
    let path = folder.path().join("pinentry");
    let script = format!(
        "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  case \"$line\" in GETPIN*) {act} ;; *) echo OK ;; esac\ndone\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// What was entered is a passcode or is not; who says no has entered none; a dialog that does not end is ended.
#[test]
fn dialogs_end() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |act: &str| ask(&dialog(&folder, act), "A question", Duration::from_secs(20));
    assert!(asked("echo 'D 123456'; echo OK").is_ok());
    assert!(matches!(asked("echo 'D 12'; echo OK"), Err(NoPasscode::Malformed(_))));
    assert!(matches!(asked("echo OK"), Err(NoPasscode::Cancelled)));
    assert!(matches!(asked("echo 'ERR 83886179 Operation cancelled'"), Err(NoPasscode::Cancelled)));
    assert!(matches!(asked("exit 1"), Err(NoPasscode::NoDialog { .. })));
    let nothing = ask(&folder.path().join("nowhere"), "A question", Duration::from_secs(20));
    assert!(matches!(nothing, Err(NoPasscode::NoDialog { .. })));
    let begun = Instant::now();
    let stuck = ask(&dialog(&folder, "exec sleep 600"), "A question", Duration::from_millis(100));
    assert!(matches!(stuck, Err(NoPasscode::Cancelled)));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Both dialogs of a choice have one deadline: the second is shown for what the first has left, and where nothing is left there is no second.
#[test]
fn choice_has_one_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let (shown, path) = (folder.path().join("shown"), folder.path().join("pinentry"));
    let chosen = |slow: &str, patience: u64| {
        let _ = std::fs::remove_file(&shown);
        let script = format!(
            "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  case \"$line\" in\n    \
             SETTIMEOUT*) echo \"$line\" >>'{}'; echo OK ;;\n    GETPIN*) sleep {slow}; echo 'D 24681012'; echo OK ;;\n    \
             *) echo OK ;;\n  esac\ndone\n",
            shown.display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let outcome = choose(&path, "A question", Duration::from_secs(patience));
        let seconds = |line: &str| line.strip_prefix("SETTIMEOUT ").unwrap().parse::<u64>().unwrap();
        let told: Vec<u64> = std::fs::read_to_string(&shown).unwrap().lines().map(seconds).collect();
        (outcome, told)
    };
    let (outcome, told) = chosen("1", 60);
    assert!(outcome.is_ok() && told.len() == 2, "{told:?}");
    assert!(told[0] <= 60 && told[1] < told[0], "{told:?}");
    // The dialog is not gone in time, and what was entered late is none.
    let (outcome, told) = chosen("2", 2);
    assert!(matches!(outcome, Err(NoPasscode::Cancelled)), "{told:?}");
    assert_eq!(told.len(), 1, "nobody is asked again");
}
