//! Systems of identifiers and codes, in both dialects.

use super::config::Dialect;
use crate::api::ProfessionalBody;

pub(super) const USER: &str = "https://fhir.nhs.uk/Id/sds-user-id";
pub(super) const ROLE_PROFILE: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";
pub(super) const ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Job roles by their three codes.
pub(super) const JOB_ROLE_CODE: &str = "https://fhir.nhs.uk/CodeSystem/NHSDigital-SDS-JobRoleCode";
/// Job roles by the last of their codes.
pub(super) const JOB_ROLE_NAME: &str = "https://fhir.nhs.uk/England/CodeSystem/England-SDSJobRoleName";
/// The same of UK Core.
pub(super) const JOB_ROLE_NAME_UK: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName";

/// Professional bodies with the systems of their numbers: that of the service, that of UK Core. In the order in which the service
/// tells them, then those that it does not tell. Four have a system nowhere: they get one of the shape of the others, below the
/// address of the service, so that their numbers can be told and searched.
const BODIES: [(ProfessionalBody, Option<&str>, Option<&str>); 14] = [
    (ProfessionalBody::Gphc, Some("https://fhir.nhs.uk/Id/rpsgb-membership-number"), None),
    (
        ProfessionalBody::Gmc,
        Some("https://fhir.nhs.uk/Id/gmc-number"),
        Some("https://fhir.hl7.org.uk/Id/gmc-number"),
    ),
    (
        ProfessionalBody::Gdp,
        Some("https://fhir.nhs.uk/Id/gdp-number"),
        Some("https://fhir.hl7.org.uk/Id/gdp-number"),
    ),
    (
        ProfessionalBody::Gdc,
        Some("https://fhir.nhs.uk/Id/gdc-number"),
        Some("https://fhir.hl7.org.uk/Id/gdc-number"),
    ),
    (ProfessionalBody::Rcn, Some("https://fhir.nhs.uk/Id/rcn-number"), None),
    (
        ProfessionalBody::Nmc,
        Some("https://fhir.nhs.uk/Id/nmc-number"),
        Some("https://fhir.hl7.org.uk/Id/nmc-number"),
    ),
    (
        ProfessionalBody::Gmp,
        Some("https://fhir.nhs.uk/Id/gmp-number"),
        Some("https://fhir.hl7.org.uk/Id/gmp-number"),
    ),
    (
        ProfessionalBody::Consultant,
        Some("https://fhir.nhs.uk/Id/consultant-code"),
        Some("https://fhir.hl7.org.uk/Id/consultant-code"),
    ),
    (ProfessionalBody::Hcpc, None, Some("https://fhir.hl7.org.uk/Id/hcpc-number")),
    (ProfessionalBody::Goc, None, Some("https://fhir.hl7.org.uk/Id/goc-number")),
    (ProfessionalBody::Gosc, Some("https://fhir.nhs.uk/Id/gosc-number"), None),
    (ProfessionalBody::Gcc, Some("https://fhir.nhs.uk/Id/gcc-number"), None),
    (ProfessionalBody::Psni, Some("https://fhir.nhs.uk/Id/psni-number"), None),
    (ProfessionalBody::Swe, Some("https://fhir.nhs.uk/Id/swe-number"), None),
];

/// Numbers that the register keeps for nobody, under systems that are known all the same: asked for, they find nobody.
const NOBODY: [&str; 2] =
    ["https://fhir.nhs.uk/Id/nacs-practitioner-code", "https://fhir.hl7.org.uk/Id/ppa-number"];

/// What a system of identifiers of people means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// User ids.
    User,
    /// Numbers of a professional body.
    Body(ProfessionalBody),
    /// Numbers that nobody has here.
    Nobody,
}

/// What a system means, in either dialect.
pub(super) fn numbers(system: &str) -> Option<Numbers> {
    if system == USER {
        return Some(Numbers::User);
    }
    if NOBODY.contains(&system) {
        return Some(Numbers::Nobody);
    }
    let body = BODIES.iter().find(|row| row.1 == Some(system) || row.2 == Some(system));
    body.map(|row| Numbers::Body(row.0))
}

