//! Secure messaging, in front of the PIV application of a real firmware. The card's half is our own: `card::testing` says why.

use std::slice::from_ref;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use card::apdu::Command;
use card::piv::{
    ContentSigner, Error, ManagementAlgorithm, NotBelieved, Passcode, Piv, Puk, SecureError, Suite,
};
use card::testing::{SecureIdentity, SecuredCard, Takes, VirtualCard, certificate};
use card::transport::{Transport, TransportError};

use super::{challenge, factory_key, key, passcode, puk};

const ISSUER: [u8; 8] = [0xA1; 8];
const CARD: [u8; 16] = [0xC5; 16];

/// Who signs cards' certificates.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new(suite: Suite) -> Signer {
        let kind = match suite {
            Suite::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Suite::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        };
        Signer(EcdsaKeyPair::generate(kind).unwrap())
    }

    fn sign(&self, body: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), body).unwrap().as_ref().to_vec()
    }

    fn known(&self) -> ContentSigner {
        let key: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        ContentSigner::new(&ISSUER, key.as_ref()).unwrap()
    }

    fn identity(&self, suite: Suite) -> SecureIdentity {
        SecureIdentity::new(suite, ISSUER, CARD, |body| self.sign(body))
    }
}

/// Somebody between, who keeps what goes by and changes answers to what goes under protection.
struct Between<F> {
    card: SecuredCard<VirtualCard>,
    heard: Vec<Vec<u8>>,
    change: F,
}

impl<F: FnMut(&[u8], Vec<u8>) -> Vec<u8>> Transport for Between<F> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.heard.push(command.to_vec());
        let answer = self.card.transmit(command)?;
        Ok(if command[0] & 0x0C == 0x0C { (self.change)(command, answer) } else { answer })
    }
}

fn between<F: FnMut(&[u8], Vec<u8>) -> Vec<u8>>(identity: &SecureIdentity, change: F) -> Piv<Between<F>> {
    let card = SecuredCard::new(VirtualCard::insert(None), identity);
    Piv::select(Between { card, heard: Vec::new(), change }).unwrap()
}

fn unchanged(_: &[u8], answer: Vec<u8>) -> Vec<u8> {
    answer
}

/// Whether an octet string stands in something that went by.
fn went_by(heard: &[Vec<u8>], secret: &[u8]) -> bool {
    heard.iter().any(|command| command.windows(secret.len()).any(|window| window == secret))
}

/// Unblocking keys, passcodes and management keys go to the card, and nobody between sees one of them, in either suite.
#[test]
fn secrets_go_under_protection() {
    for suite in [Suite::P256, Suite::P384] {
        let signer = Signer::new(suite);
        let mut piv = between(&signer.identity(suite), unchanged);
        assert_eq!(Suite::of_application(piv.application()), Some(suite));
        assert_eq!(piv.protect(from_ref(&signer.known())).unwrap(), CARD);
        piv.change_puk(&Puk::factory(), &puk("86428642")).unwrap();
        piv.unlock(&puk("86428642"), &passcode("97531975")).unwrap();
        piv.verify(&passcode("97531975")).unwrap();
        piv.change_passcode(&passcode("97531975"), &passcode("24680246")).unwrap();
        piv.authenticate(&factory_key(), &challenge()).unwrap();
        let next = key(ManagementAlgorithm::Aes256, &[0x5B; 32]);
        piv.set_management_key(&next).unwrap();
        // Refusals come through as they are.
        let refused = piv.verify(&passcode("97531975"));
        assert!(matches!(refused, Err(Error::Wrong { tries: 2, .. })), "{refused:?}");
        assert!(piv.is_protected());
        let between = piv.into_transport();
        for secret in [&b"12345678"[..], b"86428642", b"97531975", b"24680246", &[0x5B; 16]] {
            assert!(!went_by(&between.heard, secret), "{}", hex::encode(secret));
        }
        // The card obeyed.
        let mut piv = Piv::select(between.card.into_inner()).unwrap();
        piv.verify(&passcode("24680246")).unwrap();
        piv.authenticate(&next, &challenge()).unwrap();
    }
}

/// What somebody between makes of an answer.
type Change<'c> = &'c mut dyn FnMut(&[u8], Vec<u8>) -> Vec<u8>;

