//! pyHanko's CSC signer, a client of other people that speaks version 1 of the API, signs a PDF file against a running server.

use std::ffi::OsString;

use signer::api::Algorithm;

use crate::{
    bench::{Bench, beside, run, setting, verdict},
    ours::World,
};

/// With both kinds of key pyHanko finds the credential, authorises the hash, signs, and verifies what it made with our lists; before that it is refused
/// with a wrong passphrase, and after it refuses a changed file.
#[tokio::test(flavor = "multi_thread")]
async fn pyhanko_signs_a_pdf() {
    let world = World::start().await;
    let bench = Bench::new();
    let lists: Vec<OsString> = ["root", "remote-signing"]
        .into_iter()
        .map(|issuer| bench.file(&format!("{issuer}.crl"), &world.crls[issuer]).into_os_string())
        .collect();
    let clients = world.server.folder().join("clients");
    for algorithm in [Algorithm::P256, Algorithm::Rsa2048] {
        let passphrase = "correct horse battery";
        let credential = world.credential(algorithm, passphrase).await;
        let mut arguments = vec![
            beside("python/csc_signer.py").into_os_string(),
            world.server.systems_url().into(),
            clients.join("root.pem").into_os_string(),
            clients.join("prescribing-system.pem").into_os_string(),
            clients.join("prescribing-system.key").into_os_string(),
            credential.id.clone().into(),
            passphrase.into(),
        ];
        arguments.extend(lists.clone());
        let said = run(setting("LANYARD_PYTHON"), arguments).expect("pyHanko can be run");
        verdict(&said).unwrap_or_else(|reason| panic!("{algorithm:?}: {reason}"));
    }
}
