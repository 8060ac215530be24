//! Reading the ledger of signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::Caller;

use crate::api::{LedgerEntry, LedgerPage, LedgerQuery};
use crate::credential::{Holder, for_caller};
use crate::error::Error;
use crate::ids::CredentialId;
use crate::signer::Signer;
use crate::store::ledger::{self, LedgerRow};

const USUAL: u32 = 100;
const MOST: u32 = 500;

/// A page of a credential's signatures, for its holder and for an administrator.
pub(crate) async fn page(signer: &Signer, caller: &Caller, query: LedgerQuery) -> Result<LedgerPage, Error> {
    let credential = parse_credential(&query.credential)?;
    for_caller(signer, caller, &credential, Holder::Too).await?;
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::Query { sentence: "limit is between 1 and 500." });
    }
    let after = parse_place(query.after.as_deref().unwrap_or_default())
        .ok_or(Error::Query { sentence: "after is the next of an earlier page." })?;
    let rows = ledger::page(signer.db.read(), &credential, after, i64::from(limit)).await?;
    let full = rows.len() == limit as usize;
    let next = rows.last().filter(|_| full).map(|last| format!("{}.{}", last.ordinal, last.position));
    Ok(LedgerPage { signatures: rows.into_iter().map(entry).collect(), next })
}

/// What cannot be the id of a credential is the id of none.
fn parse_credential(text: &str) -> Result<CredentialId, Error> {
    text.parse().map_err(|_| Error::CredentialUnknown { credential: text.to_owned() })
}

/// A place in the ledger is that of the signature before it; nothing is the place before the first.
fn parse_place(text: &str) -> Option<(i64, i64)> {
    if text.is_empty() {
        return Some((0, -1));
    }
    let (ordinal, position) = text.split_once('.')?;
    let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
    Some((ordinal.parse().ok()?, number(position)?))
}

fn entry(row: LedgerRow) -> LedgerEntry {
    LedgerEntry {
        id: format!("{}.{}", row.signing_id, row.position),
        authorisation: row.authorisation_id,
        serial: row.serial,
        client: row.client,
        form: row.form,
        digest: STANDARD.encode(row.digest),
        signature: STANDARD.encode(row.signature),
        signed_at: row.signed_at.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place is two numbers or nothing at all.
    #[test]
    fn places() {
        for (text, expected) in [
            ("", Some((0, -1))),
            ("7.0", Some((7, 0))),
            ("5000000000.249", Some((5_000_000_000, 249))),
            ("7", None),
            ("7.-1", None),
            ("x.1", None),
        ] {
            assert_eq!(parse_place(text), expected, "{text}");
        }
    }
}
