//! What a search found.

use super::shape::{Shape, Summary};
use super::tree::{Parts, parts, resource};

/// Why a resource is in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It was looked for.
    Match,
    /// One that was refers to it, or is referred to by it.
    Include,
}

/// A resource in a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit(pub(crate) Mode, pub(crate) Parts);

/// A bundle that is put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bundle {
    pub(crate) id: String,
    /// The address below which the resources lie.
    pub(crate) base: String,
    /// How many there are, pages aside, if that is known.
    pub(crate) total: Option<usize>,
    /// Relations and addresses.
    pub(crate) links: Vec<(&'static str, String)>,
    pub(crate) hits: Vec<Hit>,
}

impl Bundle {
    /// As FHIR has it, with what is wanted of each resource.
    pub(crate) fn resource(self, shape: &Shape) -> Parts {
        let links: Vec<Parts> = self
            .links
            .into_iter()
            .map(|(relation, url)| parts().with("relation", relation).with("url", url))
            .collect();
        let entry = |Hit(mode, found): Hit| {
            let full = format!("{}/{}/{}", self.base, found.kind(), found.id());
            let mode = match mode {
                Mode::Match => "match",
                Mode::Include => "include",
            };
            parts()
                .with("fullUrl", full)
                .with("resource", shape.of(found))
                .with("search", parts().with("mode", mode))
        };
        let hits = if shape.summary == Summary::Count { Vec::new() } else { self.hits };
        resource("Bundle")
            .with("id", self.id)
            .with("type", "searchset")
            .with("total", self.total)
            .with("link", links)
            .with("entry", hits.into_iter().map(entry).collect::<Vec<_>>())
    }
}
