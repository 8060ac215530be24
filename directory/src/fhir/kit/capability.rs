//! What an API can do, as `/metadata` says it.

use super::tree::{Parts, parts, resource};
use crate::day::Day;

/// A kind of resource.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) is_read: bool,
    pub(crate) is_searched: bool,
    /// Whether its versions are told, each and all.
    pub(crate) is_kept: bool,
    /// Parameters of a search and their types.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    pub(crate) includes: &'static [&'static str],
    /// What can be included that refers to it.
    pub(crate) back: &'static [&'static str],
    /// Operations and their definitions.
    pub(crate) operations: &'static [(&'static str, &'static str)],
}

/// An API.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// Below what it lies.
    pub(crate) base: &'static str,
    pub(crate) formats: &'static [&'static str],
    pub(crate) kinds: &'static [Kind],
}

/// How much there is of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Its model alone.
    Model,
    /// What every API has besides, too: exports in bulk and subscriptions.
    Whole,
}

/// The definition of exports of everything (Bulk Data Access 2.0).
const EXPORT: &str = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export";

/// The statement of an API that is reached under this origin.
pub(crate) fn capability(api: &Api, extent: Extent, origin: &str, today: Day) -> Parts {
    let address = format!("{origin}{}", api.base);
    let security = parts().with("cors", false).with(
        "description",
        "A client certificate, or an access token of client credentials or of somebody who has signed in.",
    );
    let (subscription, export) = match extent {
        Extent::Model => (None, None),
        Extent::Whole => {
            (Some(subscription()), Some(parts().with("name", "export").with("definition", EXPORT)))
        }
    };
    let rest = parts()
        .with("mode", "server")
        .with("security", security)
        .with("resource", api.kinds.iter().map(kind).chain(subscription).collect::<Vec<_>>())
        .with("operation", export.into_iter().collect::<Vec<_>>());
    resource("CapabilityStatement")
        .with("url", format!("{address}/metadata"))
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("name", api.name)
        .with("title", api.title)
        .with("status", "active")
        .with("date", today)
        .with("kind", "instance")
        .with("software", parts().with("name", "Lanyard").with("version", env!("CARGO_PKG_VERSION")))
        .with("implementation", parts().with("description", api.title).with("url", address))
        .with("fhirVersion", "4.0.1")
        .with("format", api.formats.to_vec())
        .with("rest", vec![rest])
}

/// Subscriptions, each of whose they are.
fn subscription() -> Parts {
    let interactions = ["read", "delete", "create", "search-type"];
    let interactions: Vec<Parts> = interactions.into_iter().map(|code| parts().with("code", code)).collect();
    parts().with("type", "Subscription").with("interaction", interactions)
}

fn kind(kind: &Kind) -> Parts {
    let interactions = [
        ("read", kind.is_read),
        ("vread", kind.is_kept),
        ("history-instance", kind.is_kept),
        ("history-type", kind.is_kept),
        ("search-type", kind.is_searched),
    ];
    let interactions: Vec<Parts> =
        interactions.into_iter().filter(|one| one.1).map(|one| parts().with("code", one.0)).collect();
    let parameters = kind.parameters.iter().map(|(name, of)| parts().with("name", *name).with("type", *of));
    let operations = kind
        .operations
        .iter()
        .map(|(name, definition)| parts().with("name", *name).with("definition", *definition));
    parts()
        .with("type", kind.name)
        .with("interaction", interactions)
        .with("versioning", kind.is_kept.then_some("versioned"))
        .with("searchInclude", kind.includes.to_vec())
        .with("searchRevInclude", kind.back.to_vec())
        .with("searchParam", parameters.collect::<Vec<_>>())
        .with("operation", operations.collect::<Vec<_>>())
}
