//! Lists in pages: a cursor tells where the next page begins, and means nothing to a client.

use vmm_core::{Error, Result};

/// The size of a page that nobody asked for.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// The cursor behind the row with this id.
pub(crate) fn cursor(id: i64) -> String {
    format!("{id:016x}")
}

/// The id in a cursor that a page ended with.
///
/// # Errors
/// `Invalid` for any other text.
pub(crate) fn after(cursor: &str) -> Result<i64> {
    let id = (cursor.len() == 16).then(|| u64::from_str_radix(cursor, 16).ok().and_then(|id| i64::try_from(id).ok()));
    id.flatten().ok_or_else(|| Error::invalid("after", "is not a cursor; give the `next` of the page before"))
}

/// Cuts a list, of which one more than `limit` was asked for, to its page; gives the cursor of the next one, if any.
pub(crate) fn cut<T>(list: &mut Vec<T>, limit: u32, id: impl Fn(&T) -> i64) -> Option<String> {
    let more = list.len() > limit as usize;
    list.truncate(limit as usize);
    list.last().filter(|_| more).map(|last| cursor(id(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_it_was_written_and_nothing_else_is_one() {
        for id in [0, 1, i64::MAX] {
            assert_eq!(after(&cursor(id)).unwrap(), id);
        }
        for wrong in ["", "7", "+00000000000007f", "ffffffffffffffff", "000000000000000g", "0000000000000000a"] {
            assert!(after(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let mut list = vec![1, 2, 3];
        assert_eq!((cut(&mut list, 2, |id| *id), &list[..]), (Some(cursor(2)), &[1, 2][..]));
        assert_eq!((cut(&mut list, 2, |id| *id), &list[..]), (None, &[1, 2][..]));
        assert_eq!(cut(&mut Vec::<i64>::new(), 2, |id| *id), None);
    }
}
