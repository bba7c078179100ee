//! Files on their way to and from a machine.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Progress;
use crate::error::{Error, Problem, Problems, Result};
use crate::model::DirectoryPath;
use crate::text::quoted;

/// Where content comes from.
pub type Source = Box<dyn AsyncRead + Send + Unpin>;
/// Where content goes to.
pub type Sink = Box<dyn AsyncWrite + Send + Unpin>;

/// A file's place on a machine.
///
/// The directory is absolute, or below the login's home: `docs`, `~/docs` and `~` are. The file's name may hold
/// anything that a file name can, but is never a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    directory: String,
    file: String,
}

impl Place {
    /// Checks and joins a directory and a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names `directory`, `file` or both.
    pub fn new(directory: impl Into<String>, file: impl Into<String>) -> Result<Self> {
        let (directory, file) = (directory.into(), file.into());
        let mut problems = Problems::new();
        if let Err(Error::Invalid(wrong)) = DirectoryPath::check("directory", &directory) {
            wrong.iter().for_each(|problem| problems.push(problem.clone()));
        }
        if file.is_empty() || file.len() > 255 || file.contains(['/', '\0']) || file == "." || file == ".." {
            let rule = "must be a file's name: 1 to 255 bytes without a slash or a NUL character, and not . or ..";
            problems.push(Problem::new("file", format!("{} {rule}", quoted(&file))));
        }
        if problems.is_empty() { Ok(Self { directory, file }) } else { Err(Error::Invalid(problems)) }
    }

    /// The directory, as it was given.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The directory as a path that begins with a slash or a dot, as seen from the login's home.
    pub fn directory_path(&self) -> String {
        match self.directory.strip_prefix('~') {
            Some("") => ".".to_owned(),
            Some(below) if below.starts_with('/') => format!(".{below}"),
            _ if self.directory.starts_with('/') => self.directory.clone(),
            _ => format!("./{}", self.directory),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.directory.ends_with('/') { "" } else { "/" };
        write!(f, "{}{slash}{}", self.directory, self.file)
    }
}

/// A file to put onto a machine.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Where it goes. What is there is replaced.
    pub place: Place,
    /// Its permission bits. If absent it has those of the file that it replaces, or what the machine gives new files.
    pub mode: Option<u32>,
    /// Limit for the whole call.
    pub deadline: Duration,
    /// Told how far it has come.
    pub progress: Progress,
}

/// A file to fetch from a machine.
#[derive(Clone, Debug)]
pub struct Download {
    /// Where it is.
    pub place: Place,
    /// Limit for the whole call.
    pub deadline: Duration,
    /// Told how far it has come.
    pub progress: Progress,
}

/// The limit for a transfer if none is given.
pub const DEFAULT_TRANSFER_DEADLINE: Duration = Duration::from_secs(600);

/// A file that has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in lower-case hexadecimal digits.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_name_and_never_a_path() {
        for bad in ["", ".", "..", "a/b", "/", "a\0", &"x".repeat(256)] {
            let error = Place::new("/tmp", bad).expect_err(bad);
            assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "file"), "{error}");
        }
        for good in ["a", "...", "-rf", " ", "a\nb", "it's", "$(reboot)", "ä", &"x".repeat(255)] {
            assert!(Place::new("/tmp", good).is_ok(), "{good:?}");
        }
        let both = Place::new("", "a/b").expect_err("two problems");
        assert!(matches!(&both, Error::Invalid(problems) if problems.len() == 2), "{both}");
    }

    #[test]
    fn a_directory_is_absolute_or_below_the_home() {
        for (given, path) in [
            ("/srv", "/srv"),
            ("docs", "./docs"),
            ("~", "."),
            ("~/docs", "./docs"),
            ("~bob", "./~bob"),
            ("-rf", "./-rf"),
            ("../up", "./../up"),
        ] {
            assert_eq!(Place::new(given, "f").expect("a place").directory_path(), path);
        }
    }
}
