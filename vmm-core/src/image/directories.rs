//! The directories that images are taken from.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};

use super::{open, refused};
use crate::error::{Error, Result};

/// The directories that images are taken from, in the order in which errors name them.
#[derive(Clone, Copy, Debug)]
pub struct ImageDirectories<'a>(pub &'a [PathBuf]);

impl ImageDirectories<'_> {
    /// Opens the file at `path`, which is in one of the directories. A symbolic link is followed as long as it ends in
    /// one of them.
    ///
    /// # Errors
    /// [`Error::Invalid`]. It is one error for every path outside, whatever is there, so that nobody learns by it what
    /// the server has.
    pub fn open(self, path: &Path) -> Result<File> {
        if !self.names(path) {
            return Err(self.outside());
        }
        // What stands inside may be told: that it is missing, or no regular file.
        let Ok(real) = fs::canonicalize(path) else { return open(path) };
        if !self.hold(&real) {
            return Err(self.outside());
        }
        let file = open(&real)?;
        // A directory above it may have been replaced since.
        let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        if opened.is_ok_and(|opened| opened == real) {
            Ok(file)
        } else {
            Err(refused("was replaced while it was opened"))
        }
    }

    /// Returns whether the path names something inside, without a look at the files.
    fn names(self, path: &Path) -> bool {
        path.components().all(|part| part != Component::ParentDir)
            && self.0.iter().any(|directory| path.starts_with(directory))
    }

    fn hold(self, real: &Path) -> bool {
        self.0
            .iter()
            .filter_map(|directory| fs::canonicalize(directory).ok())
            .any(|directory| real.starts_with(directory))
    }

    fn outside(self) -> Error {
        let directories: Vec<_> = self.0.iter().map(|directory| directory.display().to_string()).collect();
        let reason = match &directories[..] {
            [] => "the setting image_dirs names no directory of images; upload the image, and name it file:NAME"
                .to_owned(),
            some => format!(
                "must be the absolute path of an image in {} (the setting image_dirs), or file:NAME for one of your \
                 uploaded files",
                some.join(" or ")
            ),
        };
        Error::invalid("qcow2", reason)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn whatever_is_outside_gets_one_answer() {
        let (inside, outside) = (tempfile::tempdir().expect("room"), tempfile::tempdir().expect("room"));
        let secret = outside.path().join("secret.qcow2");
        fs::write(&secret, b"a secret").expect("room");
        fs::write(inside.path().join("real.qcow2"), b"an image").expect("room");
        symlink("real.qcow2", inside.path().join("link.qcow2")).expect("a link");
        symlink(&secret, inside.path().join("leak.qcow2")).expect("a link");
        symlink(outside.path(), inside.path().join("leak")).expect("a link");
        let directories = [inside.path().to_owned()];
        let directories = ImageDirectories(&directories);
        for name in ["real.qcow2", "link.qcow2", "./real.qcow2"] {
            directories.open(&inside.path().join(name)).expect("it is inside");
        }
        let answers: Vec<_> = [
            secret.clone(),
            outside.path().join("missing.qcow2"),
            outside.path().to_owned(),
            inside.path().join("leak.qcow2"),
            inside.path().join("leak/secret.qcow2"),
            inside.path().join("..").join("etc"),
            PathBuf::from("real.qcow2"),
            PathBuf::from("/dev/zero"),
            PathBuf::from(format!("{}-other/x", inside.path().display())),
        ]
        .iter()
        .map(|path| directories.open(path).expect_err("it is outside").to_string())
        .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0] && answer.contains("image_dirs")), "{answers:#?}");
        let missing = directories.open(&inside.path().join("missing.qcow2")).expect_err("it is missing").to_string();
        assert!(missing.contains("cannot be read"), "{missing}");
        ImageDirectories(&[]).open(&secret).expect_err("nothing is inside");
    }
}
