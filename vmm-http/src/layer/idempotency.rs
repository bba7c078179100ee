//! Calls that are safe to repeat: a `POST` with an `Idempotency-Key` is made once, and its repeats get the first
//! answer.

use std::sync::Arc;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::auth::{Bearer, BearerAuthorization};
use tokio::time::{Instant, interval_at};
use vmm_core::model::{ClaimId, Claimed, Fingerprint, IdempotencyKey, KeptAnswer};
use vmm_core::{Actor, Vmm};

use crate::error::{self, Failure};
use crate::operations::{Operation, Operations};

/// The header with the client's key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that marks an answer as given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The desk that a call with a key is to use.
#[derive(Clone)]
pub(crate) struct OfThisCall(pub(crate) Vmm);

/// Makes calls with a key once.
pub(crate) struct Idempotency {
    pub(crate) vmm: Vmm,
    pub(crate) operations: Operations,
}

impl<E: Endpoint + 'static> Middleware<E> for Idempotency {
    type Output = Once<E>;

    fn transform(&self, inner: E) -> Once<E> {
        Once { inner: Arc::new(inner), vmm: self.vmm.clone(), operations: self.operations.clone() }
    }
}

/// An endpoint whose calls with a key are made once.
pub(crate) struct Once<E> {
    inner: Arc<E>,
    vmm: Vmm,
    operations: Operations,
}

impl<E: Endpoint + 'static> Endpoint for Once<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let operation = self.operations.get(&request).filter(|operation| operation.takes_key());
        let key = if operation.is_some() { key(&request)? } else { None };
        let (Some(key), Some(actor)) = (key, self.actor(&request).await?) else {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        };
        let body = request
            .take_body()
            .into_bytes()
            .await
            .map_err(|_| Failure::malformed("the body ended too early; send it again"))?;
        let place = request.uri().path_and_query().map_or("", |place| place.as_str()).to_owned();
        let call = Fingerprint::of(&[request.method().as_str().as_bytes(), place.as_bytes(), &body]);
        request.set_body(Body::from_bytes(body));
        let secret = operation.is_some_and(Operation::answers_with_secret);
        let (inner, vmm) = (Arc::clone(&self.inner), self.vmm.for_a_repeatable_call());
        request.set_data(OfThisCall(vmm.clone()));
        // A task, because a client that goes away ends this future, and what is begun must come to its end: the client
        // will repeat the call, and no claim may be left behind.
        let call = tokio::spawn(async move {
            match vmm.claim_key(&actor, key, call).await.map_err(Failure::from)? {
                Claimed::First(claim) => {
                    let response = match hold(&vmm, claim, inner.call(request)).await {
                        Ok(response) => response.into_response(),
                        Err(error) => error::answer(error).await,
                    };
                    Ok(end(&vmm, claim, response, secret).await)
                }
                Claimed::Answered(answer) => Ok(replay(answer)),
                Claimed::Withheld => Err(Failure::conflict(
                    "a call with this Idempotency-Key was made; its answer was not kept, because it held a secret or \
                     was too large",
                )),
                Claimed::Running => Err(Failure::still_running(
                    "the first call with this Idempotency-Key is in progress; try again later",
                )),
                Claimed::Other => {
                    Err(Failure::conflict("this Idempotency-Key was used for another call; choose a new key"))
                }
            }
        });
        match call.await {
            Ok(answer) => Ok(answer?),
            Err(error) => {
                tracing::error!(%error, "a call with a key ended by itself");
                Err(Failure::internal().into())
            }
        }
    }
}

impl<E> Once<E> {
    /// Returns the caller; nobody if the login is no good, which the operation itself tells.
    async fn actor(&self, request: &Request) -> Result<Option<Actor>, Failure> {
        let Ok(Bearer { token }) = Bearer::from_request(request) else { return Ok(None) };
        match self.vmm.authenticate(&token.into()).await {
            Ok((actor, _)) => Ok(Some(actor)),
            Err(vmm_core::Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Waits for a call and holds its key meanwhile.
async fn hold<T>(vmm: &Vmm, claim: ClaimId, call: impl Future<Output = T>) -> T {
    let mut ticks = interval_at(Instant::now() + Vmm::HOLD_INTERVAL, Vmm::HOLD_INTERVAL);
    let mut call = std::pin::pin!(call);
    loop {
        tokio::select! {
            answer = &mut call => return answer,
            _ = ticks.tick() => if let Err(error) = vmm.hold_key(claim).await {
                tracing::warn!(%error, "a key could not be held");
            }
        }
    }
}

/// Keeps what the call came to, or frees its key if it came to nothing.
async fn end(vmm: &Vmm, claim: ClaimId, response: Response, secret: bool) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = body.into_bytes().await else { return Failure::internal().into_response() };
    let status = parts.status;
    let ended = if status.is_success() && secret {
        vmm.keep_answer(claim, None).await
    } else if status.is_success() || matches!(status.as_u16(), 404 | 409 | 422) {
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
        let answer = KeptAnswer { status: status.as_u16(), media_type, body: body.to_vec(), rights: Vec::new() };
        vmm.keep_answer(claim, Some(answer)).await
    } else {
        vmm.release_key(claim).await
    };
    if let Err(error) = ended {
        tracing::warn!(%error, "the answer of a call with a key could not be kept");
    }
    Response::from_parts(parts, Body::from_bytes(body))
}

fn replay(answer: KeptAnswer) -> Response {
    let KeptAnswer { status, media_type, body, rights: _ } = answer;
    let mut response = Response::builder().header(REPLAYED, HeaderValue::from_static("true"));
    if let Ok(status) = poem::http::StatusCode::from_u16(status) {
        response = response.status(status);
    }
    if let Some(media_type) = media_type {
        response = response.content_type(media_type);
    }
    response.body(body)
}

fn key(request: &Request) -> Result<Option<IdempotencyKey>, Failure> {
    let mut keys = request.headers().get_all(KEY).into_iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = if keys.next().is_none() { key.to_str().unwrap_or_default() } else { "" };
    Ok(Some(IdempotencyKey::new(text)?))
}
