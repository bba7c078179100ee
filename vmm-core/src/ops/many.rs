//! The same on many machines, where what fails on one stops no other.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::model::{VmId, VmName};

/// Works on each machine, on so many at once; the others wait, and their time does not run. Results are in the order of
/// the machines. Work that is under way ends with the caller's waiting.
pub(super) async fn on_each<T: Send + 'static, F>(
    machines: Vec<(VmId, VmName)>,
    at_once: usize,
    work: impl Fn(VmName) -> F + Send,
) -> Result<Vec<(VmName, Result<T>)>>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_once));
    let mut calls = JoinSet::new();
    for (index, (_, vm)) in machines.iter().enumerate() {
        let (places, working) = (Arc::clone(&places), work(vm.clone()));
        calls.spawn(async move {
            let _place = places.acquire_owned().await;
            (index, working.await)
        });
    }
    let mut results: Vec<_> = machines.into_iter().map(|(_, vm)| (vm, None)).collect();
    while let Some(call) = calls.join_next().await {
        let (index, result) = call.map_err(|error| Error::internal("working on many machines", error))?;
        if let Some((_, slot)) = results.get_mut(index) {
            *slot = Some(result);
        }
    }
    Ok(results.into_iter().filter_map(|(vm, result)| result.map(|result| (vm, result))).collect())
}
