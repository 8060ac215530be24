//! The register over FHIR: mapping alone. Resources are made of entries of the directory, as the national services make them.

pub(crate) mod spine;
