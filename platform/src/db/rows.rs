//! Many rows in few statements: how a list is parted, and the numbered places of a statement's values.

use std::fmt::Write as _;

/// How many rows one statement has: those of a usual group in one or two statements, and few sizes, so that the database keeps what it has
/// prepared.
const SIZES: [usize; 12] = [64, 32, 16, 12, 8, 7, 6, 5, 4, 3, 2, 1];

/// Parts of a list, in its order, each for one statement.
pub fn portions<T>(mut all: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= all.len())?;
        let (portion, rest) = all.split_at(size);
        all = rest;
        Some(portion)
    })
}

/// The places of so many rows with so many columns, `($1, $2), ($3, $4)`, for `VALUES`. It is made for every group that is written, so in one
/// piece.
#[must_use]
pub fn places(rows: usize, columns: usize) -> String {
    let mut places = String::with_capacity(rows * columns * "$100, ".len() + rows * "(), ".len());
    for place in 0..rows * columns {
        places.push_str(match (place, place % columns) {
            (0, _) => "(",
            (_, 0) => "), (",
            _ => ", ",
        });
        // Nothing refuses to be written into a text.
        let _written = write!(places, "${}", place + 1);
    }
    places.push(')');
    places
}

/// So many places from a number on, `$3, $4, $5`, for `IN`.
#[must_use]
pub fn list(first: usize, many: usize) -> String {
    (first..first + many).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row is in one part, and places count on from row to row.
    #[test]
    fn rows_are_parted() {
        let all: Vec<usize> = (0..23).collect();
        let lengths: Vec<usize> = portions(&all).map(<[usize]>::len).collect();
        assert_eq!(lengths, [16, 7]);
        assert_eq!(portions(&all).flatten().copied().collect::<Vec<_>>(), all);
        assert_eq!(portions::<usize>(&[]).count(), 0);
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!((places(1, 1).as_str(), places(2, 1).as_str()), ("($1)", "($1), ($2)"));
        assert_eq!((list(3, 3).as_str(), list(1, 0).as_str()), ("$3, $4, $5", ""));
    }
}
