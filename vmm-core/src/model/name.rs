//! Names. Each type is a promise about its characters, so that no name can be an option, a path or markup.

use std::fmt;
use std::str::FromStr;

use super::spelling::Spelled;
use crate::error::{Error, Result};
use crate::text::quoted;

/// Declares a validated name over a check that says what is wrong, with the pattern and the most characters of what
/// passes the check.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:path, $pattern:ident, $longest:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name.
            ///
            /// # Errors
            /// [`Error::Invalid`] with what is wrong and what would be right.
            pub fn new(text: impl Into<String>) -> Result<Self> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(reason) => Err(Error::invalid($field, format!("{} {reason}", quoted(&text)))),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Spelled for $name {
            const PATTERN: Option<&'static str> = Some($pattern);
            const SHORTEST: Option<usize> = Some(1);
            const LONGEST: Option<usize> = Some($longest);
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

const LABEL: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";
const LABELS: &str = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$";
const WORD: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
const PART: &str = "^[A-Za-z0-9._-]+$";
const LOGIN: &str = "^[a-z_][a-z0-9_-]*$";
const SCRIPT: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*( [A-Za-z0-9._-]+)*$";
/// No slash, no control character, and neither `.` nor `..`.
const FILE: &str = concat!(
    r"^([^./\u0000-\u001f\u007f-\u009f]|\.[^./\u0000-\u001f\u007f-\u009f]|\.\.[^/\u0000-\u001f\u007f-\u009f])",
    r"[^/\u0000-\u001f\u007f-\u009f]*$"
);

name!(
    /// A machine's name: a DNS label (RFC 1123 §2.1) in lower case, so that it serves as domain and host name too.
    VmName, "name", label, LABEL, 63
);
name!(
    /// A host name: DNS labels joined by dots, at most 253 characters (RFC 1123 §2.1), in lower case.
    Hostname, "hostname", labels, LABELS, 253
);
name!(
    /// A group of machines, used as `@group`.
    GroupName, "group_name", word, WORD, 128
);
name!(
    /// An account's name.
    UserName, "name", word, WORD, 128
);
impl UserName {
    /// Returns whether it is the same account's: names of accounts have no case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

name!(
    /// A catalog entry's name, like `debian`.
    OsName, "os", word, WORD, 128
);
name!(
    /// A catalog entry's version, like `12`.
    OsVersion, "version", word, WORD, 128
);
name!(
    /// A user name inside a machine, as `useradd` of Debian accepts it.
    LoginName, "user", login, LOGIN, 32
);
name!(
    /// A request's id, chosen by the client.
    RequestId, "id", word, WORD, 128
);
name!(
    /// An API token's name.
    TokenName, "name", word, WORD, 128
);
name!(
    /// A volume's name in a pool. It is a file name, so it holds no slash and does not begin with a dot or a dash.
    VolumeName, "volume", word, WORD, 128
);
name!(
    /// A script's name: like an account's, and may have single spaces inside. `run` is none, since `/vm/script/run` is
    /// something else.
    ScriptName, "name", script, SCRIPT, 128
);
name!(
    /// The name of a script's file. It holds no slash and does not begin with a dot or a dash.
    ScriptFile, "file", word, WORD, 128
);
name!(
    /// The beginning of names of accounts or machines.
    NamePrefix, "name_prefix", part, PART, 128
);

name!(
    /// A file's name in a file area: never a path, and printable in one line.
    FileName, "file", file, FILE, 255
);

fn label(text: &str) -> Result<(), &'static str> {
    const RULE: &str = "must be 1 to 63 of a-z, 0-9 and -, and begin and end with a letter or digit";
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let bytes = text.as_bytes();
    let ends_well = |byte: Option<&u8>| byte.is_some_and(|c| *c != b'-');
    if bytes.len() <= 63 && bytes.iter().copied().all(inner) && ends_well(bytes.first()) && ends_well(bytes.last()) {
        Ok(())
    } else {
        Err(RULE)
    }
}

fn labels(text: &str) -> Result<(), &'static str> {
    if text.len() <= 253 && text.split('.').all(|part| label(part).is_ok()) {
        Ok(())
    } else {
        Err("must be labels of a-z, 0-9 and - joined by dots, at most 253 characters")
    }
}

fn word(text: &str) -> Result<(), &'static str> {
    let first = text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && inside(text) && text.len() <= 128 {
        Ok(())
    } else {
        Err("must be 1 to 128 letters, digits, dots, dashes and underscores, and begin with a letter or digit")
    }
}

