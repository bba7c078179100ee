//! Bodies that are a file's content: never held whole in memory.

use poem::http::header;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::payload::{Binary, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use vmm_core::model::FileName;
use vmm_core::remote::Source;

use crate::error::Failure;

/// The media type of plain content.
pub(crate) const OCTETS: &str = "application/octet-stream";
/// The media type of content that comes together with what to do with it.
pub(crate) const MULTIPART: &str = "multipart/form-data";

/// Returns whether a request's body has parts.
pub(crate) fn is_multipart(request: &Request) -> bool {
    request.content_type().is_some_and(|kind| media_type(kind).eq_ignore_ascii_case(MULTIPART))
}

fn media_type(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// A body of plain content that is small enough to be held in memory.
pub(crate) struct SmallContent(pub(crate) Vec<u8>);

impl<'a> ApiExtractor<'a> for SmallContent {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Content::request_meta()
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        check_type(request)?;
        Ok(Self(<Vec<u8> as FromRequest>::from_request(request, body).await?))
    }
}

fn check_type(request: &Request) -> Result<()> {
    if request.content_type().is_some_and(|kind| !media_type(kind).eq_ignore_ascii_case(OCTETS)) {
        return Err(Failure::not_octets().into());
    }
    Ok(())
}

/// A body of plain content.
pub(crate) struct Content {
    pub(crate) source: Source,
    /// The number of bytes that it says it has.
    pub(crate) size: Option<u64>,
}

impl<'a> ApiExtractor<'a> for Content {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: OCTETS, schema: Binary::<Vec<u8>>::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        check_type(request)?;
        let size = request.header(header::CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        Ok(Self { source: Box::new(body.take()?.into_async_read()), size })
    }
}

/// The name as RFC 6266 and RFC 8187 write it: everything but letters, digits and a few marks is encoded.
pub(crate) fn disposition(name: &FileName) -> String {
    let encoded = name.as_str().bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    format!("attachment; filename*=UTF-8''{}", encoded.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header() {
        let name = FileName::new("a\"; b=ü.txt").expect("a name");
        assert_eq!(disposition(&name), "attachment; filename*=UTF-8''a%22%3B%20b%3D%C3%BC.txt");
    }
}
