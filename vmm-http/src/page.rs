//! Long lists, a page at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vmm_core::{Error, Result};

/// How many items a page has if the call does not say.
const DEFAULT_LIMIT: u32 = 100;

/// A page that a call asks for. `K` is what its list is ordered by.
pub(crate) struct Page<K> {
    /// The last key of the page before.
    pub(crate) after: Option<K>,
    limit: u32,
}

impl<K> Page<K> {
    /// Reads the parameters `after`, which an answer gave as `next`, and `limit`.
    pub(crate) fn read(after: Option<&str>, limit: Option<u32>, key: impl Fn(&str) -> Option<K>) -> Result<Self> {
        let opened = after.map(|cursor| {
            let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            text.and_then(|text| key(&text))
                .ok_or_else(|| Error::invalid("after", "is not what an answer gave as next"))
        });
        Ok(Self { after: opened.transpose()?, limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }

    /// How many to ask for: one more than the page has, to see whether there is another page.
    pub(crate) fn wanted(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Cuts the items that came to the page's size, and gives the cursor of the next page.
    pub(crate) fn cut<T, S: ToString>(&self, items: &mut Vec<T>, key: impl Fn(&T) -> S) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if items.len() <= limit {
            return None;
        }
        items.truncate(limit);
        items.last().map(|last| URL_SAFE_NO_PAD.encode(key(last).to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_on_where_the_page_ended() {
        let page = Page::read(None, Some(2), |text| text.parse::<i64>().ok()).expect("a page");
        assert_eq!(page.wanted(), 3);
        let mut items = vec![5, 7, 9];
        let next = page.cut(&mut items, |item| *item).expect("there is more");
        assert_eq!(items, [5, 7]);
        let page = Page::read(Some(&next), Some(2), |text| text.parse::<i64>().ok()).expect("a page");
        assert_eq!(page.after, Some(7));
        assert_eq!(page.cut(&mut vec![9], |item| *item), None);
        for wrong in ["", "7", "@@", "ÿ"] {
            assert!(Page::read(Some(wrong), None, |text| text.parse::<i64>().ok()).is_err(), "{wrong}");
        }
    }
}
