//! Card management: stock, the life of cards, and what is done with a card in a reader.
//!
//! A card's states and moves are one table (`state`), a move is one transaction with its audit row and its row in the card's own
//! history (`moving`). What needs the card in a reader is an *errand*: it is begun once, and gone on with where it stopped, however
//! often the card is pulled or a process dies (`errand`). The server composes every command; the workstation's agent relays it
//! (`line`); what bears a secret goes under secure messaging where the card has it (`errand::protecting`). Keys of cards are derived in
//! the token when they are needed (`keys`) and stored nowhere. What is printed on a card is drawn from a template (`face`), and goes to
//! CUPS (`printing`).

mod asking;
mod attestation;
mod batch;
mod colleague;
mod config;
mod content_signers;
mod errand;
mod events;
mod exposing;
mod face;
mod keys;
mod letters;
mod line;
mod moving;
mod once;
mod printing;
mod reason;
mod rediversify;
mod refused;
mod replacing;
mod self_unlock;
mod state;
mod stock;
mod stock_info;

pub use config::{CardsConfig, KeyKind, ManagementKind};
pub use content_signers::SecureMessaging;
pub use events::CardEvent;
pub use reason::{CancelReason, UnknownCancelReason};
pub use refused::CardRefused;
pub use state::{CardMove, CardState, UnknownCardState};

pub(crate) use attestation::Makers;
pub(crate) use content_signers::ContentSigners;
pub(crate) use errand::{Hand, LONGEST_RUN, Step};
pub(crate) use keys::{ManagementName, PukName};
pub(crate) use line::{AgentLine, channel};
pub(crate) use once::{Answer, Expected, Once};

use std::sync::Arc;
use std::time::Duration;

use directory::api::Client;
use platform::clock::Millis;
use platform::web::PerAddress;
use tokio::sync::Semaphore;

use crate::authority::Authority;

/// How often an act is begun anew because its card changed under it.
const TURNS: usize = 5;

/// The client under which certificates of cards are asked for.
pub(crate) const CLIENT: &str = "module:cards";

/// The authority with the register that says who may do what with whose card.
#[derive(Clone)]
pub struct Cards {
    authority: Authority,
    register: Client,
    /// The turns of agents.
    relays: Arc<Semaphore>,
    /// The turns of faces that are printed.
    prints: Arc<Semaphore>,
    /// What anybody asks of a colleague, by where it comes from.
    askings: Arc<PerAddress>,
}

impl Cards {
    /// Card management of this authority, asking this register.
    pub fn new(authority: Authority, register: Client) -> Self {
        let relays = Arc::new(Semaphore::new(authority.desk().config.cards.relays));
        let prints = Arc::new(Semaphore::new(printing::MOST));
        let askings = Arc::new(PerAddress::new(colleague::RATE));
        Self { authority, register, relays, prints, askings }
    }

    pub(crate) fn relays(&self) -> Arc<Semaphore> {
        Arc::clone(&self.relays)
    }

    /// How long a card may think, or its holder over a passcode.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings().patience_seconds))
    }

    fn settings(&self) -> &CardsConfig {
        &self.authority.desk().config.cards
    }

    fn now(&self) -> Millis {
        self.authority.desk().clock.now()
    }
}
