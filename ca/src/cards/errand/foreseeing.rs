//! Whether a card that is renewed would get certificates, found out while it still has the keys of those before.
//!
//! The first new key takes the place of one that works, and nobody brings that back. So whatever would be refused afterwards is looked
//! at first: whether the card vouches for keys as it must, who its holder is now, and whether both profiles take that.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use card::piv::{Algorithm, Slot};

use super::certify::{request_id, slot_word, subject};
use super::fault::Fault;
use super::run::Run;
use crate::api::{IssueRequest, KeySource};
use crate::cards::CLIENT;
use crate::error::Error;

impl Run {
    /// Refuses a renewal that would be refused once the card has other keys. What is asked of the card now it answers for the keys that
    /// it has, which were made as the new ones will be.
    pub(super) async fn foresee(&mut self) -> Result<(), Fault> {
        let (Some(first), Some(second)) = (self.card.authentication.clone(), self.card.signature.clone())
        else {
            return Ok(());
        };
        let mut attested = true;
        for (slot, serial) in [(Slot::Authentication, first), (Slot::Signature, second)] {
            let der = self.certificate(Some(&serial)).await?;
            let present = pki::Certificate::from_der(&der).map_err(|_| Error::CertificateUnknown)?;
            attested &= self.is_attested(slot, present.spki_der()).await?;
        }
        let [first, second] = self.profiles(attested)?;
        let holder = subject(self.cards.clone(), self.errand.user_id.clone()).await?;
        let algorithm = self.cards.settings().key.0;
        let made = tokio::task::spawn_blocking(move || stand_in(algorithm)).await;
        let key = KeySource::public_key(&made.map_err(|_| Fault::BrokeOff)??);
        for (slot, profile) in [(Slot::Authentication, first), (Slot::Signature, second)] {
            let id = request_id(&self.errand.errand_id, slot_word(slot));
            let request = IssueRequest::new(id, profile, holder.clone(), key.clone());
            self.cards.authority.rehearse(&request, CLIENT).await?;
        }
        Ok(())
    }
}

/// A public key of the kind that the card will make, in DER. Nobody keeps its other half.
fn stand_in(algorithm: Algorithm) -> Result<Vec<u8>, Error> {
    let made = match algorithm {
        Algorithm::P256 => {
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).and_then(|pair| der(&pair))
        }
        Algorithm::P384 => {
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).and_then(|pair| der(&pair))
        }
        Algorithm::Rsa2048 => RsaKeyPair::generate(KeySize::Rsa2048).and_then(|pair| {
            let key: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
            Ok(key.as_ref().to_vec())
        }),
    };
    made.map_err(|_| Error::NoRandomness)
}

fn der(pair: &EcdsaKeyPair) -> Result<Vec<u8>, Unspecified> {
    let key: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    Ok(key.as_ref().to_vec())
}

/// A key of each kind is one that is certified.
#[test]
fn keys_that_stand_in_are_certified() {
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
        let key = stand_in(algorithm).unwrap();
        assert!(crate::subject_key::SubjectKey::parse(&key).is_ok(), "{algorithm:?}");
    }
}
