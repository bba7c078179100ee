//! Bytes that come in pieces, as text.

/// Makes text of bytes, with what is not UTF-8 replaced. A character that is cut between two pieces comes with the
/// second one.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The beginning of a character, at most three bytes.
    cut: Vec<u8>,
}

impl Text {
    /// The text that is complete with this piece.
    pub fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(piece);
        let whole = bytes.len() - cut(&bytes);
        self.cut = bytes.split_off(whole);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the text of the bytes that are left at the end.
    pub fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.cut)).into_owned()
    }
}

/// Returns the number of bytes at the end that may be the beginning of a character.
fn cut(bytes: &[u8]) -> usize {
    bytes
        .utf8_chunks()
        .last()
        .map(|chunk| chunk.invalid())
        .filter(|invalid| bytes.ends_with(invalid))
        // An error in the middle of what is there is no cut: only the end of the bytes makes it one.
        .filter(|invalid| matches!(std::str::from_utf8(invalid), Err(error) if error.error_len().is_none()))
        .map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text does not depend on how the bytes are cut into pieces.
    #[test]
    fn pieces_make_the_text_that_the_whole_makes() {
        for whole in [
            &b"plain"[..],
            "ä€😀z".as_bytes(),
            b"\xff\xe2\x82",
            b"a\xf0\x9f\x98b",
            b"\xc3",
            b"",
            b"\xe2\x82\xe2\x82\xac",
        ] {
            for size in 1..=whole.len().max(1) {
                let mut text = Text::default();
                let mut joined: String = whole.chunks(size).map(|piece| text.push(piece)).collect();
                joined += &text.end();
                assert_eq!(joined, String::from_utf8_lossy(whole), "{whole:?} in pieces of {size}");
            }
        }
    }
}
