//! Parameters as the description of the API has them.

use utoipa::IntoParams;

/// What organisations are asked for by. What is given must all hold; of values joined by commas, one.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct Organisations {
    /// ODS codes.
    _id: Option<String>,
    /// The same with or without their system.
    identifier: Option<String>,
    /// When it changed last: a date with `gt`, `lt`, `ge`, `le` or `eq`; twice for a range.
    #[param(rename = "lastChangeDate")]
    last_change_date: Option<Vec<String>>,
    /// How the name begins, with three letters at least; `name:contains`, `name:exact`.
    name: Option<String>,
    /// `true` or `false`.
    active: Option<String>,
    /// `RC1` or `RC2`, `Full` or `RefOnly`.
    r#type: Option<String>,
    /// How any part of the address begins; `:contains`, `:exact`.
    address: Option<String>,
    /// How the town begins.
    #[param(rename = "address-city")]
    address_city: Option<String>,
    /// How the postcode begins.
    #[param(rename = "address-postalcode")]
    address_postalcode: Option<String>,
    /// How the country begins.
    #[param(rename = "address-country")]
    address_country: Option<String>,
    /// A role that it has or had; `roleCode:not`.
    #[param(rename = "roleCode")]
    role_code: Option<Vec<String>>,
    /// A role that it has now; `activeRoleCode:not`.
    #[param(rename = "activeRoleCode")]
    active_role_code: Option<Vec<String>>,
    /// `OrganizationAffiliation:primary-organization` or `…:participating-organization`: its relationships too.
    _revinclude: Option<Vec<String>>,
    /// When it was written here last, with a prefix: `ge2026-11-01T00:00:00Z`; twice for a span.
    #[param(rename = "_lastUpdated")]
    _last_updated: Option<Vec<String>>,
    /// How many a page has: 20 if it is left out, 2000 at most.
    _count: Option<u32>,
    /// How many are passed over; not with `_cursor`.
    _offset: Option<u32>,
    /// `count` for their number alone.
    _summary: Option<String>,
}

/// What relationships are asked for by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct Affiliations {
    /// Ids of relationships.
    _id: Option<String>,
    /// The same with or without their system.
    identifier: Option<String>,
    /// Whose they are, as in `RXX` or `Organization/RXX`.
    #[param(rename = "primary-organization")]
    primary_organization: Option<String>,
    /// To whom.
    #[param(rename = "participating-organization")]
    participating_organization: Option<String>,
    /// `true` or `false`.
    active: Option<String>,
    /// `OrganizationAffiliation:primary-organization` or `…:participating-organization`: these organisations too.
    _include: Option<Vec<String>>,
    /// When the organisation was written here last that has it.
    #[param(rename = "_lastUpdated")]
    _last_updated: Option<Vec<String>>,
    /// How many a page has: 20 if it is left out, 2000 at most.
    _count: Option<u32>,
    /// How many are passed over; not with `_cursor`.
    _offset: Option<u32>,
    /// `count` for their number alone.
    _summary: Option<String>,
}

/// Which concept is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct Lookup {
    /// The code system.
    system: String,
    /// The code.
    code: String,
    /// The version of the system: the present one, or 404.
    version: Option<String>,
    /// Properties that are told; `*` for all.
    property: Option<Vec<String>>,
}

/// Which code is judged.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct Validate {
    /// The code system.
    url: String,
    /// The code.
    code: String,
    /// The version of the system: the present one, or 404.
    version: Option<String>,
    /// What it is taken to be called.
    display: Option<String>,
    /// Properties that are told.
    property: Option<Vec<String>>,
}

/// Which codes are held against each other.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct Subsumes {
    /// The code system.
    system: String,
    /// One code.
    #[param(rename = "codeA")]
    code_a: String,
    /// The other.
    #[param(rename = "codeB")]
    code_b: String,
    /// The version of the system: the present one, or 404.
    version: Option<String>,
}

/// Which set is told.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct Expand {
    /// All of a code system: its address with `?fhir_vs` after it.
    url: String,
    /// Text that names have in them.
    filter: Option<String>,
    /// How many members a page has.
    count: Option<u32>,
    /// How many are passed over.
    offset: Option<u32>,
    /// Whether only those in use are told.
    #[param(rename = "activeOnly")]
    active_only: Option<bool>,
    /// Properties that are told.
    property: Option<Vec<String>>,
    /// A system, a bar, and its version: the present one, or 404.
    #[param(rename = "system-version")]
    system_version: Option<Vec<String>>,
}

/// Which code is judged against a set.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
pub(super) struct ValidateInSet {
    /// All of a code system: its address with `?fhir_vs` after it.
    url: String,
    /// The code system of the code.
    system: String,
    /// The code.
    code: String,
    /// The version of the code system: the present one, or 404.
    #[param(rename = "systemVersion")]
    system_version: Option<String>,
    /// What it is taken to be called.
    display: Option<String>,
}
