//! Transfers of a fake machine.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use vmm_core::remote::{
    Command, Download, Endpoint, Login, Progress, Sink, Source, Transferred, TreeDownload, TreeTransferred, TreeUpload,
    Upload, tree,
};
use vmm_core::{Error, Part, Result};

use super::{FakeRemote, files, too_late};

/// The number of bytes that move at once.
const PIECE: usize = 1 << 16;

pub(super) async fn send(
    remote: &FakeRemote,
    endpoint: &Endpoint,
    login: &Login,
    upload: &Upload,
    source: Source,
) -> Result<Transferred> {
    let Upload { place, mode, deadline, progress } = upload;
    let address = endpoint.address;
    let line = Command::new(format!("send {place}"));
    let ready = remote.decide(endpoint, login, &line, |machine| {
        machine.files.check_write(place).map(|()| (machine.breaks_after, machine.stalls))
    })?;
    let work = async {
        let Some(ready) = ready else { return std::future::pending().await };
        let (breaks_after, stalls) = ready?;
        let content = read_all(source, breaks_after, progress)
            .await
            .map_err(|error| Error::unavailable(Part::Desk, format!("the content to send cannot be read: {error}")))?;
        let content = match content {
            None if stalls => return std::future::pending().await,
            content => content.ok_or_else(|| broken(endpoint))?,
        };
        remote.disk(address, |files| files.write(place, content, *mode))
    };
    timeout(*deadline, work).await.unwrap_or_else(|_| Err(too_late("the file transfer with", endpoint, *deadline)))
}

pub(super) async fn receive(
    remote: &FakeRemote,
    endpoint: &Endpoint,
    login: &Login,
    download: &Download,
    mut sink: Sink,
) -> Result<Transferred> {
    let Download { place, deadline, progress } = download;
    let line = Command::new(format!("receive {place}"));
    let ready = remote.decide(endpoint, login, &line, |machine| {
        machine.files.read(place).map(|content| (content, machine.breaks_after, machine.stalls))
    })?;
    let work = async {
        let Some(found) = ready else { return std::future::pending().await };
        let (content, breaks_after, stalls) = found?;
        progress.expect(content.len() as u64);
        let sent = breaks_after.unwrap_or(usize::MAX).min(content.len());
        let write = async {
            let mut taken = 0;
            for piece in content[..sent].chunks(PIECE) {
                sink.write_all(piece).await?;
                taken += piece.len();
                progress.set(taken as u64);
            }
            sink.flush().await
        };
        write
            .await
            .map_err(|error| Error::unavailable(Part::Desk, format!("what was received cannot be written: {error}")))?;
        if stalls && sent < content.len() {
            return std::future::pending().await;
        }
        if sent < content.len() { Err(broken(endpoint)) } else { Ok(files::whole(&content)) }
    };
    timeout(*deadline, work).await.unwrap_or_else(|_| Err(too_late("the file transfer with", endpoint, *deadline)))
}

pub(super) async fn send_tree(
    remote: &FakeRemote,
    endpoint: &Endpoint,
    login: &Login,
    upload: &TreeUpload,
    archive: Source,
) -> Result<TreeTransferred> {
    let TreeUpload { place, replace, deadline, progress } = upload;
    let line = Command::new(format!("send the directory {place}"));
    let ready = remote.decide(endpoint, login, &line, |machine| {
        machine.files.check_write_tree(place, *replace).map(|()| machine.breaks_after)
    })?;
    let work = async {
        let Some(breaks_after) = ready else { return std::future::pending().await };
        let read = read_all(archive, breaks_after?, &Progress::new()).await;
        let archive = read
            .map_err(|error| Error::unavailable(Part::Desk, format!("the content to send cannot be read: {error}")))?;
        let (clean, transferred) = rewritten(&archive.ok_or_else(|| broken(endpoint))?, u64::MAX, progress)?;
        remote.disk(endpoint.address, |files| files.write_tree(place, clean, *replace))?;
        Ok(transferred)
    };
    timeout(*deadline, work).await.unwrap_or_else(|_| Err(too_late("the file transfer with", endpoint, *deadline)))
}

pub(super) async fn receive_tree(
    remote: &FakeRemote,
    endpoint: &Endpoint,
    login: &Login,
    download: &TreeDownload,
    mut sink: Sink,
) -> Result<TreeTransferred> {
    let TreeDownload { place, limit, deadline, progress } = download;
    let line = Command::new(format!("receive the directory {place}"));
    let ready = remote.decide(endpoint, login, &line, |machine| {
        machine.files.read_tree(place).map(|archive| (archive, machine.breaks_after))
    })?;
    let work = async {
        let Some(found) = ready else { return std::future::pending().await };
        let (archive, breaks_after) = found?;
        let (clean, transferred) = rewritten(&archive, *limit, progress)?;
        let sent = breaks_after.unwrap_or(usize::MAX).min(clean.len());
        let write = async {
            sink.write_all(&clean[..sent]).await?;
            sink.flush().await
        };
        write
            .await
            .map_err(|error| Error::unavailable(Part::Desk, format!("what was received cannot be written: {error}")))?;
        if sent < clean.len() { Err(broken(endpoint)) } else { Ok(transferred) }
    };
    timeout(*deadline, work).await.unwrap_or_else(|_| Err(too_late("the file transfer with", endpoint, *deadline)))
}

/// Rewrites an archive as a real machine's side would.
fn rewritten(archive: &[u8], limit: u64, progress: &Progress) -> Result<(Vec<u8>, TreeTransferred)> {
    let mut clean = Vec::new();
    let transferred = tree::rewrite(archive, &mut clean, limit, progress).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => Error::TooLarge { limit },
        _ => Error::invalid("file", format!("the archive is refused: {error}")),
    })?;
    Ok((clean, transferred))
}

/// Everything that comes, of which the memory of a test holds a part; `None` if the connection breaks before the end.
async fn read_all(
    mut source: Source,
    breaks_after: Option<usize>,
    progress: &Progress,
) -> std::io::Result<Option<Vec<u8>>> {
    let (mut content, mut buffer) = (Vec::new(), vec![0; PIECE]);
    loop {
        let count = source.read(&mut buffer).await?;
        if count == 0 {
            return Ok(Some(content));
        }
        if content.len() <= files::DISK {
            content.extend_from_slice(&buffer[..count]);
            progress.set(content.len() as u64);
        }
        if breaks_after.is_some_and(|most| content.len() >= most) {
            return Ok(None);
        }
        // A source that is always ready would leave no time for the deadline.
        tokio::task::yield_now().await;
    }
}

fn broken(endpoint: &Endpoint) -> Error {
    Error::unavailable(Part::Machine, format!("the file transfer with {} failed: broken off", endpoint.address))
}
