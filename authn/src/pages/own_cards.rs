//! The pages on which somebody sees their own smartcards, and renews one.

use askama::Template;

use super::Frame;

/// A card on the page.
pub(crate) struct OwnCardRow {
    /// Its id.
    pub id: String,
    /// The serial number that it says of itself.
    pub serial: String,
    /// How it stands, and what there is to do.
    pub sentence: String,
    /// Whether its holder can renew it here and now.
    pub renews: bool,
    /// Whether they can unlock it.
    pub unlocks: bool,
    /// Whether they can give up its renewal.
    pub gives_up: bool,
}

/// The cards that somebody has.
#[derive(Template)]
#[template(path = "own_cards.html")]
pub(crate) struct OwnCardsPage<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The cards.
    pub cards: Vec<OwnCardRow>,
}

/// One of them, to be renewed.
#[derive(Template)]
#[template(path = "renew_card.html")]
pub(crate) struct RenewCard<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The card.
    pub card: OwnCardRow,
    /// Where the agent of the workstation is, if there are agents.
    pub agent: Option<&'a str>,
}
