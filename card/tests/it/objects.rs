//! What is written on the card.

use card::piv::{
    CardCapability, CertificateObject, Chuid, Discovery, Error, KeyHistory, Object, Passcode, Piv,
    PrintedInformation, Slot,
};
use card::testing::VirtualCard;
use card::transport::{Lengths, Transport, TransportError};

use super::{is_not_authorised, new_card, open_card};

fn chuid() -> Chuid {
    Chuid {
        fasc_n: Chuid::NOT_FEDERAL,
        guid: [0x11; 16],
        expires: *b"20291231",
        holder: Some([0x22; 16]),
        signature: Vec::new(),
    }
}

/// Everything that is written reads back as it was, also what needs a chain on the way to the card and back.
#[test]
fn objects_read_back() {
    let mut piv = open_card();
    piv.write(Object::Chuid, &chuid().to_content()).unwrap();
    assert_eq!(piv.chuid().unwrap(), Some(chuid()));
    let capability = CardCapability::new([0x33; 14]);
    piv.write(Object::CardCapability, &capability.to_content()).unwrap();
    assert_eq!(piv.card_capability().unwrap(), Some(capability));
    for (slot, length) in [(Slot::Authentication, 300), (Slot::Signature, 1_800)] {
        let certificate = CertificateObject { der: card::tlv::tagged(0x30, &vec![0x44; length]) };
        piv.write(Object::Certificate(slot), &certificate.to_content()).unwrap();
        assert_eq!(piv.certificate(slot).unwrap(), Some(certificate), "{length}");
    }
    assert_eq!(piv.certificate(Slot::KeyManagement).unwrap(), None);
    let retired = Slot::retired(1).unwrap();
    assert_eq!(piv.certificate(retired).unwrap(), None);
    assert_eq!(piv.key_history().unwrap(), Some(KeyHistory::default()));
    let discovery = piv.discovery().unwrap().expect("the card has one");
    assert!(!discovery.takes_global_pin());
    piv.write(Object::Discovery, &Discovery { policy: [0x40, 0x10] }.to_content()).unwrap();
}

/// What is printed on the card is read by who knows the passcode.
#[test]
fn printed_information_wants_the_passcode() {
    let mut piv = open_card();
    let printed = PrintedInformation {
        name: "Zoë Example".to_owned(),
        serial: "00000042".to_owned(),
        ..PrintedInformation::default()
    };
    piv.write(Object::PrintedInformation, &printed.to_content().unwrap()).unwrap();
    assert!(is_not_authorised(&piv.printed_information()));
    piv.verify(&Passcode::factory()).unwrap();
    assert_eq!(piv.printed_information().unwrap(), Some(printed));
}

/// An object that was taken away is no longer there.
#[test]
fn erased_object_is_gone() {
    let mut piv = open_card();
    piv.write(Object::Chuid, &chuid().to_content()).unwrap();
    piv.erase(Object::Chuid).unwrap();
    assert_eq!(piv.chuid().unwrap(), None);
}

/// A card keeps what was written when the power is cut, and when it is pulled and put in again.
#[test]
fn card_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let card = VirtualCard::insert(Some(folder.path()));
    let mut piv = Piv::select(card).unwrap();
    piv.authenticate(&super::factory_key(), &super::challenge()).unwrap();
    piv.write(Object::Chuid, &chuid().to_content()).unwrap();
    let mut card = piv.into_transport();
    card.cut_power();
    let mut piv = Piv::select(card).unwrap();
    assert_eq!(piv.chuid().unwrap(), Some(chuid()));
    piv.into_transport().pull();
    let card = VirtualCard::insert(Some(folder.path()));
    let mut piv = Piv::select(card).unwrap();
    assert_eq!(piv.chuid().unwrap(), Some(chuid()));
}

/// A new card says that it is one of PIV and names its algorithms.
#[test]
fn card_says_what_it_is() {
    let piv = new_card();
    assert_eq!(piv.application().label.as_deref(), Some("Nitrokey PIV"));
    assert!(piv.application().algorithms.contains(&0x11));
}

/// A card that holds what is no certificate says so, and is not taken for one without.
#[test]
fn rubbish_in_place_of_a_certificate_is_named() {
    let mut piv = open_card();
    piv.write(Object::Certificate(Slot::Signature), &[0x70, 2, 0xAA]).unwrap();
    assert!(matches!(piv.certificate(Slot::Signature), Err(Error::Object(_))));
}

/// A way to a card that takes long commands, and counts them.
struct Long {
    card: VirtualCard,
    commands: usize,
}

impl Transport for Long {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.commands += 1;
        self.card.transmit(command)
    }

    fn lengths(&self) -> Lengths {
        Lengths::Extended
    }
}

/// Where the way to the card takes long commands, a certificate goes in one piece.
#[test]
fn long_commands_go_in_one_piece() {
    let card = Long { card: VirtualCard::insert(None), commands: 0 };
    let mut piv = Piv::select(card).unwrap();
    piv.authenticate(&super::factory_key(), &super::challenge()).unwrap();
    let certificate = CertificateObject { der: card::tlv::tagged(0x30, &[0x44; 1_800]) };
    piv.write(Object::Certificate(Slot::Signature), &certificate.to_content()).unwrap();
    assert_eq!(piv.certificate(Slot::Signature).unwrap(), Some(certificate));
    let Long { card, commands } = piv.into_transport();
    // Selecting, two to authenticate, one to write; reading may take some.
    assert!((5..15).contains(&commands), "{commands}");
    let mut piv = Piv::select(card).unwrap();
    assert!(piv.certificate(Slot::Signature).unwrap().is_some(), "and by short ones too");
}
