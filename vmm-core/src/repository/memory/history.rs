//! Figures of the last hour.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::state::State;
use super::store::Store;
use crate::error::Result;
use crate::model::{Look, Sample, Timestamp, VmId};
use crate::repository::rules::stored;
use crate::repository::{HistoryRepository, KEPT_LOOKS, LOOK_LIFETIME};

#[async_trait]
impl HistoryRepository for Store {
    async fn record(&self, look: Look) -> Result<()> {
        self.write(|state| {
            let Look { at, mut samples } = look;
            let at = stored(at);
            let oldest = TimeDelta::from_std(LOOK_LIFETIME).ok().and_then(|lifetime| at.checked_sub_signed(lifetime));
            state.looks.remove_if(|look| look.at >= at || oldest.is_some_and(|oldest| look.at < oldest));
            samples.retain(|sample| state.vms.has(&sample.vm));
            let id = state.looks.next_id();
            state.looks.insert(id, Look { at, samples });
            let old: Vec<_> = state.looks.range(..=id - i64::from(KEPT_LOOKS)).map(|(id, _)| *id).collect();
            state.looks.remove_all(&old);
            Ok(())
        })
    }

    async fn of_vm(&self, vm: VmId, since: Timestamp) -> Result<Vec<(Timestamp, Sample)>> {
        let since = stored(since);
        Ok(self.read(|state| {
            let looks = state.looks.values().filter(|look| look.at >= since);
            let of_vm = |look: &Look| look.samples.iter().find(|sample| sample.vm == vm).cloned();
            looks.filter_map(|look| Some((look.at, of_vm(look)?))).collect()
        }))
    }
}

/// Forgets the samples of a machine.
pub(super) fn remove(state: &mut State, vm: VmId) {
    let of_vm = |look: &Look| look.samples.iter().any(|sample| sample.vm == vm);
    state.looks.change_if(of_vm, |look| look.samples.retain(|sample| sample.vm != vm));
}
