//! Machines.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};

use super::error::{Error, Result};
use super::list::List;
use super::record::job;
use super::record::vm::{
    SELECT, accept_definition, by_id, insert_adopted, keep_definition, refuse_while_changed, required, update, vm,
};
use super::row::{Columns, all, execute, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AcceptedDefinition, Adoption, AuditEntry, Facts, JobId, NewJob, Observation, ObservedStates, Revision,
    StatusReason, Subject, Vm, VmChange, VmFilter, VmId, VmName, VmStatus,
};
use crate::repository::rules::{expected, now};
use crate::repository::{VmRepository, refusal};

#[async_trait]
impl VmRepository for Store {
    async fn by_id(&self, id: VmId) -> error::Result<Option<Vm>> {
        self.read("reading a machine", move |connection| by_id(connection, id)).await
    }

    async fn by_name(&self, name: &VmName) -> error::Result<Option<Vm>> {
        let name = name.clone();
        self.read("reading a machine", move |connection| {
            first(connection, &format!("{SELECT} WHERE vm.name = ?1"), [name.as_str()], vm)
        })
        .await
    }

    async fn list(&self, filter: &VmFilter) -> error::Result<Vec<Vm>> {
        let filter = filter.clone();
        self.read("listing machines", move |connection| list(connection, &filter)).await
    }

    async fn list_seen(&self, filter: &VmFilter, seen: Arc<ObservedStates>) -> error::Result<Vec<Vm>> {
        let filter = filter.clone();
        self.read("listing machines", move |connection| list_seen(connection, &filter, &seen)).await
    }

    async fn count(&self) -> error::Result<Vec<(VmStatus, u64)>> {
        self.read("counting machines", |connection| {
            all(connection, "SELECT status, count(*) AS number FROM vm GROUP BY status", [], |row| {
                Ok((row.parsed("status")?, row.size("number")?))
            })
        })
        .await
    }

    async fn observe(&self, seen: Vec<Observation>) -> error::Result<()> {
        self.write("recording what was seen", move |tx| {
            seen.iter().filter(|seen| seen.state.status != VmStatus::Request).try_for_each(|seen| observe(tx, seen))
        })
        .await
    }

    async fn adopt(&self, adoption: Adoption, job: NewJob, audit: AuditEntry) -> error::Result<(Vm, JobId)> {
        self.change("recording a machine to adopt", audit, move |tx| {
            let id = insert_adopted(tx, &adoption)?;
            let job = job::insert(tx, &job, &Subject::Vm(id), adoption.name.as_str(), None)?;
            Ok((required(tx, id)?, job))
        })
        .await
    }

    async fn definition(&self, id: VmId) -> error::Result<Option<Facts>> {
        self.read("reading a definition", move |connection| {
            let kept = first(connection, "SELECT definition FROM vm WHERE id = ?1", [id.0], |row| {
                row.value::<Option<String>>("definition")
            })?;
            let kept = kept.ok_or_else(|| error::Error::not_found(Kind::Vm, id))?;
            let read = |kept: String| Facts::from_kept(&kept).map_err(|source| Error::corrupt("definition", source));
            Ok(kept.map(read).transpose()?.flatten())
        })
        .await
    }

    async fn keep_definition(&self, id: VmId, facts: Facts) -> error::Result<()> {
        self.write("keeping a definition", move |tx| keep_definition(tx, id, &facts)).await
    }

