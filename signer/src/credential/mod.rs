//! The life of a remote credential: created, renewed, re-keyed, held, resumed, revoked, destroyed.

mod issue;
mod passphrase;
mod state;
mod view;

pub(crate) use issue::{certificate_row, create, rekey, renew};
pub(crate) use passphrase::set_passphrase;
pub(crate) use state::{destroy, end_all, resume, revoke, suspend};
pub(crate) use view::{list, show};

use platform::caller::{Caller, CallerKind};

use crate::api::{CREDENTIALS, OWN_CREDENTIALS};
use crate::error::Error;
use crate::ids::CredentialId;
use crate::live;
use crate::signer::{Signer, check_holder};
use crate::store::credentials::CredentialRow;

/// Who besides an administrator may do something with a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder {
    /// Its holder too.
    Too,
    /// Nobody.
    Not,
}

/// The credential, if the caller may act on it; somebody else's is not found.
pub(crate) async fn for_caller(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
    holder: Holder,
) -> Result<CredentialRow, Error> {
    match (caller.may(CREDENTIALS), holder) {
        (Ok(()), _) => live::row(&signer.db, credential).await,
        (Err(_), Holder::Too) if caller.kind == CallerKind::Person => {
            caller.may(OWN_CREDENTIALS).map_err(Error::Caller)?;
            let row = live::row(&signer.db, credential).await?;
            check_holder(caller, &row.user_id, credential)?;
            Ok(row)
        }
        (Err(refused), _) => Err(Error::Caller(refused)),
    }
}
