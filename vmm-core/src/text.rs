//! Texts on their way into errors and records: those of people, never longer than a reader needs, and those of
//! checksums.

/// The number of characters of a wrong value that are shown.
const QUOTED: usize = 64;

/// Quotes what a person wrote, so that an error shows enough of it to recognise it and never carries megabytes.
///
/// Invisible characters (control characters, spaces without width, marks of direction) are shown by their codes.
pub(crate) fn quoted(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// Cuts a text to so many bytes, at the end of a character, and says that it was cut.
pub(crate) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let note = format!("… (cut; {} bytes in all)", text.len());
    let end = text.floor_char_boundary(most.saturating_sub(note.len()));
    format!("{}{note}", &text[..end])
}

/// Writes bytes in lower-case hexadecimal, as a checksum is shown.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 32 bytes from their 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Counts the letters that have to be changed, added or left out to make one word of another.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().take(64).collect(), other.chars().collect());
    let mut row: Vec<_> = (0..=other.len()).collect();
    for (index, a) in one.iter().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for (place, b) in other.iter().enumerate() {
            let changed = before + usize::from(a != b);
            before = row[place + 1];
            row[place + 1] = changed.min(before + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_short_and_shows_what_cannot_be_seen() {
        assert_eq!(quoted("web"), "\"web\"");
        assert_eq!(quoted("a\u{200b}b\u{a0}\u{202e}\n"), "\"a\\u{200b}b\\u{a0}\\u{202e}\\n\"");
        assert!(quoted("x".repeat(1 << 20)).len() < 80);
    }

    #[test]
    fn a_checksum_is_read_from_its_64_digits_and_from_nothing_else() {
        let bytes = std::array::from_fn(|index| index as u8 * 7);
        let text = hex(bytes);
        assert_eq!(from_hex(&text), Some(bytes));
        assert_eq!(from_hex(&text.to_uppercase()), Some(bytes));
        for wrong in ["", &text[1..], &format!("{text}0"), &text.replacen('0', "+", 1), &text.replacen("00", "ä", 1)] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_text_is_cut_at_the_end_of_a_character_and_says_so() {
        assert_eq!(cut("short".to_owned(), 10), "short");
        for most in 40..80 {
            let text = cut("aäö€😀".repeat(100), most);
            assert!(text.len() <= most && text.ends_with("… (cut; 1200 bytes in all)"), "{text}");
        }
    }
}
