//! Figures for Prometheus, one set for each [`routes`](crate::routes).

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use vmm_core::{DeskStatistics, PartHealth};

use crate::operations::{OTHER, Operations, Row};

/// Seconds; commands on machines may take long.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    operation: &'static str,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBudget {
    budget: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

type Durations = Family<Operation, Histogram, fn() -> Histogram>;

/// The figures. Cheap to clone; clones are the same figures.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Figures>);

struct Figures {
    registry: Mutex<Registry>,
    requests: Family<Call, Counter>,
    durations: Durations,
    refusals: Family<Reason, Counter>,
    over_budget: Family<OfBudget, Counter>,
    of_budget: Family<OfBudget, Gauge>,
    connections: Gauge,
    jobs: Family<State, Gauge>,
    vms: Family<Status, Gauge>,
    up: Family<Part, Gauge>,
    memory: Gauge,
    audit_rows: Gauge,
    audit_head: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let figures = Figures {
            requests: Family::default(),
            durations: Durations::new_with_constructor(|| Histogram::new(BUCKETS)),
            refusals: Family::default(),
            over_budget: Family::default(),
            of_budget: Family::default(),
            connections: Gauge::default(),
            jobs: Family::default(),
            vms: Family::default(),
            up: Family::default(),
            memory: Gauge::default(),
            audit_rows: Gauge::default(),
            audit_head: Gauge::default(),
            registry: Mutex::default(),
        };
        registry.register("vmm_http_requests", "Requests by operation and status", figures.requests.clone());
        registry.register_with_unit(
            "vmm_http_request_duration",
            "Time from a request's head to its answer's",
            Unit::Seconds,
            figures.durations.clone(),
        );
        registry.register("vmm_login_refusals", "Logins that were refused, by why", figures.refusals.clone());
        let refused = "Calls that were refused because a budget was used up";
        registry.register("vmm_budget_refusals", refused, figures.over_budget.clone());
        let taken = "How much of a budget all accounts have at this moment";
        registry.register("vmm_budget_taken", taken, figures.of_budget.clone());
        registry.register("vmm_http_open_connections", "Connections that are open", figures.connections.clone());
        registry.register("vmm_jobs", "Jobs by state", figures.jobs.clone());
        registry.register("vmm_vms", "Machines by status", figures.vms.clone());
        registry.register("vmm_up", "Whether a part of the desk answers", figures.up.clone());
        registry.register("vmm_audit_rows", "Rows of the audit log", figures.audit_rows.clone());
        registry.register(
            "vmm_audit_head",
            "First 48 bits of the hash of the newest row of the audit log",
            figures.audit_head.clone(),
        );
        registry.register_with_unit(
            "process_resident_memory",
            "Memory that the process has in use",
            Unit::Bytes,
            figures.memory.clone(),
        );
        Self(Arc::new(Figures { registry: Mutex::new(registry), ..figures }))
    }
}

impl Metrics {
    fn count(&self, row: Row, status: StatusCode, seconds: f64) {
        let operation = row.id;
        let status = u32::from(status.as_u16());
        self.0.requests.get_or_create(&Call { operation, status }).inc();
        self.0.durations.get_or_create(&Operation { operation }).observe(seconds);
        if row.signs_in() {
            let reason = match status {
                401 => "credentials",
                429 => "limit",
                503 => "busy",
                _ => return,
            };
            self.0.refusals.get_or_create(&Reason { reason }).inc();
        }
    }

    /// All figures as OpenMetrics text.
    pub(crate) fn text(&self, statistics: &DeskStatistics, connections: Option<usize>) -> Result<String, fmt::Error> {
        let figures = &self.0;
        // One at a time, so that each answer is of one moment.
        let registry = figures.registry.lock().unwrap_or_else(PoisonError::into_inner);
        figures.connections.set(number(connections.unwrap_or_default() as u64));
        for (state, count) in &statistics.jobs {
            figures.jobs.get_or_create(&State { state: state.as_str() }).set(number(*count));
        }
        for (status, count) in &statistics.vms {
            figures.vms.get_or_create(&Status { status: status.as_str() }).set(number(*count));
        }
        for (budget, count) in &statistics.refusals {
            let budget = budget.as_str();
            figures.over_budget.get_or_create(&OfBudget { budget }).inner().store(*count, Ordering::Relaxed);
        }
        for (budget, count) in statistics.taken.iter().filter(|(budget, _)| !budget.is_stored()) {
            figures.of_budget.get_or_create(&OfBudget { budget: budget.as_str() }).set(number(*count));
        }
        let health = &statistics.health;
        for (part, health) in [("database", health.database), ("hypervisor", health.hypervisor)] {
            figures.up.get_or_create(&Part { part }).set(i64::from(health == PartHealth::Up));
        }
        figures.audit_rows.set(number(statistics.audit.rows));
        figures.audit_head.set(number(statistics.audit.hash.prefix()));
        figures.memory.set(number(resident_memory().unwrap_or_default()));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// In bytes; `None` where the system does not tell.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Counts every request.
pub(crate) struct Measure {
    pub(crate) metrics: Metrics,
    pub(crate) operations: Operations,
}

impl<E: Endpoint> Middleware<E> for Measure {
    type Output = Measured<E>;

    fn transform(&self, inner: E) -> Measured<E> {
        Measured { inner, metrics: self.metrics.clone(), operations: self.operations.clone() }
    }
}

/// An endpoint whose requests are counted.
pub(crate) struct Measured<E> {
    inner: E,
    metrics: Metrics,
    operations: Operations,
}

impl<E: Endpoint> Endpoint for Measured<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let row = self.operations.get(&request).map_or(OTHER, |operation| operation.row);
        let response = self.inner.call(request).await?.into_response();
        self.metrics.count(row, response.status(), began.elapsed().as_secs_f64());
        Ok(response)
    }
}
