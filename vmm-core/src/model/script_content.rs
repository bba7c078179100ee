//! Texts of scripts.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Interpreter;
use super::spelling::{NO_NUL, Spelled};
use crate::error::{Error, Result};
use crate::text::hex;

/// A script's text: 1 byte to 256 KiB of UTF-8 without a NUL character, as a shell reads it. Two are equal if their
/// texts are. `Debug` shows its length alone.
#[derive(Clone)]
pub struct ScriptContent {
    text: String,
    mended: Vec<String>,
}

/// The mark that some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl ScriptContent {
    /// The longest text, in bytes.
    pub const LONGEST: usize = 256 << 10;

    /// Checks and wraps a text that somebody gives, after what a shell stumbles over was [`mended`](Self::mended).
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong and what would be right.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let mut content = Self { text: text.into(), mended: Vec::new() };
        content.mend();
        let text = &content.text;
        let problem = match text.len() {
            0 => "is empty; give the script's text".to_owned(),
            length if length > Self::LONGEST => {
                format!("is {length} bytes long; at most {}; fetch more from within the script", Self::LONGEST)
            }
            _ if text.contains('\0') => {
                format!("holds a NUL character in line {}; a script is text", line_of(text.as_bytes(), 0))
            }
            _ if text.contains('\r') && !text.contains('\n') => {
                "ends its lines with carriage returns alone, which no shell reads as lines; save it with LF".to_owned()
            }
            _ => return Ok(content),
        };
        Err(Error::invalid("content", problem))
    }

    /// Reads the bytes of a file as [`new`](Self::new) reads a text.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong and what would be right.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let problem = match String::from_utf8(bytes) {
            Ok(text) => return Self::new(text),
            Err(error) if matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => {
                "is UTF-16, which no shell reads; save it as UTF-8".to_owned()
            }
            Err(error) => {
                let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
                let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
                let byte = bytes.get(at).copied().unwrap_or_default();
                format!("is not UTF-8 (byte {byte:02x} in line {line}), perhaps Latin-1; save it as UTF-8")
            }
        };
        Err(Error::invalid("content", problem))
    }

    /// Wraps a text that was stored, as it is.
    pub fn stored(text: impl Into<String>) -> Self {
        Self { text: text.into(), mended: Vec::new() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the changes that were made to the given text, a sentence for each.
    pub fn mended(&self) -> &[String] {
        &self.mended
    }

    /// Returns the interpreter that the first line names after `#!`, which runs the text unless another one is given;
    /// `sh` if it names nothing. `env` is left out, since an interpreter is looked for by its name anyway.
    pub fn interpreter(&self) -> Interpreter {
        let first = self.text.strip_prefix("#!").and_then(|rest| rest.lines().next()).unwrap_or_default();
        let mut words: Vec<_> = first.split_whitespace().collect();
        if words.first().is_some_and(|word| word.ends_with("/env")) {
            words.remove(0);
            words.retain(|word| *word != "-S");
        }
        words.join(" ").parse().unwrap_or_else(|_| Interpreter(vec!["sh".to_owned()]))
    }

    /// Its SHA-256 in hexadecimal digits.
    pub fn sha256(&self) -> String {
        hex(Sha256::digest(self.text.as_bytes()))
    }

    /// Takes off what comes with editors of other systems: a byte order mark makes the first line a command that is not
    /// found, and a carriage return is part of each line's last word.
    fn mend(&mut self) {
        if let Some(text) = self.text.strip_prefix(BYTE_ORDER_MARK) {
            self.text = text.to_owned();
            self.mended.push("The byte order mark at its beginning was removed.".to_owned());
        }
        let changed = self.text.matches("\r\n").count();
        if changed == 0 {
            return;
        }
        let ends = self.text.ends_with('\n');
        let mut text = self.text.lines().map(|line| line.trim_end_matches('\r')).collect::<Vec<_>>().join("\n");
        if ends {
            text.push('\n');
        }
        self.text = text;
        let lines = if changed == 1 { "1 line end was".to_owned() } else { format!("{changed} line ends were") };
        self.mended.push(format!("{lines} changed from CRLF to LF."));
    }
}

/// The line in which a byte is first, counted from 1.
fn line_of(text: &[u8], wanted: u8) -> usize {
    1 + text.iter().take_while(|byte| **byte != wanted).filter(|byte| **byte == b'\n').count()
}

impl Spelled for ScriptContent {
    const PATTERN: Option<&'static str> = NO_NUL.pattern;
    const SHORTEST: Option<usize> = Some(1);
    const LONGEST: Option<usize> = Some(ScriptContent::LONGEST);
}

impl PartialEq for ScriptContent {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ScriptContent {}

impl fmt::Debug for ScriptContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptContent({} bytes)", self.text.len())
    }
}
