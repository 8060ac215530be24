//! `/signer/archivals`: signatures are made provable for longer.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Json;

use crate::api::{Archive, Archived, SIGN};
use crate::cades;
use crate::error::Error;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::time_stamp::Asker;

/// Puts a further archive time-stamp around a signature (CAdES B-LTA), with the revocation lists of now: before the certificate or the
/// algorithm of the last one ages. Whether the signature holds is not looked at.
#[utoipa::path(post, path = "/signer/archivals", tag = "signer", request_body = Archive,
    responses((status = 200, body = Archived)))]
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
    let archived = cades::renew(&signer, &Asker::Application(sharer), &cms, document.as_deref()).await?;
    Ok(Json(Archived { cms: STANDARD.encode(archived) }))
}
