//! Makes one list: reads its entries by pages of one moment, lints each page, signs, and stores what was signed.

use audit::Actor;
use aws_lc_rs::digest::{Context, Digest, SHA256};
use hsm::Key;
use platform::db::Tx;

use super::lint;
use super::list::{self, Entry, Form, Frame, List};
use super::spool::{Spool, Spooled, store_part};
use crate::asn1::{SEQUENCE, header};
use crate::desk::Desk;
use crate::digest::sha256;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::issuer::Issuer;
use crate::joining::{self, Unfit};
use crate::lint::Finding;
use crate::profile::CrlTimes;
use crate::store::lists::{self, ListId, Reading, StoredList};
use crate::store::scopes::{self, Mark};

/// How many entries are read, written and linted at a time.
const PAGE: i64 = 4000;

/// A list that is stored and in the audit record.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) list: StoredList,
    pub(crate) sha256: String,
}

/// What one list is made with.
pub(crate) struct Making<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) issuer: &'a Issuer,
    pub(crate) id: ListId,
    pub(crate) times: CrlTimes,
    /// The number of the list before.
    pub(crate) before: i64,
    /// The changes of the scope that the entries know.
    pub(crate) changes: i64,
}

impl Making<'_> {
    /// Makes the list with the entries of this moment. When this returns it is stored.
    pub(crate) async fn carry_out(&self, list: &List<'_>, entries: &mut Reading) -> Result<Signed, Error> {
        let (spooled, count) = self.write(list, entries).await?;
        let (size, sha256) = match spooled {
            Spooled::Whole(tbs) => self.sign_whole(&tbs).await?,
            Spooled::Parts { digest, length, parts } => self.sign_parts(&digest, length, parts).await?,
        };
        let base = if let Form::Delta { base } = list.form { Some(base) } else { None };
        let (this_update, next_update) = (list.this_update, list.next_update);
        let stored = StoredList { id: self.id.clone(), base, this_update, next_update, entries: count, size };
        let signed = Signed { list: stored, sha256: hex::encode(sha256) };
        self.store(&signed).await?;
        Ok(signed)
    }

    /// Writes the to-be-signed octets, page by page, and says how many entries they have.
    async fn write(&self, list: &List<'_>, entries: &mut Reading) -> Result<(Spooled, i64), Error> {
        let (frame, mut spool) =
            (Frame::of(list), Spool::new(&self.desk.db, self.id.clone(), self.issuer.identity.alg));
        let shapes = entries.shapes().await?;
        let count: i64 = shapes.iter().map(|shape| shape.count).sum();
        let length = |shape: &lists::Shape| {
            usize::try_from(shape.count).unwrap_or(0) * list::entry_size(&shape.example)
        };
        let mut left: usize = shapes.iter().map(length).sum();
        spool.put(&frame.opening(left)).await?;
        let (mut after, mut seen) = (String::new(), 0);
        let mut page = entries.page(&after, PAGE).await?;
        loop {
            seen += i64::try_from(page.len()).unwrap_or(i64::MAX);
            let newest = page.last().map(|newest| newest.serial.to_string());
            let more = newest.clone().filter(|_| seen < count);
            // The database reads the next page while this one is linted.
            let next = async {
                match &more {
                    Some(newest) => entries.page(newest, PAGE).await.map(Some),
                    None => Ok(None),
                }
            };
            let (next, octets) = tokio::join!(next, async { self.linted(list, &frame, &page) });
            let octets = octets?;
            // Serials rise from page to page: no certificate is listed twice.
            let rises = page.first().is_none_or(|first| first.serial.to_string() > after);
            left = left.checked_sub(octets.len()).filter(|_| rises).ok_or(Unfit::Differs)?;
            spool.put(&octets).await?;
            let Some(next) = next? else { break };
            (page, after) = (next, newest.unwrap_or_default());
        }
        // The lengths that were said first are those that came.
        if left != 0 || seen != count {
            return Err(Unfit::Differs.into());
        }
        spool.put(frame.closing()).await?;
        Ok((spool.finish().await?, count))
    }

    /// The octets of a page, linted in the frame they are signed in, so that every lint sees a list.
    fn linted(&self, list: &List<'_>, frame: &Frame, page: &[Entry]) -> Result<Vec<u8>, Error> {
        let octets = list::encoded(page);
        let list = List { entries: page, ..*list };
        self.silent(lint::check(&list, &frame.around(&octets), self.times, self.before))?;
        Ok(octets)
    }

    fn silent(&self, findings: Vec<Finding>) -> Result<(), Error> {
        if findings.is_empty() {
            return Ok(());
        }
        let (issuer, number) = (&self.id.issuer, self.id.number);
        tracing::error!(issuer, ?findings, "lints fired on list {number} of {issuer}; it was not signed");
        Err(Error::LintsFired(findings))
    }

    fn key(&self) -> Result<&Key, Error> {
        self.issuer.key()
    }

    /// Signs a list that is in memory, lets a third decoder read the whole, and stores it as one part.
    async fn sign_whole(&self, tbs: &[u8]) -> Result<(i64, Vec<u8>), Error> {
        let key = self.key()?;
        let signature = joining::sign(key, tbs, None).await?;
        joining::verify(&self.issuer.identity, tbs, &signature)?;
        let whole = joining::join(&self.issuer.identity, tbs, &signature);
        let read = pki::Crl::from_der(&whole).map_err(|_| Unfit::Differs)?;
        if read.tbs_der() != tbs || read.verify(&self.issuer.certificate).is_err() {
            return Err(Unfit::Differs.into());
        }
        failpoint::pass("ca.crl-signed");
        let (size, sha256) = (whole.len(), sha256(&whole));
        store_part(&self.desk.db, &self.id, 0, whole).await?;
        Ok((i64::try_from(size).unwrap_or(i64::MAX), sha256))
    }

    /// Signs a list that lies in parts, adds what stands around them, and compares what is stored with what was signed.
    async fn sign_parts(&self, digest: &Digest, length: usize, parts: i64) -> Result<(i64, Vec<u8>), Error> {
        let (key, identity) = (self.key()?, &self.issuer.identity);
        let signature = joining::sign(key, &[], Some(digest.as_ref())).await?;
        joining::verify_digest(identity, digest, &signature)?;
        failpoint::pass("ca.crl-signed");
        let end = joining::after_tbs(identity, &signature);
        let start = header(SEQUENCE, length + end.len());
        let size = start.len() + length + end.len();
        store_part(&self.desk.db, &self.id, 0, start).await?;
        store_part(&self.desk.db, &self.id, parts + 1, end).await?;

        let algorithm = joining::hash(identity.alg).ok_or(Unfit::Differs)?;
        let (mut whole, mut signed) = (Context::new(&SHA256), Context::new(algorithm));
        let (mut at, mut octets) = (-1, 0);
        while let Some((part, content)) = lists::part_after(self.desk.db.read(), &self.id, at).await? {
            whole.update(&content);
            octets += content.len();
            if (1..=parts).contains(&part) {
                signed.update(&content);
            }
            at = part;
        }
        if octets != size || signed.finish().as_ref() != digest.as_ref() {
            return Err(Unfit::Differs.into());
        }
        Ok((i64::try_from(size).unwrap_or(i64::MAX), whole.finish().as_ref().to_vec()))
    }

    /// Makes the list the newest of its scope, with its audit row.
    async fn store(&self, signed: &Signed) -> Result<(), Error> {
        let list = &signed.list;
        let event = Event::CrlSigned {
            issuer: list.id.issuer.clone(),
            shard: list.id.shard,
            number: list.id.number,
            base: list.base,
            entries: list.entries,
            sha256: signed.sha256.clone(),
            this_update: list.this_update,
            next_update: list.next_update,
        };
        let (row, now, high_water) = (list.clone(), self.desk.clock.now(), self.desk.high_water.clone());
        let mark = Mark { number: list.id.number, at: list.this_update, changes: self.changes };
        let span_ms = self.times.hold.seconds * 1000 / 2;
        self.desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let (issuer, shard) = (row.id.issuer.as_str(), row.id.shard);
                    lists::insert(tx, &row).await?;
                    if row.base.is_some() {
                        scopes::delta_made(tx, issuer, shard, mark.number, mark.at).await?;
                    } else {
                        scopes::complete_made(tx, issuer, shard, mark, span_ms).await?;
                    }
                    high_water.record_in(tx, now).await?;
                    audit::record(tx, now, &Actor::system("ca"), &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        failpoint::pass("ca.crl-stored");
        Ok(())
    }
}
