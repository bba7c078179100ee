//! Limits on the cost of one client: bytes of body, time to send them, and places among the requests.

use std::sync::Arc;

use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Bytes;
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::auth::{Bearer, BearerAuthorization};
use vmm_core::{Actor, Budget, Holder, Place, Vmm};

use crate::error::Failure;
use crate::layer::idempotency;
use crate::operations::{self, BodyRule, Lane, Operations, Row, SMALL_BODY};
use crate::page::docs;
use crate::server::limits::Limits;
use crate::server::peer;
use crate::wire::content::is_multipart;

/// Lets requests in as far as the budgets of who sends them go.
pub(crate) struct Admission {
    pub(crate) limits: Limits,
    pub(crate) vmm: Vmm,
    pub(crate) operations: Operations,
}

impl<E: Endpoint> Middleware<E> for Admission {
    type Output = Admitted<E>;

    fn transform(&self, inner: E) -> Admitted<E> {
        Admitted { inner, limits: self.limits.clone(), vmm: self.vmm.clone(), operations: self.operations.clone() }
    }
}

/// An endpoint behind [`Admission`].
pub(crate) struct Admitted<E> {
    inner: E,
    limits: Limits,
    vmm: Vmm,
    operations: Operations,
}

impl<E: Endpoint> Endpoint for Admitted<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let row = self.row(&request);
        let lane = row.lane;
        let holder = self.holder(&request, lane).await?;
        request.set_data(holder);
        let streamed = match row.body {
            BodyRule::Streamed => true,
            BodyRule::StreamedInParts => is_multipart(&request),
            BodyRule::Small | BodyRule::Held => false,
        };
        if streamed {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        }
        // The body comes first, so that a client that sends it slowly takes nobody's place.
        let bodies = if row.signs_in() { Budget::SignInBodies } else { Budget::Bodies };
        let limit = if row.body == BodyRule::Small { self.limits.body.min(SMALL_BODY) } else { self.limits.body };
        let (bytes, held) = self.read(&mut request, limit, bodies, holder).await?;
        request.set_body(Body::from_vec(bytes));
        let place = match lane {
            Lane::Free | Lane::OfCore => None,
            Lane::OfAddress(budget) | Lane::OfAccount(budget) => Some(self.take(budget, holder)?),
        };
        // A repeat gets the first answer, for which it needs no place.
        if let Some(budget) = row.needs.filter(|_| !request.headers().contains_key(&idempotency::KEY)) {
            drop(self.take(budget, holder)?);
        }
        let turn = match lane {
            Lane::OfAccount(Budget::Requests) => self.vmm.turn(holder).await,
            _ => None,
        };
        // What is begun may go on when its client has gone; the places go with it.
        let places = Arc::new((held, place, turn));
        request.set_data(Arc::clone(&places));
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

impl<E> Admitted<E> {
    fn row(&self, request: &Request) -> Row {
        match self.operations.get(request) {
            Some(operation) => operation.row,
            None if docs::is_sign_in(request) => operations::SIGN_IN_FORM,
            None => operations::OTHER,
        }
    }

    /// Whose places a request takes. A token that is no good is refused by the operation itself.
    async fn holder(&self, request: &Request, lane: Lane) -> Result<Holder, Failure> {
        let address = Holder::new(&Actor::Anonymous, peer::address(request));
        if matches!(lane, Lane::Free | Lane::OfAddress(_)) {
            return Ok(address);
        }
        let Ok(Bearer { token }) = Bearer::from_request(request) else { return Ok(address) };
        Ok(self.vmm.holder(&token.into()).await?.unwrap_or(address))
    }

    fn take(&self, budget: Budget, holder: Holder) -> Result<Place, Failure> {
        Ok(self.vmm.take_place(budget, holder)?)
    }

    /// The whole body, which holds no more than the limit, whatever its length header says or leaves out.
    async fn read(
        &self,
        request: &mut Request,
        limit: usize,
        bodies: Budget,
        holder: Holder,
    ) -> Result<(Vec<u8>, Place), Failure> {
        let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
        if declared.is_some_and(|length| length > limit as u64) {
            return Err(Failure::too_large(limit));
        }
        let held = self.vmm.take_nothing(bodies, holder)?;
        let reading = collect(request.take_body().into(), limit, held);
        tokio::time::timeout(self.limits.body_deadline, reading).await.unwrap_or_else(|_| Err(Failure::slow()))
    }
}

async fn collect(
    mut body: BoxBody<Bytes, std::io::Error>,
    limit: usize,
    mut held: Place,
) -> Result<(Vec<u8>, Place), Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::malformed("the body ended too early; send it again"))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Failure::too_large(limit));
        }
        held.grow(data.len() as u64)?;
        bytes.extend_from_slice(data);
    }
    Ok((bytes, held))
}
