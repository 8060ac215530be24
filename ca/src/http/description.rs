//! What holds for every route under `/ca`, said once in the description.

use platform::problem::MEDIA_TYPE;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// Refusals that any of these routes can give, and that its own list need not name. The first is of those who must be known.
const COMMON: [(&str, &str); 4] = [
    ("401", "It is not known who asks: no certificate that is good now was shown"),
    ("429", "The client asks too often; the answer says when to come back"),
    ("503", "Database, token or clock are busy or away; the answer says when to come back"),
    ("default", "Any other refusal"),
];

/// How the addresses begin where nobody has to be known.
const OPEN: &str = "/ca/card-unlocks";

/// Adds the common refusals to every operation under `/ca` that does not name them itself.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        if !path.starts_with("/ca/") {
            continue;
        }
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        // Where nobody has to be known, nobody is refused for that.
        let refusals = if path.starts_with(OPEN) { &COMMON[1..] } else { &COMMON[..] };
        operations.into_iter().flatten().for_each(|operation| add_common(operation, refusals));
    }
}

fn add_common(operation: &mut Operation, refusals: &[(&str, &str)]) {
    for (status, description) in refusals {
        let responses = &mut operation.responses.responses;
        responses.entry((*status).to_owned()).or_insert_with(|| RefOr::T(problem(description)));
    }
}

/// A refusal in the form of RFC 9457.
fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
}
