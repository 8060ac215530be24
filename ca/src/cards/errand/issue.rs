//! Issuing a card, and giving a card in use new keys and certificates.

use card::apdu::Status;
use card::piv::{Algorithm, Digest, Error as PivError, PublicKey, Slot};
use card::wire::relay::Act;

use super::Step;
use super::certify::{Making, slot_word};
use super::entry::Entry;
use super::fault::Fault;
use super::run::Run;
use crate::api::Reason;
use crate::cards::attestation::{NotAttested, Said, Wanted};
use crate::cards::{CardMove, CardRefused};
use crate::digest::sha256;
use crate::error::Error;
use crate::failpoint;
use crate::profile::KeyOrigin;
use crate::serial::Serial;
use crate::store::cards::Passcode as PasscodeChoice;
use crate::store::certificates;

impl Run {
    /// The steps that the module's head describes, from the last one that was written.
    pub(super) async fn issue(&mut self) -> Result<(), Fault> {
        self.meet().await?;
        if self.errand.act == Act::Renew && self.card.keys_changed_at.is_none() {
            self.foresee().await?;
        }
        self.take_management().await?;
        self.take_puk(self.wanted_puk()).await?;
        if self.errand.step < Step::Keyed {
            self.advance(Step::Keyed).await?;
            failpoint::pass("ca.card-keyed");
        }
        // Whatever passcode a card had that is issued: from here on it has one that only this conversation knows.
        let own = self.entry().await?;
        if self.errand.act == Act::Renew && self.card.keys_changed_at.is_none() {
            // Before the first key is made: whoever finds this errand ended knows that the card may have others than it had.
            self.card.keys_changed_at = Some(self.now());
            self.write(Vec::new()).await?;
            failpoint::pass("ca.card-keys-changing");
        }
        let mut making = Making::default();
        let certified = self.make_keys(&own, &mut making).await;
        // An errand that stops leaves nothing under way: whoever goes on with it, or ends it, finds what was made.
        making.settle().await;
        certified?;
        if self.errand.step < Step::Written {
            self.write_objects(&own, &making.written).await?;
            self.advance(Step::Written).await?;
            failpoint::pass("ca.card-written");
        }
        drop(own);
        // A renewal that was begun before these kept the holder's passcode may still say that one is chosen.
        if self.errand.act == Act::Issue && self.errand.passcode == PasscodeChoice::Chosen {
            self.hand.choose_passcode().await?;
        }
        self.supersede().await?;
        self.finish(Some(match (self.errand.act, self.errand.passcode) {
            (Act::Renew, _) => CardMove::FinishRenewal,
            (_, PasscodeChoice::Chosen) => CardMove::Issue,
            (_, PasscodeChoice::Withheld) => CardMove::IssueLocked,
        }))
        .await
    }

    /// Both keys with their certificates. The authority works while the card does, and each step is written before the next begins.
    async fn make_keys(&mut self, own: &Entry, making: &mut Making) -> Result<(), Fault> {
        if self.errand.step < Step::Certified {
            self.read_holder(making);
        }
        if self.errand.step < Step::FirstKey {
            self.errand.key_9a = Some(self.make_key(Slot::Authentication, own).await?);
            self.advance(Step::FirstKey).await?;
            failpoint::pass("ca.card-first-key");
        }
        if self.errand.step < Step::SecondKey {
            self.certify_first(making).await?;
            failpoint::pass("ca.card-first-asked");
            self.errand.key_9c = Some(self.make_key(Slot::Signature, own).await?);
            self.advance(Step::SecondKey).await?;
            failpoint::pass("ca.card-second-key");
        }
        if self.errand.step < Step::Certified {
            self.certify(making).await?;
            self.advance(Step::Certified).await?;
            failpoint::pass("ca.card-certified");
        }
        Ok(())
    }

    /// Makes a key on the card and has it sign what nobody could have foreseen: its public half, in DER.
    async fn make_key(&mut self, slot: Slot, own: &Entry) -> Result<Vec<u8>, Fault> {
        let algorithm = self.cards.settings().key.0;
        let message = self.possession_message(slot)?;
        let digest = digest_of(algorithm, &message);
        let key: PublicKey = self.hand.with(move |piv| piv.generate(slot, algorithm, None)).await?;
        self.enter(own).await?;
        let signature = self.hand.with(move |piv| piv.sign(slot, algorithm, &digest)).await?;
        let key = key.to_der();
        pki::verify_signature(&key, identifier(algorithm), &message, &signature)
            .map_err(|_| Fault::KeyNotProven)?;
        self.attest(slot, &key).await?;
        Ok(key)
    }

