//! Reading a tar archive of which nothing is believed.

use std::io::{self, ErrorKind, Read};

use tar::{EntryType, Header};

use super::SkippedKind;

const BLOCK: usize = 512;
/// The longest header of a header: names and their like, in bytes.
const LONGEST_EXTENSION: u64 = 64 * 1024;

/// So much may follow the archive's end, in bytes; GNU's tar fills up to 10 KiB, or to what it was told.
const MOST_FILLING: u64 = 1 << 20;

/// An entry of an archive.
#[derive(Debug)]
pub(super) struct Entry {
    /// As the archive has it.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    /// The permission bits.
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) modified: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File { bytes: u64 },
    Other(SkippedKind),
}

/// An archive. Between two entries, the content of the first can be read from it.
pub(super) struct Archive<R> {
    source: R,
    /// The number of bytes left of the entry's content.
    left: u64,
    /// The padding up to the next block, in bytes.
    padding: u64,
}

/// The facts about an entry in the headers before it.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    bytes: Option<u64>,
    sparse: bool,
}

pub(crate) fn wrong(reason: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason.into())
}

impl<R: Read> Archive<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, left: 0, padding: 0 }
    }

    /// The next entry; nothing at the archive's end. An archive that breaks off is an error.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extension = Extension::default();
        loop {
            let rest = self.left + self.padding;
            if io::copy(&mut (&mut self.source).take(rest), &mut io::sink())? < rest {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            (self.left, self.padding) = (0, 0);
            let mut header = Header::new_old();
            self.source.read_exact(header.as_mut_bytes())?;
            if header.as_bytes().iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            check_sum(&header)?;
            let bytes = extension.bytes.take().map_or_else(|| header.entry_size(), Ok)?;
            let blocks =
                bytes.div_ceil(BLOCK as u64).checked_mul(BLOCK as u64).ok_or_else(|| wrong("it has no end"))?;
            (self.left, self.padding) = (bytes, blocks - bytes);
            let kind = match header.entry_type() {
                EntryType::GNULongName => {
                    let mut name = self.extension()?;
                    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                    extension.path = Some(name);
                    continue;
                }
                EntryType::XHeader => {
                    let records = self.extension()?;
                    extension.read(&records)?;
                    continue;
                }
                EntryType::XGlobalHeader | EntryType::GNULongLink => continue,
                EntryType::Regular | EntryType::Continuous if extension.sparse => Kind::Other(SkippedKind::Special),
                EntryType::Regular | EntryType::Continuous => Kind::File { bytes },
                EntryType::Directory => Kind::Directory,
                EntryType::Symlink => Kind::Other(SkippedKind::SymbolicLink),
                EntryType::Link => Kind::Other(SkippedKind::HardLink),
                // Its map of holes would have to be read before its content.
                EntryType::GNUSparse => return Err(wrong("it holds a sparse file; make it without")),
                _ => Kind::Other(SkippedKind::Special),
            };
            // A link has no content, whatever size it has.
            if matches!(kind, Kind::Other(SkippedKind::HardLink | SkippedKind::SymbolicLink)) {
                (self.left, self.padding) = (0, 0);
            }
            let path = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
            // Before there was a type for them, directories were told by the last slash.
            let kind = if path.ends_with(b"/") && kind == (Kind::File { bytes: 0 }) { Kind::Directory } else { kind };
            let default = if kind == Kind::Directory { 0o755 } else { 0o644 };
            let mode = header.mode().unwrap_or(default) & 0o777;
            return Ok(Some(Entry { path, kind, mode, modified: header.mtime().unwrap_or_default() }));
        }
    }

    /// Reads on to the end of the source.
    pub(super) fn rest(&mut self) -> io::Result<()> {
        let rest = io::copy(&mut (&mut self.source).take(MOST_FILLING + 1), &mut io::sink())?;
        if rest > MOST_FILLING { Err(wrong("it continues after its end")) } else { Ok(()) }
    }

    fn extension(&mut self) -> io::Result<Vec<u8>> {
        if self.left > LONGEST_EXTENSION {
            return Err(wrong("a name in it is too long"));
        }
        let mut bytes = vec![0; usize::try_from(self.left).map_err(io::Error::other)?];
        self.source.read_exact(&mut bytes)?;
        self.left = 0;
        Ok(bytes)
    }
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        match self.source.read(&mut buffer[..room])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.left -= count as u64;
                Ok(count)
            }
        }
    }
}

