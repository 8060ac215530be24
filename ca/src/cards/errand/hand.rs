//! A card in a reader far away, in the hand of one errand. Commands block, so they run on threads that may.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use card::piv::{ContentSigner, Error as PivError, Passcode, Piv, Suite};
use card::relay::{Line, Relayed};
use card::transport::{Transport, TransportError};
use card::wire::relay::ToAgent;

use super::fault::Fault;

/// The card behind an agent's line.
type Far = Relayed<Box<dyn Line>>;

/// The same for two: PIV, and whoever speaks to the agent besides.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Far>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Far> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Shared {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.lock().transmit(command)
    }
}

/// The card, selected once it is first used.
pub(crate) struct Hand {
    far: Shared,
    piv: Option<Piv<Shared>>,
    /// Under what secrets go to the card, once it has shown that.
    secured: Option<Secured>,
    /// The passcode that was set last, where the agent has not seen it.
    hidden: Option<Passcode>,
}

/// A card that has shown secure messaging, and who vouched for it.
#[derive(Clone)]
struct Secured {
    known: Vec<ContentSigner>,
    identifier: [u8; 16],
}

impl Secured {
    /// Agrees on keys anew, with this very card.
    fn protect(&self, piv: &mut Piv<Shared>) -> Result<(), Fault> {
        if piv.protect(&self.known)? == self.identifier { Ok(()) } else { Err(Fault::OtherSecuredCard) }
    }
}

/// What is demanded of a card before a secret goes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Secure messaging where it offers it.
    IfOffered,
    /// Secure messaging.
    Always,
}

impl Hand {
    /// The card at the other end of a line.
    pub(crate) fn new(line: Box<dyn Line>) -> Self {
        let far = Shared(Arc::new(Mutex::new(Relayed::new(line))));
        Self { far, piv: None, secured: None, hidden: None }
    }

    /// Has the card show secure messaging, under which secrets go to it from then on: the card's own identifier, or nothing where the card
    /// offers none and need not.
    pub(super) async fn protect(
        &mut self,
        known: Vec<ContentSigner>,
        demand: Demand,
    ) -> Result<Option<[u8; 16]>, Fault> {
        let signers = known.clone();
        let shown = self.with(move |piv| {
            if demand == Demand::IfOffered && Suite::of_application(piv.application()).is_none() {
                return Ok(None);
            }
            piv.protect(&signers).map(Some)
        });
        let shown = shown.await?;
        self.secured = shown.map(|identifier| Secured { known, identifier });
        Ok(shown)
    }

    /// Whether secrets go to the card under secure messaging.
    pub(super) fn is_secured(&self) -> bool {
        self.secured.is_some()
    }

    /// The agent has not seen this passcode, which was set last.
    pub(super) fn hide(&mut self, own: Passcode) {
        self.hidden = Some(own);
    }

    /// Does something in clear that the card takes in no other way.
    pub(super) async fn in_clear<R: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Piv<Shared>) -> Result<R, PivError> + Send + 'static,
    ) -> Result<R, Fault> {
        self.with(move |piv| piv.in_clear(act)).await
    }

    /// Does something with the PIV application.
    pub(crate) async fn with<R: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Piv<Shared>) -> Result<R, PivError> + Send + 'static,
    ) -> Result<R, Fault> {
        let (far, piv, secured) = (self.far.clone(), self.piv.take(), self.secured.clone());
        let work = move || {
            let mut piv = match piv {
                Some(piv) => piv,
                None => Piv::select(far)?,
            };
            // Selected anew, or after a command that the card does not take under protection.
            if let Some(secured) = secured.filter(|_| !piv.is_protected()) {
                secured.protect(&mut piv)?;
            }
            let outcome = act(&mut piv);
            Ok::<_, Fault>((piv, outcome))
        };
        let (piv, outcome) = tokio::task::spawn_blocking(work).await.map_err(|_| Fault::BrokeOff)??;
        self.piv = Some(piv);
        Ok(outcome?)
    }

    /// Has the holder choose a passcode in place of the one that was set last. The application is selected anew afterwards.
    pub(crate) async fn choose_passcode(&mut self) -> Result<(), Fault> {
        self.piv = None;
        let (far, hidden) = (self.far.clone(), self.hidden.take());
        let choose = move || match &hidden {
            Some(own) => far.lock().choose_passcode_for(own),
            None => far.lock().choose_passcode(),
        };
        let chosen = tokio::task::spawn_blocking(choose).await;
        Ok(chosen.map_err(|_| Fault::BrokeOff)??)
    }

    /// Has the agent enter the holder's own passcode. The application stays selected.
    pub(crate) async fn enter_passcode(&mut self) -> Result<(), Fault> {
        let far = self.far.clone();
        let entered = tokio::task::spawn_blocking(move || far.lock().enter_passcode()).await;
        Ok(entered.map_err(|_| Fault::BrokeOff)??)
    }

    /// The last that is to be said to the agent.
    pub(crate) fn end(&self, done: bool, words: &str) -> ToAgent {
        self.far.lock().end(done, words)
    }
}
