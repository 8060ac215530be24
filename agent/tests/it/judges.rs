//! A card that we issued, before programs that are not ours: yubico-piv-tool and `OpenSC` read it and sign with it, and openssl verifies.

use std::process::Command;

use agent::readers::Readers;
use card::piv::{Algorithm, Piv, Tries};

use super::issued::{PASSCODE, issue};
use super::rig::{Rig, file, must, run};

/// `OpenSC`'s PKCS #11 module.
const MODULE: &str = "opensc-pkcs11.so";

/// yubico-piv-tool reads what we wrote, and has both keys sign.
#[test]
fn yubico_piv_tool_reads_and_signs() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::Rsa2048);
    let tool = |arguments: &[&str]| {
        must("yubico-piv-tool", &[&["-r", Rig::beginning(0).as_str()][..], arguments].concat())
    };
    let status = tool(&["-a", "status"]);
    assert!(status.contains(&hex::encode(issued.chuid.to_content())), "{status}");
    for (slot, algorithm) in [("9a", "ECCP256"), ("9c", "RSA2048")] {
        assert!(status.contains(&format!("Slot {slot}")) && status.contains(algorithm), "{status}");
        assert!(status.contains(&format!("A. Prescriber {slot}")), "{status}");
        let ours = file(&issued.folder, &format!("{slot}.crt"));
        let read = file(&issued.folder, "read.crt");
        tool(&["-a", "read-certificate", "-s", slot, "-o", &read]);
        assert_eq!(std::fs::read(&read).unwrap(), std::fs::read(&ours).unwrap(), "{slot}");
        let said =
            tool(&["-a", "verify-pin", "-P", PASSCODE, "-a", "test-signature", "-s", slot, "-i", &ours]);
        assert!(said.contains("Successful"), "{slot}: {said}");
    }
    // What must not happen: the factory's management key opens nothing any more.
    let factory = ["-r", &Rig::beginning(0), "-a", "set-chuid"];
    let (good, said) = run(Command::new("yubico-piv-tool").args(factory));
    assert!(!good && said.contains("uthentic"), "{said}");
}

/// `OpenSC` knows the card, lists its certificates, and signs with both keys; openssl verifies signatures and certificates.
#[test]
fn opensc_reads_and_signs() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::Rsa2048);
    let name = must("opensc-tool", &["--reader", "0", "--name"]);
    assert!(name.contains("Personal Identity Verification"), "{name}");
    let listed = must("pkcs15-tool", &["--reader", "0", "--list-certificates"]);
    for title in ["PIV Authentication", "Digital Signature"] {
        assert!(listed.contains(title), "{listed}");
    }
    let data = file(&issued.folder, "data");
    std::fs::write(&data, b"what is signed").unwrap();
    for (id, slot, mechanism) in [("01", "9a", "ECDSA-SHA256"), ("02", "9c", "SHA256-RSA-PKCS")] {
        let path = |end: &str| file(&issued.folder, &format!("{slot}.{end}"));
        must("openssl", &["verify", "-CAfile", &file(&issued.folder, "ca.crt"), &path("crt")]);
        let read = must("pkcs15-tool", &["--reader", "0", "--read-certificate", id]);
        let ours = std::fs::read_to_string(path("crt")).unwrap();
        assert!(read.replace('\r', "").contains(ours.trim()), "{slot}: {read}");
        let mut sign =
            vec!["--module", MODULE, "--login", "--pin", PASSCODE, "--sign", "--id", id, "-m", mechanism];
        let signature = path("sig");
        sign.extend(["-i", &data, "-o", &signature]);
        if slot == "9a" {
            sign.extend(["--signature-format", "openssl"]);
        }
        must("pkcs11-tool", &sign);
        let verify = ["dgst", "-sha256", "-verify", &path("pub"), "-signature", &signature, &data];
        assert!(must("openssl", &verify).contains("Verified OK"), "{slot}");
        std::fs::write(&data, b"something else").unwrap();
        assert!(!run(Command::new("openssl").args(verify)).0, "the judge takes anything");
        std::fs::write(&data, b"what is signed").unwrap();
    }
    // What must not happen: the factory's passcode is good for nothing, and costs a try.
    let wrong = [
        "--module",
        MODULE,
        "--login",
        "--pin",
        "123456",
        "--sign",
        "--id",
        "01",
        "-m",
        "ECDSA-SHA256",
        "-i",
        &data,
    ];
    let (good, said) = run(Command::new("pkcs11-tool").args(wrong));
    assert!(!good && said.contains("CKR_PIN_INCORRECT"), "{said}");
    let tries = Readers::open().unwrap().with_card(&Rig::name(0), |card| Piv::select(card)?.tries()).unwrap();
    assert_eq!(tries.unwrap(), Tries::Left(2));
}
