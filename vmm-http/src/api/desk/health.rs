//! The health of the desk. For load balancers and monitors; needs no login and tells no secret.

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::{PartHealth, Vmm};

use crate::api::tag::Tag;
use crate::error::Failure;

pub(crate) struct HealthApi;

/// The process answers.
#[derive(Debug, Object)]
#[oai(rename = "Liveness")]
struct LivenessBody {
    alive: bool,
}

/// Every part of the desk answers.
#[derive(Debug, Object)]
#[oai(rename = "Readiness")]
struct ReadinessBody {
    ready: bool,
}

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// Check that the process answers.
    #[oai(path = "/healthz", method = "get", operation_id = "getLiveness")]
    async fn alive(&self) -> Json<LivenessBody> {
        Json(LivenessBody { alive: true })
    }

    /// Check that the parts of the desk answer.
    ///
    /// If one does not, the problem names it: `database` or `hypervisor`.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn ready(&self, vmm: Data<&Vmm>) -> Result<Json<ReadinessBody>, Failure> {
        let health = vmm.health().await;
        let parts = [("database", health.database), ("hypervisor", health.hypervisor)];
        let down: Vec<_> =
            parts.into_iter().filter(|(_, part)| *part == PartHealth::Down).map(|(name, _)| name).collect();
        if down.is_empty() { Ok(Json(ReadinessBody { ready: true })) } else { Err(Failure::down(&down)) }
    }
}
