//! Whole directories on their way to and from a machine, as tar archives.
//!
//! Archives come from machines and from people, so nothing in them is believed: what is carried on is written anew,
//! with checked names, and of regular files and directories only.

mod archive;
mod bridge;
mod carry;
mod endpoint;
mod local;
mod name;
mod target;
mod write;

use std::time::Duration;

use super::{Place, Progress};

pub use carry::rewrite;
pub use endpoint::pack;
pub(crate) use endpoint::{Unpacking, unpack};
#[cfg(feature = "ssh")]
pub(crate) use {
    archive::wrong,
    bridge::{PieceReader, PieceWriter},
    carry::{Tally, carry},
    target::Target,
    write::Writer,
};

/// The greatest number of files and directories in one archive.
pub const MOST_ENTRIES: u64 = 100_000;
/// The number of bytes that the names in one archive may have together.
pub const MOST_NAME_BYTES: usize = 16 << 20;
/// So deep directories may be in each other.
pub const DEEPEST: usize = 64;
/// The number of skipped things that are named; further ones are counted.
pub const MOST_NAMED: usize = 100;

/// A directory to put onto a machine. It comes as a tar archive, whose names are below it.
#[derive(Clone, Debug)]
pub struct TreeUpload {
    /// Where it goes. It is made, or takes the place of an empty directory.
    pub place: Place,
    /// True if it may take the place of a directory that is not empty, which is then removed with all that is in it.
    pub replace: bool,
    /// Limit for the whole call.
    pub deadline: Duration,
    /// Told how many bytes of the files' content have gone.
    pub progress: Progress,
}

/// A directory to fetch from a machine. It comes as a tar archive, whose names are below it.
#[derive(Clone, Debug)]
pub struct TreeDownload {
    /// Where it is.
    pub place: Place,
    /// The number of bytes that the files may have together.
    pub limit: u64,
    /// Limit for the whole call.
    pub deadline: Duration,
    /// Told how many bytes of the files' content have come.
    pub progress: Progress,
}

/// A directory that has arrived whole, but for what was skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeTransferred {
    /// The number of regular files that it has.
    pub files: u64,
    /// The number of directories that are below it.
    pub directories: u64,
    /// The files' size together.
    pub bytes: u64,
    /// SHA-256 of the files' contents, one after the other as they came, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The number of things that were left out.
    pub skipped_count: u64,
    /// The first of them, at most [`MOST_NAMED`].
    pub skipped: Vec<Skipped>,
}

/// Something that is neither a regular file nor a directory, and was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path below the directory, with what is not UTF-8 replaced.
    pub path: String,
    /// Its kind.
    pub what: SkippedKind,
}

/// The kind of a thing that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkippedKind {
    /// A symbolic link. It is not followed.
    SymbolicLink,
    /// A further name of a file, of an archive that tells it from a copy.
    HardLink,
    /// A device, a pipe, a socket, or what else there may be.
    Special,
}
