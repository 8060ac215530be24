//! What ACME keeps: `ca_acme_…`.

pub(crate) mod accounts;
pub(crate) mod authorizations;
pub(crate) mod external;
pub(crate) mod nonces;
pub(crate) mod orders;
pub(crate) mod queue;
pub(crate) mod sealed;
pub(crate) mod secrets;

use std::str::FromStr;

use platform::db;
use sqlx::Row as _;
use sqlx::any::AnyRow;

/// Makes an enum of states with their text in a column.
macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($(#[$about:meta])* $state:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$about])* $state),+
        }

        impl $name {
            /// The state as it is kept and as it travels.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $($name::$state => $text),+
                }
            }

            pub(super) fn parse(text: &str) -> Result<$name, db::Error> {
                match text {
                    $($text => Ok($name::$state),)+
                    _ => Err(db::Error::corrupt(stringify!($name), text)),
                }
            }
        }
    };
}
pub(super) use states;

/// The words of a list in one column.
fn words<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Vec<T>, db::Error> {
    let text: &str = row.try_get(column)?;
    text.split_ascii_whitespace()
        .map(|word| word.parse().map_err(|_| db::Error::corrupt(column, word)))
        .collect()
}

/// A list as it stands in one column.
fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
