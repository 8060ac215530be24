//! Where the octets of a list go while it is made: into memory while they are few, into the database part by part when
//! they are many. They are hashed as they go, so that signing needs no second look at them.

use aws_lc_rs::digest::{Context, Digest};
use hsm::Alg;
use platform::db::{Db, Tx};

use crate::error::Error;
use crate::failpoint;
use crate::joining;
use crate::store::lists::{self, ListId};

/// How many octets lie in a part, about.
pub(crate) const PART: usize = 1024 * 1024;

/// The to-be-signed octets of a list.
pub(crate) struct Spool<'a> {
    db: &'a Db,
    id: ListId,
    hash: Option<Context>,
    waiting: Vec<u8>,
    /// How many parts are stored; the outermost header comes before the first.
    stored: i64,
    length: usize,
}

/// What was spooled.
pub(crate) enum Spooled {
    /// All of it in memory.
    Whole(Vec<u8>),
    /// In the database, from part 1 on.
    Parts { digest: Digest, length: usize, parts: i64 },
}

impl<'a> Spool<'a> {
    /// An empty spool for a list signed by a key of this kind.
    pub(crate) fn new(db: &'a Db, id: ListId, alg: Alg) -> Spool<'a> {
        Spool {
            db,
            id,
            hash: joining::hash(alg).map(Context::new),
            waiting: Vec::new(),
            stored: 0,
            length: 0,
        }
    }

    /// Takes further octets.
    pub(crate) async fn put(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.waiting.extend_from_slice(octets);
        self.length += octets.len();
        if let Some(hash) = &mut self.hash {
            hash.update(octets);
            // A key that signs messages and not hashes needs the whole of it in memory.
            while self.waiting.len() > PART {
                let rest = self.waiting.split_off(PART);
                let part = std::mem::replace(&mut self.waiting, rest);
                self.store(part).await?;
            }
        }
        Ok(())
    }

    /// Ends the list.
    pub(crate) async fn finish(mut self) -> Result<Spooled, Error> {
        match self.hash.take() {
            Some(hash) if self.stored > 0 => {
                let rest = std::mem::take(&mut self.waiting);
                self.store(rest).await?;
                Ok(Spooled::Parts { digest: hash.finish(), length: self.length, parts: self.stored })
            }
            _ => Ok(Spooled::Whole(self.waiting)),
        }
    }

    async fn store(&mut self, octets: Vec<u8>) -> Result<(), Error> {
        self.stored += 1;
        store_part(self.db, &self.id, self.stored, octets).await
    }
}

/// Stores one part. A crash after it leaves octets that no list claims; the next list of the scope removes them.
pub(crate) async fn store_part(db: &Db, id: &ListId, part: i64, octets: Vec<u8>) -> Result<(), Error> {
    let id = id.clone();
    db.write(move |tx: &mut Tx| {
        Box::pin(async move { Ok::<_, Error>(lists::insert_part(tx, &id, part, &octets).await?) })
    })
    .await?;
    failpoint::pass("ca.crl-part");
    Ok(())
}
