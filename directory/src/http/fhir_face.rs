//! The faces over FHIR, each below a base of its own.

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts as Request;

use super::{spine, terminology, workers};
use crate::fhir::exports::Exported;
use crate::fhir::kit::{JSON_AND_XML, Media, ONLY_JSON, Outcome};
use crate::fhir::{organisations, spine as spine_face, workers as workers_face};
use crate::register::Register;

/// A face over FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Spine,
    Workers,
    Organisations,
}

impl Face {
    const ALL: [Self; 3] = [Self::Spine, Self::Workers, Self::Organisations];

    /// The face that a path is of.
    pub(super) fn of(path: &str) -> Option<Self> {
        let is_of = |face: &Self| {
            path.strip_prefix(face.base()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL.into_iter().find(is_of)
    }

    /// Below what it lies.
    pub(super) fn base(self) -> &'static str {
        match self {
            Self::Spine => spine_face::BASE,
            Self::Workers => workers_face::BASE,
            Self::Organisations => organisations::BASE,
        }
    }

    /// How it is called where it is stored.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Spine => "spine",
            Self::Workers => "workers",
            Self::Organisations => "organisations",
        }
    }

    /// What is exported of it.
    pub(super) fn kinds(self) -> [Exported; 2] {
        match self {
            Self::Spine => [Exported::Device, Exported::Endpoint],
            Self::Workers => [Exported::Practitioner, Exported::Role],
            Self::Organisations => [Exported::Organisation, Exported::Affiliation],
        }
    }

    /// In which forms it answers.
    pub(super) fn forms(self) -> &'static [Media] {
        match self {
            Self::Spine => ONLY_JSON,
            Self::Workers | Self::Organisations => JSON_AND_XML,
        }
    }

    /// A refusal of what is beside its model; where there is nothing beside it, as it answers what it does not have.
    pub(super) fn refused(self, register: &Register, request: &Request, outcome: &Outcome) -> Response {
        match self {
            Self::Spine if register.config.strict => {
                spine::refused(register, request, &spine_face::Outcome::no_such_path())
            }
            Self::Spine => spine::refused(register, request, &outcome.clone().into()),
            Self::Workers if register.config.strict => workers::nothing(request),
            Self::Workers => workers::refused(request, ONLY_JSON[0], outcome),
            Self::Organisations => terminology::refused(request, ONLY_JSON[0], outcome),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Face {
    type Rejection = StatusCode;

    async fn from_request_parts(request: &mut Request, _state: &S) -> Result<Self, StatusCode> {
        Self::of(request.uri.path()).ok_or(StatusCode::NOT_FOUND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face has what lies below its base, and nothing beside it.
    #[test]
    fn paths_are_of_faces() {
        assert_eq!(Face::of("/spine-directory/FHIR/R4/Device"), Some(Face::Spine));
        assert_eq!(Face::of("/healthcare-worker/FHIR/R4"), Some(Face::Workers));
        assert_eq!(
            Face::of("/organisation-data-terminology-api/fhir/ValueSet/$expand"),
            Some(Face::Organisations)
        );
        for other in ["/", "/directory/people", "/spine-directory/FHIR/R44", "/spine-directory/FHIR"] {
            assert_eq!(Face::of(other), None, "{other}");
        }
    }
}
