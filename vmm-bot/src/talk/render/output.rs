//! The output of commands, as people can read it in a message.

use vmm_core::remote::{OutputChannel, Piece, Text};

/// The length of the kept end of a running command's output, in bytes.
const KEPT: usize = 16 << 10;

/// The end of what a command has written so far, to both of its channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    stdout: Text,
    stderr: Text,
    text: String,
}

impl Tail {
    pub(crate) fn push(&mut self, piece: &Piece) {
        let text = match piece.channel {
            OutputChannel::Stdout => &mut self.stdout,
            OutputChannel::Stderr => &mut self.stderr,
        };
        self.text += &text.push(&piece.bytes);
        if self.text.len() > 2 * KEPT {
            let from = self.text.ceil_char_boundary(self.text.len() - KEPT);
            self.text.drain(..from);
        }
    }

    /// Its last lines, in so many units.
    pub(crate) fn last(&self, units: usize, lines: usize) -> String {
        let text = plain(&self.text);
        let text = end(text.trim_end(), units);
        let from = text.rmatch_indices('\n').nth(lines - 1).map_or(0, |(at, _)| at + 1);
        text[from..].to_owned()
    }
}

/// Returns the length of a text as Telegram counts it, in units of UTF-16.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The end of a text in so many units, from the beginning of a line if there is one in it.
pub(crate) fn end(text: &str, most: usize) -> &str {
    let mut left = most;
    let fitting = text.char_indices().rev().take_while(|(_, c)| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    });
    let Some((from, _)) = fitting.last() else { return "" };
    match text[from..].split_once('\n') {
        Some((_, lines)) if from > 0 && !text[..from].ends_with('\n') => lines,
        _ => &text[from..],
    }
}

/// The beginning of a text in so many units.
pub(crate) fn beginning(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A text without what steers a terminal: its escape sequences are left out, a line that was written over is what it
/// was last, and other characters that are not seen become one that is.
pub(crate) fn plain(text: &str) -> String {
    let (mut plain, mut line) = (String::with_capacity(text.len()), 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                plain.push('\n');
                line = plain.len();
            }
            '\t' => plain.push('\t'),
            '\r' if chars.peek().is_none_or(|next| matches!(next, '\n' | '\r')) => {}
            '\r' => plain.truncate(line),
            '\x08' if plain.len() > line => drop(plain.pop()),
            '\x1b' => skip_sequence(&mut chars),
            c if c.is_control() || is_hidden(c) => plain.push(char::REPLACEMENT_CHARACTER),
            c => plain.push(c),
        }
    }
    plain
}

/// Leaves the rest of an escape sequence out.
fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next_if(|c| c.is_ascii_graphic()) {
        // A control sequence ends with a letter or so, after its parameters.
        Some('[') => while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {},
        // A title or the like ends with a bell or an escape.
        Some(']' | 'P' | '_' | '^') => {
            while chars.next_if(|c| !matches!(c, '\x07' | '\x1b' | '\n')).is_some() {}
            if chars.next_if_eq(&'\x1b').is_none() {
                chars.next_if_eq(&'\x07');
                return;
            }
        }
        Some(' '..='/') => {}
        _ => return,
    }
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Returns whether a character reverses the order of others or has no width.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        for (written, shown) in [
            ("plain\ttext\r\n", "plain\ttext\n"),
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07a\x1b]0;title\x1b\\b", "ab"),
            ("\x1b(Bc\x1b", "c"),
            ("first\n 10 %\r 99 %\rdone\nlast", "first\ndone\nlast"),
            ("kept\r", "kept"),
            ("ab\x08c\n\x08", "ac\n\u{fffd}"),
            ("a\0b\u{202e}c", "a\u{fffd}b\u{fffd}c"),
            ("ä€😀", "ä€😀"),
            ("\x1b[", ""),
        ] {
            assert_eq!(plain(written), shown, "{written:?}");
        }
    }

    #[test]
    fn the_end_of_a_text_is_whole_lines_if_it_can_be() {
        for (text, most, expected) in [
            ("one\ntwo\nthree", 100, "one\ntwo\nthree"),
            ("one\ntwo\nthree", 10, "two\nthree"),
            ("one\ntwo\nthree", 9, "two\nthree"),
            ("one\ntwo\nthree", 8, "three"),
            ("three", 3, "ree"),
            ("a😀", 1, ""),
            ("a😀", 2, "😀"),
            ("", 5, ""),
        ] {
            assert_eq!(end(text, most), expected, "{text:?} {most}");
        }
        assert_eq!(beginning("a😀b", 4), "a😀b");
        assert_eq!(beginning("a😀bc", 4), "a😀…");
    }

    #[test]
    fn the_last_lines_come_from_both_channels_and_whole_characters() {
        let mut tail = Tail::default();
        let mut push = |channel, bytes: &[u8]| tail.push(&Piece { channel, bytes: bytes.to_vec() });
        push(OutputChannel::Stdout, b"one\n\xe2\x82");
        push(OutputChannel::Stdout, b"\xac\n");
        push(OutputChannel::Stderr, b"three\n");
        assert_eq!((tail.last(100, 2), tail.last(100, 9)), ("€\nthree".to_owned(), "one\n€\nthree".to_owned()));
        let many = Piece { channel: OutputChannel::Stdout, bytes: "€".repeat(3000).into_bytes() };
        for _ in 0..20 {
            tail.push(&many);
        }
        assert!(tail.text.len() <= 3 * KEPT && units(&tail.last(500, 20)) == 500);
    }
}
