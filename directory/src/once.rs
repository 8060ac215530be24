//! A POST is done once: its idempotency key and its answer are stored in the transaction that does it.
//!
//! `draft-ietf-httpapi-idempotency-key-header`: the same key with the same request gets the stored answer, with another
//! request it is refused. A crash before the commit leaves neither effect nor key.

use std::time::Duration;

use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::{JobFuture, Tx};
use platform::problem::Problem;
use serde::Serialize;

use crate::acting::in_turn;
use crate::error::Error;
use crate::register::Register;
use crate::store::once;
use crate::version::Version;

/// How many kept answers are swept away at once.
const SWEPT: i64 = 100;

/// A request that is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Once {
    /// Who asks: a key of somebody else's is another key.
    pub(crate) caller: String,
    /// The key.
    pub(crate) key: String,
    /// SHA-256 over method, path, body, and in what role and how surely signed in it is asked, in hexadecimal.
    pub(crate) fingerprint: String,
}

impl Once {
    /// A request of this caller with this key.
    pub(crate) fn new(caller: &Caller, key: String, fingerprint: String) -> Self {
        Self { caller: format!("{} {}", caller.client, caller.subject), key, fingerprint }
    }
}

/// What is answered, as it is stored and given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, JSON.
    pub(crate) body: String,
    /// The address of what was made.
    pub(crate) location: Option<String>,
    /// The entity tag of what was made.
    pub(crate) etag: Option<String>,
}

impl Answer {
    /// 201 with what was made.
    pub(crate) fn created<T: Serialize>(body: &T, location: String, version: Version) -> Result<Self, Error> {
        Ok(Self { location: Some(location), etag: Some(version.tag()), ..Self::json(201, body)? })
    }

    /// 200 with what was changed.
    pub(crate) fn changed<T: Serialize>(body: &T, version: Version) -> Result<Self, Error> {
        Ok(Self { etag: Some(version.tag()), ..Self::json(200, body)? })
    }

    /// 409 in the form of a problem. It is kept and given again as other answers are: what the job wrote stays.
    pub(crate) fn refused(code: &'static str, detail: impl Into<String>) -> Result<Self, Error> {
        Self::json(409, &Problem::conflict(code, detail).body())
    }

    /// Any status, with a body.
    pub(crate) fn json<T: Serialize>(status: u16, body: &T) -> Result<Self, Error> {
        let body = serde_json::to_string(body).map_err(|_| Error::Stored { what: "answer" })?;
        Ok(Self { status, body, location: None, etag: None })
    }
}

impl Register {
    /// The answer of a request that was done before. For requests that are more than one transaction, and idempotent by
    /// themselves: they ask this first, and keep their answer with [`Register::once`] at their end.
    pub(crate) async fn answered(&self, request: Once) -> Result<Option<Answer>, Error> {
        let found: Result<_, Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let found = once::find(tx, &request.caller, &request.key).await?;
                    Ok(found.map(|(fingerprint, answer)| (fingerprint == request.fingerprint, answer)))
                })
            })
            .await;
        match found? {
            Some((false, _)) => Err(Error::KeyReused),
            found => Ok(found.map(|(_, answer)| answer)),
        }
    }

    /// Does `job` in the writer's transaction unless the same request was done before; then gives its answer again.
    ///
    /// `Err` of the job undoes it and keeps no answer, so that the same request can be sent again.
    pub(crate) async fn once<F>(&self, request: Once, job: F) -> Result<Answer, Error>
    where
        F: for<'t> FnOnce(&'t mut Tx, Millis) -> JobFuture<'t, Answer, Error> + Send + 'static,
    {
        let (register, now) = (self.clone(), self.now());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    // Before the key is looked for: another machine that does the same request is waited for.
                    in_turn(tx, &register).await?;
                    if let Some(answer) = before(tx, &register, &request, now).await? {
                        return Ok(answer);
                    }
                    let answer = job(&mut *tx, now).await?;
                    once::keep(tx, &[(&request, &answer, Vec::new())], now).await?;
                    Ok(answer)
                })
            })
            .await
    }
}

/// Goes on if none of these requests was done before.
pub(crate) async fn none_before(tx: &mut Tx, register: &Register, requests: &[&Once]) -> Result<(), Error> {
    let kept_for = Duration::from_secs(u64::from(register.config.idempotency_hours) * 3600);
    once::sweep(tx, register.now().minus(kept_for), SWEPT).await?;
    if once::any(tx, requests).await? { Err(Error::KeyReused) } else { Ok(()) }
}

/// The answer of the same request that was done before, in the transaction that would do it. Old ones are swept away.
pub(crate) async fn before(
    tx: &mut Tx,
    register: &Register,
    request: &Once,
    now: Millis,
) -> Result<Option<Answer>, Error> {
    let kept_for = Duration::from_secs(u64::from(register.config.idempotency_hours) * 3600);
    once::sweep(tx, now.minus(kept_for), SWEPT).await?;
    match once::find(tx, &request.caller, &request.key).await? {
        Some((fingerprint, _)) if fingerprint != request.fingerprint => Err(Error::KeyReused),
        found => Ok(found.map(|(_, answer)| answer)),
    }
}
