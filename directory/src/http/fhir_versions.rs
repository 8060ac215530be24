//! Versions of resources as answers: one of them, or all.

use http::request::Parts as Request;

use super::fhir;
use crate::fhir::kit::{Asked, History, Outcome, Parts, Past, Tree, shown};
use crate::span::Span;

/// One version of a resource (FHIR R4 3.1.0.2).
pub(super) fn version<T>(past: Vec<Past<T>>, version: &str) -> Result<T, Outcome> {
    let found = past.into_iter().find(|one| one.stamp.version == version).ok_or_else(|| {
        let sentence =
            format!("There is no version '{}' of this resource, or it is not kept.", shown(version));
        Outcome::new(404, "not-found", sentence)
    })?;
    found.was.ok_or_else(|| Outcome::new(410, "deleted", "In this version the resource was deleted."))
}

/// Whose versions they are.
pub(super) struct Whose<'a> {
    /// Below what the face lies.
    pub(super) base: &'a str,
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
}

/// Every version of a resource, or those since a time.
pub(super) fn history<T: Into<Tree>>(
    request: &Request,
    asked: &Asked,
    whose: &Whose<'_>,
    bundle: String,
    mut past: Vec<Past<T>>,
) -> Result<Parts, Outcome> {
    if let Some(since) = asked.last("_since") {
        let span = Span::read(&format!("ge{since}")).ok_or_else(|| {
            let sentence = format!("Invalid _since '{}': it is a moment with its zone.", shown(since));
            Outcome::new(400, "invalid", sentence)
        })?;
        // What is of no known time is older than any that is.
        past.retain(|one| one.stamp.since.is_some_and(|at| span.has(at)));
    }
    let history = History {
        id: bundle,
        base: format!("{}{}", fhir::origin(request), whose.base),
        kind: whose.kind,
        total: Some(past.len()),
        links: vec![("self", fhir::link(request, asked, &[]))],
        past: past.into_iter().map(|one| (whose.id.to_owned(), one)).collect(),
    };
    Ok(history.resource())
}
