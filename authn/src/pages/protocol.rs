//! The pages of the protocol: what is between a relying party and the sign-in pages.

use askama::Template;

use super::Frame;

/// What cannot go on, and must not go to any address.
#[derive(Template)]
#[template(path = "protocol/refused.html")]
pub(crate) struct RefusedPage<'p> {
    /// What is around it.
    pub frame: Frame<'p>,
    /// What is wrong.
    pub sentence: &'p str,
}

/// An answer that the browser posts.
#[derive(Template)]
#[template(path = "protocol/form_post.html")]
pub(crate) struct FormPost<'p> {
    /// What is around it.
    pub frame: Frame<'p>,
    /// Where to.
    pub action: &'p str,
    /// What.
    pub fields: &'p [(&'static str, String)],
    /// What sends it at once, where script runs.
    pub script: &'static str,
}

/// The choice of a role.
#[derive(Template)]
#[template(path = "protocol/role.html")]
pub(crate) struct RolePage<'p> {
    /// What is around it; it tells where nothing was chosen.
    pub frame: Frame<'p>,
    /// Who asks.
    pub client: &'p str,
    /// Where the choice goes.
    pub action: String,
    /// Whether there are so many that one searches.
    pub search: bool,
    /// What was looked for.
    pub typed: &'p str,
    /// How many were found.
    pub found: usize,
    /// How many of them are not shown.
    pub left_out: usize,
    /// Those that are.
    pub roles: Vec<RoleRow<'p>>,
}

/// One role on the page.
pub(crate) struct RoleRow<'p> {
    /// Its id.
    pub id: &'p str,
    /// Where it is.
    pub organisation: &'p str,
    /// The code of that.
    pub code: &'p str,
    /// What it is.
    pub name: &'p str,
}

/// The question whether somebody wants to sign out.
#[derive(Template)]
#[template(path = "protocol/sign_out.html")]
pub(crate) struct SignOut<'p> {
    /// What is around it.
    pub frame: Frame<'p>,
    /// Where the answer goes.
    pub action: &'p str,
    /// What goes with it.
    pub fields: Vec<(&'p str, String)>,
}

/// The end.
#[derive(Template)]
#[template(path = "protocol/signed_out.html")]
pub(crate) struct SignedOut<'p> {
    /// What is around it.
    pub frame: Frame<'p>,
}
