//! Pages of lists.

use std::ops::Deref;

/// A page of a list. Reads like its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The items of the page, in order.
    pub items: Vec<T>,
    /// The key of the last item, if there are more behind it: what the next page comes `after`.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// Cuts off the one item more than `limit` that was asked for to see whether there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: Option<u32>, key: impl FnOnce(&T) -> K) -> Self {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }
}

/// Returns the limit to ask a repository for, so that [`Page::cut`] sees whether there are more items.
pub(crate) fn one_more(limit: Option<u32>) -> Option<u32> {
    limit.map(|limit| limit.saturating_add(1))
}

impl<T, K> Deref for Page<T, K> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T, K> IntoIterator for Page<T, K> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T, K> IntoIterator for &'a Page<T, K> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_one_only_if_there_is_more() {
        let cut = |count: u32, limit| Page::cut((1..=count).collect(), limit, |last| *last);
        assert_eq!(cut(3, Some(2)), Page { items: vec![1, 2], next: Some(2) });
        assert_eq!(cut(2, Some(2)), Page { items: vec![1, 2], next: None });
        assert_eq!(cut(3, None), Page { items: vec![1, 2, 3], next: None });
        assert_eq!(cut(0, Some(2)), Page { items: vec![], next: None });
    }
}
