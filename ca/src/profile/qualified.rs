//! Statements of qualified certificates: RFC 3739 3.2.6, ETSI EN 319 412-1 5.1 and EN 319 412-5 4.

use const_oid::ObjectIdentifier;
use serde::{Deserialize, Serialize};

use super::file::is_default;
use crate::subject::uri_fault;

/// What a profile states of its certificates: `[profile.qualified]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Qualified {
    /// `QcCompliance`: qualified under the law of the EU, or of the countries in `legislation`.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) compliance: bool,
    /// `QcCClegislation`: the countries outside the EU whose law it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) legislation: Vec<Country>,
    /// `QcType`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<QcType>,
    /// `QcSSCD`: the private key is in a qualified signature creation device.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) secure_device: bool,
    /// `QcRetentionPeriod`: years for which records are kept after the certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention_years: Option<u16>,
    /// `QcLimitValue`: up to what value it may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<Limit>,
    /// `QcPDS`: where the disclosure statements are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) disclosures: Vec<Disclosure>,
    /// What the subject's serial number means, by the RFC 3739 statement pkixQCSyntax-v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) semantics: Option<Semantics>,
    /// Who registers the identifiers of a national scheme, as URIs; beside `semantics`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) registration_authorities: Vec<String>,
}

/// What the key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QcType {
    Esign,
    Eseal,
    Web,
}

/// The most that a transaction may be worth: `amount` times ten to the `exponent`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) currency: Currency,
    pub(crate) amount: u32,
    #[serde(default)]
    pub(crate) exponent: u8,
}

/// A disclosure statement in one language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disclosure {
    pub(crate) url: String,
    pub(crate) language: Language,
}

/// Whose identifier the subject's serial number (or organisation identifier) is, EN 319 412-1 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Semantics {
    Natural,
    Legal,
}

/// Whether an identifier is of a national scheme, whose registration authorities must be named. EN 319 412-1 5.1.3
pub(crate) fn is_national(identifier: &str) -> bool {
    identifier.get(2..3) == Some(":")
}

/// A code of fixed length and letters.
macro_rules! code {
    ($name:ident, $about:literal, $length:literal, $letter:ident) => {
        #[doc = $about]
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(pub(crate) String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                if text.len() == $length && text.chars().all(|c| c.$letter()) {
                    return Ok($name(text));
                }
                Err(format!("\"{text}\" is not {}", $about))
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> String {
                code.0
            }
        }
    };
}

code!(Country, "a country's two capital letters (ISO 3166-1)", 2, is_ascii_uppercase);
code!(Currency, "a currency's three capital letters (ISO 4217)", 3, is_ascii_uppercase);
code!(Language, "a language's two small letters (ISO 639-1)", 2, is_ascii_lowercase);

impl QcType {
    /// EN 319 412-5 4.2.3.
    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            QcType::Esign => ObjectIdentifier::new_unwrap("0.4.0.1862.1.6.1"),
            QcType::Eseal => ObjectIdentifier::new_unwrap("0.4.0.1862.1.6.2"),
            QcType::Web => ObjectIdentifier::new_unwrap("0.4.0.1862.1.6.3"),
        }
    }
}

impl Semantics {
    /// EN 319 412-1 5.1.3 and 5.1.4.
    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Semantics::Natural => ObjectIdentifier::new_unwrap("0.4.0.194121.1.1"),
            Semantics::Legal => ObjectIdentifier::new_unwrap("0.4.0.194121.1.2"),
        }
    }

    /// Whether text has the form that these semantics give it: three letters of an identity type, or two and a colon
    /// for a national scheme, then a country, a hyphen and the identifier.
    pub(crate) fn fits(self, text: &str) -> bool {
        let types: &[&str] = match self {
            Semantics::Natural => &["PAS", "IDC", "PNO", "TAX", "TIN"],
            Semantics::Legal => &["VAT", "NTR", "PSD", "LEI"],
        };
        let (Some(kind), Some(country), Some(rest)) = (text.get(..3), text.get(3..5), text.get(5..)) else {
            return false;
        };
        let national = kind.ends_with(':') && kind[..2].chars().all(|c| c.is_ascii_uppercase());
        (types.contains(&kind) || national)
            && country.chars().all(|c| c.is_ascii_uppercase())
            && rest.strip_prefix('-').is_some_and(|id| !id.is_empty())
    }
}

