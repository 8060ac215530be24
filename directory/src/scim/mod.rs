//! SCIM 2.0 for personnel systems (RFC 7643, RFC 7644): users, as a personnel system knows the people that it announced.

mod announced;
mod attribute;
mod change;
mod filter;
mod item;
mod patch;
mod path;
mod provisioning;
mod resource;
mod schema;
mod shape;

pub(crate) use announced::{Announced, System};
pub(crate) use filter::{Filter, filter};
pub(crate) use patch::{PatchRequest, patched};
pub(crate) use provisioning::{
    announce, announced, announced_by, change, demand_taken_away, known, leave, replace,
};
pub(crate) use resource::{User, demand_schema, read, taken};
pub(crate) use schema::{resource_types, schemas, service_provider_config};
pub(crate) use shape::Shape;

use platform::problem::Problem;

use crate::error::Error;

/// The largest page.
pub(crate) const LARGEST_PAGE: u32 = 200;
/// How many users are looked at for a filter that names nobody.
pub(crate) const MOST_LOOKED_AT: u32 = 500;

/// Why something was not done, in the words of RFC 7644 3.12.
#[derive(Debug)]
pub(crate) struct Refused {
    /// As elsewhere in the register.
    pub(crate) problem: Problem,
    /// The keyword, where the standard has one.
    pub(crate) kind: Option<&'static str>,
}

impl Refused {
    /// A request that cannot be read or done.
    pub(crate) fn invalid(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { problem: Problem::invalid("scim-invalid", detail), kind: Some(kind) }
    }
}

impl From<Problem> for Refused {
    fn from(mut problem: Problem) -> Self {
        if matches!(problem.code, "identity-verified" | "external-id-fixed" | "contact-fixed") {
            // RFC 7644 3.12 has the keyword with 400 only.
            problem.kind = platform::Kind::Invalid;
        }
        let kind = match problem.code {
            "json-invalid" => Some("invalidSyntax"),
            "possible-duplicate" | "user-name-taken" | "external-id-taken" | "registration-taken"
            | "person-linked" => Some("uniqueness"),
            "identity-verified" | "external-id-fixed" | "contact-fixed" => Some("mutability"),
            "field-invalid" | "query-invalid" => Some("invalidValue"),
            _ => None,
        };
        Self { problem, kind }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<platform::db::Error> for Refused {
    fn from(error: platform::db::Error) -> Self {
        Error::from(error).into()
    }
}
