//! The keys of the card in the reader: which it has, and which it gets.
//!
//! A card that was pulled while a key was changed has the old one or the new one. Each is tried once, the new one first; what the card
//! refuses is written down before anything else is done, and is never tried again. That the new one is about to be tried is written too: where
//! the answer is lost, the old one is tried first. Once a key is known to be the card's, the marks of
//! that kind are wiped: they are true no longer. Nor is the mark of a key that is about to be given again. How the management key is
//! tried stands in `proving`.

use card::piv::{Error as PivError, ManagementAlgorithm, ManagementKey, Passcode, Piv, Puk, Secret};

use super::fault::Fault;
use super::hand::Shared;
use super::protecting::{CardSecret, Way};
use super::run::Run;
use crate::cards::CardEvent;
use crate::cards::keys::{self, KeyVersion, ManagementName, PukName};
use crate::cards::moving::Moving;
use crate::error::Error;
use crate::failpoint;

/// How a mark of a refused key begins.
pub(super) const MANAGEMENT: &str = "management ";
const PUK: &str = "puk ";

impl Run {
    /// The management key is ours, of the master key of now, and the card has accepted it.
    pub(super) async fn take_management(&mut self) -> Result<(), Fault> {
        self.authenticate().await?;
        let (master, kind) = {
            let settings = self.cards.settings();
            (settings.master_key, settings.management.0)
        };
        let wanted = match self.card.management {
            ManagementName::Factory => ManagementName::Derived(kind, KeyVersion { master, version: 1 }),
            ManagementName::Derived(_, version) if version.master != master => {
                ManagementName::Derived(kind, version.next(master))
            }
            has @ ManagementName::Derived(..) => has,
        };
        if wanted == self.card.management {
            return Ok(());
        }
        if self.card.management == ManagementName::Factory && self.card.puk == PukName::Factory {
            self.set_tries().await?;
        }
        let key = self.management_key(wanted).await?;
        // Written before it is set: a crash in between leaves a card that has one of two known keys.
        self.card.management_next = Some(wanted);
        self.write(Vec::new()).await?;
        failpoint::pass("ca.card-key-chosen");
        self.give(CardSecret::ManagementKey, move |piv| piv.set_management_key(&key)).await?;
        failpoint::pass("ca.card-key-set");
        self.management_is(wanted).await
    }

    pub(super) async fn management_key(&mut self, name: ManagementName) -> Result<ManagementKey, Fault> {
        let mut factory = ManagementAlgorithm::TripleDes;
        if name == ManagementName::Factory {
            let said = self.hand.with(|piv| match piv.management_metadata() {
                // A card that does not say has the one that all had.
                Err(
                    PivError::Unsupported { .. } | PivError::Refused { .. } | PivError::Unreadable { .. },
                ) => Ok(None),
                said => said,
            });
            factory = said.await?.and_then(|said| said.management).unwrap_or(factory);
        }
        Ok(keys::management(self.cards.authority.hsm(), &self.card.serial, name, factory).await?)
    }

    pub(super) async fn management_is(&mut self, name: ManagementName) -> Result<(), Fault> {
        (self.card.management, self.card.management_next) = (name, None);
        self.card.refused.retain(|mark| !mark.starts_with(MANAGEMENT));
        self.keys_changed(None).await
    }

