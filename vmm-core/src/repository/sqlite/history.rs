//! Figures of the last hour.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::Result;
use super::row::{Columns, InOrder, all, execute, integer};
use super::store::Store;
use crate::error;
use crate::model::{Look, Sample, Timestamp, VmId};
use crate::repository::rules::stored;
use crate::repository::{HistoryRepository, KEPT_LOOKS, LOOK_LIFETIME};

#[async_trait]
impl HistoryRepository for Store {
    async fn record(&self, look: Look) -> error::Result<()> {
        self.write("recording figures", move |tx| {
            forget(tx, look.at)?;
            execute(tx, "INSERT INTO look (at) VALUES (?1)", [stored(look.at).timestamp_micros()])?;
            let id = tx.last_insert_rowid();
            look.samples.iter().try_for_each(|sample| insert(tx, id, sample))?;
            execute(tx, "DELETE FROM look WHERE id <= ?1", [id - i64::from(KEPT_LOOKS)]).map(drop)
        })
        .await
    }

    async fn of_vm(&self, vm: VmId, since: Timestamp) -> error::Result<Vec<(Timestamp, Sample)>> {
        self.read("reading figures", move |connection| {
            // The cross join goes from look to look, and to the machine's sample of each by its key.
            let sql = "SELECT look.at, sample.vm, sample.run, sample.vcpu, sample.cpu_time, sample.memory_used,
                    sample.memory_resident, sample.disk_read, sample.disk_written, sample.net_received, sample.net_sent
                FROM look CROSS JOIN sample ON sample.look = look.id AND sample.vm = ?1
                WHERE look.at >= ?2 ORDER BY look.id";
            all(connection, sql, params![vm.0, since.timestamp_micros()], sample)
        })
        .await
    }
}

/// Forgets the looks that are too old at `now`, and those that are not older.
fn forget(tx: &Transaction<'_>, now: Timestamp) -> Result<()> {
    let now = stored(now).timestamp_micros();
    let lifetime = i64::try_from(LOOK_LIFETIME.as_micros()).unwrap_or(i64::MAX);
    execute(tx, "DELETE FROM look WHERE at >= ?1 OR at < ?2", params![now, now.saturating_sub(lifetime)]).map(drop)
}

/// Forgets the samples of a machine, from look to look by their key.
pub(super) fn remove(tx: &Transaction<'_>, vm: VmId) -> Result<()> {
    execute(tx, "DELETE FROM sample WHERE look IN (SELECT id FROM look) AND vm = ?1", [vm.0]).map(drop)
}

fn insert(tx: &Transaction<'_>, look: i64, sample: &Sample) -> Result<()> {
    let number = |field, value: Option<u64>| value.map(|value| integer(field, value)).transpose();
    execute(
        tx,
        "INSERT INTO sample (look, vm, run, vcpu, cpu_time, memory_used, memory_resident, disk_read, disk_written,
                             net_received, net_sent)
         SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM vm WHERE id = ?2",
        params![
            look,
            sample.vm.0,
            sample.run,
            sample.vcpu,
            integer("cpu_time", sample.cpu_time)?,
            number("memory_used", sample.memory_used)?,
            integer("memory_resident", sample.memory_resident)?,
            number("disk_read", sample.disk_read)?,
            number("disk_written", sample.disk_written)?,
            number("net_received", sample.net_received)?,
            number("net_sent", sample.net_sent)?,
        ],
    )
    .map(drop)
}

fn sample(row: &Row<'_>) -> Result<(Timestamp, Sample)> {
    let row = InOrder::new(row);
    let at = row.time("at")?;
    let sample = Sample {
        vm: VmId(row.value("vm")?),
        run: row.value("run")?,
        vcpu: row.value("vcpu")?,
        cpu_time: row.size("cpu_time")?,
        memory_used: row.size_opt("memory_used")?,
        memory_resident: row.size("memory_resident")?,
        disk_read: row.size_opt("disk_read")?,
        disk_written: row.size_opt("disk_written")?,
        net_received: row.size_opt("net_received")?,
        net_sent: row.size_opt("net_sent")?,
    };
    Ok((at, sample))
}