fn script(text: &str) -> Result<(), &'static str> {
    if ["run", "schedule", "version"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Err("is reserved; choose another name");
    }
    if text.len() <= 128 && word(text.split(' ').next().unwrap_or_default()).is_ok() && text.split(' ').all(inside) {
        Ok(())
    } else {
        Err(
            "must be 1 to 128 letters, digits, dots, dashes, underscores and single spaces, and begin with a letter or digit",
        )
    }
}

/// Returns whether every character may stand inside a word.
fn inside(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
}

fn part(text: &str) -> Result<(), &'static str> {
    if !inside(text) || text.len() > 128 {
        return Err("must be 1 to 128 letters, digits, dots, dashes and underscores");
    }
    Ok(())
}

fn login(text: &str) -> Result<(), &'static str> {
    let first = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase() || c == b'_');
    let rest = text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-'));
    if first && rest && text.len() <= 32 {
        Ok(())
    } else {
        Err("must be 1 to 32 of a-z, 0-9, _ and -, and begin with a letter or _")
    }
}

fn file(text: &str) -> Result<(), &'static str> {
    let dots = text == "." || text == "..";
    if text.is_empty() || text.len() > 255 || dots || text.contains('/') || text.chars().any(char::is_control) {
        Err("must be a file's name: 1 to 255 bytes without a slash or control characters, and not . or ..")
    } else if text.chars().any(misleads) {
        Err("holds an invisible character that breaks the line or turns the writing around; rename it")
    } else {
        Ok(())
    }
}

/// Returns whether a character makes a name look like another one: it turns the direction of writing, or breaks the
/// line.
fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vm_name_is_a_dns_label() {
        for good in ["a", "web-1", "0", &"x".repeat(63)] {
            assert!(VmName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-rf", "web-", "Web", "a.b", "a b", "a\n", "ä", "../x", "<name>", &"x".repeat(64)] {
            assert!(VmName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_volume_name_is_never_a_path_or_an_option() {
        for bad in ["", ".", "..", "a/b", "-a", ".hidden", "a\0b"] {
            assert!(VolumeName::new(bad).is_err(), "{bad:?}");
        }
        assert!(VolumeName::new("web-1.qcow2").is_ok());
    }

    #[test]
    fn a_script_name_may_have_spaces_inside() {
        for good in ["deploy", "Deploy web 2", "a -x", "runs", "run all"] {
            assert!(ScriptName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " a",
            "a ",
            "a  b",
            "-a",
            "a/b",
            "a\n",
            "run",
            "RUN",
            "Schedule",
            "version",
            "{a}",
            "a&b",
            &"x".repeat(129),
        ] {
            assert!(ScriptName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_name_is_never_a_path() {
        for bad in ["", ".", "..", "/", "a/b", "../a", "a\0", "a\nb", "\u{1b}[0m", "\u{85}", &"ü".repeat(128)] {
            assert!(FileName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "...", "-rf", " a b ", "it's", "$(id)", "日本語", "a\\b", "con", &"x".repeat(255)] {
            assert!(FileName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_name_may_be_as_long_as_its_rule_says() {
        for length in [128, 129] {
            let text = "0".repeat(length);
            let taken = [ScriptName::new(text.clone()).is_ok(), NamePrefix::new(text.clone()).is_ok()];
            assert_eq!((taken, OsName::new(text).is_ok()), ([length == 128; 2], length == 128));
        }
    }

    #[test]
    fn a_wrong_name_is_quoted_shortened() {
        let message = VmName::new("x".repeat(1_000_000)).expect_err("too long").to_string();
        assert!(message.len() < 300, "{message}");
    }

    #[test]
    fn a_file_s_name_holds_no_character_that_makes_it_look_like_another() {
        for name in ["note.txt", "Ü 日本.txt", "עברית.txt", "a\u{301}b"] {
            assert!(FileName::new(name).is_ok(), "{name}");
        }
        for hidden in ["\u{202e}", "\u{2028}", "\u{2029}", "\u{200f}", "\u{2066}", "\u{61c}", "\u{feff}"] {
            let error = FileName::new(format!("gpj{hidden}exe.txt")).expect_err("it misleads").to_string();
            assert!(error.contains("rename it") && !error.contains(hidden), "{error}");
        }
    }
}
