//! What was written on a card is written again, where it is damaged; and its keys move to the master key of now.

use card::piv::{Object, PublicKey, Slot};

use super::Step;
use super::fault::Fault;
use super::run::Run;
use crate::failpoint;

impl Run {
    /// Certificates and objects are written again; keys and passcode stay as they are. Where the card tells which keys it has, they must
    /// be those of its certificates: a card that has others cannot be repaired. On one that nobody has yet nothing is written: its own keys
    /// move, and that is all.
    pub(super) async fn repair(&mut self) -> Result<(), Fault> {
        self.meet().await?;
        self.take_management().await?;
        self.take_puk(self.wanted_puk()).await?;
        if self.errand.step < Step::Keyed {
            self.advance(Step::Keyed).await?;
            failpoint::pass("ca.card-keyed");
        }
        if self.card.state.is_held() {
            self.write_again().await?;
        }
        self.finish(None).await
    }

    async fn write_again(&mut self) -> Result<(), Fault> {
        let certificates = (self.card.authentication.clone(), self.card.signature.clone());
        for (slot, serial) in [(Slot::Authentication, &certificates.0), (Slot::Signature, &certificates.1)] {
            self.compare_key(slot, serial.as_deref()).await?;
        }
        let objects = self.objects(certificates.0, certificates.1).await?;
        self.write_each(objects.clone()).await?;
        // The holder's passcode is not known here, and the printed information not read without.
        let readable = objects.into_iter().filter(|(object, _)| *object != Object::PrintedInformation);
        self.compare_each(readable.collect()).await
    }

    async fn compare_key(&mut self, slot: Slot, serial: Option<&str>) -> Result<(), Fault> {
        let der = self.certificate(serial).await?;
        let certificate = pki::Certificate::from_der(&der).map_err(|_| Fault::NotAsWritten("certificate"))?;
        let expected = PublicKey::from_der(certificate.spki_der());
        let said = self.hand.with(move |piv| match piv.key_metadata(slot) {
            Err(card::piv::Error::Unsupported { .. }) => Ok(None),
            said => said,
        });
        match said.await?.and_then(|said| said.public_key) {
            Some(key) if Some(&key) != expected.as_ref() => Err(Fault::NotAsWritten("key")),
            Some(_) | None => Ok(()),
        }
    }
}
