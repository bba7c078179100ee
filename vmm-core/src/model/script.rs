//! Named scripts.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::spelling::{NO_NUL, Spelled};
use super::{GroupName, Interpreter, ScriptContent, ScriptFile, ScriptName, Timestamp, UserId, UserName, VmName};
use crate::error::{Error, Result};

/// Names a script. Made before its row, since what is sealed in the row is bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScriptId(pub Uuid);

impl fmt::Display for ScriptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A script, without its text and its stored password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its row.
    pub id: ScriptId,
    /// Its name, unique without regard to case.
    pub name: ScriptName,
    /// The account that registered it.
    pub owner: UserId,
    /// That person's name.
    pub owner_name: UserName,
    /// The name of its file.
    pub file: ScriptFile,
    /// The interpreter of the file.
    pub command: Interpreter,
    /// The number of its version: 1 at first, one more with each change of its text, file name or interpreter.
    pub version: u32,
    /// SHA-256 of its text in hexadecimal digits.
    pub sha256: String,
    /// Length of its text in bytes.
    pub size: u64,
    /// The machines it runs on if a call names none.
    pub targets: Vec<ScriptTarget>,
    /// The user on the machines whose login is stored with it.
    pub user: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// A version of a script. Of each script the newest [`KEPT_VERSIONS`] are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptVersion {
    /// Its number, counted from 1.
    pub number: u32,
    /// The name of the script's file.
    pub file: ScriptFile,
    /// The interpreter that ran the file.
    pub command: Interpreter,
    /// SHA-256 of the text in hexadecimal digits.
    pub sha256: String,
    /// Length of the text in bytes.
    pub size: u64,
    /// The author of the version: an account, with the API token that stood for it, or `vmm`.
    pub changed_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// The number of versions of a script that are kept.
pub const KEPT_VERSIONS: u32 = 100;

/// A script to register.
#[derive(Clone, Debug)]
pub struct NewScript {
    /// Its row.
    pub id: ScriptId,
    /// Its name.
    pub name: ScriptName,
    /// The account that registers it.
    pub owner: UserId,
    /// The name of its file.
    pub file: ScriptFile,
    /// The interpreter of the file.
    pub command: Interpreter,
    /// Its text.
    pub content: ScriptContent,
    /// The machines it runs on if a call names none.
    pub targets: Vec<ScriptTarget>,
    /// The login on the machines.
    pub login: Option<StoredLogin>,
}

/// A change of a script; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ScriptChange {
    /// The earlier version whose text, file name and interpreter it gets, before what else is given.
    pub version: Option<u32>,
    /// The name of its file.
    pub file: Option<ScriptFile>,
    /// The interpreter of the file.
    pub command: Option<Interpreter>,
    /// Its text.
    pub content: Option<ScriptContent>,
    /// The machines it runs on if a call names none.
    pub targets: Option<Vec<ScriptTarget>>,
    /// The login on the machines.
    pub login: Option<StoredLogin>,
}

/// Which scripts to list, in order of name. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptFilter {
    /// Only those behind this one.
    pub after: Option<ScriptName>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// A login on machines as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLogin {
    /// The user.
    pub user: String,
    /// The sealed password.
    pub password: Sealed,
}

/// A secret under a key that is not in the database. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Wraps what was sealed before.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// The arguments that a script gets on its command line, as `$1` and so on: at most 64 texts without a NUL character,
/// each of at most 4 KiB and together of at most 32 KiB. They arrive byte for byte. `Debug` shows their number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ScriptArguments(Vec<String>);

impl ScriptArguments {
    /// The greatest number of arguments.
    pub const MOST: usize = 64;
    /// The longest one, in bytes.
    pub const LONGEST: usize = 4 << 10;
    /// The most bytes of all together.
    pub const LONGEST_IN_ALL: usize = 32 << 10;

