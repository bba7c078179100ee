//! The content of volumes, sent and fetched through streams.

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;

use super::connection::{Driver, Session};
use super::error::{Failure, Result};
use super::progress::Progress;
use super::storage::{self, Described, volume_xml};
use crate::error::{Error, Kind, Part};
use crate::host::Volume;
use crate::image::{ImageInfo, InspectedImage};
use crate::model::VolumeName;
use crate::text::hex;

/// Bytes of one message; libvirt's protocol carries a little more.
const CHUNK: usize = 255 << 10;

/// Copies an inspected image into the pool, or keeps the copy that is there.
pub(super) fn import(
    session: &Session,
    pool: &StoragePool,
    name: &VolumeName,
    image: &InspectedImage,
    progress: &Progress,
) -> Result<Volume> {
    let info = image.info();
    storage::refresh(pool)?;
    if let Some(described) = storage::describe(pool, name)? {
        if described.format == "qcow2" {
            return finished(name, described, info);
        }
        storage::delete(pool, name.as_str())?;
    }
    let xml = volume_xml(name.as_str(), info.file_size, "raw").render();
    let volume = StorageVol::create_xml(pool, &xml, 0)?;
    // The head comes last: it has the magic number, so that an image whose copying was interrupted is not qcow2 for
    // anybody, and it fits in one message, so that it is written in one go.
    let (head, mut body) = (image.head(), image.body());
    let (length, rest) = (head.len() as u64, info.file_size - head.len() as u64);
    if rest > 0 {
        send(session, &volume, length, &mut body, rest, progress)?;
    }
    if let Err(changed) = body.verify() {
        storage::delete(pool, name.as_str())?;
        return Err(changed.into());
    }
    send(session, &volume, 0, &mut &head[..], length, progress)?;
    storage::refresh(pool)?;
    match storage::describe(pool, name)? {
        Some(described) => finished(name, described, info),
        None => Err(Error::not_found(Kind::Volume, name).into()),
    }
}

fn finished(name: &VolumeName, described: Described, info: ImageInfo) -> Result<Volume> {
    if described.format == "qcow2" && described.capacity == info.virtual_size && described.backing.is_none() {
        return Ok(described.named(name));
    }
    let reason = "another volume with this name exists; delete it or choose another name";
    Err(Error::conflict(Kind::Volume, name, reason).into())
}

/// Makes a raw volume of these bytes, padded with zeros to `capacity`.
pub(super) fn write(
    session: &Session,
    pool: &StoragePool,
    name: &str,
    bytes: &[u8],
    capacity: u64,
) -> Result<StorageVol> {
    storage::delete(pool, name)?;
    let volume = StorageVol::create_xml(pool, &volume_xml(name, capacity, "raw").render(), 0)?;
    if !bytes.is_empty() {
        send(session, &volume, 0, &mut &bytes[..], bytes.len() as u64, &Progress::default())?;
    }
    Ok(volume)
}

/// The last `limit` bytes of a volume as it is now.
pub(super) fn tail(session: &Session, volume: &StorageVol, limit: usize) -> Result<Vec<u8>> {
    let size = volume.info()?.capacity;
    let offset = size.saturating_sub(limit as u64);
    if size == offset {
        return Ok(Vec::new());
    }
    let stream = Stream::new(&session.connect, 0)?;
    volume.download(&stream, offset, size - offset, 0)?;
    receive(stream, limit)
}

fn receive(stream: Stream, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.recv(&mut buffer) {
            Ok(0) => break,
            Ok(read) if read > 0 && bytes.len() < limit => bytes.extend_from_slice(&buffer[..read as usize]),
            Ok(_) => {
                abort(stream);
                return Err(Failure::Answer("a stream that does not end".to_owned()));
            }
            Err(error) => {
                abort(stream);
                return Err(error.into());
            }
        }
    }
    stream.finish()?;
    Ok(bytes)
}

/// SHA-256 of a volume's file, in lower-case hexadecimal.
pub(super) fn checksum(session: &Session, volume: &StorageVol, progress: &Progress) -> Result<String> {
    let stream = Stream::new(&session.connect, 0)?;
    volume.download(&stream, 0, 0, 0)?;
    match digest(&stream, progress) {
        Ok(digest) => {
            stream.finish()?;
            Ok(hex(digest.finalize()))
        }
        Err(failure) => {
            abort(stream);
            Err(failure)
        }
    }
}

fn digest(stream: &Stream, progress: &Progress) -> Result<Sha256> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        if progress.is_cancelled() {
            return Err(Error::unavailable(Part::Hypervisor, "the reading was given up").into());
        }
        let read = usize::try_from(stream.recv(&mut buffer)?);
        match read.map_err(|_| Failure::Answer("a stream that would block".to_owned()))? {
            0 => return Ok(digest),
            read => {
                digest.update(&buffer[..read]);
                progress.add(read as u64);
            }
        }
    }
}

fn send(
    session: &Session,
    volume: &StorageVol,
    offset: u64,
    source: &mut dyn Read,
    length: u64,
    progress: &Progress,
) -> Result<()> {
    let stream = Stream::new(&session.connect, 0)?;
    volume.upload(&stream, offset, length, 0)?;
    match send_all(&stream, source, length, progress) {
        Ok(()) => Ok(stream.finish()?),
        Err(failure) => {
            abort(stream);
            Err(failure)
        }
    }
}

fn send_all(stream: &Stream, source: &mut dyn Read, length: u64, progress: &Progress) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut left = length;
    while left > 0 {
        if progress.is_cancelled() {
            return Err(Error::unavailable(Part::Hypervisor, "the copy was given up").into());
        }
        let wanted = left.min(CHUNK as u64) as usize;
        source.read_exact(&mut buffer[..wanted]).map_err(unreadable)?;
        let mut rest = &buffer[..wanted];
        while !rest.is_empty() {
            let sent = stream.send(rest)?;
            let sent = usize::try_from(sent).map_err(|_| Failure::Answer("a stream that would block".to_owned()))?;
            rest = &rest[sent..];
            progress.add(sent as u64);
        }
        left -= wanted as u64;
    }
    Ok(())
}

/// Ends a stream whose operation has failed already; that failure is the one to tell.
fn abort(stream: Stream) {
    let _ = stream.abort();
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unreadable(error: io::Error) -> Failure {
    Error::invalid("qcow2", format!("the image cannot be read: {error}")).into()
}

/// Returns whether libvirt can move content here at all.
pub(super) fn supported(session: &Session) -> Result<()> {
    match session.driver {
        Driver::Qemu => Ok(()),
        Driver::Test => Err(Error::Unsupported("the content of volumes").into()),
    }
}
