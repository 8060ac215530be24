//! A client asks again with its handle (CSC API v2, 11.7).

use platform::caller::{Caller, CallerKind};

use crate::api::SIGN;
use crate::authorisation::Granted;
use crate::dss::Token;
use crate::error::{Error, Parameter};
use crate::sad::Sad;
use crate::signer::Signer;
use crate::store::authorisations;
use crate::store::consents::{self, Road};
use crate::store::requests::Decision;

/// What there is to say.
pub(crate) enum Checked {
    /// The person has not decided yet.
    Waiting,
    /// They agreed.
    Granted(Granted),
}

/// What became of a handle. Each time after consent there is a new secret and the one before is worth nothing: so an answer that was lost
/// on the way loses nobody anything.
pub(crate) async fn check(signer: &Signer, caller: &Caller, handle: &str) -> Result<Checked, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    let unknown = || Error::from(Parameter::Invalid("handle"));
    let reference = Token::parse(handle).ok_or_else(unknown)?.stored();
    let row = consents::by_reference(signer.db.read(), Road::Handle, &reference).await?;
    // Another's is not there.
    let theirs = |user: &str| caller.kind != CallerKind::Person || caller.subject == user;
    let row = row.filter(|row| row.client == caller.client.as_str() && theirs(&row.user_id));
    let row = row.ok_or_else(unknown)?;
    let now = signer.clock.now();
    let authorisation = match row.decision {
        None if now < row.expires_at => return Ok(Checked::Waiting),
        None => return Err(unknown()),
        Some(Decision::Cancelled { .. }) => return Err(Error::WrongPassphrase),
        Some(Decision::Consented { authorisation, .. }) => authorisation,
    };
    let (sad, known) = (Sad::generate(&signer.random)?, authorisation.clone());
    let stored = sad.stored();
    let until = signer
        .db
        .write(move |tx| {
            Box::pin(async move { authorisations::give_secret(tx, &authorisation, &stored, now).await })
        })
        .await?;
    signer.grants.forget_of(&known);
    let until = until.ok_or(Error::SadExpired)?;
    let seconds = until.since(now).as_secs();
    Ok(Checked::Granted(Granted { sad, expires_in_s: u32::try_from(seconds).unwrap_or(u32::MAX) }))
}