    /// Checks and wraps arguments.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong and what would be right.
    pub fn new(arguments: Vec<String>) -> Result<Self> {
        let all: usize = arguments.iter().map(String::len).sum();
        let longest = arguments.iter().map(String::len).max().unwrap_or_default();
        let problem = if arguments.len() > Self::MOST {
            format!("are {}; at most {}", arguments.len(), Self::MOST)
        } else if longest > Self::LONGEST {
            format!("have one of {longest} bytes; at most {} each", Self::LONGEST)
        } else if all > Self::LONGEST_IN_ALL {
            format!("have {all} bytes in all; at most {}", Self::LONGEST_IN_ALL)
        } else if arguments.iter().any(|argument| argument.contains('\0')) {
            "hold a NUL character, which no command line can".to_owned()
        } else {
            return Ok(Self(arguments));
        };
        Err(Error::invalid("arguments", problem))
    }

    /// The arguments in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// Of each argument.
impl Spelled for ScriptArguments {
    const PATTERN: Option<&'static str> = NO_NUL.pattern;
    const SHORTEST: Option<usize> = Some(0);
    const LONGEST: Option<usize> = Some(ScriptArguments::LONGEST);
}

impl fmt::Debug for ScriptArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptArguments({})", self.0.len())
    }
}

/// One machine, or all machines of a group, as `@group`. Which these are is found out when the script runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptTarget {
    /// A machine.
    Vm(VmName),
    /// A group's machines.
    Group(GroupName),
}

impl FromStr for ScriptTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let target = match text.strip_prefix('@') {
            Some(group) => GroupName::new(group).map(Self::Group),
            None => VmName::new(text).map(Self::Vm),
        };
        target.map_err(|error| match error {
            Error::Invalid(problems) => {
                Error::Invalid(problems.map(|problem| crate::Problem { field: "vm".to_owned(), ..problem }))
            }
            error => error,
        })
    }
}

impl Spelled for ScriptTarget {
    const PATTERN: Option<&'static str> =
        Some("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|@[A-Za-z0-9][A-Za-z0-9._-]{0,127})$");
    const SHORTEST: Option<usize> = None;
    const LONGEST: Option<usize> = None;
}