/// The statements that [`Qualified`] makes, in the order in which they are written.
pub(crate) mod statement {
    use const_oid::ObjectIdentifier;

    /// `QcCompliance`, EN 319 412-5 4.2.1.
    pub(crate) const COMPLIANCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.1");
    /// `QcLimitValue`, 4.3.2.
    pub(crate) const LIMIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.2");
    /// `QcRetentionPeriod`, 4.3.3.
    pub(crate) const RETENTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.3");
    /// `QcSSCD`, 4.2.2.
    pub(crate) const SECURE_DEVICE: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.4");
    /// `QcPDS`, 4.3.4.
    pub(crate) const DISCLOSURES: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.5");
    /// `QcType`, 4.2.3.
    pub(crate) const TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.6");
    /// `QcCClegislation`, 4.2.4.
    pub(crate) const LEGISLATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.1862.1.7");
    /// `id-qcs-pkixQCSyntax-v2`, RFC 3739 3.2.6.1.
    pub(crate) const SEMANTICS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.11.2");
}

impl Qualified {
    /// What makes no sense in it.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let is_web = |disclosure: &Disclosure| {
            let host = disclosure.url.strip_prefix("https://").unwrap_or_default();
            !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic())
        };
        let in_english = || self.disclosures.iter().any(|disclosure| disclosure.language.0 == "en");
        if self.is_empty() {
            Some("qualified states nothing; leave it out")
        } else if !self.legislation.is_empty() && !self.compliance {
            Some("qualified.legislation says under whose law: it needs compliance = true")
        } else if self.compliance && self.kind.is_none() {
            // EN 319 412-5 5: whoever reads QcCompliance has to know for what.
            Some("qualified.compliance needs a type: esign, eseal or web")
        } else if self.compliance && self.disclosures.is_empty() {
            Some("qualified.compliance needs disclosures")
        } else if !self.disclosures.iter().all(is_web) {
            // EN 319 412-5 4.3.4
            Some("qualified.disclosures are found by https")
        } else if !self.disclosures.is_empty() && !in_english() {
            Some("one of qualified.disclosures must be in English (language = \"en\")")
        } else if !self.registration_authorities.iter().all(|uri| uri_fault(uri).is_none()) {
            Some("qualified.registration_authorities are absolute URIs")
        } else if !self.registration_authorities.is_empty() && self.semantics.is_none() {
            Some("qualified.registration_authorities stand beside semantics")
        } else if self.limit.as_ref().is_some_and(|limit| limit.amount == 0 || limit.exponent > 9) {
            Some("qualified.limit has an amount above 0 and an exponent of 9 at most")
        } else {
            None
        }
    }

    fn is_empty(&self) -> bool {
        *self == Qualified::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A serial number has the form of its semantics, and other text has not.
    #[test]
    fn identifiers_have_their_form() {
        for good in ["PNOGB-555021942107", "IDCDE-L01X00T47", "SD:GB-555021942107"] {
            assert!(Semantics::Natural.fits(good), "{good}");
        }
        for bad in ["555021942107", "PNOGB", "PNOGB-", "SDgb-1", "NTRGB-1", "S:GB-1", "PNO", "é"] {
            assert!(!Semantics::Natural.fits(bad), "{bad}");
        }
        assert!(Semantics::Legal.fits("NTRGB-12345678") && !Semantics::Legal.fits("PNOGB-1"));
    }
}
