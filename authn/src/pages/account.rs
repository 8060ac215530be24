//! The page on which somebody looks after their own sessions and ways to sign in.

use askama::Template;

use super::Frame;

/// A session on the page.
pub(crate) struct SessionRow {
    /// Its id.
    pub id: String,
    /// How it was opened.
    pub label: &'static str,
    /// When.
    pub since: String,
    /// From where, and with which browser.
    pub place: String,
    /// From where else it was used, and with which browsers.
    pub also: Vec<String>,
    /// Whether it is this browser's.
    pub here: bool,
}

/// A way to sign in on the page.
pub(crate) struct KeptRow {
    /// Its id.
    pub id: String,
    /// What its holder calls it.
    pub name: String,
    /// What it is.
    pub label: &'static str,
    /// When it last signed in, or that it does not.
    pub used: String,
}

/// What is somebody's own.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct Account<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The open sessions.
    pub sessions: Vec<SessionRow>,
    /// The ways to sign in.
    pub kept: Vec<KeptRow>,
}
