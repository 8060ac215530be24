//! Lints on the statements of qualified certificates.

use const_oid::ObjectIdentifier;
use der::asn1::{Any, Ia5StringRef, PrintableStringRef};
use der::{Decode, Sequence};

use x509_cert::ext::pkix::name::GeneralName;

use super::extensions::value;
use super::{Case, Lint, Outcome, must};
use crate::profile::qualified::{
    Country, Currency, Disclosure, Language, Limit, QcType, Qualified, Semantics, is_national, statement,
};
use crate::subject::AttributeKind;
use crate::tbs::QC_STATEMENTS;

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "qc_statements", clause: "RFC 3739 3.2.6, EN 319 412-5 4", check: qc_statements },
    Lint { id: "qc_statements_unique", clause: "RFC 3739 3.2.6", check: qc_statements_unique },
    Lint { id: "qc_disclosures", clause: "EN 319 412-5 4.3.4", check: qc_disclosures },
    Lint { id: "qc_identifier", clause: "EN 319 412-1 5.1.3, 5.1.4", check: qc_identifier },
    Lint { id: "qc_legislation", clause: "EN 319 412-5 4.2.4", check: qc_legislation },
];

#[derive(Sequence)]
struct Stated {
    id: ObjectIdentifier,
    info: Option<Any>,
}

#[derive(Sequence)]
struct Value<'a> {
    currency: PrintableStringRef<'a>,
    amount: u32,
    exponent: u8,
}

#[derive(Sequence)]
struct Place<'a> {
    url: Ia5StringRef<'a>,
    language: PrintableStringRef<'a>,
}

#[derive(Sequence)]
struct Identifier {
    semantics: ObjectIdentifier,
    authorities: Option<Vec<GeneralName>>,
}

fn qc_statements(case: &Case<'_>) -> Outcome {
    let read = read(case)?;
    must(read.as_ref() == case.intent.profile.qualified.as_ref(), || {
        format!("{read:?} instead of {:?}", case.intent.profile.qualified)
    })
}

fn qc_statements_unique(case: &Case<'_>) -> Outcome {
    let ids: Vec<_> = statements(case)?.into_iter().flatten().map(|stated| stated.id).collect();
    match (1..ids.len()).find(|at| ids[..*at].contains(&ids[*at])) {
        Some(at) => Err(format!("{} is stated twice", ids[at])),
        None => Ok(()),
    }
}

fn qc_disclosures(case: &Case<'_>) -> Outcome {
    let Some(read) = read(case)? else { return Ok(()) };
    must(read.disclosures.iter().all(|place| place.url.starts_with("https://")), || {
        "a disclosure statement that is not found by https".to_owned()
    })?;
    let english = read.disclosures.iter().any(|place| place.language.0 == "en");
    must(english || (read.disclosures.is_empty() && !read.compliance), || {
        "no disclosure statement in English".to_owned()
    })
}

fn qc_identifier(case: &Case<'_>) -> Outcome {
    let Some(read) = read(case)? else { return Ok(()) };
    let Some(semantics) = read.semantics else { return Ok(()) };
    let kind = match semantics {
        Semantics::Natural => AttributeKind::SerialNumber,
        Semantics::Legal => AttributeKind::OrganisationIdentifier,
    };
    let attribute = case.tbs.subject().iter().find(|attribute| attribute.oid == kind.oid());
    let text = attribute.and_then(|attribute| std::str::from_utf8(attribute.value.value()).ok());
    must(text.is_some_and(|text| semantics.fits(text)), || {
        format!("{} is not an identifier of a {semantics:?} person", kind.short_name())
    })?;
    let named = !text.is_some_and(is_national) || !read.registration_authorities.is_empty();
    must(named, || "a national identifier whose registration authority is not named".to_owned())
}

fn qc_legislation(case: &Case<'_>) -> Outcome {
    let Some(read) = read(case)? else { return Ok(()) };
    must(read.compliance || read.legislation.is_empty(), || "countries whose law nothing claims".to_owned())
}

fn statements(case: &Case<'_>) -> Result<Option<Vec<Stated>>, String> {
    let value = value(case, &QC_STATEMENTS);
    value.map(|der| Vec::<Stated>::from_der(der).map_err(|error| error.to_string())).transpose()
}

/// What the bytes state, as the profile would say it.
fn read(case: &Case<'_>) -> Result<Option<Qualified>, String> {
    let Some(statements) = statements(case)? else { return Ok(None) };
    let mut read = Qualified::default();
    for stated in &statements {
        take(&mut read, stated)?;
    }
    Ok(Some(read))
}

fn take(read: &mut Qualified, stated: &Stated) -> Outcome {
    match stated.id {
        statement::COMPLIANCE => read.compliance = bare(stated)?,
        statement::SECURE_DEVICE => read.secure_device = bare(stated)?,
        statement::RETENTION => read.retention_years = Some(info::<u16>(stated)?),
        statement::LIMIT => {
            let value = info::<Value<'_>>(stated)?;
            let currency = Currency::try_from(value.currency.as_str().to_owned())?;
            read.limit = Some(Limit { currency, amount: value.amount, exponent: value.exponent });
        }
        statement::DISCLOSURES => {
            for place in info::<Vec<Place<'_>>>(stated)? {
                let language = Language::try_from(place.language.as_str().to_owned())?;
                read.disclosures.push(Disclosure { url: place.url.as_str().to_owned(), language });
            }
        }
        statement::TYPE => {
            let types = info::<Vec<ObjectIdentifier>>(stated)?;
            let [only] = types.as_slice() else { return Err(format!("{} types, not one", types.len())) };
            let known =
                [QcType::Esign, QcType::Eseal, QcType::Web].into_iter().find(|kind| kind.oid() == *only);
            read.kind = Some(known.ok_or_else(|| format!("the type {only}"))?);
        }
        statement::LEGISLATION => {
            for country in info::<Vec<PrintableStringRef<'_>>>(stated)? {
                read.legislation.push(Country::try_from(country.as_str().to_owned())?);
            }
        }
        statement::SEMANTICS => {
            let Identifier { semantics: identifier, authorities } = info::<Identifier>(stated)?;
            for authority in authorities.into_iter().flatten() {
                let GeneralName::UniformResourceIdentifier(uri) = authority else {
                    return Err("a registration authority that is no URI".to_owned());
                };
                read.registration_authorities.push(uri.as_str().to_owned());
            }
            let known = [Semantics::Natural, Semantics::Legal].into_iter().find(|it| it.oid() == identifier);
            read.semantics = Some(known.ok_or_else(|| format!("the semantics {identifier}"))?);
        }
        other => return Err(format!("the statement {other} has no place here")),
    }
    Ok(())
}

fn bare(stated: &Stated) -> Result<bool, String> {
    must(stated.info.is_none(), || format!("{} says more than itself", stated.id)).map(|()| true)
}

fn info<'a, T>(stated: &'a Stated) -> Result<T, String>
where
    T: der::Choice<'a> + der::DecodeValue<'a>,
{
    let info = stated.info.as_ref().ok_or_else(|| format!("{} says nothing", stated.id))?;
    info.decode_as::<T>().map_err(|_| format!("{} cannot be read", stated.id))
}
