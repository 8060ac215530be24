//! The sandbox: the same program, for those who build relying parties. One signs in as an invented person with a chosen method,
//! makes the provider answer with an error, takes a card out that is not there, and looks at logout tokens.
//!
//! Nothing of it is there without `[authn.sandbox]`, and neither does sign-in start with it nor does anybody sign in by it unless every
//! authority says in its own name that it is a demonstration's ([`hierarchy`]): whoever signs in here has proved nothing, and an
//! authority can be brought in while the program runs. What it opened ends with it, at its next use.

mod events;
mod forced;
mod hierarchy;
mod persona;
mod settings;
mod telling;

use platform::clock::Millis;
use platform::db::Db;

use crate::error::Error;
use crate::provider::Provider;

pub use events::SandboxEvent;
pub(crate) use forced::{Forced, force};
pub(crate) use persona::{MADE_BY, known, remove_card, sign_in};
pub use settings::{Persona, Sandbox};
pub(crate) use telling::{Told, clients, logout_token};

/// Opens the sandbox, or refuses to; that it was opened is in the record.
pub(crate) async fn open(
    settings: &Sandbox,
    ca: &ca::api::Client,
    db: &Db,
    now: Millis,
) -> Result<(), Error> {
    hierarchy::demand_demonstration(ca).await?;
    tracing::warn!("sign-in is a sandbox: nobody proves who they are");
    let event = SandboxEvent::SandboxOpened { personas: settings.personas.len() as u64 };
    db.write(move |tx| {
        Box::pin(async move {
            audit::record(tx, now, &audit::Actor::system("authn"), &event).await?;
            Ok(())
        })
    })
    .await
}

/// Whether what the sandbox opened stands: this is a sandbox, and every authority is a demonstration's still. Where that cannot be asked
/// there is an error, and nobody gets anything.
pub(crate) async fn stands(provider: &Provider) -> Result<bool, Error> {
    if provider.config.sandbox.is_none() {
        return Ok(false);
    }
    match hierarchy::demand_demonstration(&provider.ca).await {
        Ok(()) => Ok(true),
        Err(Error::SandboxRefused { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What sign-in is called where it is a sandbox: every page says so.
pub(crate) fn named(name: &str) -> String {
    format!("{name} (sandbox)")
}