impl Extension {
    /// Reads records of the form `<length> <key>=<value>\n`, whose length is that of all of it.
    fn read(&mut self, mut records: &[u8]) -> io::Result<()> {
        let malformed = || wrong("a header in it is malformed");
        while let Some(space) = records.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse().ok());
            let length: usize = length.filter(|length| *length > space + 1).ok_or_else(malformed)?;
            let record = records.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n"));
            let record = record.ok_or_else(malformed)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"size" => {
                    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
                    self.bytes = Some(text.parse().map_err(|_| malformed())?);
                }
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            records = &records[length..];
        }
        if records.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(malformed()) }
    }
}

fn check_sum(header: &Header) -> io::Result<()> {
    const SUM: std::ops::Range<usize> = 148..156;
    let bytes = header.as_bytes().iter().enumerate();
    let sum: u32 = bytes.map(|(at, byte)| u32::from(if SUM.contains(&at) { b' ' } else { *byte })).sum();
    if header.cksum().is_ok_and(|said| said == sum) { Ok(()) } else { Err(wrong("it is not a tar archive")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: EntryType, name: &[u8], bytes: u64) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(bytes);
        header.set_mode(0o7777);
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    fn blocks(content: &[u8]) -> Vec<u8> {
        let mut blocks = content.to_vec();
        blocks.resize(content.len().div_ceil(BLOCK) * BLOCK, 0);
        blocks
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let rest = key.len() + value.len() + 3;
        let length = (rest + 1..).find(|length| length.to_string().len() + rest == *length).expect("there is one");
        [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
    }

    fn extended(records: &[Vec<u8>], then: Vec<u8>) -> Vec<u8> {
        let records = records.concat();
        let size = records.len() as u64;
        [header(EntryType::XHeader, b"x", size), blocks(&records), then, vec![0; 1024]].concat()
    }

    /// Path, kind, permission bits and content.
    type Found = (Vec<u8>, Kind, u32, Vec<u8>);

    fn read(archive: &[u8]) -> io::Result<Vec<Found>> {
        let (mut archive, mut entries) = (Archive::new(archive), Vec::new());
        while let Some(Entry { path, kind, mode, .. }) = archive.next()? {
            let mut content = Vec::new();
            archive.read_to_end(&mut content)?;
            entries.push((path, kind, mode, content));
        }
        Ok(entries)
    }

    #[test]
    fn names_and_sizes_stand_in_headers_before_an_entry() {
        let (name, long) = (b"a\nb=c 12 d".to_vec(), b"x/".repeat(60));
        let file = || [header(EntryType::Regular, b"short", 0), blocks(b"content")].concat();
        let archive = extended(&[record("path", &name), record("size", b"7"), record("mtime", b"1.5")], file());
        let found = (name, Kind::File { bytes: 7 }, 0o777, b"content".to_vec());
        assert_eq!(read(&archive).expect("an archive"), [found]);
        let archive = [
            header(EntryType::GNULongName, b"././@LongLink", 121),
            blocks(&[&*long, b"\0"].concat()),
            header(EntryType::Directory, b"short", 0),
            header(EntryType::Symlink, b"link", 4096),
            header(EntryType::Regular, b"old/", 0),
            vec![0; 1024],
        ];
        let kinds: Vec<_> =
            read(&archive.concat()).expect("an archive").into_iter().map(|entry| (entry.0, entry.1)).collect();
        let wanted = [
            (long, Kind::Directory),
            (b"link".to_vec(), Kind::Other(SkippedKind::SymbolicLink)),
            (b"old/".to_vec(), Kind::Directory),
        ];
        assert_eq!(kinds, wanted);
    }

    #[test]
    fn what_is_malformed_is_refused_and_never_believed() {
        let file = || [header(EntryType::Regular, b"f", 3), blocks(b"abc")].concat();
        for records in
            [b"".as_slice(), b"5 a=b\n", b"99 path=a\n", b"x path=a\n", b"0 path=a\n", b"9 patha\n\0", b"10 size=x\n"]
        {
            let archive = extended(&[records.to_vec()], file());
            assert_eq!(read(&archive).is_ok(), records.is_empty(), "{:?}", String::from_utf8_lossy(records));
        }
        let mut damaged = file();
        damaged[0] = b'g';
        let endless = header(EntryType::Regular, b"f", u64::MAX);
        let long_name = header(EntryType::GNULongName, b"l", 1 << 40);
        let sparse = header(EntryType::GNUSparse, b"s", 0);
        for archive in [damaged, endless, long_name, sparse, vec![b'x'; 2048]] {
            let archive = [archive, vec![0; 1024]].concat();
            assert!(read(&archive).is_err(), "{:?}", &archive[..20]);
        }
        let whole = [file(), file(), vec![0; 512]].concat();
        assert_eq!(read(&whole).expect("an archive").len(), 2);
        for length in 0..whole.len() - 511 {
            assert!(read(&whole[..length]).is_err(), "{length} bytes of it");
        }
    }
}
