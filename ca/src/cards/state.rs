//! The life of a card: its states, what moves it from one to another, and the table of both.
//!
//! A card is ordered, received into a place, reserved for somebody, and issued: locked or to be used at once. In use it may lock or
//! be suspended, and is renewed. Once it is cancelled it is never used again as it is: it is cleared and goes back into stock, or is
//! destroyed. The eight states of Dogtag's token processing system are among these: `UNFORMATTED` is ordered and in stock,
//! `FORMATTED` reserved, `ACTIVE` issued-locked, active, pin-locked and renewing, `SUSPENDED` suspended, `PERM_LOST`, `DAMAGED`
//! and `TERMINATED` are cancelled with their reason, and what it calls reuse is cleared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CardState {
    /// On its way from the maker.
    Ordered,
    /// In the stock of a place.
    InStock,
    /// Kept for somebody.
    Reserved,
    /// It has an owner, and a passcode that nobody knows.
    IssuedLocked,
    /// In use.
    Active,
    /// Locked after too many wrong passcodes.
    PinLocked,
    /// Its certificates are on hold.
    Suspended,
    /// It is getting new certificates.
    Renewing,
    /// It ended, and its certificates are revoked.
    Cancelled,
    /// Keys and certificates were taken away.
    Cleared,
    /// It is no more.
    Destroyed,
}

/// What moves a card from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CardMove {
    /// It came.
    Receive,
    /// It is kept for somebody.
    Reserve,
    /// It is kept for nobody any more.
    Release,
    /// It was issued with a passcode that its holder chose.
    Issue,
    /// It was issued with a passcode that nobody knows.
    IssueLocked,
    /// Its passcode was found locked.
    Lock,
    /// Its holder chose a new passcode.
    Unlock,
    /// It is not used for a while.
    Suspend,
    /// It is used again.
    Resume,
    /// New certificates are on their way.
    BeginRenewal,
    /// They are on the card.
    FinishRenewal,
    /// They did not come.
    AbandonRenewal,
    /// It ends.
    Cancel,
    /// Keys and certificates were taken away.
    Clear,
    /// It can be issued again.
    Restock,
    /// It was destroyed before a witness.
    Destroy,
}

/// Where a move leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To this state.
    To(CardState),
    /// To the state before it was suspended.
    Back,
}

/// What leads where: every pair that is not here is refused.
const TABLE: &[(CardMove, &[CardState], Leads)] = {
    use CardMove as M;
    use CardState as S;
    use Leads::{Back, To};
    &[
        (M::Receive, &[S::Ordered], To(S::InStock)),
        (M::Reserve, &[S::InStock], To(S::Reserved)),
        (M::Release, &[S::Reserved], To(S::InStock)),
        (M::Issue, &[S::Reserved], To(S::Active)),
        (M::IssueLocked, &[S::Reserved], To(S::IssuedLocked)),
        (M::Lock, &[S::Active], To(S::PinLocked)),
        (M::Unlock, &[S::IssuedLocked, S::Active, S::PinLocked], To(S::Active)),
        (M::Suspend, &[S::IssuedLocked, S::Active, S::PinLocked], To(S::Suspended)),
        (M::Resume, &[S::Suspended], Back),
        (M::BeginRenewal, &[S::Active], To(S::Renewing)),
        (M::FinishRenewal, &[S::Renewing], To(S::Active)),
        (M::AbandonRenewal, &[S::Renewing], To(S::Active)),
        (
            M::Cancel,
            &[
                S::Ordered,
                S::InStock,
                S::Reserved,
                S::IssuedLocked,
                S::Active,
                S::PinLocked,
                S::Suspended,
                S::Renewing,
            ],
            To(S::Cancelled),
        ),
        (M::Clear, &[S::Cancelled], To(S::Cleared)),
        (M::Restock, &[S::Cleared], To(S::InStock)),
        (M::Destroy, &[S::Cancelled, S::Cleared], To(S::Destroyed)),
    ]
};

impl CardState {
    /// Each.
    pub const ALL: [Self; 11] = [
        Self::Ordered,
        Self::InStock,
        Self::Reserved,
        Self::IssuedLocked,
        Self::Active,
        Self::PinLocked,
        Self::Suspended,
        Self::Renewing,
        Self::Cancelled,
        Self::Cleared,
        Self::Destroyed,
    ];

    /// Whether somebody has it and it has certificates, whether or not it can be used now.
    pub(crate) fn is_held(self) -> bool {
        [Self::IssuedLocked, Self::Active, Self::PinLocked, Self::Suspended, Self::Renewing].contains(&self)
    }

