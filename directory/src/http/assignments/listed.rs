//! Rows of a list of which some may be wrong: each wrong one is told with its place, and stands in the way of no other.

use std::collections::BTreeMap;

use platform::db::Tx;

use super::super::input;
use crate::api::Meant;
use crate::assignment::{Assignment, End, Redate};
use crate::error::Error;
use crate::ids::AssignmentId;
use crate::store::assignments;
use crate::version::{Expected, Version};

/// The rows that could be read, with their places in the list, and what stands against the others.
pub(super) struct Listed<T> {
    pub(super) rows: Vec<T>,
    places: Vec<usize>,
    refused: Vec<(usize, Error)>,
}

impl<T> Listed<T> {
    /// Sorts the rows of a list.
    pub(super) fn of(read: impl IntoIterator<Item = Result<T, Error>>) -> Self {
        let mut listed = Self { rows: Vec::new(), places: Vec::new(), refused: Vec::new() };
        for (place, row) in read.into_iter().enumerate() {
            match row {
                Ok(row) => {
                    listed.rows.push(row);
                    listed.places.push(place);
                }
                Err(error) => listed.refused.push((place, error)),
            }
        }
        listed
    }

    /// Refuses those rows of which something is said.
    pub(super) fn refuse(&mut self, against: impl Fn(&T) -> Option<Error>) {
        let (rows, places) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.places));
        for (row, place) in rows.into_iter().zip(places) {
            match against(&row) {
                None => {
                    self.rows.push(row);
                    self.places.push(place);
                }
                Some(error) => self.refused.push((place, error)),
            }
        }
    }

    /// Everything that is refused by its place in the list, with what was found against the rows since.
    pub(super) fn refused(self, since: Vec<(usize, Error)>) -> Vec<(usize, Error)> {
        let mut refused = self.refused;
        refused.extend(since.into_iter().map(|(at, error)| (self.places[at], error)));
        refused.sort_by_key(|(place, _)| *place);
        refused
    }
}

/// A row about an assignment that there is.
pub(super) trait About {
    /// Which.
    fn assignment(&self) -> &AssignmentId;
}

impl About for End {
    fn assignment(&self) -> &AssignmentId {
        &self.id
    }
}

impl About for Redate {
    fn assignment(&self) -> &AssignmentId {
        &self.id
    }
}

impl<T: About> Listed<T> {
    /// Refuses rows about assignments that are none here, as if there were none such.
    pub(super) async fn keep(
        &mut self,
        tx: &mut Tx,
        here: impl Fn(&Assignment) -> bool,
    ) -> Result<(), Error> {
        let ids: Vec<AssignmentId> = self.rows.iter().map(|row| row.assignment().clone()).collect();
        let found = assignments::find_all(tx, &ids).await?;
        let found: BTreeMap<&AssignmentId, &Assignment> = found.iter().map(|one| (&one.id, one)).collect();
        self.refuse(|row| {
            let is_here = found.get(row.assignment()).is_some_and(|one| here(one));
            (!is_here).then(|| Error::unknown("assignment", row.assignment()))
        });
        Ok(())
    }
}

/// Which assignment a row means, and at which version.
pub(super) fn meant(field: &'static str, row: &Meant) -> Result<(AssignmentId, Expected), Error> {
    let version = match row {
        Meant::Id(_) => None,
        Meant::AsRead(meant) => Some(meant.version),
    };
    Ok((input::id(field, row.assignment())?, expected(version)))
}

/// The version that a row means: whatever it is now where none is given.
pub(super) fn expected(version: Option<i64>) -> Expected {
    version.map_or(Expected::Any, |version| Expected::This(Version(version)))
}
