//! What is shown to have something signed, and whether it covers what is asked.

use authn::api::ShownToken;
use platform::caller::{Caller, CallerKind};
use platform::problem::Kind;

use super::{ByPosition, Document, Request, by_position};
use crate::api::SIGN;
use crate::digest::{Digest, Repeated, check_distinct};
use crate::error::{Error, Parameter};
use crate::ids::AuthorisationId;
use crate::live;
use crate::sad::Shown;
use crate::signer::{Signer, check_holder};
use crate::store::authorisations::{self, AuthorisationRow};
use crate::store::ledger;

/// The authorisation that is shown, and its secret as it is stored, where it is shown by that.
pub(super) async fn shown(
    signer: &Signer,
    caller: &Caller,
    shown: &Shown,
) -> Result<(AuthorisationRow, Option<String>), Error> {
    let id = match shown {
        Shown::Authorisation(id) | Shown::Accepted { authorisation: id, .. } => id.clone(),
        Shown::Token(token) => token_of(signer, caller, token).await?,
        Shown::Sad(sad) => {
            let secret = sad.stored();
            if let Some(found) = authorisations::by_sad(signer.db.read(), &secret, None).await? {
                return Ok((found.row, Some(secret)));
            }
            token_of(signer, caller, &sad.to_text()).await?
        }
    };
    let row = authorisations::by_id(signer.db.read(), &id).await?.ok_or(Error::SadUnknown)?;
    Ok((row, None))
}

/// What an access token that is shown as the SAD is for (CSC API v2, 11.10): one without a key or certificate to show beside it, of the same
/// application, and of the same person where one calls.
async fn token_of(signer: &Signer, caller: &Caller, token: &str) -> Result<AuthorisationId, Error> {
    let sign_in = signer.sign_in.as_ref().ok_or(Error::SadUnknown)?;
    let shown = ShownToken {
        token: token.to_owned(),
        dpop: false,
        proof: None,
        certificate: None,
        method: "POST".to_owned(),
        path: "/csc/v2/signatures/signHash".to_owned(),
    };
    let bearer = sign_in.client.bearer(&shown).await.map_err(|problem| match problem.kind {
        Kind::NotFound => Error::SadUnknown,
        _ => Error::Dss(problem),
    })?;
    let same_person = caller.kind != CallerKind::Person || bearer.user_id == caller.subject;
    let own = same_person && bearer.client_id == caller.client.as_str();
    let named = bearer.authorisation.filter(|_| own);
    named.and_then(|id| id.parse().ok()).ok_or(Error::SadUnknown)
}

/// The authorisation of a request that is to be signed later, if it covers it and is open, and its secret as it is stored, where it is shown by that.
pub(crate) async fn covering(
    signer: &Signer,
    caller: &Caller,
    request: &Request,
) -> Result<(AuthorisationRow, Option<String>), Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    if request.documents.len() > signer.config.max_documents {
        return Err(Error::TooManyDocuments);
    }
    let digests: Vec<Digest> = request.documents.iter().map(|document| document.digest).collect();
    check_distinct(&digests).map_err(|repeated| repetition(&request.documents, repeated))?;
    let (row, secret) = shown(signer, caller, &request.shown).await?;
    let positions = covers(signer, caller, request, &digests, &row).await?;
    if row.named.is_some() {
        let stored = ledger::of_authorisation(signer.db.read(), &row.authorisation_id).await?;
        check_named(request, &positions, &by_position(stored), &row)?;
    }
    if signer.clock.now() >= row.expires_at {
        return Err(Error::SadExpired);
    }
    Ok((row, secret))
}

/// At which positions an authorisation covers what is asked, for whoever may use it.
pub(super) async fn covers(
    signer: &Signer,
    caller: &Caller,
    request: &Request,
    digests: &[Digest],
    authorisation: &AuthorisationRow,
) -> Result<Vec<usize>, Error> {
    if authorisation.client != caller.client.as_str() {
        return Err(Error::SadUnknown);
    }
    if authorisation.credential_id != request.credential {
        return Err(Error::CredentialUnknown { credential: request.credential.to_string() });
    }
    check_own(signer, caller, authorisation).await?;
    authorisation.digests.positions(digests).ok_or_else(|| not_covered(&request.documents))
}

/// Refuses what is not signed yet and for which the authorisation is not any more: it was narrowed to others when it was extended.
pub(super) fn check_named(
    request: &Request,
    positions: &[usize],
    stored: &ByPosition,
    authorisation: &AuthorisationRow,
) -> Result<(), Error> {
    let Some(named) = &authorisation.named else { return Ok(()) };
    let is_for = |digest: Digest| named.positions(&[digest]).is_some();
    let mut missing =
        positions.iter().zip(&request.documents).filter(|(place, _)| !stored.contains_key(*place));
    if missing.all(|(_, document)| is_for(document.digest)) {
        Ok(())
    } else {
        Err(not_covered(&request.documents))
    }
}

/// A person uses their own credential, also to be told again what was signed.
async fn check_own(signer: &Signer, caller: &Caller, authorisation: &AuthorisationRow) -> Result<(), Error> {
    if caller.kind != CallerKind::Person {
        return Ok(());
    }
    let row = live::row(&signer.db, &authorisation.credential_id).await?;
    check_holder(caller, &row.user_id, &row.credential_id)
}

fn not_covered(documents: &[Document]) -> Error {
    match documents.first().map(|document| document.form) {
        Some(form) if !form.is_bare() => Error::DocumentNotAuthorised,
        _ => Error::HashNotAuthorised,
    }
}

pub(super) fn repetition(documents: &[Document], repeated: Repeated) -> Parameter {
    match documents.first().map(|document| document.form) {
        Some(form) if !form.is_bare() => Parameter::document_repeated(repeated),
        _ => Parameter::hash_repeated(repeated),
    }
}
