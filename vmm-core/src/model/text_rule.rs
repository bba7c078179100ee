//! Rules of texts that are no names: their length, and the characters that they may not hold. The texts themselves are
//! plain strings.

use super::spelling::{ANY, LINE, LINES, NO_NUL, Spelled};
use crate::error::{Error, Result};

/// Declares the rule of a text: the unit and the range of its length, the characters that it may hold, and both in
/// words.
macro_rules! text_rule {
    ($(#[$doc:meta])* $name:ident, $unit:ident, $shortest:literal..=$longest:literal, $spelling:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}

        impl $name {
            /// Checks a text that stands in a field. The error does not show the text.
            ///
            /// # Errors
            /// [`Error::Invalid`] that names the field and the rule.
            pub fn check(field: &str, text: &str) -> Result<()> {
                let refused = |c: char| !($spelling.allows)(c);
                if ($shortest..=$longest).contains(&length::$unit(text)) && !text.contains(refused) {
                    Ok(())
                } else {
                    Err(Error::invalid(field, concat!("must be ", $rule)))
                }
            }
        }

        impl Spelled for $name {
            const PATTERN: Option<&'static str> = $spelling.pattern;
            const SHORTEST: Option<usize> = if $shortest == 0 { None } else { Some($shortest) };
            const LONGEST: Option<usize> = Some($longest);
        }
    };
}

/// The units of lengths.
mod length {
    pub(super) fn characters(text: &str) -> usize {
        text.chars().count()
    }

    pub(super) fn bytes(text: &str) -> usize {
        text.len()
    }
}

text_rule!(
    /// The rule of a description for people.
    Description, characters, 0..=4096, LINES,
    "at most 4096 characters, without control characters but tabs and line breaks"
);
text_rule!(
    /// The rule of the reason for which a request is rejected.
    Reason, characters, 1..=4096, LINES,
    "1 to 4096 characters, without control characters but tabs and line breaks"
);
text_rule!(
    /// The rule of a user's name on a machine with which somebody logs in there.
    LoginUser, characters, 1..=256, LINE,
    "1 to 256 characters without control characters"
);
text_rule!(
    /// The rule of a password with which somebody logs in to a machine.
    LoginPassword, characters, 0..=1024, NO_NUL,
    "at most 1024 characters without a NUL character"
);
text_rule!(
    /// The rule of a password with which a script's runs log in to machines.
    RunPassword, characters, 1..=1024, NO_NUL,
    "1 to 1024 characters without a NUL character"
);
text_rule!(
    /// The rule of a new password of an account.
    AccountPassword, characters, 10..=1024, ANY,
    "10 to 1024 characters long"
);
text_rule!(
    /// The rule of a secret that is compared with a kept one. A longer one cannot be right.
    ShownSecret, characters, 0..=1024, ANY,
    "at most 1024 characters long"
);
text_rule!(
    /// The rule of the line that a machine's login shell gets.
    CommandLine, bytes, 1..=32000, NO_NUL,
    "1 to 32000 bytes without a NUL character; send more as a file"
);
text_rule!(
    /// The rule of a directory's path on a machine.
    DirectoryPath, bytes, 1..=4096, NO_NUL,
    "1 to 4096 bytes without a NUL character"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_be_as_long_as_its_rule_says_and_is_not_shown_in_the_error() {
        for (length, right) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(LoginUser::check("user", &"ä".repeat(length)).is_ok(), right, "{length}");
        }
        for (length, right) in [(4096, true), (4097, false)] {
            assert_eq!(DirectoryPath::check("directory", &"a".repeat(length)).is_ok(), right, "{length}");
        }
        assert!(DirectoryPath::check("directory", &"ä".repeat(2049)).is_err(), "bytes count");
        let error = RunPassword::check("password", "hunter2\0").expect_err("a NUL character").to_string();
        assert_eq!(error, "password: must be 1 to 1024 characters without a NUL character");
    }

    #[test]
    fn a_description_has_lines_and_tabs_and_no_other_control_character() {
        assert!(Description::check("description", "").is_ok());
        assert!(Description::check("description", "a\n\tb").is_ok());
        for wrong in ["\0", "\r", "\u{1b}[0m", "\u{85}"] {
            assert!(Description::check("description", wrong).is_err(), "{wrong:?}");
        }
    }
}
