//! The HTTP of it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::fault::Fault;
use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use super::state::{Call, Quiet, Update};
use super::{Shared, TOKEN, method};

type Body = BoxBody<Bytes, io::Error>;
/// An error closes the connection without an answer.
type Served = Result<Response<Body>, io::Error>;

/// Listens on a free port; gives the address to use and the task that serves until it is aborted.
pub(super) async fn start(shared: Arc<Shared>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let task = tokio::spawn(async move {
        // The connections end with the set.
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request| serve(Arc::clone(&shared), request));
            connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            while connections.try_join_next().is_some() {}
        }
    });
    (format!("http://{address}/"), task)
}

async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Served {
    let (head, body) = request.into_parts();
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned();
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return Ok(download(&shared, rest));
    }
    let Some((token, name)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return Ok(answer(Err(Refusal::new(404, "Not Found"))));
    };
    if token != TOKEN {
        return Ok(answer(Err(Refusal::new(401, "Unauthorized"))));
    }
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let parameters = match Parameters::read(head.uri.query(), content_type, body).await {
        Ok(parameters) => parameters,
        Err(refusal) => return Ok(answer(Err(refusal))),
    };
    let (number, fault) = begin(&shared, name, &parameters);
    let result = match fault {
        Some(Fault::ServerError(status)) => Err(Refusal::new(status, "Internal Server Error")),
        Some(Fault::TooManyRequests { retry_after }) => {
            let what = Quiet::of(name, parameters.integer("chat_id"));
            shared.change(|state| state.quieten(what, retry_after));
            Err(Refusal::too_many(retry_after))
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::CutBefore) => return Err(cut()),
        _ => method::call(&shared, name, parameters).await,
    };
    shared.change(|state| state.calls[number].refused = result.as_ref().err().map(|error| error.description.clone()));
    match fault {
        Some(Fault::CutAfter) => Err(cut()),
        Some(Fault::CutAnswer) => Ok(half(&text(result))),
        Some(Fault::Twice | Fault::Reversed | Fault::Again) => Ok(answer(disorder(&shared, fault, result))),
        _ => Ok(answer(result)),
    }
}

/// Records the call; gives its number and how it goes wrong.
fn begin(shared: &Shared, method: &str, parameters: &Parameters) -> (usize, Option<Fault>) {
    shared.change(|state| {
        let number = state.calls.len();
        let name = method.to_lowercase();
        let fault = state.faults.take(&name, number);
        *state.counts.entry(name).or_default() += 1;
        state.calls.push(Call { method: method.to_owned(), parameters: parameters.values.clone(), refused: None });
        (number, fault)
    })
}

/// Spoils the order of an answer to `getUpdates`.
fn disorder(shared: &Shared, fault: Option<Fault>, result: Answer) -> Answer {
    let Value::Array(mut updates) = result? else { return Ok(Value::Null) };
    match fault {
        Some(Fault::Twice) => updates = updates.iter().flat_map(|update| [update.clone(), update.clone()]).collect(),
        Some(Fault::Reversed) => updates.reverse(),
        _ => updates.extend(shared.lock().confirmed.iter().map(Update::json)),
    }
    Ok(updates.into())
}

fn download(shared: &Shared, rest: &str) -> Response<Body> {
    let path = rest.strip_prefix(TOKEN).and_then(|rest| rest.strip_prefix("/documents/"));
    match path.and_then(|id| shared.lock().files.get(id).map(|file| file.bytes.clone())) {
        Some(bytes) => response(200, "application/octet-stream", bytes.into()),
        None => answer(Err(Refusal::new(404, "Not Found"))),
    }
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn text(result: Answer) -> (u16, String) {
    match result {
        Ok(value) => (200, json!({ "ok": true, "result": value }).to_string()),
        Err(Refusal { code, description, retry_after, migrated }) => {
            let mut body = json!({ "ok": false, "error_code": code, "description": description });
            if let Some(seconds) = retry_after {
                body["parameters"] = json!({ "retry_after": seconds });
            }
            if let Some(chat) = migrated {
                body["parameters"] = json!({ "migrate_to_chat_id": chat });
            }
            (code, body.to_string())
        }
    }
}

fn answer(result: Answer) -> Response<Body> {
    let (status, text) = text(result);
    response(status, "application/json", text.into())
}

fn response(status: u16, kind: &'static str, bytes: Bytes) -> Response<Body> {
    let body = Full::new(bytes).map_err(|never: Infallible| match never {}).boxed();
    Response::builder().status(status).header(CONTENT_TYPE, kind).body(body).expect("the parts are valid")
}

/// An answer that promises more bytes than come.
fn half((status, text): &(u16, String)) -> Response<Body> {
    let begun = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let body = StreamBody::new(stream::iter([Ok(Frame::data(begun)), Err(cut())]));
    let head = Response::builder().status(*status).header(CONTENT_TYPE, "application/json");
    let head = head.header(CONTENT_LENGTH, text.len());
    head.body(BodyExt::boxed(body)).expect("the parts are valid")
}