    /// Its word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::InStock => "in-stock",
            Self::Reserved => "reserved",
            Self::IssuedLocked => "issued-locked",
            Self::Active => "active",
            Self::PinLocked => "pin-locked",
            Self::Suspended => "suspended",
            Self::Renewing => "renewing",
            Self::Cancelled => "cancelled",
            Self::Cleared => "cleared",
            Self::Destroyed => "destroyed",
        }
    }
}

impl CardMove {
    /// Each.
    pub const ALL: [Self; 16] = [
        Self::Receive,
        Self::Reserve,
        Self::Release,
        Self::Issue,
        Self::IssueLocked,
        Self::Lock,
        Self::Unlock,
        Self::Suspend,
        Self::Resume,
        Self::BeginRenewal,
        Self::FinishRenewal,
        Self::AbandonRenewal,
        Self::Cancel,
        Self::Clear,
        Self::Restock,
        Self::Destroy,
    ];

    /// Its word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Issue => "issue",
            Self::IssueLocked => "issue-locked",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::BeginRenewal => "begin-renewal",
            Self::FinishRenewal => "finish-renewal",
            Self::AbandonRenewal => "abandon-renewal",
            Self::Cancel => "cancel",
            Self::Clear => "clear",
            Self::Restock => "restock",
            Self::Destroy => "destroy",
        }
    }

    /// Where it leads from a state; none where it does not go.
    pub(crate) fn leads(self, from: CardState) -> Option<Leads> {
        let row = TABLE.iter().find(|(known, _, _)| *known == self);
        row.filter(|(_, states, _)| states.contains(&from)).map(|(_, _, leads)| *leads)
    }
}

/// A word that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no card is ever in this state")]
pub struct UnknownCardState;

impl FromStr for CardState {
    type Err = UnknownCardState;

    fn from_str(word: &str) -> Result<Self, UnknownCardState> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or(UnknownCardState)
    }
}

impl fmt::Display for CardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for CardMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state against every move: a letter for where it leads, a dot where it does not go. A new state or move changes the
    /// picture, and whoever makes one says here what it does.
    #[test]
    fn every_cell_is_decided() {
        let letter = |state: CardState, leads| match leads {
            None => '.',
            Some(Leads::Back) => '<',
            Some(Leads::To(to)) => {
                assert_ne!(to, CardState::Ordered, "{state} leads back to the maker");
                char::from(
                    b'a' + u8::try_from(CardState::ALL.iter().position(|one| *one == to).unwrap()).unwrap(),
                )
            }
        };
        let row = |state: CardState| {
            CardMove::ALL.iter().map(|it| letter(state, it.leads(state))).collect::<String>()
        };
        let picture: Vec<String> =
            CardState::ALL.iter().map(|state| format!("{state:<13} {}", row(*state))).collect();
        // Moves in their order, receive to destroy; a is ordered, b in-stock, and so on to k, destroyed.
        let expected = [
            "ordered       b...........i...",
            "in-stock      .c..........i...",
            "reserved      ..bed.......i...",
            "issued-locked ......eg....i...",
            "active        .....feg.h..i...",
            "pin-locked    ......eg....i...",
            "suspended     ........<...i...",
            "renewing      ..........eei...",
            "cancelled     .............j.k",
            "cleared       ..............bk",
            "destroyed     ................",
        ];
        assert_eq!(picture, expected);
    }

    /// Words are those of the wire, read back, and no two are the same.
    #[test]
    fn words_read_back() {
        for state in CardState::ALL {
            assert_eq!(state.word().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
        for step in CardMove::ALL {
            assert_eq!(serde_json::to_string(&step).unwrap(), format!("\"{step}\""));
        }
        assert_eq!("lost".parse::<CardState>(), Err(UnknownCardState));
    }

    /// Only a card whose keys were taken away goes back into stock after it had an owner.
    #[test]
    fn nothing_is_reused_before_it_is_cleared() {
        use CardState::{Active, InStock, Reserved};
        let mut reached = vec![Active];
        while let Some(from) = reached.pop() {
            for step in CardMove::ALL.into_iter().filter(|step| *step != CardMove::Clear) {
                if let Some(Leads::To(to)) = step.leads(from) {
                    assert!(![InStock, Reserved].contains(&to), "{from} by {step}");
                    if to > from {
                        reached.push(to);
                    }
                }
            }
        }
    }
}
