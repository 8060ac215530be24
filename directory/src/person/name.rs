//! Names as they are taken in.

use platform::id::OdsCode;

use super::text::{LONGEST, line, plain};
use crate::api::Name;
use crate::error::Error;

/// Takes a name: its parts without spare blanks, and a letter in each.
pub(crate) fn checked(name: Name) -> Result<Name, Error> {
    let optional = |field, part: Option<String>| {
        part.filter(|part| !part.trim().is_empty()).map(|part| worded(field, &part)).transpose()
    };
    Ok(Name {
        title: optional("title", name.title)?,
        given: worded("given", &name.given)?,
        middle: optional("middle", name.middle)?,
        family: worded("family", &name.family)?,
        on_card: optional("on_card", name.on_card)?,
    })
}

/// A part of a name.
pub(crate) fn worded(field: &'static str, text: &str) -> Result<String, Error> {
    let text = line(field, text, LONGEST)?;
    if !text.chars().any(char::is_alphabetic) {
        return Err(Error::field(field, "A name has letters. Write it as the official document does."));
    }
    if text.chars().any(|letter| matches!(letter, '<' | '>' | '{' | '}' | '=' | '"' | '\\')) {
        return Err(Error::field(
            field,
            "It holds signs that no name has. Write it as the official document does.",
        ));
    }
    Ok(text)
}

/// The name of a temporary access card: the organisation's code with TAC, and what it is for.
pub(crate) fn of_temporary_access_card(organisation: &OdsCode, label: &str) -> Result<Name, Error> {
    Ok(Name {
        title: None,
        given: format!("{organisation}TAC"),
        middle: None,
        family: labelled(label)?,
        on_card: None,
    })
}

/// The name of a robot: the organisation's code with RPA, and what it is for.
pub(crate) fn of_robot(organisation: &OdsCode, label: &str) -> Result<Name, Error> {
    Ok(Name { given: format!("{organisation}RPA"), ..of_temporary_access_card(organisation, label)? })
}

fn labelled(label: &str) -> Result<String, Error> {
    let label = worded("label", label)?;
    if !label.chars().take(2).all(char::is_alphabetic) || label.chars().count() < 2 {
        return Err(Error::field("label", "Begin with two letters at least, such as Night desk."));
    }
    Ok(label)
}

/// Under which texts a name is found: family name first, and given name first.
pub(crate) fn keys(name: &Name) -> [String; 2] {
    let (given, family) = (plain(&name.given), plain(&name.family));
    [format!("{family} {given}"), format!("{given} {family}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(given: &str, family: &str) -> Name {
        Name {
            title: Some(" ".to_owned()),
            given: given.to_owned(),
            middle: None,
            family: family.to_owned(),
            on_card: None,
        }
    }

    /// Names are trimmed and have letters; mark-up and numbers are none.
    #[test]
    fn names_have_letters() {
        assert_eq!(checked(name(" Ann ", "O’Brien")).unwrap().given, "Ann");
        assert_eq!(checked(name("Ann", "Smith")).unwrap().title, None);
        for bad in ["", "123", "<b>Ann</b>", "-"] {
            assert!(checked(name(bad, "Smith")).is_err(), "{bad}");
        }
        assert_eq!(keys(&name("Ann", "O’Brien")), ["obrien ann", "ann obrien"]);
    }

    /// A temporary access card bears its organisation's code, whatever it is for.
    #[test]
    fn cards_bear_their_organisation() {
        let organisation = "RXX".parse().unwrap();
        let card = of_temporary_access_card(&organisation, "Night desk").unwrap();
        assert_eq!((card.given.as_str(), card.family.as_str()), ("RXXTAC", "Night desk"));
        assert!(of_temporary_access_card(&organisation, "1 desk").is_err());
        assert!(of_temporary_access_card(&organisation, "D").is_err());
        assert_eq!(of_robot(&organisation, "Rota filler").unwrap().given, "RXXRPA");
    }
}
