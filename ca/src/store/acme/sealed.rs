//! Every column in which a sealed secret lies, for whoever moves them under another wrapping key.

use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

/// A table with a sealed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `ca_acme_secret.sealed`
    Secret,
    /// `ca_acme_external_account.mac_key`
    MacKey,
    /// `ca_enrol_secret.secret`
    Enrolment,
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::Secret, Self::MacKey, Self::Enrolment];

    /// The table.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Secret => "ca_acme_secret",
            Self::MacKey => "ca_acme_external_account",
            Self::Enrolment => "ca_enrol_secret",
        }
    }
}

/// A sealed secret as it lies there.
#[derive(Clone)]
pub(crate) struct SealedRow {
    pub(crate) place: Place,
    pub(crate) id: String,
    pub(crate) sealed: Vec<u8>,
}

/// The next rows behind this key. What has ended opens nothing any more and is left out; an enrolment secret that is used up
/// still opens the confirmation of its last certificate.
pub(crate) async fn page(
    read: &AnyPool,
    place: Place,
    after: &str,
    most: i64,
) -> Result<Vec<SealedRow>, db::Error> {
    let sql = match place {
        Place::Secret => "SELECT id, sealed FROM ca_acme_secret WHERE id > $1 ORDER BY id LIMIT $2",
        Place::MacKey => {
            "SELECT id, mac_key AS sealed FROM ca_acme_external_account WHERE id > $1 AND ended_at IS NULL \
             ORDER BY id LIMIT $2"
        }
        Place::Enrolment => {
            "SELECT reference AS id, secret AS sealed FROM ca_enrol_secret \
             WHERE reference > $1 AND ended_at IS NULL ORDER BY reference LIMIT $2"
        }
    };
    let rows = sqlx::query(sql).bind(after).bind(most).fetch_all(read).await?;
    rows.iter()
        .map(|row| Ok(SealedRow { place, id: row.try_get("id")?, sealed: row.try_get("sealed")? }))
        .collect()
}

/// Puts the new form in the place of the one it was made from; false if that is there no more.
pub(crate) async fn replace(tx: &mut Tx, old: &SealedRow, new: &[u8]) -> Result<bool, db::Error> {
    let sql = match old.place {
        Place::Secret => "UPDATE ca_acme_secret SET sealed = $1 WHERE id = $2 AND sealed = $3",
        Place::MacKey => "UPDATE ca_acme_external_account SET mac_key = $1 WHERE id = $2 AND mac_key = $3",
        Place::Enrolment => "UPDATE ca_enrol_secret SET secret = $1 WHERE reference = $2 AND secret = $3",
    };
    let done =
        sqlx::query(sql).bind(new).bind(old.id.as_str()).bind(old.sealed.as_slice()).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}
