//! Who asks: the bearer token of a login.

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use vmm_core::model::SessionId;
use vmm_core::{Actor, Vmm};

use crate::error::Failure;

/// The token that `POST /session` gave.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "token", checker = "check")]
pub(crate) struct Caller(pub(crate) Login);

/// A valid login, and the desk to use it at.
pub(crate) struct Login {
    pub(crate) vmm: Vmm,
    pub(crate) actor: Actor,
    pub(crate) session: SessionId,
}

async fn check(request: &Request, bearer: Bearer) -> poem::Result<Login> {
    let vmm = request.data::<Vmm>().ok_or_else(Failure::internal)?.clone();
    let (actor, session) = vmm.authenticate(&bearer.token.into()).await.map_err(Failure::from)?;
    Ok(Login { vmm, actor, session: session.id })
}