    /// How many wrong entries lock, where the card lets that be set. It sets both secrets as from the factory, so it comes first.
    async fn set_tries(&mut self) -> Result<(), Fault> {
        let (passcode, puk) = self.cards.settings().tries;
        let set = move |piv: &mut Piv<Shared>| match piv.set_tries(passcode, puk) {
            Err(PivError::NotAuthorised { .. }) => {
                // Everybody knows it.
                piv.in_clear(|piv| piv.verify(&Passcode::factory()))?;
                piv.set_tries(passcode, puk)
            }
            outcome => outcome,
        };
        match self.hand.with(set).await {
            // A card without the command has numbers of its own; one whose passcode was changed keeps those it has.
            Ok(())
            | Err(Fault::Card(PivError::Unsupported { .. } | PivError::Wrong { .. } | PivError::Locked(_))) => {
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// The unblocking key that the card should have now: of the master key of now, and none from the factory.
    pub(super) fn wanted_puk(&self) -> PukName {
        let master = self.cards.settings().master_key;
        match self.card.puk {
            PukName::Factory => PukName::Derived(KeyVersion { master, version: 1 }),
            PukName::Derived(version) if version.master != master => PukName::Derived(version.next(master)),
            has @ PukName::Derived(_) => has,
        }
    }

    /// The unblocking key is this one.
    pub(super) async fn take_puk(&mut self, wanted: PukName) -> Result<(), Fault> {
        if self.card.puk == wanted && self.card.puk_next.is_none() {
            return Ok(());
        }
        let (old, to) = (self.card.puk, self.card.puk_next.unwrap_or(wanted));
        if self.card.puk_next.is_some() {
            // It may have the new one already; a key that takes its own place tells, and spends no try where it is right.
            let trying = format!("{PUK}trying {to}");
            if self.card.refused.contains(&trying) {
                // What the card said to it was lost, and may have been a refusal: the one before comes first now.
                if !self.change_puk(old, old).await? {
                    return if self.change_puk(to, to).await? {
                        self.puk_is(to).await
                    } else {
                        Err(Fault::ForeignPuk)
                    };
                }
            } else {
                self.card.refused.push(trying);
                self.write(Vec::new()).await?;
                if self.change_puk(to, to).await? {
                    return self.puk_is(to).await;
                }
                // Then it has the one before, which has to be certain: the new one is about to be given, and its mark will be no longer true.
                if !self.change_puk(old, old).await? {
                    return Err(Fault::ForeignPuk);
                }
            }
        } else if self.card.refused.contains(&format!("{PUK}{old}")) {
            return Err(Fault::ForeignPuk);
        }
        // In one transaction, before it is set: a crash in between leaves a card that has one of two keys, each of which may be tried.
        self.card.puk_next = Some(to);
        self.card.refused.retain(|mark| !mark.starts_with(PUK));
        self.write(Vec::new()).await?;
        failpoint::pass("ca.card-puk-chosen");
        if !self.change_puk(old, to).await? {
            // It was refused, so the card certainly has not got the new one, and that one is not worth a try.
            self.card.puk_next = None;
            self.write(Vec::new()).await?;
            return Err(Fault::ForeignPuk);
        }
        failpoint::pass("ca.card-puk-set");
        self.puk_is(to).await
    }

    /// Changes the unblocking key; false where the card refuses the one that it should have, now or before.
    async fn change_puk(&mut self, from: PukName, to: PukName) -> Result<bool, Fault> {
        let new = self.puk(to).await?;
        let changed = self.with_puk(&[from], move |piv, old| piv.change_puk(old, &new)).await;
        match changed {
            Ok(_) => Ok(true),
            Err(Fault::ForeignPuk) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Sets a passcode that nobody knows, by the unblocking key, and enters it where the act goes on with it.
    pub(super) async fn set_own_passcode(&mut self) -> Result<Passcode, Fault> {
        let own = one_use()?;
        let candidates: Vec<PukName> = self.card.puk_next.into_iter().chain([self.card.puk]).collect();
        let set = own.clone();
        let (accepted, way) = self.with_puk(&candidates, move |piv, puk| piv.unlock(puk, &set)).await?;
        if self.card.puk_next.is_some() {
            self.puk_is(accepted).await?;
        }
        match way {
            Way::Bare => {}
            Way::Hidden => self.hand.hide(own.clone()),
            Way::Shown => {
                // It was seen, so the card does not keep it. The mark is written with the key that follows.
                self.card.puk_seen_at = Some(self.now());
                self.take_puk(self.next_puk()).await?;
            }
        }
        Ok(own)
    }

    /// Does something that needs the unblocking key with each that the card may have, until one is right; which one that was.
    async fn with_puk(
        &mut self,
        candidates: &[PukName],
        act: impl Fn(&mut Piv<Shared>, &Puk) -> Result<(), PivError> + Clone + Send + 'static,
    ) -> Result<(PukName, Way), Fault> {
        for name in candidates {
            let mark = format!("{PUK}{name}");
            if self.card.refused.contains(&mark) {
                continue;
            }
            let (puk, act) = (self.puk(*name).await?, act.clone());
            match self.give(CardSecret::UnblockingKey, move |piv| act(piv, &puk)).await {
                Ok(((), way)) => return Ok((*name, way)),
                // Some cards say of a key that is locked that it is wrong, and that no try is left.
                Err(Fault::Card(PivError::Wrong { secret: Secret::Puk, tries: 0 })) => {
                    return Err(Fault::Card(PivError::Locked(Secret::Puk)));
                }
                Err(Fault::Card(
                    PivError::Wrong { secret: Secret::Puk, .. } | PivError::WrongUncounted(Secret::Puk),
                )) => {
                    self.refused(mark).await?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(Fault::ForeignPuk)
    }

    async fn puk(&self, name: PukName) -> Result<Puk, Fault> {
        Ok(keys::puk(self.cards.authority.hsm(), &self.card.serial, name).await?)
    }

    pub(super) async fn puk_is(&mut self, name: PukName) -> Result<(), Fault> {
        let mut moving = None;
        if name != self.card.puk {
            moving = self.unlocked_elsewhere().await?;
            // Whoever was told the one before, or saw it, knows nothing any more.
            (self.card.puk_exposed_at, self.card.puk_seen_at) = (None, None);
        }
        (self.card.puk, self.card.puk_next) = (name, None);
        self.card.refused.retain(|mark| !mark.starts_with(PUK));
        self.keys_changed(moving).await
    }

    async fn keys_changed(&mut self, moving: Option<Moving>) -> Result<(), Fault> {
        let event = CardEvent::CardKeysChanged {
            card: self.card.card_id.clone(),
            management: self.card.management.to_string(),
            puk: self.card.puk.to_string(),
        };
        self.write_and_move(vec![event], moving).await
    }

    /// Written before anything else is tried.
    pub(super) async fn refused(&mut self, mark: String) -> Result<(), Fault> {
        let event = CardEvent::CardKeyRefused { card: self.card.card_id.clone(), key: mark.clone() };
        self.card.refused.push(mark);
        self.write(vec![event]).await
    }
}

/// A passcode of eight random digits, for one use.
fn one_use() -> Result<Passcode, Error> {
    let mut octets = zeroize::Zeroizing::new([0; 64]);
    aws_lc_rs::rand::fill(&mut *octets).map_err(|_| Error::NoRandomness)?;
    let digits = keys::digits(&*octets).ok_or(Error::NoRandomness)?;
    Passcode::parse(&*digits).map_err(|_| Error::NoRandomness)
}
