//! Where a page of a list ends, as clients carry it to the next call: text that means nothing to them.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vmm_core::Problem;

use crate::error::Failure;

/// The number of items that a page has if the call does not say.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// The cursor behind the item with this key of this list.
pub(crate) fn write(list: &str, key: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{key}"))
}

/// The key in the parameter `after`, if there is one. A cursor of another list, or one that we never wrote, is refused.
pub(crate) fn read<K>(
    list: &str,
    cursor: Option<String>,
    parse: impl FnOnce(&str) -> Option<K>,
) -> Result<Option<K>, Failure> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(':')).and_then(parse);
    let wrong = || Problem::new("after", "is not a `next` of this list; leave it out to begin at the start");
    key.map(Some).ok_or_else(|| Failure::invalid(wrong()))
}

/// Reads a key that is the id of a row.
pub(crate) fn id(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id| *id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_only_for_its_list() {
        assert_eq!(read("vm", Some(write("vm", 12)), id).ok(), Some(Some(12)));
        assert_eq!(read("vm", None, id).ok(), Some(None));
        for wrong in [write("audit", 12), write("vm", "x"), write("vm", -1), "12".to_owned(), String::new()] {
            assert!(read("vm", Some(wrong.clone()), id).is_err(), "{wrong}");
        }
    }
}
