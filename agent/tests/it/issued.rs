//! A card as it is after it was issued, by [`card::piv`] through the agent's readers. Its certificates are made by openssl.

use std::path::{Path, PathBuf};

use agent::readers::{CardInReader, Readers};
use card::piv::{
    Algorithm, CardCapability, CertificateObject, Challenge, Chuid, ManagementAlgorithm, ManagementKey,
    Object, Passcode, Piv, PrintedInformation, PublicKey, Puk, Slot,
};
use zeroize::Zeroizing;

use super::rig::{Rig, file, must};

/// The holder's passcode.
pub(crate) const PASSCODE: &str = "24681012";

/// Extensions of both certificates. Only the first is for signing in: a browser could otherwise take the second.
const EXTENSIONS: &str = "[authentication]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n\
                          [signature]\nkeyUsage=critical,digitalSignature,nonRepudiation\n";

/// A card that was issued.
pub(crate) struct Issued {
    /// Where the authority's certificate, `ca.crt`, and the card's, `9a.crt` and `9c.crt`, and their keys, `9a.pub` and `9c.pub`, are.
    pub(crate) folder: PathBuf,
    /// What was written as its identifier.
    pub(crate) chuid: Chuid,
}

pub(crate) fn passcode() -> Passcode {
    Passcode::parse(PASSCODE.as_bytes()).unwrap()
}

pub(crate) fn challenge() -> Challenge {
    let mut octets = [0; 16];
    aws_lc_rs::rand::fill(&mut octets).unwrap();
    Challenge(octets)
}

/// Issues the card in a reader: keys are changed, made, certified, written and read back.
pub(crate) fn issue(rig: &Rig, reader: usize, signature: Algorithm) -> Issued {
    let folder = rig.folder().join(format!("issued-{reader}"));
    std::fs::create_dir(&folder).unwrap();
    authority(&folder);
    let readers = Readers::open().unwrap();
    let name = Rig::name(reader);
    readers.with_card(&name, change_keys).unwrap();
    let chuid = readers.with_card(&name, |card| personalise(card, &folder, signature)).unwrap();
    Issued { folder, chuid }
}

/// Has a card that was issued hold a certificate for signing in that is said to be compressed, as cards of others may.
pub(crate) fn compress(reader: usize) {
    let readers = Readers::open().unwrap();
    let written = readers.with_card(&Rig::name(reader), |card| {
        let mut piv = Piv::select(card)?;
        piv.authenticate(&new_key(), &challenge())?;
        piv.write(Object::Certificate(Slot::Authentication), &[0x70, 2, 0x1F, 0x8B, 0x71, 1, 1, 0xFE, 0])
    });
    written.unwrap().unwrap();
}

fn new_key() -> ManagementKey {
    ManagementKey::new(ManagementAlgorithm::Aes256, Zeroizing::new(vec![0x5A; 32])).unwrap()
}

fn change_keys(card: &mut CardInReader<'_>) {
    let mut piv = Piv::select(card).unwrap();
    let factory = ManagementKey::factory(ManagementAlgorithm::TripleDes).unwrap();
    piv.authenticate(&factory, &challenge()).unwrap();
    piv.set_management_key(&new_key()).unwrap();
    piv.change_puk(&Puk::factory(), &Puk::parse(b"90817263").unwrap()).unwrap();
}

fn personalise(card: &mut CardInReader<'_>, folder: &Path, signature: Algorithm) -> Chuid {
    let mut piv = Piv::select(card).unwrap();
    piv.authenticate(&new_key(), &challenge()).unwrap();
    let keys = [
        (
            Slot::Authentication,
            "9a",
            "authentication",
            piv.generate(Slot::Authentication, Algorithm::P256, None).unwrap(),
        ),
        (Slot::Signature, "9c", "signature", piv.generate(Slot::Signature, signature, None).unwrap()),
    ];
    for (slot, name, extensions, key) in keys {
        let certificate = CertificateObject { der: certify(folder, name, extensions, &key) };
        piv.write(Object::Certificate(slot), &certificate.to_content()).unwrap();
        assert_eq!(piv.certificate(slot).unwrap(), Some(certificate), "{name}");
    }
    let mut guid = [0; 16];
    aws_lc_rs::rand::fill(&mut guid).unwrap();
    let chuid = Chuid {
        fasc_n: Chuid::NOT_FEDERAL,
        guid,
        expires: *b"20301231",
        holder: None,
        signature: Vec::new(),
    };
    piv.write(Object::Chuid, &chuid.to_content()).unwrap();
    assert_eq!(piv.chuid().unwrap().as_ref(), Some(&chuid));
    let capability = CardCapability::new([9; 14]);
    piv.write(Object::CardCapability, &capability.to_content()).unwrap();
    assert_eq!(piv.card_capability().unwrap(), Some(capability));
    let printed = PrintedInformation {
        name: "A. Prescriber".to_owned(),
        serial: "42".to_owned(),
        ..PrintedInformation::default()
    };
    piv.write(Object::PrintedInformation, &printed.to_content().unwrap()).unwrap();
    piv.change_passcode(&Passcode::factory(), &passcode()).unwrap();
    piv.verify(&passcode()).unwrap();
    assert_eq!(piv.printed_information().unwrap(), Some(printed));
    chuid
}

fn authority(folder: &Path) {
    std::fs::write(folder.join("extensions"), EXTENSIONS).unwrap();
    let (key, certificate) = (file(folder, "ca.key"), file(folder, "ca.crt"));
    must(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            "/CN=Test Card Authority",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
}

/// Has openssl certify a card's key, and gives the certificate in DER.
fn certify(folder: &Path, name: &str, extensions: &str, key: &PublicKey) -> Vec<u8> {
    let path = |end: &str| file(folder, &format!("{name}.{end}"));
    std::fs::write(path("spki"), key.to_der()).unwrap();
    must("openssl", &["pkey", "-pubin", "-inform", "DER", "-in", &path("spki"), "-out", &path("pub")]);
    let (ca, ca_key, options) = (file(folder, "ca.crt"), file(folder, "ca.key"), file(folder, "extensions"));
    let subject = format!("/CN=A. Prescriber {name}");
    must(
        "openssl",
        &[
            "x509",
            "-new",
            "-force_pubkey",
            &path("pub"),
            "-subj",
            &subject,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-days",
            "700",
            "-extfile",
            &options,
            "-extensions",
            extensions,
            "-out",
            &path("crt"),
        ],
    );
    must("openssl", &["x509", "-in", &path("crt"), "-outform", "DER", "-out", &path("der")]);
    std::fs::read(path("der")).unwrap()
}
