//! `/signer/archivals`: signatures are made provable for longer.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::Json;

use crate::api::{Archive, Archived, SIGN};
use crate::cades;
use crate::error::Error;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::suite::Hash;
use crate::time_stamp::Asker;

/// Puts a further archive time-stamp around a signature (CAdES B-LTA), with the revocation lists of now: before the certificate or the
/// algorithm of the last one ages. One that does not hold is not archived, nor one of which that is not known.
#[utoipa::path(post, path = "/signer/archivals", tag = "signer", request_body = Archive,
    responses((status = 200, body = Archived), (status = 409, description = "It is not known to hold", body = Body)))]
pub(crate) async fn archive(
    State(signer): State<Signer>,
    caller: Caller,
    Json(request): Json<Archive>,
) -> Result<Json<Archived>, Problem> {
    caller.may(SIGN)?;
    let sharer = Sharer::from(&caller);
    let _place = signer.under_way.take(&sharer)?;
    let decoded = |text: &str| {
        STANDARD.decode(text).map_err(|_| Error::Verification { sentence: "cms and document are base64." })
    };
    let cms = decoded(&request.cms)?;
    let document = request.document.as_deref().map(decoded).transpose()?;
    let sentence = "hash_algo is the object identifier of SHA-256, SHA-384 or SHA-512.";
    let hash_of = |oid: &str| Hash::called(oid).ok_or(Error::Verification { sentence });
    let hash = request.hash_algo.as_deref().map(hash_of).transpose()?;
    let asker = Asker::Application(sharer);
    let archived = cades::renew(&signer, &asker, (&cms, document.as_deref()), hash).await?;
    Ok(Json(Archived { cms: STANDARD.encode(archived) }))
}
