//! The chip: randomness, storage, and the service that the application asks.

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use trussed::pipe::TrussedChannel;
use trussed::virt::{Client, Runner, Store, StoreConfig, UserInterface};

use crate::dispatch::{BACKENDS, Dispatch};

/// The firmware's own virtual chip has a constant seed: all its cards would make the same keys.
struct Platform<'a> {
    rng: ChaCha8Rng,
    store: Store<'a>,
    ui: UserInterface,
}

impl<'a> trussed::Platform for Platform<'a> {
    type R = ChaCha8Rng;
    type S = Store<'a>;
    type UI = UserInterface;

    fn rng(&mut self) -> &mut Self::R {
        &mut self.rng
    }

    fn store(&self) -> Self::S {
        self.store
    }

    fn user_interface(&mut self) -> &mut Self::UI {
        &mut self.ui
    }
}

/// Runs the chip from power-on until `session` returns.
pub(crate) fn with_power<R>(
    store: &mut StoreConfig<'_>,
    session: impl FnOnce(Client<'_, Dispatch>) -> R,
) -> R {
    store.with_store(|store| {
        let platform = Platform { rng: ChaCha8Rng::from_entropy(), store, ui: UserInterface::new() };
        let channel = TrussedChannel::new();
        let (requester, responder) = channel.split().expect("the channel is new");
        let mut runner = Runner::new();
        runner.add_endpoint(responder, "piv", BACKENDS);
        let client = Client::new(requester, runner.syscall(), None);
        runner.run(platform, Dispatch::new(), || session(client))
    })
}
