//! A card that the authority issued, in a browser: Chromium signs its holder in by TLS with the card's own key, through `OpenSC`.

use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::Method;
use card::testing::CardProcess;
use lanyard::client::{Sent, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::place::{Place, runtime};
use super::scripts::node_told;
use crate::bench::beside;
use crate::workstation::{PASSCODE, Wanted, Workstation};

/// The serial number of the card.
const SERIAL: u32 = 815;
/// Key 9A signs. NIST SP 800-73-5 part 2, 3.2.4.
const SIGNING_IN: Wanted = Wanted(0x87, 0x9A);

/// The desk does something, and may.
async fn done(desk: &Server, path: &str, body: Value) -> Value {
    let sent = if body.is_null() { Sent::Nothing } else { Sent::Json(body) };
    let (status, text) = desk.change(Method::POST, path, sent).await.expect("the server answers");
    assert!((200..300).contains(&status), "{path}: {status} {text}");
    serde_json::from_str(&text).expect("the answer is JSON")
}

/// Issues a card to somebody through the agent of a workstation: the card in its reader, and the serial of its certificate for signing in.
fn issued(place: &Place, workstation: &Workstation, user: &Value) -> (CardProcess, String) {
    let desk = place.desk();
    let runtime = runtime();
    let card = workstation.insert(SERIAL);
    let (id, ticket) = runtime.block_on(async {
        let place =
            done(&desk, "/ca/card-locations", json!({"organisation": "Z00001", "name": "Desk"})).await;
        let stock = json!({"serials": [SERIAL.to_string()], "location": place["id"]});
        let stock = done(&desk, "/ca/cards", stock).await;
        let id = stock["cards"][0]["id"].as_str().expect("a card has an id").to_owned();
        done(&desk, &format!("/ca/cards/{id}/acts"), json!({"move": "reserve", "user_id": user})).await;
        let errand = done(&desk, &format!("/ca/cards/{id}/errands"), json!({"act": "issue"})).await;
        let errand = errand["id"].as_str().expect("an errand has an id");
        let ticket = done(&desk, &format!("/ca/cards/{id}/errands/{errand}/tickets"), Value::Null).await;
        (id, ticket)
    });
    workstation.agent(place.base(), &place.root()).carry(&ticket);
    let info: Value =
        runtime.block_on(desk.get(&format!("/ca/cards/{id}"))).expect("the desk may look at the card");
    assert_eq!(info["state"], "active", "{info}");
    (card, info["authentication"].as_str().expect("it has a certificate").to_owned())
}

/// Compiles the module by which the browser has the card, with the passcode entered.
fn module(folder: &Path) -> PathBuf {
    let made = folder.join("entered.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-I/usr/include/p11-kit-1", "-o"])
        .arg(&made)
        .arg(beside("sign_in/c/entered.c"))
        .output()
        .expect("a compiler of C runs; run `make setup`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    made
}

/// A card that our own personalisation made, through the real server and the real agent, signs its holder in by TLS in Chromium, with the
/// module of `OpenSC`: the key that signs is the card's. Its holder sees it among their own and begins to renew it. It signs a file by the
/// agent afterwards.
#[test]
fn issued_card_signs_in_with_a_browser() {
    let place = Place::with_agent();
    let workstation = Workstation::set_up();
    let mut told = place.told();
    let (_card, serial) = issued(&place, &workstation, &told["people"]["one"]);
    let folder = TempDir::with_prefix("lanyard-module-").expect("a temporary folder can be made");
    told["chip"] = json!({
        "module": module(folder.path()), "socket": workstation.socket(), "passcode": PASSCODE, "serial": serial,
        "number": SERIAL.to_string(),
    });
    workstation.gate.hold_at(SIGNING_IN);
    std::thread::scope(|scope| {
        let signing = scope.spawn(|| {
            workstation.gate.reached();
            workstation.gate.let_through();
        });
        node_told("chip.mjs", &place, &told);
        signing.join().expect("nothing but the card's own key signs");
    });
    let file = folder.path().join("letter");
    std::fs::write(&file, "what is signed").expect("a file can be written");
    let (good, said) = workstation.signs(&file);
    assert!(good && file.with_extension("sig").exists(), "{said}");
}
