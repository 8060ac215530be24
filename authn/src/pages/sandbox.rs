//! The pages of the sandbox.

use askama::Template;

use super::Frame;

/// Somebody to sign in as.
pub(crate) struct PersonaRow {
    /// The user id.
    pub user: String,
    /// Their name.
    pub name: String,
    /// How many roles they have.
    pub roles: usize,
    /// What to know of them.
    pub about: String,
}

/// A way to sign in, with what it is worth.
pub(crate) struct MethodRow {
    /// Its word.
    pub word: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// The level.
    pub level: &'static str,
}

/// An answer that can be forced.
pub(crate) struct ForcedRow {
    /// Its word.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// Who one wants to be, and how.
#[derive(Template)]
#[template(path = "sandbox/personas.html")]
pub(crate) struct Personas<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The secret of the request, for the addresses of its pages.
    pub secret: &'a str,
    /// For what one signs in.
    pub client: &'a str,
    /// People who are offered.
    pub people: Vec<PersonaRow>,
    /// Ways that satisfy the request.
    pub methods: Vec<MethodRow>,
    /// What can be answered instead.
    pub forced: Vec<ForcedRow>,
}

/// A relying party that has something of the session.
pub(crate) struct ClientRow {
    /// Its client id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it is told, in words.
    pub told: String,
}

/// What can be done with the session of this browser.
#[derive(Template)]
#[template(path = "sandbox/desk.html")]
pub(crate) struct SandboxDesk<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// Whose session it is, and how it was opened; none where nobody is signed in.
    pub signed_in: Option<(String, &'static str)>,
    /// Whether it was opened with a card.
    pub card: bool,
    /// The relying parties that have something of it.
    pub clients: Vec<ClientRow>,
}

/// A logout token.
#[derive(Template)]
#[template(path = "sandbox/token.html")]
pub(crate) struct LogoutToken<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// For which relying party.
    pub client: &'a str,
    /// The token.
    pub token: &'a str,
}
