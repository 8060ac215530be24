//! The book in force, held in memory.

use std::sync::{Arc, PoisonError, RwLock};

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
    let number = rbac::newest(register.db.read()).await?;
    let held = register.shelf.held();
    if held.number() >= number {
        return Ok(held);
    }
    let content = rbac::content(register.db.read(), number).await?;
    let content = content.ok_or(Error::Stored { what: "release" })?;
    let book = Arc::new(Book::new(number, content)?);
    register.shelf.put(book.clone());
    Ok(book)
}

/// A release by its number: the one in force from memory, any other from the database; 0 is an empty one.
pub(crate) async fn at(register: &Register, number: Option<u64>) -> Result<Arc<Book>, Error> {
    let current = current(register).await?;
    match number {
        None => Ok(current),
        Some(0) => Ok(Arc::default()),
        Some(number) if number == current.number() => Ok(current),
        Some(number) => match rbac::content(register.db.read(), number).await? {
            Some(content) => Ok(Arc::new(Book::new(number, content)?)),
            None => Err(Error::unknown("release", number)),
        },
    }
}
