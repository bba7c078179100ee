//! Where the content of an archive goes.

use std::io::{self, Read};

/// A receiver of checked directories and files. Paths are relative, and empty for the directory itself.
pub(crate) trait Target {
    fn directory(&mut self, path: &[u8], mode: u32, modified: u64) -> io::Result<()>;
    fn file(&mut self, path: &[u8], bytes: u64, mode: u32, modified: u64, content: &mut dyn Read) -> io::Result<()>;
}
