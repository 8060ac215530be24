//! The handle of a request that is decided elsewhere. The same request of a client has the same one for as long as its person is asked, and
//! as long after they agreed as that is good for; so whoever asks again because an answer was lost has nobody asked twice.

use platform::clock::Millis;
use platform::problem::Problem;
use serde_json::json;

use super::{Apart, is_current};
use crate::digest::Digest;
use crate::dss::Token;
use crate::error::Error;
use crate::signer::Signer;
use crate::store::authorisations;
use crate::store::consents::{self, ConsentRow, Road};
use crate::store::requests::Decision;

/// How often the same may be asked in one period after it was decided or over.
const TIMES: u32 = 20;

/// A handle.
pub(super) enum Handle {
    /// Of a request that is known.
    Known(Token),
    /// Of one that is not.
    New(Token),
}

/// Which one it is. Who knows a handle learns nothing by it: it is answered to its client alone, and where a person calls to that person.
pub(super) async fn of(
    signer: &Signer,
    (client, user): (&str, &str),
    request: &Apart,
    now: Millis,
) -> Result<Handle, Error> {
    // Whatever is still good was asked in this period or the one before.
    let period = i64::from(signer.config.dss.request_seconds + signer.config.sad_lifetime_s) * 1000;
    let present = now.0 / period;
    let mut new = None;
    for period in [present - 1, present] {
        new = None;
        for time in 0..TIMES {
            let token = token((client, user), request, (period, time));
            let found = consents::by_reference(signer.db.read(), Road::Handle, &token.stored()).await?;
            let Some(row) = found else {
                new = Some(token);
                break;
            };
            if is_good(signer, &row, now).await? {
                return Ok(Handle::Known(token));
            }
        }
    }
    new.map(Handle::New).ok_or_else(|| {
        let sentence = "This person was asked for the same again and again. Wait before you ask once more.";
        Error::Dss(Problem::too_many("asked-too-often", sentence, std::time::Duration::from_mins(5)))
    })
}

fn token((client, user): (&str, &str), request: &Apart, (period, time): (i64, u32)) -> Token {
    let text = json!([
        "lanyard-handle-1",
        client,
        user,
        request.credential.as_str(),
        Digest::of(&request.digests.to_bytes()).to_base64(),
        request.description,
        period,
        time,
    ]);
    Token::made_of(Digest::of(text.to_string().as_bytes()).0)
}

/// Whether its person is still asked, or what they gave is still open.
async fn is_good(signer: &Signer, row: &ConsentRow, now: Millis) -> Result<bool, Error> {
    match &row.decision {
        None => Ok(now < row.expires_at && is_current(row).is_ok()),
        Some(Decision::Cancelled { .. }) => Ok(false),
        Some(Decision::Consented { authorisation, .. }) => {
            let given = authorisations::by_id(signer.db.read(), authorisation).await?;
            Ok(given.is_some_and(|given| now < given.expires_at))
        }
    }
}
