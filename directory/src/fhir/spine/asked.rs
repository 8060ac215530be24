//! What is asked for: the parameters of a query, with the national service's rules.

use super::outcome::Outcome;

/// An organisation by its ODS code.
pub(super) const ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// An interaction.
pub(super) const INTERACTION: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
/// A party key.
pub(super) const PARTY_KEY: &str = "https://fhir.nhs.uk/Id/nhsMhsPartyKey";

/// Which resource is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Device,
    Endpoint,
}

impl Kind {
    /// The name of the resource.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device => "Device",
            Self::Endpoint => "Endpoint",
        }
    }
}

/// What is asked for. All that is given must hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) organisation: Option<String>,
    pub(crate) interaction: Option<String>,
    pub(crate) party_key: Option<String>,
    pub(crate) manufacturer: Option<String>,
}

/// What may be asked beside the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Parameters that say how much is told: nothing of them is read here.
    pub(crate) beside: &'static [&'static str],
    /// Whether what is not known is passed over.
    pub(crate) passes_over: bool,
}

/// Reads what is asked for in a query and a form. A parameter that is not known, or a value without an accepted system, is refused; a blank value counts as
/// missing, blanks around one do not count, and of several values of one system the last counts.
pub(crate) fn asked(kind: Kind, query: &str, form: &[u8], rules: Rules) -> Result<Asked, Outcome> {
    let mut asked = Asked::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form)) {
        let value = value.trim();
        let parts = value.split_once('|').map(|(system, value)| (system, value.trim().to_owned()));
        match (name.as_ref(), parts) {
            ("organization", Some((ORGANISATION, value))) => put(&mut asked.organisation, value),
            ("organization", _) => return Err(expected("organization", &[ORGANISATION])),
            ("identifier", Some((INTERACTION, value))) => put(&mut asked.interaction, value),
            ("identifier", Some((PARTY_KEY, value))) => put(&mut asked.party_key, value),
            ("identifier", _) => return Err(expected("identifier", &[INTERACTION, PARTY_KEY])),
            ("manufacturing-organization", Some((ORGANISATION, value))) if kind == Kind::Device => {
                put(&mut asked.manufacturer, value);
            }
            ("manufacturing-organization", _) if kind == Kind::Device => {
                return Err(expected("manufacturing-organization", &[ORGANISATION]));
            }
            (other, _) if rules.passes_over || rules.beside.contains(&other) => {}
            (other, _) => {
                let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(Outcome::bad_request(format!(
                    "The query parameter '{shown}' is not known here."
                )));
            }
        }
    }
    asked.demand(kind)?;
    Ok(asked)
}

fn put(place: &mut Option<String>, value: String) {
    if !value.is_empty() {
        *place = Some(value);
    }
}

fn expected(name: &str, systems: &[&str]) -> Outcome {
    let forms: Vec<String> = systems.iter().map(|system| format!("'{name}={system}|value'")).collect();
    Outcome::bad_request(format!(
        "Missing or invalid '{name}' query parameter. Should be {}.",
        forms.join(" or ")
    ))
}

impl Asked {
    /// Which combinations are enough.
    fn demand(&self, kind: Kind) -> Result<(), Outcome> {
        match kind {
            Kind::Device if self.organisation.is_none() => Err(expected("organization", &[ORGANISATION])),
            Kind::Device if self.interaction.is_none() => Err(expected("identifier", &[INTERACTION])),
            Kind::Endpoint => {
                let given = [&self.organisation, &self.interaction, &self.party_key];
                if given.into_iter().flatten().count() >= 2 {
                    return Ok(());
                }
                Err(Outcome::bad_request(format!(
                    "Missing or invalid query parameters. Should be two or three of 'organization={ORGANISATION}|value', \
                     'identifier={INTERACTION}|value' and 'identifier={PARTY_KEY}|value'."
                )))
            }
            Kind::Device => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(parts: &[(&str, &str)]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(parts);
        text.finish()
    }

    fn of(kind: Kind, parts: &[(&str, String)]) -> Result<Asked, Outcome> {
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        asked(kind, &query(&parts), b"", Rules::default())
    }

    fn org(code: &str) -> (&'static str, String) {
        ("organization", format!("{ORGANISATION}|{code}"))
    }

    fn interaction(name: &str) -> (&'static str, String) {
        ("identifier", format!("{INTERACTION}|{name}"))
    }

    fn party(key: &str) -> (&'static str, String) {
        ("identifier", format!("{PARTY_KEY}|{key}"))
    }

    /// Each combination that is enough, and each that is not.
    #[test]
    fn combinations_are_required() {
        let device = |parts: &[_]| of(Kind::Device, parts).is_ok();
        assert!(device(&[org("R8008"), interaction("urn:a")]));
        assert!(device(&[org("R8008"), interaction("urn:a"), party("R-1")]));
        assert!(
            !device(&[org("R8008")])
                && !device(&[interaction("urn:a")])
                && !device(&[org("R8008"), party("R-1")])
        );
        let endpoint = |parts: &[_]| of(Kind::Endpoint, parts).is_ok();
        for enough in [
            vec![org("R8008"), interaction("urn:a")],
            vec![org("R8008"), party("R-1")],
            vec![interaction("urn:a"), party("R-1")],
            vec![org("R8008"), interaction("urn:a"), party("R-1")],
        ] {
            assert!(endpoint(&enough), "{enough:?}");
        }
        assert!(!endpoint(&[org("R8008")]) && !endpoint(&[party("R-1")]) && !endpoint(&[]));
    }

    /// Blanks go, a blank value is missing, and the last of one system counts.
    #[test]
    fn values_are_tidied() {
        let read =
            of(Kind::Device, &[org(" R8008 "), interaction("urn:a"), interaction("urn:b"), party("  ")])
                .unwrap();
        assert_eq!(
            (read.organisation.as_deref(), read.interaction.as_deref()),
            (Some("R8008"), Some("urn:b"))
        );
        assert_eq!(read.party_key, None);
        assert!(of(Kind::Device, &[org("  "), interaction("urn:a")]).is_err());
    }

    /// What is not known is refused: names, systems, values without one.
    #[test]
    fn strange_parameters_are_refused() {
        let good = || vec![org("R8008"), interaction("urn:a")];
        for bad in [
            ("colour", "red".to_owned()),
            ("Organization", format!("{ORGANISATION}|R8008")),
            ("organization", "R8008".to_owned()),
            ("identifier", "https://fhir.nhs.uk/Id/nhsSpineASID|1".to_owned()),
        ] {
            for kind in [Kind::Device, Kind::Endpoint] {
                let mut parts = good();
                parts.push(bad.clone());
                assert!(of(kind, &parts).is_err(), "{bad:?}");
            }
        }
        let made_by = ("manufacturing-organization", format!("{ORGANISATION}|YGM"));
        let mut parts = good();
        parts.push(made_by);
        assert!(of(Kind::Device, &parts).is_ok() && of(Kind::Endpoint, &parts).is_err());
    }
}
