//! Which systems have changed, to be followed by the numbers of the change feed, as people and organisations are.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use serde_json::Value;

use super::super::fhir;
use super::super::fhir_changes::{bundle, fed, ids};
use super::beside::off;
use super::{BASE, FHIR_JSON, Kind, Outcome, known, may, media, new_id, refused, response};
use crate::api::SystemContent;
use crate::fhir::kit::{Past, Stamp, stamped};
use crate::fhir::spine::{Through, made, unforwarded};
use crate::register::Register;
use crate::store::former::{self, Of};
use crate::store::reading::Reading;
use crate::store::systems;
use crate::system::{System, folded};
use crate::touched::Touched;

/// Accredited systems that have changed, in the order in which they did.
///
/// Without `_cursor` none, and the address at which to go on.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Device/_history", tag = "spine-directory",
    params(("_cursor" = Option<String>, Query, description = "As the link with the relation `next` has it"),
        ("_count" = Option<u32>, Query, description = "How many changes are looked at: 500 at most, 100 if it is left out")),
    responses((status = 200, description = "A Bundle of Device as they are now; one that was withdrawn is deleted"),
        (status = 410, description = "OperationOutcome: something after this was erased, or the register was restored from a copy; read everything, and begin anew"))
)]
pub(in crate::http) async fn devices_changed(State(register): State<Register>, request: Parts) -> Response {
    all(&register, &request, Kind::Device).await
}

/// Message handling systems that have changed, in the order in which they did.
///
/// Without `_cursor` none, and the address at which to go on. One whose address is that of an intermediary is told when it changes itself.
#[utoipa::path(
    get, path = "/spine-directory/FHIR/R4/Endpoint/_history", tag = "spine-directory",
    params(("_cursor" = Option<String>, Query, description = "As the link with the relation `next` has it"),
        ("_count" = Option<u32>, Query, description = "How many changes are looked at: 500 at most, 100 if it is left out")),
    responses((status = 200, description = "A Bundle of Endpoint as they are now; an address that went, or was withdrawn, is deleted"),
        (status = 410, description = "OperationOutcome: something after this was erased, or the register was restored from a copy; read everything, and begin anew"))
)]
pub(in crate::http) async fn endpoints_changed(State(register): State<Register>, request: Parts) -> Response {
    all(&register, &request, Kind::Endpoint).await
}

async fn all(register: &Register, request: &Parts, kind: Kind) -> Response {
    if let Some(off) = off(register, request) {
        return off;
    }
    match changed(register, request, kind).await {
        Ok(history) => {
            let known = known(request, || new_id(register)).unwrap_or_else(|new| new);
            response(200, FHIR_JSON, &known, &history)
        }
        Err(outcome) => refused(register, request, &outcome),
    }
}

async fn changed(register: &Register, request: &Parts, kind: Kind) -> Result<Value, Outcome> {
    may(request)?;
    media(request)?;
    let asked = fhir::asked(request, b"")?;
    let mut reading = Reading::exact(register);
    let fed = fed(reading.tx().await?, &asked, asked.last("_cursor")).await?;
    let names = ids(&fed.changes, |what| match what {
        Touched::System(id) => Some(folded(&id)),
        _ => None,
    });
    let found = systems::find_all(reading.tx().await?, &names).await?;
    let is_meant = |one: &System| one.content.kind() == kind.of_systems();
    let mut found: BTreeMap<String, System> =
        found.into_iter().filter(is_meant).map(|system| (folded(system.id.as_str()), system)).collect();
    let mut through = Through::or_own();
    let mut past = Vec::new();
    for name in names {
        if let Some(system) = found.remove(&name) {
            past.extend(told(register, &mut reading, &system, kind, &mut through).await?);
        }
    }
    let next = fed.next.to_string();
    let history = bundle(register, request, &asked, (BASE, kind.name()), (&next, past));
    serde_json::to_value(&history).map_err(|_| Outcome::failed("What has changed could not be told"))
}

/// The resources of a system as it is, and those that it had and has no more, each with its id.
async fn told(
    register: &Register,
    reading: &mut Reading<'_>,
    system: &System,
    kind: Kind,
    through: &mut Through,
) -> Result<Vec<(String, Past<Value>)>, Outcome> {
    let id = |one: &Value| one["id"].as_str().unwrap_or_default().to_owned();
    let (mut past, mut here, mut had) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    if system.withdrawn_at.is_some() {
        had.extend(unforwarded(register, kind, system).iter().map(id));
    } else {
        let made = made(register, reading, kind, system, through).await?;
        for one in &made.resources {
            let stamp = made.stamp(system, one);
            here.insert(id(one));
            past.push((id(one), Past { was: Some(stamped(one.clone(), &stamp)), stamp }));
        }
    }
    // A device has one id for life, an endpoint one for each of its addresses.
    if kind == Kind::Endpoint {
        let name = folded(system.id.as_str());
        for one in former::before(reading.tx().await?, Of::System, &name, system.version).await? {
            let content: SystemContent = one.read()?;
            let was = System { content, version: one.version, ..system.clone() };
            had.extend(unforwarded(register, kind, &was).iter().map(id));
        }
    }
    let gone = Stamp::of(system.version, Some(system.changed_at));
    past.extend(had.difference(&here).map(|id| (id.clone(), Past { stamp: gone.clone(), was: None })));
    Ok(past)
}
