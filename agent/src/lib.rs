//! The workstation program: it holds the card reader, asks for the passcode, and signs what its holder agrees to.
//!
//! It is linked with the system's library for card readers, which nothing else of ours is, and it knows no database and no token. It carries
//! neither of what the server is built on, so that it stays small on everybody's desk.
//!
//! - [`readers`] is the readers and the cards in them: the way to a card for [`card::piv`], and what is put in and pulled.
//! - [`cards`] says which cards they are.
//! - [`doctor`] says what is wrong and how to mend it.
//! - [`passcode`] asks for the passcode in a dialog of the agent's own.
//! - [`unlocking`] unlocks a card where no server is reached.
//! - [`following`] takes a configuration that was changed while the agent runs.
//! - [`signing`] signs with the card after its holder agreed.
//! - [`removals`] tells servers that a card was taken out which had signed in.
//! - [`desktop`] signs for systems of the desktop, and files.
//! - [`relay`] carries the server's commands to a card, after its user agreed.
//! - [`server`] is the way to a server that is vouched for.
//! - [`http`] is the national loopback protocol, by which browser applications find the agent and ask it to sign, and by which
//!   the registration authority's page asks it to connect to the server.
//!
//! What each operating system does in its own way stands in one module, `system`, and on Unix in the socket of [`http`].

#![forbid(unsafe_code)]

pub mod cards;
pub mod clock;
pub mod desktop;
pub mod doctor;
pub mod following;
pub mod http;
pub mod passcode;
pub mod readers;
pub mod relay;
pub mod removals;
pub mod server;
pub mod settings;
pub mod signing;
mod system;
pub mod unlocking;
