//! What one client may cost: bytes of body, time to send them, and places among the requests.

use std::sync::Arc;

use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Bytes;
use poem::http::Method;
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::auth::{Bearer, BearerAuthorization};
use vmm_core::{Actor, Budget, Error, Holder, Place, Vmm};

use crate::error::Failure;
use crate::operations::Operations;
use crate::server::limits::Limits;
use crate::server::peer;
use crate::wire::content;

/// Paths that take a body from anybody.
const OPEN: [&str; 2] = ["/session", "/docs"];
/// The most that they take, in bytes.
const OPEN_BODY: usize = 64 << 10;
/// Where a browser signs in, which is no operation.
const FORM: &str = "/docs";

/// Which place a request takes while it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// None: it is answered however busy the server is.
    Free,
    /// None here: the core takes those of what waits for a machine or takes in a file.
    OfCore,
    /// One of this budget, of the address that it comes from.
    OfAddress(Budget),
    /// One of this budget, of the account.
    OfAccount(Budget),
}

/// The operations that take no place among the requests.
const LANES: [(&str, Lane); 14] = [
    ("getLiveness", Lane::Free),
    ("getReadiness", Lane::Free),
    ("login", Lane::OfAddress(Budget::SignIns)),
    ("updatePassword", Lane::OfAccount(Budget::PasswordChanges)),
    ("revokeAccess", Lane::OfAccount(Budget::Revocations)),
    ("logout", Lane::OfAccount(Budget::Revocations)),
    ("endSession", Lane::OfAccount(Budget::Revocations)),
    ("runSshCommands", Lane::OfCore),
    ("streamSshCommands", Lane::OfCore),
    ("runSshCommandsOnMany", Lane::OfCore),
    ("transferFiles", Lane::OfCore),
    ("streamFileTransfers", Lane::OfCore),
    ("getVmHostKey", Lane::OfCore),
    ("monitorVm", Lane::OfCore),
];

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
        let lane = self.lane(&request);
        let holder = self.holder(&request, lane).await?;
        request.set_data(holder);
        if content::is_streamed(&request) {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        }
        // The body comes first, so that a client that sends it slowly takes nobody's place.
        let bodies = match lane {
            Lane::OfAddress(Budget::SignIns) => Budget::SignInBodies,
            _ => Budget::Bodies,
        };
        let (bytes, held) = self.read(&mut request, bodies, holder).await?;
        request.set_body(Body::from_vec(bytes));
        let place = match lane {
            Lane::Free | Lane::OfCore => None,
            Lane::OfAddress(budget) | Lane::OfAccount(budget) => Some(self.take(budget, holder)?),
        };
        let turn = match lane {
            Lane::OfAccount(Budget::Requests) => self.vmm.turn(holder).await.map_err(Failure::from)?,
            _ => None,
        };
        // What is begun may go on when its client has gone; the places go with it.
        let places = Arc::new((held, place, turn));
        request.set_data(Arc::clone(&places));
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

impl<E> Admitted<E> {
    fn lane(&self, request: &Request) -> Lane {
        let (method, path) = (request.method(), request.uri().path());
        if path == FORM && *method == Method::POST {
            return Lane::OfAddress(Budget::SignIns);
        }
        let method = if method.as_str() == "UPDATE" { &Method::PUT } else { method };
        let name = self.operations.name(method, path).unwrap_or_default();
        let known = LANES.iter().find(|(operation, _)| *operation == name);
        known.map_or(Lane::OfAccount(Budget::Requests), |(_, lane)| *lane)
    }

    /// Whose places a request takes. A token that is no good is refused by the operation itself.
    async fn holder(&self, request: &Request, lane: Lane) -> Result<Holder, Failure> {
        let address = Holder::new(&Actor::Anonymous, peer::address(request));
        if matches!(lane, Lane::Free | Lane::OfAddress(_)) {
            return Ok(address);
        }
        let Ok(Bearer { token }) = Bearer::from_request(request) else { return Ok(address) };
        match self.vmm.authenticate(&token.into()).await {
            Ok((actor, _)) => Ok(Holder::from(&actor)),
            Err(Error::Unauthenticated) => Ok(address),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&self, budget: Budget, holder: Holder) -> Result<Place, Failure> {
        Ok(self.vmm.take_place(budget, holder)?)
    }

    /// The whole body, which holds no more than the limit, whatever its length header says or leaves out.
    async fn read(&self, request: &mut Request, bodies: Budget, holder: Holder) -> Result<(Vec<u8>, Place), Failure> {
        let limit =
            if OPEN.contains(&request.uri().path()) { self.limits.body.min(OPEN_BODY) } else { self.limits.body };
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
        let frame = frame.map_err(|_| Failure::malformed("the body broke off"))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Failure::too_large(limit));
        }
        held.grow(data.len() as u64)?;
        bytes.extend_from_slice(data);
    }
    Ok((bytes, held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Apis;

    #[test]
    fn every_operation_with_a_lane_of_its_own_is_in_the_specification() {
        let operations = Operations::of::<Apis>();
        for (name, _) in LANES {
            assert!(operations.names().any(|known| known == name), "{name}");
        }
    }
}
