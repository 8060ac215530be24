//! The file that says what a ceremony makes.

use std::collections::BTreeSet;

use hsm::Alg;
use serde::Deserialize;

use crate::api::DEMONSTRATION;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::names::IssuerId;
use crate::subject::{self, AttributeKind, Subject};

/// What a ceremony makes.
#[derive(Clone, Debug)]
pub struct Specification {
    pub(super) root: AuthoritySpecification,
    pub(super) issuing: Vec<AuthoritySpecification>,
    /// The root's certificate, where its key is kept elsewhere.
    pub(super) elsewhere: Option<pki::Certificate>,
    sha256: String,
}

impl Specification {
    /// A root and four issuing authorities, as the built-in profiles need them.
    pub const STANDARD: &'static str = include_str!("standard.toml");

    /// Reads a specification and says in a sentence what in it makes no sense.
    pub fn parse(text: &str) -> Result<Specification, Error> {
        let file: File =
            toml::from_str(text).map_err(|error| Error::CeremonySpecification(error.to_string()))?;
        let (mut root, elsewhere) = file.root.read()?;
        let mut issuing = file.issuing;
        if file.purpose == Purpose::Demonstration {
            for authority in std::iter::once(&mut root).chain(&mut issuing) {
                authority.unit = Some(DEMONSTRATION);
            }
        }
        let specification = Specification { root, elsewhere, issuing, sha256: sha256_hex(text.as_bytes()) };
        specification.check()?;
        Ok(specification)
    }

    /// SHA-256 of the text it was read from, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    fn check(&self) -> Result<(), Error> {
        let all = || std::iter::once(&self.root).chain(&self.issuing);
        let unique = |what: &str, values: Vec<String>| {
            let different: BTreeSet<_> = values.iter().collect();
            if different.len() == values.len() {
                return Ok(());
            }
            Err(Error::CeremonySpecification(format!("each authority needs its own {what}")))
        };
        unique("id", all().map(|authority| authority.id.to_string()).collect())?;
        unique("key label", all().map(|authority| authority.key.label.clone()).collect())?;
        unique("common_name", all().map(|authority| authority.common_name.clone()).collect())?;
        if self.issuing.iter().any(|authority| authority.id.generation() > 1) {
            let sentence = "an id that ends with -g and a number is a later generation's".to_owned();
            return Err(Error::CeremonySpecification(sentence));
        }
        for authority in all() {
            authority.subject()?;
            let label = &authority.key.label;
            if label.is_empty() || label.len() > 64 || !label.chars().all(|c| c.is_ascii_graphic()) {
                let sentence = "a key label is 1 to 64 visible ASCII characters".to_owned();
                return Err(Error::CeremonySpecification(sentence));
            }
        }
        Ok(())
    }
}

/// What a hierarchy is for. It stands in the names of its authorities, so that every certificate shows it and nobody changes it later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Purpose {
    /// Whatever its operator wants.
    #[default]
    Work,
    /// Trying out and showing around: nothing that it certifies is true.
    Demonstration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the hierarchy is for.
    #[serde(default)]
    purpose: Purpose,
    root: RootSpecification,
    /// None where the root is alone: the requests of its authorities are brought to it.
    #[serde(default)]
    issuing: Vec<AuthoritySpecification>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RootSpecification {
    common_name: Option<String>,
    organisation: Option<String>,
    organisation_identifier: Option<String>,
    country: Option<String>,
    key: Option<KeySpecification>,
    /// 2 for the root that follows the first, on a machine of its own; its lists and answers then have addresses of their own.
    generation: Option<u32>,
    /// In PEM, in place of all the others: its key is kept elsewhere.
    certificate: Option<String>,
}

impl RootSpecification {
    fn read(self) -> Result<(AuthoritySpecification, Option<pki::Certificate>), Error> {
        let RootSpecification {
            common_name,
            organisation,
            organisation_identifier,
            country,
            key,
            generation,
            certificate,
        } = self;
        let id = root_of(generation)?;
        match (certificate, common_name, key) {
            (None, Some(common_name), Some(key)) => {
                let root = AuthoritySpecification {
                    id,
                    common_name,
                    organisation,
                    organisation_identifier,
                    country,
                    key,
                    unit: None,
                };
                Ok((root, None))
            }
            (Some(pem), None, None)
                if organisation.is_none()
                    && organisation_identifier.is_none()
                    && country.is_none()
                    && generation.is_none() =>
            {
                let certificate = super::elsewhere::read_root(&pem)?;
                let common_name = certificate.common_name().unwrap_or_default();
                let alg = crate::subject_key::SubjectKey::parse(certificate.spki_der())?.alg();
                let key = KeySpecification { label: "ca-root".to_owned(), algorithm: alg };
                let root = AuthoritySpecification {
                    id,
                    common_name,
                    organisation,
                    organisation_identifier,
                    country,
                    key,
                    unit: None,
                };
                Ok((root, Some(certificate)))
            }
            _ => {
                let sentence =
                    "the root has either common_name and key, or the certificate of a root kept elsewhere";
                Err(Error::CeremonySpecification(sentence.to_owned()))
            }
        }
    }
}

