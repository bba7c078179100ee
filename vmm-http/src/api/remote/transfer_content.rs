//! The two forms of `/vm/ft` whose media types the specification leaves out, since clients made from it cannot have
//! them: content that comes in the same request, and content that is the answer.

use poem::http::header;
use poem::web::Multipart;
use poem::{Body as HttpBody, FromRequest, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaRequest, MetaResponses, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use tokio::io::{AsyncReadExt, DuplexStream};
use vmm_core::model::{FileName, VmName};
use vmm_core::remote::Source;
use vmm_core::{Cargo, Direction, ReceiveTo, Transfer, TransferReports};

use super::transfer_body::{FileTransferResults, FileTransfers};
use crate::error::Failure;
use crate::layer::auth::Login;
use crate::wire::body::{self, Body};
use crate::wire::content::{OCTETS, disposition, is_multipart};

/// The media type of a directory.
const TAR: &str = "application/x-tar";
/// The number of bytes that wait between a machine and a client.
const BETWEEN: usize = 256 * 1024;
/// The largest part `ft`, in bytes.
const LARGEST_PART: u64 = 64 * 1024;

/// The items, and the content where it comes with them.
pub(super) struct FtBody {
    pub(super) items: FileTransfers,
    pub(super) content: Option<Source>,
}

impl<'a> ApiExtractor<'a> for FtBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Body<FileTransfers> as ApiExtractor>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        <Body<FileTransfers> as ApiExtractor>::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        if !is_multipart(request) {
            let items = <Body<FileTransfers> as ApiExtractor>::from_request(request, body, options).await?.0;
            return Ok(Self { items, content: None });
        }
        let wrong = || Failure::malformed("the parts must be ft, which is JSON, and then file, which is the content");
        let mut parts = <Multipart as FromRequest>::from_request(request, body).await?;
        let first = parts.next_field().await?.filter(|part| part.name() == Some("ft")).ok_or_else(wrong)?;
        let mut json = Vec::new();
        {
            // The next part can only be had when this one is given up.
            let mut first = Box::pin(first.into_async_read().take(LARGEST_PART + 1));
            first
                .read_to_end(&mut json)
                .await
                .map_err(|_| Failure::malformed("the body ended too early; send it again"))?;
        }
        if json.len() as u64 > LARGEST_PART {
            return Err(Failure::too_large(LARGEST_PART).into());
        }
        let items = body::parse(&json)?;
        let file = parts.next_field().await?.filter(|part| part.name() == Some("file")).ok_or_else(wrong)?;
        Ok(Self { items, content: Some(Box::new(Box::pin(file.into_async_read()))) })
    }
}

/// The preference of a client that accepts content and no JSON.
pub(super) struct WantsContent(pub(super) bool);

impl<'a> ApiExtractor<'a> for WantsContent {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let accepted = request.header(header::ACCEPT.as_str()).unwrap_or_default();
        let first = accepted.split([',', ';']).next().unwrap_or_default().trim();
        Ok(Self([OCTETS, TAR].iter().any(|media| first.eq_ignore_ascii_case(media))))
    }
}

/// The answer.
pub(super) enum Carried {
    Results(Json<FileTransferResults>),
    Content(Response),
}

impl IntoResponse for Carried {
    fn into_response(self) -> Response {
        match self {
            Self::Results(results) => results.into_response(),
            Self::Content(response) => response,
        }
    }
}

impl ApiResponse for Carried {
    fn meta() -> MetaResponses {
        Json::<FileTransferResults>::meta()
    }

    fn register(registry: &mut Registry) {
        <Json<FileTransferResults> as ApiResponse>::register(registry);
    }
}

/// Fetches a file or directory as the answer. Whatever goes wrong before its first byte is told as a problem; later the
/// connection breaks, since the answer has begun.
pub(super) async fn fetch(login: Login, vm: VmName, name: String, transfer: Transfer) -> Result<Carried, Failure> {
    let (mut here, there) = tokio::io::duplex(BETWEEN);
    let Login { vmm, actor, .. } = login;
    let (name, media) = match transfer.cargo {
        Cargo::File => (name, OCTETS),
        Cargo::Tree { .. } => (format!("{name}.tar"), TAR),
    };
    let mut receiving = tokio::spawn(async move {
        let to = Direction::Receive(ReceiveTo::Content(Box::new(there)));
        vmm.carry(&actor, &vm, transfer, to).await.and_then(TransferReports::one).map(|_| ())
    });
    let mut begin = vec![0; BETWEEN];
    let count = here.read(&mut begin).await.unwrap_or_default();
    begin.truncate(count);
    if count == 0 {
        let ended = (&mut receiving).await.map_err(|_| Failure::internal())?;
        ended.map_err(|error| Failure::in_item("ft", 0, error))?;
    }
    let mut response = Response::builder().content_type(media).header("X-Content-Type-Options", "nosniff");
    if let Ok(name) = FileName::new(name) {
        response = response.header(header::CONTENT_DISPOSITION, disposition(&name));
    }
    let rest = Rest { here, receiving: (count > 0).then_some(receiving) };
    let content = std::io::Cursor::new(begin).chain(rest);
    Ok(Carried::Content(response.body(HttpBody::from_async_read(content))))
}

/// The rest of a file that is on its way. It ends well only if the transfer did; dropping it ends the transfer.
struct Rest {
    here: DuplexStream,
    receiving: Option<tokio::task::JoinHandle<vmm_core::Result<()>>>,
}

impl tokio::io::AsyncRead for Rest {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        use std::task::ready;

        let filled = buffer.filled().len();
        ready!(std::pin::Pin::new(&mut self.here).poll_read(context, buffer))?;
        if buffer.filled().len() == filled
            && let Some(receiving) = &mut self.receiving
        {
            let ended = ready!(std::pin::Pin::new(receiving).poll(context));
            self.receiving = None;
            ended.map_err(std::io::Error::other)?.map_err(std::io::Error::other)?;
        }
        std::task::Poll::Ready(Ok(()))
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(receiving) = &self.receiving {
            receiving.abort();
        }
    }
}
