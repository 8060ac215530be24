//! Which key a register was filled under. Under two, second records would not be found by their documents, and numbers on their way would be
//! refused where they arrive.

use platform::db::{self, Db, Tx};

use super::keyed::{DocumentKey, same};
use crate::store::document_keys;

/// What a database says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// The register here had no key yet.
    Unknown,
    /// The register here was filled under it.
    Same,
    /// The register here was filled under another.
    Other,
}

impl DocumentKey {
    /// What the register in this database was filled under.
    pub async fn standing(&self, db: &Db) -> Result<KeyStanding, db::Error> {
        Ok(match document_keys::proof(db.read()).await? {
            None => KeyStanding::Unknown,
            Some(kept) if same(&kept, &self.shown()) => KeyStanding::Same,
            Some(_) => KeyStanding::Other,
        })
    }

    /// The same, after a register that had none has got this one. Of several processes that come at once one is the first.
    pub async fn take(&self, db: &Db) -> Result<KeyStanding, db::Error> {
        let standing = self.standing(db).await?;
        if standing != KeyStanding::Unknown {
            return Ok(standing);
        }
        let shown = self.shown();
        let kept: Result<(), db::Error> =
            db.write(move |tx| Box::pin(async move { document_keys::keep(tx, &shown).await })).await;
        kept?;
        self.standing(db).await
    }

    /// Makes it the key of the register in the place of one that is lost.
    pub async fn replace(&self, tx: &mut Tx) -> Result<(), db::Error> {
        document_keys::replace(tx, &self.shown()).await
    }

    /// The beginning of what shows the key, by which people compare keys of several machines.
    pub fn fingerprint(&self) -> String {
        self.shown()[..8].to_owned()
    }

    /// What shows the key to whoever has it, and tells nobody else anything of it.
    fn shown(&self) -> String {
        self.hash("register", &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    platform::both_engines! {
        /// The first key of a register is its key, also of two that come at once; another is known for another, until it is put in its
        /// place.
        async fn a_register_has_one_key(db: Db) {
            let (one, other) = (DocumentKey::new(&[1; 32]), DocumentKey::new(&[2; 32]));
            assert!(one.fingerprint().len() == 8 && one.fingerprint() != other.fingerprint());
            assert_eq!(one.standing(&db).await.unwrap(), KeyStanding::Unknown);
            let (first, second) = tokio::join!(one.take(&db), other.take(&db));
            let (first, second) = (first.unwrap(), second.unwrap());
            assert_eq!([first, second].iter().filter(|standing| **standing == KeyStanding::Same).count(), 1);
            assert!([first, second].contains(&KeyStanding::Other), "{first:?} {second:?}");
            let lost = if first == KeyStanding::Same { one } else { other };
            let next = DocumentKey::new(&[3; 32]);
            assert_eq!(next.take(&db).await.unwrap(), KeyStanding::Other);
            assert_eq!(lost.take(&db).await.unwrap(), KeyStanding::Same);
            let replacing = next.clone();
            let replaced: Result<(), db::Error> =
                db.write(move |tx| Box::pin(async move { replacing.replace(tx).await })).await;
            replaced.unwrap();
            assert_eq!(next.standing(&db).await.unwrap(), KeyStanding::Same);
            assert_eq!(lost.standing(&db).await.unwrap(), KeyStanding::Other);
        }
    }
}