/// The id of a root of this generation.
fn root_of(generation: Option<u32>) -> Result<IssuerId, Error> {
    let generation = generation.unwrap_or(1);
    let refused = |sentence: String| Error::CeremonySpecification(format!("root.generation: {sentence}"));
    if !(1..=9999).contains(&generation) {
        return Err(refused("1 to 9999".to_owned()));
    }
    IssuerId::root().of_generation(generation).map_err(|error| refused(error.to_string()))
}

/// One authority to make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthoritySpecification {
    pub(super) id: IssuerId,
    pub(super) common_name: String,
    pub(super) organisation: Option<String>,
    /// Such as `NTRGB-12345678`, which ETSI EN 319 412-2 4.2.3.1 asks of an issuer of qualified certificates.
    pub(super) organisation_identifier: Option<String>,
    pub(super) country: Option<String>,
    pub(super) key: KeySpecification,
    /// The unit in its name, which is not for the file to say.
    #[serde(skip)]
    pub(super) unit: Option<&'static str>,
}

impl AuthoritySpecification {
    pub(super) fn subject(&self) -> Result<Subject, Error> {
        let parts = [
            ("country", AttributeKind::Country, self.country.as_deref()),
            ("organisation", AttributeKind::Organisation, self.organisation.as_deref()),
            (
                "organisation_identifier",
                AttributeKind::OrganisationIdentifier,
                self.organisation_identifier.as_deref(),
            ),
            ("unit", AttributeKind::Unit, self.unit),
            ("common_name", AttributeKind::CommonName, Some(self.common_name.as_str())),
        ];
        let given = parts.into_iter().filter_map(|(field, kind, text)| Some((field, kind, text?)));
        let attributes = given.map(|(field, kind, text)| subject::text(field, kind, text));
        Ok(Subject { attributes: attributes.collect::<Result<_, _>>()? })
    }
}

/// The key of an authority.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpecification {
    pub(super) label: String,
    pub(super) algorithm: Alg,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard specification makes sense and has the issuers that the built-in profiles name.
    #[test]
    fn the_standard_specification_is_accepted() {
        let specification = Specification::parse(Specification::STANDARD).unwrap();
        let ids: Vec<_> = specification.issuing.iter().map(|authority| authority.id.as_str()).collect();
        assert_eq!(ids, ["card", "remote-signing", "sign-in", "systems"]);
        assert_eq!(specification.root.key.algorithm, Alg::P384);
    }

    /// A demonstration stands in the name of every authority; otherwise nothing does, and no file can put it there by itself.
    #[test]
    fn demonstrations_are_marked() {
        let names = |text: &str| {
            let specification = Specification::parse(text).unwrap();
            let all = std::iter::once(&specification.root).chain(&specification.issuing);
            all.map(|authority| {
                pki::Name::from_der(&authority.subject().unwrap().to_der()).unwrap().to_string()
            })
            .collect::<Vec<_>>()
        };
        assert!(names(Specification::STANDARD).iter().all(|name| !name.contains("OU=")));
        let marked = names(&format!("purpose = \"demonstration\"\n{}", Specification::STANDARD));
        assert_eq!(marked.len(), 5);
        assert!(marked.iter().all(|name| name.contains("OU=Demonstration,")), "{marked:?}");
        for wrong in ["purpose = \"play\"\n", "unit = \"Demonstration\"\n"] {
            assert!(Specification::parse(&format!("{wrong}{}", Specification::STANDARD)).is_err(), "{wrong}");
        }
    }

    /// What would make two authorities one, or a name that cannot stand, is refused with a sentence.
    #[test]
    fn senseless_specifications_are_refused() {
        let cases = [
            ("id = \"card\"", "id = \"root\"", "its own id"),
            ("id = \"card\"", "id = \"systems\"", "its own id"),
            ("label = \"ca-card\"", "label = \"ca-root\"", "its own key label"),
            ("label = \"ca-card\"", "label = \"ca card\"", "visible ASCII"),
            ("algorithm = \"p-384\"", "algorithm = \"p-521\"", "unknown variant"),
            ("Lanyard Card CA", "Lanyard Root CA", "its own common_name"),
            ("Lanyard Card CA", " Lanyard", "space"),
            ("[root]", "[root]\nyears = 30", "unknown field"),
            ("[root]", "[root]\ngeneration = 0", "1 to 9999"),
            ("id = \"card\"", "id = \"card-g2\"", "a later generation's"),
        ];
        for (from, to, sentence) in cases {
            let text = Specification::STANDARD.replace(from, to);
            assert_ne!(text, Specification::STANDARD, "{from}");
            let refusal = Specification::parse(&text).unwrap_err().to_string();
            assert!(refusal.contains(sentence), "{to} gave: {refusal}");
        }
    }
}
