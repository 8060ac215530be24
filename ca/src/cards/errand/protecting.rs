//! Secrets go to a card under secure messaging, where the card has it and somebody known vouches for it.
//!
//! A card that has shown it once is written down with the identifier in its certificate. From then on it is not spoken to without, so that
//! whoever is between cannot have a secret in clear by hiding that the card has it.
//!
//! Some cards have it for what the standard names alone, and a command that sets a passcode by the unblocking key is not among that. Where
//! it is not required, such a command goes in clear. That is written down first, and the unblocking key, which was seen then, gives way at
//! once to the next one, under secure messaging: what the card keeps was never seen.

use card::piv::{Error as PivError, Piv, SecureError};

use super::fault::Fault;
use super::hand::{Demand, Shared};
use super::run::Run;
use crate::cards::{CardEvent, SecureMessaging};

/// How a secret went to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nobody between has seen it.
    Hidden,
    /// In clear, as to all cards that have nothing else.
    Bare,
    /// In clear, to a card that has secure messaging and does not take this under it.
    Shown,
}

/// Which secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CardSecret {
    UnblockingKey,
    ManagementKey,
}

impl CardSecret {
    fn word(self) -> &'static str {
        match self {
            Self::UnblockingKey => "unblocking-key",
            Self::ManagementKey => "management-key",
        }
    }
}

impl Run {
    /// The card shows secure messaging, if it can and somebody is known who vouches for such cards.
    pub(super) async fn protect(&mut self) -> Result<(), Fault> {
        let signers = &self.cards.authority.desk().content_signers;
        if signers.is_empty() {
            // Whoever takes the signers out of the configuration does not have secrets of such cards go in clear.
            return if self.card.secure_identifier.is_some() { Err(Fault::NotSecured) } else { Ok(()) };
        }
        let known = signers.good_at(self.now());
        let required = self.cards.settings().secure_messaging == SecureMessaging::Required;
        let demand = if required || self.card.secure_identifier.is_some() {
            Demand::Always
        } else {
            Demand::IfOffered
        };
        let shown = match self.hand.protect(known, demand).await {
            Err(Fault::Card(PivError::Secure(SecureError::NotOffered))) => return Err(Fault::NotSecured),
            shown => shown?,
        };
        let Some(identifier) = shown.map(hex::encode) else { return Ok(()) };
        match &self.card.secure_identifier {
            Some(before) if *before == identifier => Ok(()),
            Some(_) => Err(Fault::OtherSecuredCard),
            None => {
                self.card.secure_identifier = Some(identifier.clone());
                let event = CardEvent::CardSecured { card: self.card.card_id.clone(), identifier };
                self.write(vec![event]).await
            }
        }
    }

    /// Gives the card a secret.
    pub(super) async fn give<R: Send + 'static>(
        &mut self,
        secret: CardSecret,
        act: impl Fn(&mut Piv<Shared>) -> Result<R, PivError> + Clone + Send + 'static,
    ) -> Result<(R, Way), Fault> {
        match self.hand.with(act.clone()).await {
            Ok(done) if self.hand.is_secured() => Ok((done, Way::Hidden)),
            Ok(done) => Ok((done, Way::Bare)),
            Err(Fault::Card(PivError::NotUnderProtection { .. })) if !self.requires() => {
                // Written before it is seen: a crash in between leaves a key that is changed at the next contact.
                if secret == CardSecret::UnblockingKey {
                    self.card.puk_seen_at = Some(self.now());
                }
                let (card, secret) = (self.card.card_id.clone(), secret.word().to_owned());
                self.write(vec![CardEvent::CardSecretInClear { card, secret }]).await?;
                Ok((self.hand.in_clear(act).await?, Way::Shown))
            }
            Err(fault) => Err(fault),
        }
    }

    fn requires(&self) -> bool {
        self.cards.settings().secure_messaging == SecureMessaging::Required
    }
}
