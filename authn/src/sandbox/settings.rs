//! The `[authn.sandbox]` section of the configuration file.

use platform::id::UserId;
use serde::Deserialize;

use crate::error::Error;

/// How many personas a page offers at most.
const MOST: usize = 50;

/// What the sandbox offers. That the section is there turns it on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// People of the register whom the page offers; anybody else's user id can be typed.
    pub personas: Vec<Persona>,
}

/// Somebody to sign in as.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// The user id, of somebody in the register.
    pub user: String,
    /// What to know of them, such as how many roles they have.
    #[serde(default)]
    pub about: String,
}

impl Sandbox {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.personas.len() > MOST {
            return Err(Error::Setting { sentence: "authn.sandbox.personas has at most 50 people" });
        }
        if self.personas.iter().any(|persona| persona.user.parse::<UserId>().is_err()) {
            return Err(Error::Setting { sentence: "each of authn.sandbox.personas has a user id as user" });
        }
        if self.personas.iter().any(|persona| persona.about.chars().count() > 200) {
            return Err(Error::Setting {
                sentence: "about of authn.sandbox.personas has at most 200 characters",
            });
        }
        Ok(())
    }
}
