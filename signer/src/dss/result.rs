//! An application fetches the signatures.

use std::time::Duration;

use authn::api::ShownToken;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::problem::Problem;

use super::receive::who;
use super::sign::{readable_until, signatures};
use super::{SignIn, Statement, Token, waiting};
use crate::api::{SignedPayload, SigningResponse};
use crate::error::Error;
use crate::signer::Signer;
use crate::store::requests::{self, Decision};
use crate::store::{authorisations, certificates};

/// The signatures of a request, for the application and the person of whom it is. They are the same ones whenever it is asked, as long
/// as they can be read.
pub(crate) async fn fetch(
    signer: &Signer,
    sign_in: &SignIn,
    token: &str,
    shown: &ShownToken,
) -> Result<SigningResponse, Error> {
    let bearer = who(signer, sign_in, shown).await?;
    let found = match Token::parse(token) {
        Some(token) => requests::by_token(signer.db.read(), &token.stored()).await?,
        None => None,
    };
    // Another's is not there.
    let found = found.filter(|row| row.client == bearer.client_id && row.user_id == bearer.user_id);
    let unknown = || Problem::not_found("request-unknown", "There is no such request, or it is another's.");
    let row = found.ok_or_else(unknown).map_err(Error::Dss)?;
    let now = signer.clock.now();
    let gone = |code, sentence: &str| Err(Error::Dss(Problem::gone(code, sentence)));
    let (at, authorisation) = match &row.decision {
        None if now < row.expires_at => {
            // One that nobody can decide any more is not waited for.
            waiting(signer, &row)?;
            let sentence = "The person has not decided yet. Ask when the browser has come back.";
            let problem = Problem::conflict("not-signed-yet", sentence).retry_after(Duration::from_secs(2));
            return Err(Error::Dss(problem));
        }
        None => return gone("request-expired", "Nobody decided in time. Make a new request."),
        Some(Decision::Cancelled { .. }) => {
            return gone("request-cancelled", "The person did not want to sign.");
        }
        Some(Decision::Consented { at, authorisation, .. }) => (*at, authorisation),
    };
    if now >= readable_until(signer, at) {
        return gone("result-expired", "The signatures were kept for fetching for a while, which is over.");
    }
    let authorisation = authorisations::by_id(signer.db.read(), authorisation).await?;
    let authorisation = authorisation.ok_or(Error::StoredRow { what: "authorisation" })?;
    let stored = signatures(signer, &row, &authorisation).await?;
    let statement = Statement::read(&row.statement).map_err(Error::Dss)?;
    let serial = stored.first().map(|signature| signature.serial.as_str()).unwrap_or_default();
    let certificate = certificates::by_serial(signer.db.read(), serial).await?;
    let certificate = certificate.ok_or(Error::StoredRow { what: "certificate" })?.certificate;
    let values = statement.payloads.iter().zip(&stored).map(|(payload, signature)| SignedPayload {
        id: payload.id.clone(),
        signature: STANDARD.encode(&signature.signature),
    });
    Ok(SigningResponse { signatures: values.collect(), certificate: STANDARD.encode(certificate) })
}
