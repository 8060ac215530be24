//! The management key.

use card::piv::{Algorithm, Error, ManagementAlgorithm, Object, Slot};

use super::{challenge, factory_key, is_not_authorised, key, new_card, open_card, reset};

/// Without the management key nothing is written and no key made; with it, both.
#[test]
fn writing_needs_the_management_key() {
    let mut piv = new_card();
    assert!(is_not_authorised(&piv.write(Object::Security, &[0xFE, 0])));
    assert!(is_not_authorised(&piv.generate(Slot::Signature, Algorithm::P256, None)));
    piv.authenticate(&factory_key(), &challenge()).unwrap();
    piv.write(Object::Security, &[0xFE, 0]).unwrap();
    assert_eq!(piv.read(Object::Security).unwrap().as_deref(), Some(&[0xFE, 0][..]));
}

/// A wrong management key is refused, one of another algorithm too, and neither opens the card.
#[test]
fn wrong_management_key_is_refused() {
    let mut piv = new_card();
    for wrong in [
        key(ManagementAlgorithm::TripleDes, &[9; 24]),
        key(ManagementAlgorithm::Aes192, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3)),
        key(ManagementAlgorithm::Aes256, &[9; 32]),
    ] {
        let outcome = piv.authenticate(&wrong, &challenge());
        assert!(matches!(outcome, Err(Error::ManagementKeyRefused)), "{outcome:?}");
        assert!(is_not_authorised(&piv.write(Object::Security, &[0xFE, 0])));
    }
    piv.authenticate(&factory_key(), &challenge()).unwrap();
}

/// The management key is changed to each kind that the card knows, after which the old one is refused.
#[test]
fn management_key_is_changed() {
    let mut piv = open_card();
    let mut before = factory_key();
    for (algorithm, octet) in [(ManagementAlgorithm::Aes256, 7), (ManagementAlgorithm::TripleDes, 0x31)] {
        let next = key(algorithm, &vec![octet; algorithm.key_length()]);
        piv.set_management_key(&next).unwrap();
        piv = reset(piv);
        assert!(matches!(piv.authenticate(&before, &challenge()), Err(Error::ManagementKeyRefused)));
        piv.authenticate(&next, &challenge()).unwrap();
        before = next;
    }
    let mut piv = reset(piv);
    assert!(is_not_authorised(&piv.set_management_key(&factory_key())));
}

/// What this card does not have is said to be missing, and nothing else.
#[test]
fn missing_extensions_are_named() {
    let mut piv = open_card();
    assert!(piv.version().is_ok() && piv.serial().is_ok());
    assert!(matches!(piv.set_tries(3, 5), Err(Error::Unsupported { .. })));
    piv.generate(Slot::Authentication, Algorithm::P256, None).unwrap();
    assert!(matches!(piv.attest(Slot::Authentication), Err(Error::Unsupported { .. })));
    assert_eq!(piv.puk_metadata().unwrap(), None);
    assert!(matches!(piv.reset_to_factory(), Err(Error::Refused { .. })), "nothing is locked");
}
