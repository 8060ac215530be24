//! The book in force, held in memory.

use std::sync::{Arc, PoisonError, RwLock};

use platform::db::Tx;

use super::Book;
use crate::error::Error;
use crate::register::Register;
use crate::store::rbac;

/// Holds one book. The lock is held only to take or put the pointer; the book itself is never changed.
#[derive(Debug, Default)]
pub(crate) struct Shelf(RwLock<Arc<Book>>);

impl Shelf {
    fn held(&self) -> Arc<Book> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a book there, unless a newer one is.
    fn put(&self, book: Arc<Book>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.number() < book.number() {
            *held = book;
        }
    }
}

/// The release in force; an empty one before there is any.
///
/// The number in force is asked of the database each time, so that no process goes on with a release that another has
/// replaced; the content is read once.
pub(crate) async fn current(register: &Register) -> Result<Arc<Book>, Error> {
    committed(&mut *register.db.read().acquire().await?, register).await
}

/// [`current`] on a connection for reading.
pub(crate) async fn committed(tx: &mut Tx, register: &Register) -> Result<Arc<Book>, Error> {
    let book = within(tx, register).await?;
    register.shelf.put(book.clone());
    Ok(book)
}

/// The release in force as a transaction sees it. It is not put on the shelf: what brought it in may still be undone.
pub(crate) async fn within(tx: &mut Tx, register: &Register) -> Result<Arc<Book>, Error> {
    let number = rbac::newest(&mut *tx).await?;
    let held = register.shelf.held();
    if held.number() == number { Ok(held) } else { read(tx, number).await }
}

/// A release by its number: the one in force from memory, any other from the database; 0 is an empty one.
pub(crate) async fn at(register: &Register, number: Option<u64>) -> Result<Arc<Book>, Error> {
    let current = current(register).await?;
    match number {
        None => Ok(current),
        Some(number) if number == current.number() => Ok(current),
        Some(number) => read(&mut *register.db.read().acquire().await?, number).await,
    }
}

async fn read(tx: &mut Tx, number: u64) -> Result<Arc<Book>, Error> {
    if number == 0 {
        return Ok(Arc::default());
    }
    let content = rbac::content(tx, number).await?.ok_or_else(|| Error::unknown("release", number))?;
    Ok(Arc::new(Book::new(number, content)?))
}
