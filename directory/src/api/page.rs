//! Lists in pages.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Where to read on: give it as `after`. Left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page of the items that were read: one more than asked for says that there is another page.
    pub(crate) fn of(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }

    /// The same page of other items.
    pub(crate) fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(item).collect(), next: self.next }
    }
}

/// Which page.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Reads a member that may be null: left out it is `None`, null is `Some(None)`.
#[expect(clippy::option_option, reason = "left out, null and given are three things")]
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row more than asked for makes a next page, and is not on this one.
    #[test]
    fn next_is_told_where_there_is_more() {
        let page = |read: &[u32], limit| Page::of(read.to_vec(), limit, u32::to_string);
        assert_eq!(page(&[1, 2, 3], 2), Page { items: vec![1, 2], next: Some("2".to_owned()) });
        assert_eq!(page(&[1, 2], 2), Page { items: vec![1, 2], next: None });
        assert_eq!(page(&[], 2), Page { items: vec![], next: None });
    }
}
