//! The `[directory.workers]` section of the configuration file.

use serde::Deserialize;

/// In which of the two published dialects the Healthcare Worker API answers. Either is understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// That of the service: numbers under `https://fhir.nhs.uk/Id/`, job roles by their three codes.
    #[default]
    Service,
    /// That of UK Core and the England profiles: numbers under `https://fhir.hl7.org.uk/Id/`, job roles by the last of the codes.
    England,
}

/// How the Healthcare Worker API answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkersConfig {
    /// `service` or `england`: which identifiers and codes it answers with.
    pub dialect: Dialect,
}