/// The registrations of a person, each a body and a number, with their systems, in the order of the service.
pub(super) fn told<'a>(
    all: &[(ProfessionalBody, &'a str)],
    dialect: Dialect,
) -> Vec<(&'static str, &'a str)> {
    let mut told = Vec::with_capacity(all.len());
    if all.is_empty() {
        return told;
    }
    for (body, service, uk) in BODIES {
        let system = match dialect {
            Dialect::Service => service.or(uk),
            Dialect::England => uk.or(service),
        };
        if let Some(system) = system {
            let of = all.iter().filter(|one| one.0 == body);
            told.extend(of.map(|one| (system, one.1)));
        }
    }
    told
}

/// Whether a job role, told by its three codes, is meant by a token of either dialect.
pub(super) fn is_meant(role_code: &str, system: Option<&str>, code: &str) -> bool {
    let last = role_code.rsplit(':').next().unwrap_or_default();
    match system {
        Some(JOB_ROLE_CODE) => role_code == code,
        Some(JOB_ROLE_NAME | JOB_ROLE_NAME_UK) => last == code,
        Some(_) => false,
        None => role_code == code || last == code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both dialects mean the same numbers, and each tells its own.
    #[test]
    fn dialects_mean_the_same() {
        for system in ["https://fhir.nhs.uk/Id/gmc-number", "https://fhir.hl7.org.uk/Id/gmc-number"] {
            assert_eq!(numbers(system), Some(Numbers::Body(ProfessionalBody::Gmc)), "{system}");
        }
        assert_eq!(numbers(USER), Some(Numbers::User));
        assert_eq!(numbers("https://fhir.nhs.uk/Id/gmp-number"), Some(Numbers::Body(ProfessionalBody::Gmp)));
        assert_eq!(numbers("https://fhir.nhs.uk/Id/nacs-practitioner-code"), Some(Numbers::Nobody));
        assert_eq!(numbers("urn:other"), None);
        let all = [
            (ProfessionalBody::Hcpc, "PH12345"),
            (ProfessionalBody::Swe, "SW9"),
            (ProfessionalBody::Gmc, "1234567"),
        ];
        let of = |dialect| told(&all, dialect).into_iter().map(|one| one.0).collect::<Vec<_>>();
        let hcpc = "https://fhir.hl7.org.uk/Id/hcpc-number";
        let swe = "https://fhir.nhs.uk/Id/swe-number";
        assert_eq!(of(Dialect::Service), ["https://fhir.nhs.uk/Id/gmc-number", hcpc, swe]);
        assert_eq!(of(Dialect::England), ["https://fhir.hl7.org.uk/Id/gmc-number", hcpc, swe]);
    }

    /// The numbers of every body have a system, each its own, so that whatever LDAP tells is told over FHIR; what is told is found.
    #[test]
    fn every_number_has_a_system() {
        let mut known = std::collections::BTreeSet::new();
        for &body in ProfessionalBody::ALL {
            for dialect in [Dialect::Service, Dialect::England] {
                let told = told(&[(body, "1")], dialect);
                assert_eq!(told.len(), 1, "{body:?}");
                assert_eq!(numbers(told[0].0), Some(Numbers::Body(body)), "{body:?}");
                known.insert((told[0].0, body.word()));
            }
        }
        let systems: std::collections::BTreeSet<&str> = known.iter().map(|one| one.0).collect();
        assert_eq!(systems.len(), known.len(), "no two share one");
    }

    /// A job role is meant by its three codes, or by the last of them.
    #[test]
    fn job_roles_are_meant() {
        let of = |system, code| is_meant("S0010:G0020:R0260", system, code);
        assert!(of(None, "R0260") && of(None, "S0010:G0020:R0260") && of(Some(JOB_ROLE_NAME), "R0260"));
        assert!(of(Some(JOB_ROLE_CODE), "S0010:G0020:R0260") && of(Some(JOB_ROLE_NAME_UK), "R0260"));
        assert!(!of(Some(JOB_ROLE_CODE), "R0260") && !of(Some("urn:other"), "R0260") && !of(None, "R026"));
    }
}