    async fn accept_definition(
        &self,
        id: VmId,
        accepted: AcceptedDefinition,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<Vm> {
        self.change("accepting a definition", audit, move |tx| {
            let vm = required(tx, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            refuse_while_changed(tx, &vm)?;
            accept_definition(tx, &vm, &accepted)?;
            required(tx, id)
        })
        .await
    }

    async fn update(
        &self,
        id: VmId,
        change: VmChange,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<Vm> {
        self.change("changing a machine's record", audit, move |tx| {
            let vm = required(tx, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            update(tx, &vm, change)?;
            required(tx, id)
        })
        .await
    }

    async fn start_delete(
        &self,
        id: VmId,
        job: NewJob,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<JobId> {
        self.change("starting a removal", audit, move |tx| {
            let vm = required(tx, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            if vm.status == VmStatus::Request && !vm.adopted && job::stuck_making(tx, vm.id)?.is_none() {
                return Err(refusal::vm_not_made(&vm.name).into());
            }
            refuse_while_changed(tx, &vm)?;
            job::insert(tx, &job, &Subject::Vm(id), vm.name.as_str(), None)
        })
        .await
    }
}

fn list(connection: &Connection, filter: &VmFilter) -> Result<Vec<Vm>> {
    filtered(filter).only("vm.status = ?", filter.status.map(|status| status.as_str().to_owned())).read(
        connection,
        "vm.id",
        filter.limit,
        vm,
    )
}

fn list_seen(connection: &Connection, filter: &VmFilter, seen: &ObservedStates) -> Result<Vec<Vm>> {
    if filter.status == Some(VmStatus::Request) {
        return list(connection, filter);
    }
    let list = filtered(filter).only("vm.status <> ?", filter.status.map(|_| "request".to_owned()));
    // Which machines have the status is not in the database, so the page's end is not either.
    let scanned = if filter.status.is_some() { None } else { filter.limit };
    list.pick(connection, "vm.id", scanned, filter.limit, |row| {
        if filter.status.is_some() && filter.status != Some(seen.of(&row.parsed("uuid")?).status) {
            return Ok(None);
        }
        let vm = vm(row)?;
        let state = seen.of(&vm.uuid);
        Ok(Some(vm.with_state(state)))
    })
}

/// Every condition but the one on the status.
fn filtered(filter: &VmFilter) -> List {
    let VmFilter { user, group_name, status: _, request, os, name_prefix, after, limit: _ } = filter;
    List::of(SELECT)
        .only("vm.user = (SELECT id FROM user WHERE name = ?)", user.as_ref().map(ToString::to_string))
        .only("vm.group_name = ?", group_name.as_ref().map(ToString::to_string))
        .only("vm.request = ?", request.as_ref().map(ToString::to_string))
        .only("vm.os = ?", os.map(|os| os.0))
        .named("vm.name", name_prefix.as_ref())
        .only("vm.id > ?", after.map(|id| id.0))
}

/// Writes nothing when nothing changed: a sweep that sees a thousand machines as they were costs no disk write.
///
/// A pause does not end a run. While the state is unknown, the run that was seen last is kept, in case it is found
/// again.
fn observe(tx: &Transaction<'_>, seen: &Observation) -> Result<()> {
    let Observation { uuid, state, ip, run } = seen;
    execute(
        tx,
        "UPDATE vm SET status = CASE status WHEN 'request' THEN status ELSE ?2 END,
                       status_reason = CASE status WHEN 'request' THEN NULL ELSE ?6 END,
                       ip = CASE WHEN ip_fixed THEN ip ELSE coalesce(?3, ip) END,
                       on_since = CASE WHEN ?2 IN ('off', 'saved') THEN NULL
                                       WHEN ?2 = 'unknown' THEN on_since
                                       WHEN status IN ('off', 'saved') OR run <> ?4 THEN ?5
                                       WHEN status = 'request' THEN coalesce(on_since, ?5)
                                       ELSE on_since END,
                       run = CASE WHEN ?2 IN ('off', 'saved') THEN NULL ELSE coalesce(?4, run) END
         WHERE uuid = ?1
           AND (status NOT IN ('request', ?2) OR (status = ?2 AND status_reason IS NOT ?6)
                OR (NOT ip_fixed AND ?3 IS NOT NULL AND ip IS NOT ?3)
                OR (?2 IN ('on', 'paused')
                    AND ((?4 IS NOT NULL AND run IS NOT ?4) OR (status = 'request' AND on_since IS NULL))))",
        params![
            uuid.to_string(),
            state.status.as_str(),
            ip.map(|ip| ip.to_string()),
            run,
            now().timestamp_micros(),
            state.reason.map(StatusReason::as_str),
        ],
    )?;
    Ok(())
}
