//! Interpreters of scripts.

use std::fmt;
use std::str::FromStr;

use super::spelling::Spelled;
use crate::error::{Error, Result};
use crate::text::quoted;

/// The program that runs a script's file: a program and its first arguments, like `python3 -u`. No shell reads it, and
/// no character of it means anything to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter(pub(super) Vec<String>);

impl Interpreter {
    /// The program and its arguments.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Interpreter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const RULE: &str = "must be a program and its arguments, like sh or python3 -u: 1 to 16 words of letters, digits \
                            and . _ / + = : , @ % -, the first of which begins with a letter, a digit or /, at most 256 \
                            characters in all";
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._/+=:,@%-".contains(&c);
        let words: Vec<String> = text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let begins_well = words.first().is_some_and(|word| word.starts_with(|c: char| c.is_alphanumeric() || c == '/'));
        if begins_well && words.len() <= 16 && text.len() <= 256 && words.iter().all(|word| word.bytes().all(allowed)) {
            Ok(Self(words))
        } else {
            Err(Error::invalid("command", format!("{} {RULE}", quoted(text))))
        }
    }
}

impl Spelled for Interpreter {
    const PATTERN: Option<&'static str> = Some("^[A-Za-z0-9/][A-Za-z0-9._/+=:,@%-]*( [A-Za-z0-9._/+=:,@%-]+){0,15}$");
    const SHORTEST: Option<usize> = None;
    const LONGEST: Option<usize> = Some(256);
}

impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
