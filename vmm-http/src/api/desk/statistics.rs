//! Figures for Prometheus.

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::PlainText;
use poem_openapi::{ApiResponse, OpenApi};

use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::layer::metrics::Metrics;
use crate::server::connection::OpenConnections;

pub(crate) struct MetricsApi;

#[derive(ApiResponse)]
enum Figures {
    /// The figures, as OpenMetrics text.
    #[oai(status = 200, content_type = "application/openmetrics-text")]
    Figures(PlainText<String>),
}

#[OpenApi(tag = "Tag::Health")]
impl MetricsApi {
    /// Get metrics for Prometheus. Admins only.
    ///
    /// Requests and their duration by operation, open connections, refused sign-ins, jobs by state, machines by status,
    /// whether database and hypervisor answer, and the memory of the process.
    #[oai(path = "/metrics", method = "get", operation_id = "getMetrics")]
    async fn get(&self, caller: Caller, request: &Request, metrics: Data<&Metrics>) -> Result<Figures, Failure> {
        let login = caller.0;
        let statistics = login.vmm.statistics(&login.actor).await?;
        let connections = request.data::<OpenConnections>().map(OpenConnections::count);
        let text = metrics.text(&statistics, connections).map_err(|_| Failure::internal())?;
        Ok(Figures::Figures(PlainText(text)))
    }
}
