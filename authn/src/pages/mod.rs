//! The pages that people see. Every field of a template is a field of a type here, so that a missing one does not compile.

mod account;
mod enrolling;
mod own_cards;
mod picture;
mod protocol;
mod sandbox;
mod signing_in;
mod words;

use askama::Template;

pub(crate) use account::{Account, KeptRow, SessionRow};
pub(crate) use enrolling::{EnrolAddress, EnrolApp, EnrolChoose, EnrolDone, EnrolKey, EnrolStart};
pub(crate) use own_cards::{OwnCardRow, OwnCardsPage, RenewCard};
pub(crate) use picture::picture;
pub(crate) use protocol::{FormPost, RefusedPage, RolePage, RoleRow, SignOut, SignedOut};
pub(crate) use sandbox::{ClientRow, ForcedRow, LogoutToken, MethodRow, PersonaRow, Personas, SandboxDesk};
pub(crate) use signing_in::{App, Card, CardWatched, Choose, Key, Offered, UnlockCard, label};
pub(crate) use words::{browser, moment};

/// The language of every page, whatever `ui_locales` asks for. RFC 5646
pub(crate) const LANGUAGE: &str = "en-GB";

/// What is around every page.
pub(crate) struct Frame<'a> {
    /// What the site is called.
    pub site: &'a str,
    /// What the page is about.
    pub title: &'a str,
    /// What went wrong.
    pub told: Option<Told>,
}

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// What happened.
    pub title: String,
    /// What to do.
    pub sentence: String,
    /// The id of the field on the page where it is done; the sentence leads there.
    pub field: Option<String>,
}

impl Told {
    /// What went wrong, and what to do, which is not in a field of this page.
    pub(crate) fn new(title: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { title: title.into(), sentence: sentence.into(), field: None }
    }

    /// The same, to be put right in this field.
    pub(crate) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }
}

impl<'a> Frame<'a> {
    /// A page on which nothing went wrong.
    pub(crate) fn new(site: &'a str, title: &'a str) -> Self {
        Self { site, title, told: None }
    }

    /// The same, with what went wrong.
    pub(crate) fn telling(self, told: Option<Told>) -> Self {
        Self { told, ..self }
    }
}

/// A page that says what happened and what to do.
#[derive(Template)]
#[template(path = "told.html")]
pub(crate) struct ToldPage<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// What happened and what to do.
    pub sentence: &'a str,
    /// The way on: an address and its words.
    pub way: Option<(&'a str, &'a str)>,
}
