//! Which relationships of organisations have changed, or went.

use axum::extract::State;
use axum::response::Response;
use http::request::Parts as Request;

use super::super::terminology;
use super::{bundle, codes, fed};
use crate::error::Error;
use crate::fhir::kit::{Asked, Outcome, Parts, Past, Stamp};
use crate::fhir::organisations;
use crate::register::Register;
use crate::store::deletions::{self, Part};
use crate::store::organisation_faces::{self, Affiliation};

/// Relationships of organisations that have changed, in the order in which these did.
///
/// Without `_cursor` none, and the address at which to go on. All of an organisation are told when something of it has changed; what it had and
/// has no more is deleted.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/OrganizationAffiliation/_history",
    tag = "organisation-data-terminology",
    params(("_cursor" = Option<String>, Query, description = "As the link with the relation `next` has it"),
        ("_count" = Option<u32>, Query, description = "How many changes are looked at: 500 at most, 100 if it is left out")),
    responses((status = 200, description = "A Bundle of relationships as they are now; one that went is deleted"),
        (status = 410, description = "OperationOutcome: something after this was erased, or the register was restored from a copy; read everything, and begin anew"))
)]
pub(in crate::http) async fn affiliations_changed(
    State(register): State<Register>,
    request: Request,
) -> Response {
    if register.config.strict {
        return terminology::nothing(&request);
    }
    let ask = match terminology::ask(&request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let found = told(&register, &request, &ask.asked).await;
    terminology::answer(&request, ask.media, found)
}

async fn told(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let fed = fed(&mut read, asked, asked.last("_cursor")).await?;
    let codes = codes(&fed.changes)?;
    let written = organisation_faces::written_at(&mut read, &codes).await?;
    let mut past = Vec::new();
    for one in organisation_faces::many(&mut read, &codes).await? {
        let at = written.get(&one.record.ods).copied();
        for (relationship, place) in one.record.relationships.into_iter().zip(0_i64..) {
            // What has no id is no resource of its own.
            if relationship.instance.is_empty() {
                continue;
            }
            let id = relationship.instance.clone();
            let organisation = one.record.ods.clone();
            let whole = organisations::affiliation(&Affiliation { organisation, place, relationship });
            let stamp = Stamp::of_content(&whole, at);
            past.push((id, Past { was: Some(whole.stamped(&stamp)), stamp }));
        }
    }
    for gone in deletions::of_organisations(&mut read, Part::Relationship, &codes).await? {
        let stamp = Stamp { version: format!("{}-deleted", gone.at.0), since: Some(gone.at) };
        past.push((gone.instance, Past { stamp, was: None }));
    }
    let (kind, next) = (organisations::Kind::Affiliation.name(), fed.next.to_string());
    Ok(bundle(register, request, asked, (organisations::BASE, kind), (&next, past)))
}
