//! The same on many machines, where what fails on one stops no other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::budget::Place;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Result};
use crate::model::{Budget, VmId, VmName};
use crate::policy::Actor;

/// The time that a call that works on one machine waits for a session.
const PATIENCE: Duration = Duration::from_secs(30);

/// The kind of call that work on one machine belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Origin {
    /// A call for this machine.
    One,
    /// A call for many machines, which has a place among the calls that wait for machines.
    Many,
}

impl Vmm {
    /// Takes a place among the calls that wait for machines, unless the call for many machines has one.
    ///
    /// # Errors
    /// [`Error::OverBudget`].
    pub(in crate::ops) fn machine_call(&self, actor: &Actor, origin: Origin) -> Result<Option<Place>> {
        let single = origin == Origin::One;
        single.then(|| self.take_place(Budget::MachineCalls, actor.into())).transpose()
    }
}

/// Waits for a session on a machine. Work of a call for many machines waits for its turn as long as it takes.
pub(in crate::ops) async fn session(desk: &Desk, actor: &Actor, origin: Origin) -> Result<Place> {
    let patience = (origin == Origin::One).then_some(PATIENCE);
    desk.budgets().session(actor.into(), patience).await
}

/// Works on each machine, on so many at once; the others wait, and their time does not run. Results are in the order of
/// the machines. Work that is under way ends with the caller's waiting.
pub(in crate::ops) async fn on_each<T: Send + 'static, F>(
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
