//! The checksum of a file on a machine.

use sha2::{Digest, Sha256};

use super::error::Cause;
use super::sftp::Files;
use super::shell::Digesting;
use crate::text::hex;

/// The number of bytes of a file that are fetched at once.
const BUFFER: usize = 1 << 18;

/// Returns the checksum of a file on the machine, which the machine works out if it can.
pub(super) fn of(files: &Files, path: &str) -> Result<String, Cause> {
    match Digesting::start(files.link(), path)?.finish()? {
        Some(digest) => Ok(digest),
        None => read_back(files, path),
    }
}

/// Returns the checksum of a file on the machine, by fetching the file.
pub(super) fn read_back(files: &Files, path: &str) -> Result<String, Cause> {
    const UNREADABLE: Cause = Cause::Protocol("the file that was sent cannot be read back");
    let mut file = files.read(path)?.map_err(|_| UNREADABLE)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)?.map_err(|_| UNREADABLE)? {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    file.close()?.map_err(|_| UNREADABLE)?;
    Ok(hex(digest.finalize()))
}