impl fmt::Display for ScriptTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vm(name) => name.fmt(f),
            Self::Group(name) => write!(f, "@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_interpreter() {
        for (text, interpreter) in [
            ("#!/usr/bin/env python3\nprint(1)\n", "python3"),
            ("#!/usr/bin/env -S python3 -u\n", "python3 -u"),
            ("#! /bin/bash -e\r\ntrue\r\n", "/bin/bash -e"),
            ("#!/bin/sh", "/bin/sh"),
            ("#!\n", "sh"),
            ("#!/bin/$(reboot)\n", "sh"),
            ("echo\n#!/bin/bash\n", "sh"),
        ] {
            assert_eq!(ScriptContent::new(text).expect("a text").interpreter().to_string(), interpreter, "{text:?}");
        }
    }

    #[test]
    fn an_interpreter_is_words_that_no_shell_can_misread() {
        for (text, words) in
            [("sh", vec!["sh"]), ("python3  -u", vec!["python3", "-u"]), ("/bin/sh -e", vec!["/bin/sh", "-e"])]
        {
            assert_eq!(text.parse::<Interpreter>().expect("an interpreter").words(), words);
        }
        for bad in
            ["", " ", "-x", "sh;reboot", "sh `id`", "$SHELL", "sh 'a b'", "sh\n", "sh\t-e", "ä", "a\\b", "sh !1", "~/x"]
        {
            assert!(bad.parse::<Interpreter>().is_err(), "{bad:?}");
        }
        assert!("x ".repeat(17).parse::<Interpreter>().is_err());
    }

    #[test]
    fn a_target_is_a_machine_or_a_group() {
        for text in ["web-1", "@web"] {
            assert_eq!(text.parse::<ScriptTarget>().expect("a target").to_string(), text);
        }
        for bad in ["", "@", "@@web", "@-x", "web 1", "*"] {
            let error = bad.parse::<ScriptTarget>().expect_err(bad);
            assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "vm"), "{error}");
        }
    }

    #[test]
    fn arguments_have_their_limits_and_are_not_shown() {
        let (long, most) = ("x".repeat(ScriptArguments::LONGEST), ScriptArguments::MOST);
        for good in [vec![], vec![String::new(); most], vec![long.clone(); 8], vec!["'; reboot #\n".to_owned()]] {
            assert_eq!(ScriptArguments::new(good.clone()).expect("good ones").as_slice(), good);
        }
        for bad in [vec![String::new(); most + 1], vec![long.clone() + "x"], vec![long; 9], vec!["a\0b".to_owned()]] {
            assert!(ScriptArguments::new(bad).is_err());
        }
        let secret = ScriptArguments::new(vec!["secret".to_owned()]).expect("a good one");
        assert_eq!(format!("{secret:?}"), "ScriptArguments(1)");
    }

    #[test]
    fn a_text_has_its_limits_and_is_not_shown() {
        assert!(ScriptContent::new("x".repeat(ScriptContent::LONGEST)).is_ok());
        for bad in ["", "a\0b", &"x".repeat(ScriptContent::LONGEST + 1)] {
            assert!(ScriptContent::new(bad).is_err());
        }
        let content = ScriptContent::new("echo secret\n").expect("a text");
        assert_eq!(format!("{content:?}"), "ScriptContent(12 bytes)");
        assert_eq!(content.sha256(), "8b9ce28b1ab9a7aac581ba9c39f8be0ea2cea5b16cf65e50c0bb1ebd9ccef416");
    }

    /// The files that people send: what is mended, what is refused, and what is left alone.
    #[test]
    fn a_text_that_a_shell_stumbles_over_is_mended_or_refused() {
        let mended: [(&[u8], &str, &[&str]); 9] = [
            (b"echo x\n", "echo x\n", &[]),
            (b"echo no end", "echo no end", &[]),
            (b"#!/bin/sh\r\nset -e\r\ncd /tmp\r\n", "#!/bin/sh\nset -e\ncd /tmp\n", &["3 line ends were"]),
            (b"#!/bin/sh\r\ncd /tmp\r", "#!/bin/sh\ncd /tmp", &["1 line end was"]),
            (b"one\r\ntwo\nthree\r\r\n\r\n", "one\ntwo\nthree\n\n", &["3 line ends were"]),
            (b"\xef\xbb\xbf#!/bin/bash\necho hi\n", "#!/bin/bash\necho hi\n", &["byte order mark"]),
            (b"\xef\xbb\xbfa\r\n", "a\n", &["byte order mark", "1 line end was"]),
            (b"printf 'caf\xc3\xa9 a\rb'\n", "printf 'caf\u{e9} a\rb'\n", &[]),
            (b"trap \"\" TERM HUP; sleep 91\n", "trap \"\" TERM HUP; sleep 91\n", &[]),
        ];
        for (given, kept, said) in mended {
            let content = ScriptContent::from_bytes(given.to_vec()).expect("a text");
            assert_eq!(content.as_str(), kept);
            assert_eq!(content.mended().len(), said.len(), "{:?}", content.mended());
            assert!(content.mended().iter().zip(said).all(|(is, said)| is.contains(said)), "{:?}", content.mended());
            assert_eq!(ScriptContent::new(kept).expect("a text").mended(), [""; 0], "what was mended needs no more");
        }
        let refused: [(&[u8], &str); 6] = [
            (b"printf \"caf\xe9 \xff\\n\"\n", "byte e9 in line 1), perhaps Latin-1; save it as UTF-8"),
            (b"echo\n\necho \xff\n", "byte ff in line 3"),
            (b"\xff\xfee\0c\0h\0o\0", "UTF-16"),
            (b"one\ntwo\0\n", "NUL character in line 2"),
            (b"one\rtwo\r", "carriage returns alone"),
            (b"\xef\xbb\xbf", "is empty"),
        ];
        for (given, said) in refused {
            let error = ScriptContent::from_bytes(given.to_vec()).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
