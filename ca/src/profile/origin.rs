//! What vouches for it that a key was made on a card.

use serde::{Deserialize, Serialize};

/// What vouches for it that keys were made on a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyOrigin {
    /// The workstation alone.
    #[default]
    Workstation,
    /// A second person besides.
    TwoPersons,
    /// The card itself.
    Attested,
}