/// An answer that somebody between changes, repeats or leaves out ends the conversation, and no secret goes to the card after it, bare or
/// not.
#[test]
fn nothing_goes_after_a_changed_answer() {
    let signer = Signer::new(Suite::P256);
    let identity = signer.identity(Suite::P256);
    let mut before: Option<Vec<u8>> = None;
    let mut repeated = move |_: &[u8], answer: Vec<u8>| before.replace(answer.clone()).unwrap_or(answer);
    let mut flipped = |_: &[u8], mut answer: Vec<u8>| {
        answer[2] ^= 1;
        answer
    };
    let mut bare = |_: &[u8], _: Vec<u8>| vec![0x90, 0x00];
    let changes: [(Change<'_>, SecureError); 3] = [
        (&mut repeated, SecureError::Forged),
        (&mut flipped, SecureError::Forged),
        (&mut bare, SecureError::Unreadable),
    ];
    for (change, expected) in changes {
        let mut piv = between(&identity, change);
        piv.protect(from_ref(&signer.known())).unwrap();
        // The first answer that is repeated is right.
        let outcome =
            (0..2).map(|_| piv.change_puk(&Puk::factory(), &Puk::factory())).find_map(Result::err).unwrap();
        assert!(matches!(outcome, Error::Secure(error) if error == expected), "{outcome:?}");
        assert!(!piv.is_protected());
        let refused = piv.unlock(&Puk::factory(), &Passcode::factory());
        assert!(matches!(refused, Err(Error::Secure(SecureError::Ended))), "{refused:?}");
        let heard = piv.into_transport().heard;
        assert!(heard.iter().all(|command| command[1] != 0x2C), "nothing went after it");
        assert!(!went_by(&heard, b"12345678"));
    }
}

/// A command that somebody between gives to the card twice, or keeps back and gives later, is not obeyed, and the card ends the
/// conversation.
#[test]
fn repeated_commands_are_not_obeyed() {
    let signer = Signer::new(Suite::P256);
    let mut piv = between(&signer.identity(Suite::P256), unchanged);
    piv.protect(from_ref(&signer.known())).unwrap();
    piv.change_puk(&Puk::factory(), &puk("86428642")).unwrap();
    let Between { mut card, heard, .. } = piv.into_transport();
    let last = heard.last().unwrap();
    assert_eq!(Command::parse(last).unwrap().instruction(), 0x24);
    assert_eq!(card.transmit(last).unwrap(), [0x69, 0x88]);
    assert_eq!(card.transmit(last).unwrap(), [0x69, 0x82], "there is no conversation any more");
    let mut piv = Piv::select(card.into_inner()).unwrap();
    piv.change_puk(&puk("86428642"), &Puk::factory()).unwrap();
}

/// A card whose certificate nobody known has signed, that has not the key of it, or that offers nothing, is given no secret.
#[test]
fn card_that_is_not_vouched_for_gets_no_secret() {
    let (signer, other) = (Signer::new(Suite::P256), Signer::new(Suite::P256));
    let identity = signer.identity(Suite::P256);
    let another_key = identity.clone().with_another_key();
    let cases = [
        (&identity, vec![], SecureError::Certificate(NotBelieved::SignerUnknown)),
        (&identity, vec![other.known()], SecureError::Certificate(NotBelieved::Forged)),
        (&another_key, vec![signer.known()], SecureError::NotConfirmed),
    ];
    for (identity, known, expected) in cases {
        let mut piv = between(identity, unchanged);
        let refused = piv.protect(&known);
        assert!(matches!(refused, Err(Error::Secure(error)) if error == expected), "{refused:?}");
        assert!(matches!(
            piv.unlock(&Puk::factory(), &Passcode::factory()),
            Err(Error::Secure(SecureError::Ended))
        ));
        assert!(piv.into_transport().heard.iter().all(|command| command[1] != 0x2C));
    }
    let mut piv = Piv::select(VirtualCard::insert(None)).unwrap();
    assert!(matches!(piv.protect(&[]), Err(Error::Secure(SecureError::NotOffered))));
    piv.in_clear(|piv| piv.unlock(&Puk::factory(), &Passcode::factory())).unwrap();
}

/// Between a card's certificate and a known signer may stand an intermediate one on the card; one that nobody known has signed is none.
#[test]
fn intermediate_certificates_are_followed() {
    let (signer, below) = (Signer::new(Suite::P256), Signer::new(Suite::P256));
    let subject = [0xB2; 8];
    let point = below.0.public_key().as_ref().to_vec();
    for (above, role, believed) in [(&signer, 0x12, true), (&below, 0x12, false), (&signer, 0x00, false)] {
        let intermediate =
            certificate(Suite::P256, (&ISSUER, &subject, role), &point, |body| above.sign(body));
        let identity = SecureIdentity::new(Suite::P256, subject, CARD, |body| below.sign(body));
        let mut piv = between(&identity.with_intermediate(&intermediate), unchanged);
        let outcome = piv.protect(from_ref(&signer.known()));
        assert_eq!(outcome.is_ok(), believed, "{outcome:?}");
    }
}

/// A card that has secure messaging only for what the standard names says so of the rest, and takes that bare where it is given so.
#[test]
fn rest_of_a_standard_card_is_told() {
    let signer = Signer::new(Suite::P256);
    let mut piv = between(&signer.identity(Suite::P256).taking(Takes::Standard), unchanged);
    piv.protect(from_ref(&signer.known())).unwrap();
    let outcome = piv.unlock(&Puk::factory(), &passcode("97531975"));
    assert!(matches!(outcome, Err(Error::NotUnderProtection { .. })), "{outcome:?}");
    assert!(!piv.is_protected());
    piv.in_clear(|piv| piv.unlock(&Puk::factory(), &passcode("97531975"))).unwrap();
    assert!(!piv.is_protected(), "only that went bare");
    piv.protect(from_ref(&signer.known())).unwrap();
    piv.change_puk(&Puk::factory(), &puk("86428642")).unwrap();
    assert!(!went_by(&piv.into_transport().heard, b"86428642"));
}
