//! Passcode and unblocking key.

use card::piv::{Algorithm, Digest, Error, Passcode, Secret, Slot, Tries};

use super::{new_card, open_card, passcode, puk, reset};

/// Asking for the tries left spends none, a wrong passcode spends one, and the right one gives them back.
#[test]
fn tries_are_counted_and_asking_is_free() {
    let mut piv = new_card();
    for _ in 0..5 {
        assert_eq!(piv.tries().unwrap(), Tries::Left(3));
    }
    let wrong = piv.verify(&passcode("654321"));
    assert!(matches!(wrong, Err(Error::Wrong { secret: Secret::Passcode, tries: 2 })), "{wrong:?}");
    assert_eq!(piv.tries().unwrap(), Tries::Left(2));
    piv.verify(&Passcode::factory()).unwrap();
    assert_eq!(piv.tries().unwrap(), Tries::Verified);
    piv.forget_passcode().unwrap();
    assert_eq!(piv.tries().unwrap(), Tries::Left(3));
}

/// Three wrong passcodes lock the card, also against the right one; the unblocking key sets a new one, and a wrong unblocking key
/// is counted by itself.
#[test]
fn locked_card_is_unlocked() {
    let mut piv = new_card();
    for _ in 0..2 {
        assert!(matches!(piv.verify(&passcode("000000")), Err(Error::Wrong { .. })));
    }
    assert!(matches!(piv.verify(&passcode("000000")), Err(Error::Locked(Secret::Passcode))));
    assert_eq!(piv.tries().unwrap(), Tries::Locked);
    assert!(matches!(piv.verify(&Passcode::factory()), Err(Error::Locked(Secret::Passcode))));
    let wrong = piv.unlock(&puk("00000000"), &passcode("11223344"));
    assert!(matches!(wrong, Err(Error::Wrong { secret: Secret::Puk, .. })), "{wrong:?}");
    assert_eq!(piv.tries().unwrap(), Tries::Locked, "a wrong unblocking key unlocks nothing");
    piv.unlock(&puk("12345678"), &passcode("11223344")).unwrap();
    assert_eq!(piv.tries().unwrap(), Tries::Left(3));
    assert!(piv.verify(&Passcode::factory()).is_err(), "the old passcode is gone");
    piv.verify(&passcode("11223344")).unwrap();
}

/// Passcode and unblocking key are changed by who knows them, and by nobody else.
#[test]
fn secrets_are_changed() {
    let mut piv = new_card();
    assert!(piv.change_passcode(&passcode("000000"), &passcode("777777")).is_err());
    piv.change_passcode(&Passcode::factory(), &passcode("777777")).unwrap();
    assert!(piv.change_puk(&puk("00000000"), &puk("87654321")).is_err());
    piv.change_puk(&puk("12345678"), &puk("87654321")).unwrap();
    assert!(piv.unlock(&puk("12345678"), &passcode("888888")).is_err(), "the old unblocking key is gone");
    piv.unlock(&puk("87654321"), &passcode("888888")).unwrap();
    piv.verify(&passcode("888888")).unwrap();
}

/// A reset takes back the passcode that was entered, and the management key.
#[test]
fn reset_takes_everything_back() {
    let mut piv = open_card();
    piv.verify(&Passcode::factory()).unwrap();
    piv.generate(Slot::Authentication, Algorithm::P256, None).unwrap();
    let digest = Digest::Sha256([7; 32]);
    piv.sign(Slot::Authentication, Algorithm::P256, &digest).unwrap();
    let mut piv = reset(piv);
    assert_eq!(piv.tries().unwrap(), Tries::Left(3));
    assert!(super::is_not_authorised(&piv.sign(Slot::Authentication, Algorithm::P256, &digest)));
    assert!(super::is_not_authorised(&piv.generate(Slot::Authentication, Algorithm::P256, None)));
    piv.verify(&Passcode::factory()).unwrap();
    piv.sign(Slot::Authentication, Algorithm::P256, &digest).unwrap();
}
