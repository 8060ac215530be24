//! Lints on name constraints: those that an authority gets, and those that its issuer is under.

use const_oid::db::rfc5280 as oids;
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;

use super::extensions::read;
use super::{Case, Lint, Outcome, encoded, must, names};
use crate::permitted;
use crate::profile::constraints::{Base, Subtrees};

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "name_constraints", clause: "RFC 5280 4.2.1.10", check: name_constraints },
    Lint {
        id: "names_within_constraints",
        clause: "RFC 5280 4.2.1.10, 6.1.3",
        check: names_within_constraints,
    },
];

fn name_constraints(case: &Case<'_>) -> Outcome {
    let Some(read) = read::<NameConstraints>(case, &oids::ID_CE_NAME_CONSTRAINTS)? else { return Ok(()) };
    must(case.intent.is_authority(), || "only an authority has name constraints".to_owned())?;
    let sides = [&read.permitted_subtrees, &read.excluded_subtrees];
    must(sides.iter().any(|side| side.is_some()), || "neither permits nor excludes anything".to_owned())?;
    let expected = case.intent.profile.name_constraints.as_ref();
    let expected = expected.map(|constraints| [&constraints.permitted, &constraints.excluded]);
    let Some(expected) = expected else { return Err("not meant to be there".to_owned()) };
    for (read, expected) in sides.into_iter().zip(expected) {
        let read = bases(read.as_deref())?;
        must(read == meant(expected), || "other branches than the profile has".to_owned())?;
    }
    Ok(())
}

fn bases(trees: Option<&[GeneralSubtree]>) -> Result<Vec<Vec<u8>>, String> {
    must(trees.is_none_or(|trees| !trees.is_empty()), || "an empty list of branches".to_owned())?;
    trees
        .unwrap_or_default()
        .iter()
        .map(|tree| {
            // RFC 5280 4.2.1.10: minimum is 0 and there is no maximum.
            must(tree.minimum == 0 && tree.maximum.is_none(), || "a branch with a distance".to_owned())?;
            encoded(&tree.base)
        })
        .collect()
}

fn meant(trees: &Subtrees) -> Vec<Vec<u8>> {
    trees.bases().map(|base: Base| base.to_der()).collect()
}

fn names_within_constraints(case: &Case<'_>) -> Outcome {
    let constraints = &case.intent.issuer.constraints;
    if case.intent.is_self_signed() || constraints.is_empty() {
        return Ok(());
    }
    let unreadable = |error: pki::Error| error.to_string();
    let subject = pki::Name::from_der(&encoded(case.tbs.subject())?).map_err(unreadable)?;
    let ders = names::names(case)?.iter().map(encoded).collect::<Result<Vec<_>, _>>()?.concat();
    let alternative = pki::AlternativeName::read_each(&ders).map_err(unreadable)?;
    permitted::within(constraints, &subject, &alternative).map_err(|outside| outside.to_string())
}