    /// Has the card attest that it made a key, and keeps that it did.
    async fn attest(&mut self, slot: Slot, key: &[u8]) -> Result<(), Fault> {
        let word = slot_word(slot);
        if self.is_attested(slot, key).await? && !self.errand.attested.iter().any(|known| known == word) {
            self.errand.attested.push(word.to_owned());
        }
        Ok(())
    }

    /// Whether the card attests that it made a key, where makers are known. What it says must hold; that it says nothing is no fault
    /// where something else vouches for keys.
    pub(super) async fn is_attested(&mut self, slot: Slot, key: &[u8]) -> Result<bool, Fault> {
        let makers = &self.cards.authority.desk().makers;
        let demanded = self.cards.demands(KeyOrigin::Attested);
        let silent = move || if demanded { Err(NotAttested::Nothing) } else { Ok(false) };
        if makers.is_empty() {
            return Ok(silent()?);
        }
        let said = self.hand.with(move |piv| {
            let attestation = match piv.attest(slot) {
                // Some cards know the command, and not for every key.
                Err(
                    PivError::Unsupported { .. }
                    | PivError::Refused {
                        status: Status::IncorrectParameters | Status::ReferenceNotFound, ..
                    },
                ) => return Ok(None),
                attestation => attestation?,
            };
            let maker = piv.certificate(Slot::Attestation)?.map(|stored| stored.der).unwrap_or_default();
            Ok(Some(Said { attestation, maker }))
        });
        let Some(said) = said.await? else { return Ok(silent()?) };
        let wanted = Wanted { key, serial: &self.card.serial, slot };
        makers.believe(&said, &wanted, self.now())?;
        Ok(true)
    }

    fn possession_message(&self, slot: Slot) -> Result<Vec<u8>, Error> {
        let mut chance = [0; 32];
        aws_lc_rs::rand::fill(&mut chance).map_err(|_| Error::NoRandomness)?;
        let (errand, slot, chance) = (&self.errand.errand_id, slot.reference(), hex::encode(chance));
        Ok(format!("lanyard card possession 1\n{errand}\n{slot:02X}\n{chance}").into_bytes())
    }

    /// The name that is printed on the card.
    pub(super) async fn name_on_card(&self) -> Result<String, Fault> {
        let nobody = || Error::from(CardRefused::Incomplete("the card is nobody's"));
        let person = self.errand.user_id.as_deref().and_then(|id| id.parse().ok()).ok_or_else(nobody)?;
        let name = self.cards.register.claims(&person, &[]).await?.name;
        Ok(name.on_card.unwrap_or_else(|| format!("{} {}", name.given, name.family)))
    }

    /// The certificate of a serial, in DER.
    pub(super) async fn certificate(&self, serial: Option<&str>) -> Result<Vec<u8>, Fault> {
        let serial = serial.and_then(Serial::parse).ok_or(Error::CertificateUnknown)?;
        let stored = certificates::by_serial(self.cards.authority.desk().db.read(), &serial).await?;
        Ok(stored.and_then(|stored| stored.certificate).ok_or(Error::CertificateUnknown)?)
    }

    /// What was certified of the keys before ends: they are on the card no more.
    async fn supersede(&self) -> Result<(), Fault> {
        for serial in [&self.card.authentication, &self.card.signature].into_iter().flatten() {
            if [&self.errand.authentication, &self.errand.signature]
                .iter()
                .any(|new| new.as_ref() == Some(serial))
            {
                continue;
            }
            self.cards.authority.revoke_of_card(serial, Reason::Superseded, &self.actor).await?;
        }
        Ok(())
    }
}

fn digest_of(algorithm: Algorithm, message: &[u8]) -> Digest {
    use aws_lc_rs::digest::{SHA384, digest};

    match algorithm {
        Algorithm::P256 | Algorithm::Rsa2048 => {
            let mut octets = [0; 32];
            octets.copy_from_slice(&sha256(message));
            Digest::Sha256(octets)
        }
        Algorithm::P384 => {
            let mut octets = [0; 48];
            octets.copy_from_slice(digest(&SHA384, message).as_ref());
            Digest::Sha384(octets)
        }
    }
}

/// By what a key of this kind signs here.
fn identifier(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::P256 => pki::algorithm::ECDSA_SHA256,
        Algorithm::P384 => pki::algorithm::ECDSA_SHA384,
        Algorithm::Rsa2048 => pki::algorithm::RSA_SHA256,
    }
}
