//! Parts of a transaction that can be undone by themselves.

use platform::db::Tx;

use crate::error::Error;

/// Begins a part. One in another ends before it does.
pub(crate) async fn begin(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("SAVEPOINT directory_part").execute(&mut *tx).await?;
    Ok(())
}

/// Keeps the part as far as the transaction is kept.
pub(crate) async fn keep(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("RELEASE SAVEPOINT directory_part").execute(&mut *tx).await?;
    Ok(())
}

/// Undoes the part.
pub(crate) async fn undo(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("ROLLBACK TO SAVEPOINT directory_part").execute(&mut *tx).await?;
    keep(tx).await
}
