//! A connection for reading, taken when something has to be read: what the model answers takes none.

use platform::db::{Db, Tx};
use sqlx::Any;
use sqlx::pool::PoolConnection;

use crate::error::Error;
use crate::model::Model;
use crate::register::Register;

/// Reads from the pool, over one connection.
pub(crate) struct Reading<'r> {
    db: &'r Db,
    model: Option<&'r Model>,
    taken: Option<PoolConnection<Any>>,
}

impl<'r> Reading<'r> {
    /// What is read may come from the model, which knows a change of another node a moment later.
    pub(crate) fn quick(register: &'r Register) -> Self {
        Self { db: &register.db, model: Some(&register.model), taken: None }
    }

    /// What is read comes from the database alone: for whoever goes on from a place of the change feed.
    pub(crate) fn exact(register: &'r Register) -> Self {
        Self { db: &register.db, model: None, taken: None }
    }

    /// The model, where it may answer.
    pub(crate) fn model(&self) -> Option<&'r Model> {
        self.model
    }

    /// The connection.
    pub(crate) async fn tx(&mut self) -> Result<&mut Tx, Error> {
        let taken = match self.taken.take() {
            Some(taken) => taken,
            None => self.db.read().acquire().await?,
        };
        Ok(self.taken.insert(taken))
    }
}
