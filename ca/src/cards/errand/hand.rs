//! A card in a reader far away, in the hand of one errand. Commands block, so they run on threads that may.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use card::piv::{Error as PivError, Piv};
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
}

impl Hand {
    /// The card at the other end of a line.
    pub(crate) fn new(line: Box<dyn Line>) -> Self {
        Self { far: Shared(Arc::new(Mutex::new(Relayed::new(line)))), piv: None }
    }

    /// Does something with the PIV application.
    pub(crate) async fn with<R: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Piv<Shared>) -> Result<R, PivError> + Send + 'static,
    ) -> Result<R, Fault> {
        let (far, piv) = (self.far.clone(), self.piv.take());
        let work = move || {
            let mut piv = match piv {
                Some(piv) => piv,
                None => Piv::select(far)?,
            };
            let outcome = act(&mut piv);
            Ok::<_, PivError>((piv, outcome))
        };
        let (piv, outcome) = tokio::task::spawn_blocking(work).await.map_err(|_| Fault::BrokeOff)??;
        self.piv = Some(piv);
        Ok(outcome?)
    }

    /// Has the holder choose a passcode in place of the one that was set last. The application is selected anew afterwards.
    pub(crate) async fn choose_passcode(&mut self) -> Result<(), Fault> {
        self.piv = None;
        let far = self.far.clone();
        let chosen = tokio::task::spawn_blocking(move || far.lock().choose_passcode()).await;
        Ok(chosen.map_err(|_| Fault::BrokeOff)??)
    }

    /// The last that is to be said to the agent.
    pub(crate) fn end(&self, done: bool, words: &str) -> ToAgent {
        self.far.lock().end(done, words)
    }
}
