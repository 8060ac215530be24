//! Who approved something that somebody else writes down.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::UserId;

use crate::acting::Doing;
use crate::api::Name;
use crate::error::Error;
use crate::person::plain;
use crate::store::people;

/// Who approved it, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) how: String,
    pub(crate) approver: String,
}

/// Two people: whoever writes it down does not name themselves as the one who approved it, under none of their ids, however those
/// are written, nor by their name.
pub(crate) async fn approved_by_another(
    tx: &mut Tx,
    doing: &Doing,
    approval: &Approval,
) -> Result<(), Error> {
    let approver = &approval.approver;
    let ids = user_ids(approver);
    if doing.is_named(approver.trim()) || ids.iter().any(|id| doing.actor.is(id)) {
        return Err(oneself("Somebody other than you approves this: name them."));
    }
    let Some(person) = doing.person().filter(|_| ids.is_empty()) else { return Ok(()) };
    let own = people::find(&mut *tx, person).await?.is_some_and(|profile| names(&profile.name, approver));
    if own {
        return Err(oneself(
            "This is your own name, and somebody other than you approves this. Where they have the same name, write their user id \
             after it.",
        ));
    }
    Ok(())
}

fn oneself(sentence: &'static str) -> Error {
    Error::field("approval", sentence)
}

/// The user ids in a text: twelve digits together, or with blanks, hyphens and dots between them as people write them.
fn user_ids(text: &str) -> BTreeSet<UserId> {
    let apart =
        |letter: char| letter.is_whitespace() || matches!(letter, '-' | '.' | '\u{2010}'..='\u{2015}');
    let runs = text.split(|letter: char| !letter.is_ascii_digit() && !apart(letter));
    let words = text.split(|letter: char| !letter.is_ascii_digit());
    let digits = |run: &str| run.chars().filter(char::is_ascii_digit).collect::<String>();
    runs.chain(words).filter_map(|run| digits(run).parse().ok()).collect()
}

/// Whether a text is this name, in either order, with or without what stands before and between.
fn names(name: &Name, text: &str) -> bool {
    let text = plain(text);
    let part = |part: &Option<String>| part.as_deref().map(plain).unwrap_or_default();
    let (given, family) = (plain(&name.given), plain(&name.family));
    if given.is_empty() || family.is_empty() {
        return false;
    }
    let (title, middle) = (part(&name.title), part(&name.middle));
    let written = [
        vec![&given, &family],
        vec![&family, &given],
        vec![&given, &middle, &family],
        vec![&family, &given, &middle],
        vec![&title, &given, &family],
        vec![&title, &given, &middle, &family],
    ];
    written.iter().any(|words| {
        let words: Vec<&str> =
            words.iter().map(|word| word.as_str()).filter(|word| !word.is_empty()).collect();
        words.join(" ") == text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id is read however it is written, and nothing else is one.
    #[test]
    fn ids_are_read_as_people_write_them() {
        for text in [
            "555021942107",
            "Ann Example (555 021 942 107)",
            "555-021-942-107, Ann Example",
            "id:555.021.942.107",
        ] {
            assert_eq!(user_ids(text), BTreeSet::from(["555021942107".parse().unwrap()]), "{text}");
        }
        for text in ["Head of nursing", "55502194210", "5550219421071", "", "room 12, 555 1234"] {
            assert!(user_ids(text).is_empty(), "{text}");
        }
        for text in
            ["555021942107, 555021942115", "555021942107 555021942115", "Ward 7 555021942107 555-021-942-115"]
        {
            assert!(user_ids(text).contains(&"555021942107".parse().unwrap()), "{text}");
        }
    }

    /// A name is known in the ways in which people write it; part of one is nobody's.
    #[test]
    fn a_name_is_known_again() {
        let name = Name {
            title: Some("Dr".to_owned()),
            given: "Siân".to_owned(),
            middle: Some("Mary".to_owned()),
            family: "O'Brien".to_owned(),
            on_card: None,
        };
        for text in
            ["Sian OBrien", "O’BRIEN, Siân", "Dr. Siân O'Brien", "dr sian mary o'brien", "Obrien Sian Mary"]
        {
            assert!(names(&name, text), "{text}");
        }
        for text in ["Sian", "O'Brien", "Siân Jones", "", "Head of nursing"] {
            assert!(!names(&name, text), "{text}");
        }
        let nameless =
            Name { title: None, given: String::new(), middle: None, family: String::new(), on_card: None };
        assert!(!names(&nameless, "") && !names(&nameless, "Head of nursing"));
    }
}
