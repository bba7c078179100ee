//! The consoles of guests.

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Result;

/// The consoles of guests.
///
/// # Contract
/// - A console is empty until its domain starts for the first time after it was defined.
/// - A domain that is missing or foreign is [`NotFound`](crate::Error::NotFound).
/// - A host without the [capability](super::Capabilities::console) answers
///   [`Unsupported`](crate::Error::Unsupported).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostConsole: Send + Sync {
    /// Returns the last `limit` bytes that the guest wrote to its console; empty if there are none.
    async fn tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>>;
}
