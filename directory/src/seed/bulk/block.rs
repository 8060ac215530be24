//! A block: a trust, what it hosts, and the people there.

use super::people::People;
use super::places::{self, Places};
use super::positions::Positions;
use super::rows::Table;
use crate::seed::chance::Chance;

/// Every row of the block at this place with so many people, table by table.
pub(super) fn block(seed: u64, number: u64, people: u64) -> Vec<Table> {
    let mut chance = Chance::part(seed, number);
    let (mut places, mut positions) = (Places::new(), Positions::new());
    for place in 0..places::organisations(people) {
        places.add(&mut chance, number, place);
        positions.add(&mut chance, number, place);
    }
    let mut there = People::new(number);
    for place in 0..people {
        there.add(&mut chance, number, place, &positions.posts);
    }
    let tables = places.tables().into_iter().chain(positions.tables()).chain(there.tables());
    tables.filter(|table| !table.rows.is_empty()).collect()
}

/// How many rows go into one transaction: few enough for the slowest machine to write them in the time that a job has.
const ROWS: usize = 2_000;

/// The tables in parts of so many rows, in the same order.
pub(super) fn parts(tables: Vec<Table>) -> Vec<Vec<Table>> {
    let mut parts: Vec<Vec<Table>> = Vec::new();
    let mut left = 0;
    for table in tables {
        let mut rows = table.rows.into_iter().peekable();
        while rows.peek().is_some() {
            if left == 0 {
                parts.push(Vec::new());
                left = ROWS;
            }
            let some: Vec<_> = rows.by_ref().take(left).collect();
            left -= some.len();
            if let Some(part) = parts.last_mut() {
                part.push(Table { rows: some, ..Table::new(table.name, table.columns) });
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::rows::Row;
    use super::super::{BLOCK, people};
    use super::*;

    fn rows<'t>(tables: &'t [Table], name: &str) -> Vec<&'t Row> {
        tables.iter().filter(|table| table.name == name).flat_map(|table| &table.rows).collect()
    }

    /// A block follows from its seed and its place, and each row has a value for each column.
    #[test]
    fn blocks_follow_from_seed_and_place() {
        let one = block(1, 3, 200);
        assert_eq!(one, block(1, 3, 200));
        assert_ne!(one, block(2, 3, 200));
        assert_ne!(one, block(1, 4, 200));
        for table in &one {
            let columns = table.columns.split(',').count();
            assert!(table.rows.iter().all(|row| row.len() == columns), "{}", table.name);
        }
    }

    /// Parts have all rows in their order, and none has too many.
    #[test]
    fn parts_have_every_row() {
        let whole = block(1, 0, 300);
        let parts = parts(whole.clone());
        assert!(parts.len() > 2 && parts.len() < 100, "the marker counts to a hundred: {}", parts.len());
        assert!(parts.iter().all(|part| part.iter().map(|table| table.rows.len()).sum::<usize>() <= ROWS));
        let flat = |tables: &[Table]| -> Vec<(&'static str, Row)> {
            tables.iter().flat_map(|table| table.rows.iter().map(|row| (table.name, row.clone()))).collect()
        };
        assert_eq!(flat(&parts.concat()), flat(&whole));
    }

    /// However few people there are, there are as many rows as were promised, and no key is there twice.
    #[test]
    fn rows_are_as_many_as_promised() {
        for many in [1, 2, 5, 14, 61, 97, 453, BLOCK] {
            let tables = block(7, 0, many);
            let count = |name: &str| u64::try_from(rows(&tables, name).len()).unwrap();
            assert_eq!(count("directory_person"), many);
            assert_eq!(count("directory_organisation"), places::organisations(many));
            assert_eq!(count("directory_assignment"), people::assignments(many), "{many}");
            for (name, key) in [
                ("directory_person", &[0][..]),
                ("directory_organisation", &[0]),
                ("directory_registration", &[0, 1]),
                ("directory_assignment", &[0]),
                ("directory_role_profile", &[0, 1]),
                ("directory_organisation_person", &[0, 1]),
                ("directory_position", &[0]),
                ("directory_position_assignable", &[0, 1]),
            ] {
                let rows = rows(&tables, name);
                let keys: BTreeSet<String> = rows
                    .iter()
                    .map(|row| format!("{:?}", key.iter().map(|at| &row[*at]).collect::<Vec<_>>()))
                    .collect();
                assert_eq!(keys.len(), rows.len(), "{name} of {many}");
            }
        }
    }
}
