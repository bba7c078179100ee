//! The authentication of a caller: the bearer token of a login, or an API token.

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use vmm_core::model::AccountCredential;
use vmm_core::{Actor, Vmm};

use crate::error::Failure;
use crate::layer::idempotency::OfThisCall;
use crate::layer::session_cookie::ByCookie;
use crate::operations::Operations;

/// The token that `POST /session` or `POST /token` gave.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "token", checker = "check")]
pub(crate) struct Caller(pub(crate) Login);

/// Somebody who is known, and the desk to ask.
pub(crate) struct Login {
    pub(crate) vmm: Vmm,
    pub(crate) actor: Actor,
    pub(crate) credential: AccountCredential,
}

async fn check(request: &Request, bearer: Bearer) -> poem::Result<Login> {
    let repeatable = request.data::<OfThisCall>().map(|OfThisCall(vmm)| vmm);
    let vmm = repeatable.or_else(|| request.data::<Vmm>()).ok_or_else(Failure::internal)?.clone();
    let (actor, credential) = vmm.authenticate(&bearer.token.into()).await.map_err(Failure::from)?;
    if request.data::<ByCookie>().is_some() && !on_own_page(request) {
        vmm.may_use_web(&actor).map_err(Failure::from)?;
    }
    Ok(Login { vmm, actor, credential })
}

/// Returns whether a request is one of the page of the own account, which everybody reaches.
fn on_own_page(request: &Request) -> bool {
    let operation = request.data::<Operations>().and_then(|operations| operations.get(request));
    operation.is_some_and(|operation| operation.row.on_own_page)
}
