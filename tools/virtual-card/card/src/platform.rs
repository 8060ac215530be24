//! The chip: randomness, storage, and the service that the application asks.

use std::slice;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use trussed::ClientImplementation;
use trussed::pipe::{ServiceEndpoint, TrussedChannel};
use trussed::platform::Syscall;
use trussed::service::Service;
use trussed::types::{CoreContext, PathBuf};
use trussed::virt::{Store, StoreConfig, UserInterface};

use crate::dispatch::{BACKENDS, Contexts, Dispatch, Part};

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

/// The service, asked where the application stands: the firmware's own virtual chip answers on another thread, a millisecond later at the
/// soonest, and the application spins until then.
pub(crate) struct Chip<'a> {
    service: Service<Platform<'a>, Dispatch>,
    endpoint: ServiceEndpoint<'a, Part, Contexts>,
}

impl Syscall for Chip<'_> {
    fn syscall(&mut self) {
        self.service.process(slice::from_mut(&mut self.endpoint));
    }
}

/// Runs the chip from power-on until `session` returns.
pub(crate) fn with_power<R>(
    store: &mut StoreConfig<'_>,
    session: impl FnOnce(ClientImplementation<'_, Chip<'_>, Dispatch>) -> R,
) -> R {
    store.with_store(|store| {
        let platform = Platform { rng: ChaCha8Rng::from_entropy(), store, ui: UserInterface::new() };
        let channel = TrussedChannel::new();
        let (requester, responder) = channel.split().expect("the channel is new");
        let name = PathBuf::try_from("piv").expect("the name is short");
        let endpoint = ServiceEndpoint::new(responder, CoreContext::new(name), BACKENDS);
        let chip = Chip { service: Service::with_dispatch(platform, Dispatch::new()), endpoint };
        session(ClientImplementation::new(requester, chip, None))
    })
}
