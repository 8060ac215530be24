//! The key under which numbers of documents are hashed: one for everything that works on a register.

use std::fs;

use crate::rig::{Serving, Site, said, until};

/// Whoever comes with another key than the register was filled with is refused, and told by `check`; who has lost it goes on with another
/// once no server runs, which is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_register_is_opened_with_its_own_key() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let key = site.folder.join("secrets/document.key");
    let first = fs::read(&key).unwrap();
    let out = dir.path().join("enrolled");
    let enrol = ["enrol", "somebody", "--out", out.to_str().unwrap()];
    fs::write(&key, "7".repeat(64)).unwrap();
    for arguments in [&enrol[..], &["serve"]] {
        let refused = site.try_run(arguments);
        let told = said(&refused);
        assert!(!refused.status.success(), "{arguments:?}: {told}");
        assert!(told.contains("secrets/document.key is not the [directory] document_key"), "{told}");
        assert!(told.contains("copy it from the other machine"), "{told}");
    }
    assert!(said(&site.try_run(&["check"])).contains("FAIL  document key"));

    fs::write(&key, &first).unwrap();
    site.run(&enrol);
    let told = said(&site.try_run(&["check"]));
    assert!(told.contains("ok    document key") && !told.contains("note  document key"), "{told}");
    assert!(!told.contains(std::str::from_utf8(&first[..8]).unwrap()), "something of the key was shown");

    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    fs::write(&key, "7".repeat(64)).unwrap();
    let refused = site.try_run(&["keys", "replace-document-key"]);
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(said(&refused).contains("Stop every node first"), "{}", said(&refused));
    serving.kill();
    assert!(!site.try_run(&enrol).status.success(), "it was changed all the same");

    let told = site.run(&["keys", "replace-document-key"]);
    assert!(told.contains("made anew") && told.contains("are void"), "{told}");
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    until("the change is in the record", || site.run(&["audit", "export"]).contains("document-key-replaced"))
        .await;
    serving.kill();
    fs::write(&key, &first).unwrap();
    assert!(!site.try_run(&enrol).status.success(), "the key of before is another one now");
}
