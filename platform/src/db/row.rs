//! Rows read into structures.

/// Reads rows into a structure whose fields have the names of their columns: each field is named once more, and the compiler
/// says which was forgotten. The derive macro of sqlx would compile the drivers of both databases a second time.
///
/// ```
/// struct Row {
///     message_id: String,
///     made_at: i64,
/// }
///
/// platform::from_row!(Row { message_id, made_at });
/// ```
#[macro_export]
macro_rules! from_row {
    ($row:ident { $($column:ident),+ $(,)? }) => {
        impl ::sqlx::FromRow<'_, ::sqlx::any::AnyRow> for $row {
            fn from_row(row: &::sqlx::any::AnyRow) -> ::sqlx::Result<Self> {
                Ok(Self { $($column: ::sqlx::Row::try_get(row, stringify!($column))?),+ })
            }
        }
    };
}
