//! The caller's own file area.

use chrono::{DateTime, Utc};
use poem::Body as HttpBody;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, Object, OpenApi};
use tokio::io::AsyncReadExt;
use vmm_core::model::{FileName, StoredFile};

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::content::{Content, disposition};
use crate::wire::cursor;
use crate::wire::text::TextOf;

pub(crate) struct FileApi;

/// A file.
#[derive(Debug, Object)]
#[oai(rename = "StoredFile")]
struct FileBody {
    name: String,
    bytes: u64,
    /// SHA-256 of its content in hexadecimal digits; in quotes, its `ETag`.
    sha256: String,
    /// The moment at which this content was stored.
    changed_at: DateTime<Utc>,
}

impl From<StoredFile> for FileBody {
    fn from(file: StoredFile) -> Self {
        let StoredFile { name, bytes, sha256, changed_at, .. } = file;
        Self { name: name.to_string(), bytes, sha256, changed_at }
    }
}

/// Files.
#[derive(Debug, Object)]
#[oai(rename = "StoredFiles", skip_serializing_if_is_none)]
struct FilesBody {
    file: Vec<FileBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

/// A file's content.
#[derive(ApiResponse)]
enum FileContent {
    /// The whole content.
    #[oai(status = 200)]
    Whole(
        Binary<HttpBody>,
        /// The content's SHA-256 in hexadecimal digits, in quotes.
        #[oai(header = "ETag")]
        String,
        /// Says that it is a file to be saved, and its name.
        #[oai(header = "Content-Disposition")]
        String,
        /// `nosniff`.
        #[oai(header = "X-Content-Type-Options")]
        String,
        /// The length of the content, in bytes.
        #[oai(header = "Content-Length")]
        u64,
        /// `bytes`: a part can be asked for.
        #[oai(header = "Accept-Ranges")]
        String,
    ),
    /// The part that was asked for.
    #[oai(status = 206)]
    Part(
        Binary<HttpBody>,
        /// The whole content's SHA-256 in hexadecimal digits, in quotes.
        #[oai(header = "ETag")]
        String,
        /// Says that it is a file to be saved, and its name.
        #[oai(header = "Content-Disposition")]
        String,
        /// `nosniff`.
        #[oai(header = "X-Content-Type-Options")]
        String,
        /// The length of the content, in bytes.
        #[oai(header = "Content-Length")]
        u64,
        /// The range of bytes in the answer, and the length of the file.
        #[oai(header = "Content-Range")]
        String,
    ),
}

#[OpenApi(tag = "Tag::File")]
impl FileApi {
    /// List one's own files in order of name.
    #[oai(path = "/files", method = "get", operation_id = "listFiles")]
    async fn list(
        &self,
        caller: Caller,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<FilesBody>, Failure> {
        let login = caller.0;
        let after = cursor::read("file", after.0, |name| FileName::new(name).ok())?;
        let limit = limit.0.unwrap_or(cursor::DEFAULT_LIMIT);
        let mut files = login.vmm.files(&login.actor, after.as_ref(), limit + 1).await?;
        let more = files.len() > limit as usize;
        files.truncate(limit as usize);
        let next = files.last().filter(|_| more).map(|file| cursor::write("file", &file.name));
        Ok(Json(FilesBody { file: files.into_iter().map(FileBody::from).collect(), next }))
    }

    /// Store a file in one's own area, in place of a file with this name.
    ///
    /// The file is stored whole when the call succeeds, and not at all if it fails.
    #[oai(path = "/files/:name", method = "put", operation_id = "putFile")]
    async fn put(
        &self,
        caller: Caller,
        name: Path<TextOf<FileName>>,
        content: Content,
    ) -> Result<Json<FileBody>, Failure> {
        let login = caller.0;
        let name = named("name", FileName::new(name.0))?;
        let Content { source, size } = content;
        Ok(Json(login.vmm.put_file(&login.actor, name, size, source).await?.into()))
    }

    /// Get a file of one's own area.
    #[oai(path = "/files/:name", method = "get", operation_id = "getFile")]
    async fn get(
        &self,
        caller: Caller,
        name: Path<TextOf<FileName>>,
        /// The part to return, like `bytes=1000-1999` or `bytes=1000-`; 416 if it begins after the end. Any other value
        /// returns the whole file.
        #[oai(name = "Range")]
        range: Header<Option<String>>,
    ) -> Result<FileContent, Failure> {
        let login = caller.0;
        let name = named("name", FileName::new(name.0))?;
        let part = range.0.as_deref().and_then(read_range);
        let from = part.map_or(0, |(from, _)| from);
        let (mut file, mut content) = login.vmm.open_file(&login.actor, &name, 0).await?;
        if (1..file.bytes).contains(&from) {
            (file, content) = login.vmm.open_file(&login.actor, &name, from).await?;
        }
        if part.is_some() && from >= file.bytes {
            return Err(Failure::range(file.bytes));
        }
        let tag = format!("\"{}\"", file.sha256);
        let (disposition, sniffing) = (disposition(&file.name), "nosniff".to_owned());
        Ok(match part {
            None => {
                let body = Binary(HttpBody::from_async_read(content));
                FileContent::Whole(body, tag, disposition, sniffing, file.bytes, "bytes".to_owned())
            }
            Some((_, last)) => {
                let last = last.min(file.bytes - 1);
                let length = last - from + 1;
                let body = Binary(HttpBody::from_async_read(content.take(length)));
                let range = format!("bytes {from}-{last}/{}", file.bytes);
                FileContent::Part(body, tag, disposition, sniffing, length, range)
            }
        })
    }

    /// Delete a file of one's own area.
    #[oai(path = "/files/:name", method = "delete", operation_id = "deleteFile")]
    async fn delete(&self, caller: Caller, name: Path<TextOf<FileName>>) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.delete_file(&login.actor, &named("name", FileName::new(name.0))?).await?;
        Ok(Done::Done)
    }
}

/// First and last byte of a range (RFC 9110 §14) with a beginning.
fn read_range(header: &str) -> Option<(u64, u64)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_anything_else_is_none() {
        for (header, range) in [
            ("bytes=0-0", Some((0, 0))),
            ("bytes=5-", Some((5, u64::MAX))),
            ("bytes=5-4", None),
            ("bytes=-5", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("lines=0-1", None),
            ("", None),
        ] {
            assert_eq!(read_range(header), range, "{header}");
        }
    }
}
