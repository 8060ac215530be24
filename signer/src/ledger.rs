//! Reading the ledger of signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;

use crate::api::{CREDENTIALS, LedgerEntry, LedgerPage, LedgerQuery, OWN_CREDENTIALS};
use crate::credential::{Holder, for_caller};
use crate::error::Error;
use crate::ids::CredentialId;
use crate::signer::Signer;
use crate::store::ledger::{self, LedgerRow, Wanted};

const USUAL: u32 = 100;
const MOST: u32 = 500;

/// A page of the ledger: for a person their own signatures, for an administrator everybody's, by person, application and period.
pub(crate) async fn page(signer: &Signer, caller: &Caller, query: LedgerQuery) -> Result<LedgerPage, Error> {
    let mut wanted = Wanted {
        user: query.user_id.clone(),
        client: query.client.clone(),
        from: query.from.map(Millis),
        until: query.until.map(Millis),
        ..Wanted::default()
    };
    if let Some(credential) = &query.credential {
        let credential = parse_credential(credential)?;
        for_caller(signer, caller, &credential, Holder::Too).await?;
        wanted.credential = Some(credential.to_string());
    } else if caller.kind == CallerKind::Person {
        caller.may(OWN_CREDENTIALS).map_err(Error::Caller)?;
    } else {
        caller.may(CREDENTIALS).map_err(Error::Caller)?;
    }
    if caller.kind == CallerKind::Person && caller.may(CREDENTIALS).is_err() {
        // Somebody else's are not there.
        if query.user_id.as_ref().is_some_and(|user| *user != caller.subject) {
            return Ok(LedgerPage { signatures: Vec::new(), next: None });
        }
        wanted.user = Some(caller.subject.clone());
    }
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::Query { sentence: "limit is between 1 and 500." });
    }
    wanted.after = parse_place(query.after.as_deref().unwrap_or_default())
        .ok_or(Error::Query { sentence: "after is the next of an earlier page." })?;
    let rows = ledger::page(signer.db.read(), &wanted, i64::from(limit)).await?;
    let full = rows.len() == limit as usize;
    let next = rows.last().filter(|_| full).map(|last| format!("{}.{}", last.ordinal, last.position));
    Ok(LedgerPage { signatures: rows.into_iter().map(entry).collect(), next })
}

/// The latest signatures of a person who asks for their own, before a place, and where to read on.
pub(crate) async fn latest(
    signer: &Signer,
    caller: &Caller,
    before: Option<&str>,
    limit: u32,
) -> Result<(Vec<LedgerEntry>, Option<String>), Error> {
    caller.may(OWN_CREDENTIALS).map_err(Error::Caller)?;
    let before = match before {
        None => (i64::MAX, 0),
        Some(text) => {
            parse_place(text).ok_or(Error::Query { sentence: "before is a place in the ledger." })?
        }
    };
    let rows = ledger::latest(signer.db.read(), &caller.subject, before, i64::from(limit)).await?;
    let full = rows.len() == limit as usize;
    let next = rows.last().filter(|_| full).map(|last| format!("{}.{}", last.ordinal, last.position));
    Ok((rows.into_iter().map(entry).collect(), next))
}

/// A signature of the ledger that this caller may see; somebody else's is not there for a person.
pub(crate) async fn line(signer: &Signer, caller: &Caller, id: &str) -> Result<LedgerRow, Error> {
    let act = if caller.kind == CallerKind::Person { OWN_CREDENTIALS } else { CREDENTIALS };
    caller.may(act).map_err(Error::Caller)?;
    let place =
        id.split_once('.').and_then(|(signing, position)| Some((signing, position.parse::<u32>().ok()?)));
    let found = match place {
        Some((signing, position)) => ledger::one(signer.db.read(), signing, i64::from(position)).await?,
        None => None,
    };
    let found = found.filter(|line| caller.kind != CallerKind::Person || line.user_id == caller.subject);
    found.ok_or(Error::SignatureUnknown)
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

/// How somebody proved to be there who gave a passphrase.
pub(crate) const PASSPHRASE: &str = "passphrase";

/// A line as it travels.
pub(crate) fn entry(row: LedgerRow) -> LedgerEntry {
    LedgerEntry {
        user_id: row.user_id,
        method: row.method.unwrap_or_else(|| PASSPHRASE.to_owned()),
        authenticator: row.authenticator,
        document: row.document,
        patient: row.patient,
        id: format!("{}.{}", row.signing_id, row.position),
        authorisation: row.authorisation_id,
        serial: row.serial,
        client: row.client,
        form: row.form,
        digest: STANDARD.encode(row.digest),
        hashed: row.hashed.map(|hashed| STANDARD.encode(hashed)),
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
