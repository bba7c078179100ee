//! The last part of a sent archive, kept as long as the machine may ask for it again.

use std::collections::VecDeque;

/// The number of bytes that are kept at least, if there are as many. OpenSSH takes 2 MiB ahead, and the rest is for
/// pipes.
const ENOUGH: usize = 3 << 20;
/// The greatest number of kept bytes, beside those that are not yet sent.
const MOST: usize = 4 << 20;
/// An archive's block, in bytes.
const BLOCK: u64 = 512;

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Below the directory.
    pub(super) path: Vec<u8>,
    /// The size.
    pub(super) bytes: u64,
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) modified: u64,
    /// Where its header begins in the archive.
    pub(super) begin: u64,
    /// Where its content does.
    pub(super) content: u64,
}

impl File {
    /// Where its content ends.
    pub(super) fn content_end(&self) -> u64 {
        self.content + self.bytes
    }

    /// Where the next one begins.
    pub(super) fn end(&self) -> u64 {
        self.content + self.bytes.div_ceil(BLOCK) * BLOCK
    }
}

/// Where the archive is gone on with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// Where a file begins, or where all of them end.
    Archive(u64),
    /// In the midst of a file's content, or at its end.
    File(File, u64),
}

/// The last bytes of the archive, and the files that are in them.
#[derive(Default)]
pub(super) struct ResendBuffer {
    bytes: Vec<u8>,
    /// Where in the archive they begin.
    begin: u64,
    files: VecDeque<File>,
}

impl ResendBuffer {
    /// Returns the length of the archive so far.
    pub(super) fn end(&self) -> u64 {
        self.begin + self.bytes.len() as u64
    }

    /// Returns whether that is all of it.
    pub(super) fn is_all(&self) -> bool {
        self.begin == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A file, whose header was pushed.
    pub(super) fn push_file(&mut self, file: File) {
        self.files.push_back(file);
    }

    /// A part of the archive, as far as it is kept.
    pub(super) fn part(&self, from: u64, to: u64) -> &[u8] {
        let at = |position: u64| {
            usize::try_from(position.saturating_sub(self.begin)).unwrap_or(usize::MAX).min(self.bytes.len())
        };
        &self.bytes[at(from).min(at(to))..at(to)]
    }

    /// Forgets what the machine has taken for good, now that it was given all before `sent`.
    pub(super) fn forget(&mut self, sent: u64) {
        if self.bytes.len() <= MOST {
            return;
        }
        let taken = usize::try_from(sent.saturating_sub(self.begin)).unwrap_or(usize::MAX);
        let count = (self.bytes.len() - ENOUGH).min(taken);
        self.bytes.drain(..count);
        self.begin += count as u64;
        // The last one may not have got its permissions.
        while self.files.len() > 1 && self.files[0].end() < self.begin {
            self.files.pop_front();
        }
    }

    /// The files' names, each with `./` before and a NUL character behind it.
    pub(super) fn names(&self) -> Vec<u8> {
        self.files.iter().flat_map(|file| [b"./", file.path.as_slice(), b"\0"].concat()).collect()
    }

    /// Where to go on when the machine has so many of the files, and so many bytes of the last of them; it was given
    /// all before `sent`. Nothing if what it lacks is not kept, or if it has what it was not given.
    pub(super) fn resume(&self, there: usize, bytes: u64, sent: u64) -> Option<Resume> {
        let Some(last) = there.checked_sub(1) else {
            let at = self.files.front().map_or(0, |file| file.begin);
            return (at >= self.begin).then_some(Resume::Archive(at));
        };
        let file = self.files.get(last)?;
        let at = file.content + bytes;
        // Of a file that is all there, nothing is sent.
        let kept = at >= self.begin || (bytes == file.bytes && file.end() >= self.begin);
        (bytes <= file.bytes && at <= sent && kept).then(|| Resume::File(file.clone(), at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(kept: &mut ResendBuffer, bytes: u64) -> File {
        let begin = kept.end();
        kept.push(&[1; 512]);
        let file = File { path: b"f".to_vec(), bytes, mode: 0o644, modified: 0, begin, content: kept.end() };
        kept.push_file(file.clone());
        kept.push(&vec![2; usize::try_from(file.end() - file.content).expect("small")]);
        file
    }

    #[test]
    fn it_is_gone_on_with_where_the_last_file_on_the_machine_ends() {
        let mut kept = ResendBuffer::default();
        let (one, other) = (with_file(&mut kept, 700), with_file(&mut kept, 512));
        assert_eq!((one.end(), other.begin, kept.end()), (1536, 1536, 2560));
        assert_eq!(kept.names(), b"./f\0./f\0");
        let all = kept.end();
        assert_eq!(kept.resume(0, 0, all), Some(Resume::Archive(0)));
        assert_eq!(kept.resume(1, 0, all), Some(Resume::File(one.clone(), 512)));
        assert_eq!(kept.resume(1, 700, all), Some(Resume::File(one, 1212)));
        assert_eq!(kept.resume(2, 10, all), Some(Resume::File(other, 2058)));
        for (there, bytes, sent) in [(1, 701, all), (1, 700, 1211), (2, 513, all), (3, 0, all)] {
            assert_eq!(kept.resume(there, bytes, sent), None, "{there} {bytes} {sent}");
        }
        assert_eq!(ResendBuffer::default().resume(0, 0, 0), Some(Resume::Archive(0)));
    }

    #[test]
    fn as_much_is_kept_as_a_machine_may_lack() {
        let mut kept = ResendBuffer::default();
        let sizes = [100, 2 << 20, 100, 1 << 20, 2 << 20, 100];
        let files: Vec<_> = sizes.iter().map(|bytes| with_file(&mut kept, *bytes)).collect();
        kept.forget(kept.end());
        assert_eq!(kept.end() - kept.begin, ENOUGH as u64);
        let (left, all) = (&files[3..], kept.end());
        assert!(kept.files.iter().eq(left));
        assert_eq!(kept.resume(0, 0, all), None, "the first of them was begun");
        assert_eq!(kept.resume(1, 0, all), None, "its beginning is not kept");
        assert_eq!(kept.resume(1, 1 << 20, all), Some(Resume::File(left[0].clone(), left[0].content_end())));
        assert_eq!(kept.resume(2, 5, all), Some(Resume::File(left[1].clone(), left[1].content + 5)));
        assert_eq!(kept.part(left[1].begin, left[1].content), [1; 512]);
        let unsent = with_file(&mut kept, 5 << 20);
        kept.forget(unsent.content);
        assert!(kept.begin <= unsent.content, "what is not yet sent is not forgotten");
    }
}
