//! Whether the desk works. For load balancers and monitors; needs no login and tells no secret.

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use vmm_core::{Health, PartHealth, Vmm};

use super::Tag;

pub(crate) struct HealthApi;

/// The process answers.
#[derive(Debug, Object)]
#[oai(rename = "Liveness")]
struct LivenessBody {
    alive: bool,
}

/// Whether a part answers.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "PartHealth", rename_all = "lowercase")]
enum PartWord {
    Up,
    Down,
}

impl From<PartHealth> for PartWord {
    fn from(part: PartHealth) -> Self {
        match part {
            PartHealth::Up => Self::Up,
            PartHealth::Down => Self::Down,
        }
    }
}

/// Whether the parts of the desk answer.
#[derive(Debug, Object)]
#[oai(rename = "Readiness")]
struct ReadinessBody {
    ready: bool,
    database: PartWord,
    hypervisor: PartWord,
}

impl From<&Health> for ReadinessBody {
    fn from(health: &Health) -> Self {
        Self { ready: health.is_ready(), database: health.database.into(), hypervisor: health.hypervisor.into() }
    }
}

#[derive(ApiResponse)]
enum Readiness {
    /// Every part answers.
    #[oai(status = 200)]
    Ready(Json<ReadinessBody>),
    /// A part does not answer.
    #[oai(status = 503)]
    NotReady(Json<ReadinessBody>),
}

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// See whether the process answers.
    #[oai(path = "/healthz", method = "get", operation_id = "getLiveness")]
    async fn alive(&self) -> Json<LivenessBody> {
        Json(LivenessBody { alive: true })
    }

    /// See whether the parts of the desk answer.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn ready(&self, vmm: Data<&Vmm>) -> Readiness {
        let health = vmm.health().await;
        let body = Json(ReadinessBody::from(&health));
        if health.is_ready() { Readiness::Ready(body) } else { Readiness::NotReady(body) }
    }
}
