//! Assignments of several requests that come at the same time: one transaction, few statements. One that is out of the ordinary, sent
//! before or not to be, is done by itself, as are its neighbours.

use std::collections::BTreeSet;
use std::sync::Arc;

use platform::caller::Caller;
use platform::db::Tx;
use platform::db::together::{Row, Undone};

use super::{Asked, Assignment, Right, Via, assign, assign_each, prepare_each};
use crate::acting::{self, Doing, once_within};
use crate::authority::Act;
use crate::error::Error;
use crate::once::{Answer, Once};
use crate::register::Register;
use crate::store;

const RIGHT: Right<'static> = Right::Of(&[Act::Assign]);

/// A request to put somebody into a position.
pub(crate) struct Assigning {
    pub(crate) register: Register,
    pub(crate) caller: Caller,
    pub(crate) once: Once,
    pub(crate) asked: Asked,
    /// What is answered.
    pub(crate) answered: fn(&Assignment, &Doing) -> Result<Answer, Error>,
}

impl Row for Assigning {
    type Answer = Answer;
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<Answer, Error> {
        let (asked, answered) = (self.asked.clone(), self.answered);
        let job = once_within(tx, &self.register, &self.once, self.caller.clone(), |tx, doing| {
            Box::pin(async move {
                let mut rows = prepare_each(tx, &[(&doing, &asked)], RIGHT, Via::Cim).await?;
                assign(tx, &doing, &rows, None).await?;
                let row = rows.pop().ok_or(Error::Stored { what: "directory_assignment" })?;
                answered(&row, &doing)
            })
        });
        job.await
    }

    async fn write_all(rows: &[Arc<Self>], tx: &mut Tx) -> Result<Vec<Answer>, Undone> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let keys: Vec<&Once> = rows.iter().map(|row| &row.once).collect();
        let different: BTreeSet<(&str, &str)> =
            keys.iter().map(|once| (once.caller.as_str(), once.key.as_str())).collect();
        if different.len() < keys.len() {
            return Err(Undone::OneByOne);
        }
        // Whatever one of them is refused for, it is told by itself.
        together(tx, &first.register, rows, &keys).await.map_err(|error| match error {
            Error::Db(error) => Undone::from(error),
            _ => Undone::OneByOne,
        })
    }
}

async fn together(
    tx: &mut Tx,
    register: &Register,
    rows: &[Arc<Assigning>],
    keys: &[&Once],
) -> Result<Vec<Answer>, Error> {
    let callers: Vec<&Caller> = rows.iter().map(|row| &row.caller).collect();
    let doing = acting::several(tx, register, &callers).await?;
    crate::once::none_before(tx, register, keys).await?;
    let acts: Vec<(&Doing, &Asked)> = doing.iter().zip(rows.iter().map(|row| &row.asked)).collect();
    let made = prepare_each(tx, &acts, RIGHT, Via::Cim).await?;
    assign_each(tx, &doing.iter().collect::<Vec<_>>(), &made).await?;
    let answers: Vec<Answer> = made
        .iter()
        .zip(&doing)
        .zip(rows)
        .map(|((made, doing), row)| (row.answered)(made, doing))
        .collect::<Result<_, _>>()?;
    let kept: Vec<_> = keys
        .iter()
        .zip(&answers)
        .zip(&doing)
        .map(|((once, answer), doing)| (*once, answer, doing.grounds.taken()))
        .collect();
    store::once::keep(tx, &kept, register.now()).await?;
    Ok(answers)
}
