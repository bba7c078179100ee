//! Tables of rows, in order of their keys.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

/// Rows by key. A clone shares every row with its original until one of the two changes it, so that a transaction can
/// work on a clone of all records.
#[derive(Clone)]
pub(super) struct Table<K, V> {
    rows: Arc<BTreeMap<K, Arc<V>>>,
    last_id: i64,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: Arc::default(), last_id: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Returns the number of a new row, which is given once.
    pub(super) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Returns the row of this key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(Arc::as_ref)
    }

    /// Returns whether there is a row of this key.
    pub(super) fn has(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// Returns the row of this key to be changed.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if !self.has(key) {
            return None;
        }
        Arc::make_mut(&mut self.rows).get_mut(key).map(Arc::make_mut)
    }

    /// Sets the row of a key.
    pub(super) fn insert(&mut self, key: K, row: V) {
        Arc::make_mut(&mut self.rows).insert(key, Arc::new(row));
    }

    /// Removes the row of a key and returns whether it was there.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        self.has(key) && Arc::make_mut(&mut self.rows).remove(key).is_some()
    }

    /// Removes the rows of these keys.
    pub(super) fn remove_all(&mut self, keys: &[K]) {
        for key in keys {
            self.remove(key);
        }
    }

    /// Returns all rows with their keys, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, row)| (key, row.as_ref()))
    }

    /// Returns all rows in order of their keys.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values().map(Arc::as_ref)
    }

    /// Returns the rows whose keys are in a range, with their keys, in order.
    pub(super) fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(keys).map(|(key, row)| (key, row.as_ref()))
    }

    /// Returns the first row that meets a condition.
    pub(super) fn find(&self, is: impl Fn(&V) -> bool) -> Option<&V> {
        self.values().find(|row| is(row))
    }

    /// Returns the keys of the rows that meet a condition.
    pub(super) fn keys_of(&self, is: impl Fn(&V) -> bool) -> Vec<K> {
        self.iter().filter(|(_, row)| is(row)).map(|(key, _)| key.clone()).collect()
    }

    /// Removes the rows that meet a condition and returns whether there were any.
    pub(super) fn remove_if(&mut self, goes: impl Fn(&V) -> bool) -> bool {
        let keys = self.keys_of(goes);
        self.remove_all(&keys);
        !keys.is_empty()
    }

    /// Changes the rows that meet a condition and returns whether there were any.
    pub(super) fn change_if(&mut self, is: impl Fn(&V) -> bool, change: impl Fn(&mut V)) -> bool {
        let keys = self.keys_of(is);
        keys.iter().filter_map(|key| self.get_mut(key).map(&change)).count() > 0
    }
}

/// Returns the first of some rows, at most as many as asked for.
pub(super) fn page<T>(rows: impl Iterator<Item = T>, limit: Option<u32>) -> Vec<T> {
    rows.take(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))).collect()
}

/// Returns whether a value is the one that is asked for, if one is.
pub(super) fn fits<T: PartialEq>(wanted: Option<&T>, value: &T) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
}

/// Returns a name as it is compared where names have no case.
pub(super) fn folded(name: impl AsRef<str>) -> String {
    name.as_ref().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_changes_by_itself_and_a_number_is_given_once() {
        let mut table = Table::<i64, String>::default();
        let first = table.next_id();
        table.insert(first, "one".to_owned());
        let mut other = table.clone();
        other.get_mut(&first).expect("it is there").push('!');
        assert!(table.get(&first).is_some_and(|row| row == "one"));
        assert!(other.remove_if(|row| row == "one!") && !other.has(&first) && table.has(&first));
        assert_eq!(other.next_id(), 2);
    }
}
