//! The limits that stand in front of every operation.

use std::net::IpAddr;
use std::time::Duration;

/// Limits in front of every operation. What one account may hold, and all together, is a matter of the desk:
/// [`BudgetLimits`](vmm_core::BudgetLimits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// The time that a body may take to arrive.
    pub body_deadline: Duration,
    /// Proxies whose word is taken for the address that a request comes from (the last of `X-Forwarded-For`). Nobody
    /// else's is.
    pub trusted_proxies: Vec<IpAddr>,
    /// The interval at which an event stream that has nothing to tell shows that it is open, and sees whether its login
    /// still is.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 2 << 20,
            body_deadline: Duration::from_secs(10),
            trusted_proxies: Vec::new(),
            heartbeat: Duration::from_secs(10),
        }
    }
}
