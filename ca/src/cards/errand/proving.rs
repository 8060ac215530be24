//! The management key is proven to the card, and none is tried twice.
//!
//! Some cards lock after wrong management keys, and none says how often one was tried. So it is written down that a key is tried before its
//! proof goes to the card, and what came of it once that is heard. Where nobody heard it, since the card was pulled, the network was cut or
//! a process died, that try may have been refused: the other key that the card may have is tried, and this one again only once somebody who
//! may has said so (`second_try`). What breaks off later needs no such word: by then it is written that the card took the key.

use card::piv::{Challenge, Error as PivError};

use super::fault::Fault;
use super::run::Run;
use super::secrets::MANAGEMENT;
use crate::cards::keys::ManagementName;
use crate::error::Error;
use crate::failpoint;

/// How the mark of a key begins that was tried, and of which nobody heard whether the card took it.
pub(super) const TRIED: &str = "management trying ";

impl Run {
    /// The card accepts the management key that it should have, and proves that it knows it.
    pub(super) async fn authenticate(&mut self) -> Result<(), Fault> {
        let candidates = [self.card.management_next, Some(self.card.management)];
        let mut outcome = Fault::ForeignManagementKey;
        for name in candidates.into_iter().flatten() {
            if self.card.refused.contains(&format!("{MANAGEMENT}{name}")) {
                continue;
            }
            if self.card.refused.contains(&tried(name)) {
                outcome = Fault::ManagementAnswerLost;
                continue;
            }
            match self.try_key(name).await {
                Ok(()) => return self.accepted(name).await,
                Err(Fault::Card(PivError::ManagementKeyRefused)) => {
                    self.forget_try(name);
                    self.refused(format!("{MANAGEMENT}{name}")).await?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(outcome)
    }

    /// Proves that we know a key. A crash before the row has tried nothing; after it, the key counts as tried.
    async fn try_key(&mut self, name: ManagementName) -> Result<(), Fault> {
        let (key, challenge) = (self.management_key(name).await?, challenge()?);
        let asked = key.clone();
        // Whoever asks is given a witness: it tries nothing.
        let witness = self.hand.with(move |piv| piv.witness(&asked)).await?;
        self.card.refused.push(tried(name));
        self.write(Vec::new()).await?;
        failpoint::pass("ca.card-key-trying");
        let outcome = self.hand.with(move |piv| piv.prove(&key, witness, &challenge)).await;
        failpoint::pass("ca.card-key-answered");
        match outcome {
            Err(Fault::Card(PivError::Exchange(error))) => {
                let card = self.card.card_id.as_str();
                tracing::warn!(card, %error, "the answer of the card {card} to its management key was lost: {error}");
                Err(Fault::ManagementAnswerLost)
            }
            outcome => outcome,
        }
    }

    /// Written at once: an errand that breaks off later has nothing to ask about this key.
    async fn accepted(&mut self, name: ManagementName) -> Result<(), Fault> {
        if self.card.management_next.is_some() {
            return self.management_is(name).await;
        }
        self.forget_try(name);
        self.write(Vec::new()).await
    }

    fn forget_try(&mut self, name: ManagementName) {
        let mark = tried(name);
        self.card.refused.retain(|known| *known != mark);
    }
}

fn tried(name: ManagementName) -> String {
    format!("{TRIED}{name}")
}

fn challenge() -> Result<Challenge, Error> {
    let mut octets = [0; 16];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Error::NoRandomness)?;
    Ok(Challenge(octets))
}

/// The mark of a try is among those that are wiped once a key is known to be the card's, and is no refusal.
#[test]
fn tries_are_marks_of_their_own() {
    let name: ManagementName = "aes-256 1.3".parse().unwrap();
    assert!(TRIED.starts_with(MANAGEMENT));
    assert_ne!(tried(name), format!("{MANAGEMENT}{name}"));
}
