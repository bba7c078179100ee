//! The catalog.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::Result;
use super::list::List;
use super::record::job;
use super::row::{Columns, all, execute, exists, first, integer};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, Image, JobId, LoginName, NewJob, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion, Revision,
    Subject, VolumeName,
};
use crate::repository::refusal::label;
use crate::repository::rules::{expected, now};
use crate::repository::{OsRepository, refusal};

#[async_trait]
impl OsRepository for Store {
    async fn create(&self, os: NewOs, import: NewJob, audit: AuditEntry) -> error::Result<(Os, Option<JobId>)> {
        self.change("making a catalog entry", audit, move |tx| {
            let id = insert(tx, &os)?;
            let title = label(&os.name, &os.version);
            let job = os.qcow2.is_some().then(|| enqueue(tx, id, &title, &import)).transpose()?;
            Ok((required(tx, id)?, job))
        })
        .await
    }

    async fn by_id(&self, id: OsId) -> error::Result<Option<Os>> {
        self.read("reading a catalog entry", move |connection| by_id(connection, id)).await
    }

    async fn find<'a>(&self, name: &OsName, version: Option<&'a OsVersion>) -> error::Result<Vec<Os>> {
        let (name, version) = (name.clone(), version.cloned());
        self.read("finding catalog entries", move |connection| {
            all(
                connection,
                "SELECT * FROM os WHERE name = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY id",
                params![name.as_str(), version.as_ref().map(OsVersion::as_str)],
                os,
            )
        })
        .await
    }

    async fn list(&self, filter: &OsFilter) -> error::Result<Vec<Os>> {
        let OsFilter { name, after, limit } = filter.clone();
        self.read("listing the catalog", move |connection| {
            List::of("SELECT * FROM os")
                .only("name = ?", name.map(|name| name.to_string()))
                .only_all(
                    "(name, version) > (?, ?)",
                    after.map(|(name, version)| [name.to_string(), version.to_string()]),
                )
                .read(connection, "name, version", limit, os)
        })
        .await
    }

    async fn set_image(&self, id: OsId, image: Image) -> error::Result<()> {
        self.write("recording an image", move |tx| {
            let Image { volume, sha256, virtual_size, stamp } = image;
            let changed = execute(
                tx,
                "UPDATE os SET image_volume = ?1, image_sha256 = ?2, image_virtual_size = ?3, image_stamp = ?4 WHERE id = ?5",
                params![volume.as_str(), sha256, integer("virtual_size", virtual_size)?, stamp, id.0],
            )?;
            if changed == 0 { Err(error::Error::not_found(Kind::Os, id).into()) } else { Ok(()) }
        })
        .await
    }

    async fn start_import(&self, id: OsId, import: NewJob, audit: AuditEntry) -> error::Result<(Os, JobId)> {
        self.change("starting an import", audit, move |tx| {
            let os = required(tx, id)?;
            if let Some(job) = job::open_on(tx, &Subject::Os(id))? {
                return Err(refusal::os_is_imported(&os, job).into());
            }
            let job = enqueue(tx, id, &label(&os.name, &os.version), &import)?;
            Ok((os, job))
        })
        .await
    }

    async fn update(
        &self,
        id: OsId,
        change: OsChange,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<Os> {
        self.change("changing a catalog entry", audit, move |tx| {
            let os = required(tx, id)?;
            expected(Kind::Os, label(&os.name, &os.version), os.revision, expect)?;
            execute(
                tx,
                "UPDATE os SET description = coalesce(?2, description), login = coalesce(?3, login),
                               revision = revision + 1
                 WHERE id = ?1",
                params![id.0, change.description, change.login.as_ref().map(LoginName::as_str)],
            )?;
            required(tx, id)
        })
        .await
    }

    async fn delete(&self, id: OsId, expect: Option<Revision>, audit: AuditEntry) -> error::Result<()> {
        self.change("removing a catalog entry", audit, move |tx| {
            let os = required(tx, id)?;
            expected(Kind::Os, label(&os.name, &os.version), os.revision, expect)?;
            refuse_while_used(tx, &os)?;
            execute(
                tx,
                "INSERT OR IGNORE INTO removed_image (volume)
                 SELECT image_volume FROM os WHERE id = ?1 AND image_volume IS NOT NULL",
                [id.0],
            )?;
            execute(tx, "DELETE FROM os WHERE id = ?1", [id.0])?;
            Ok(())
        })
        .await
    }

    async fn removed_images(&self) -> error::Result<Vec<VolumeName>> {
        self.read("listing removed images", |connection| {
            all(connection, "SELECT volume FROM removed_image ORDER BY volume", [], |row| row.parsed("volume"))
        })
        .await
    }

    async fn forget_removed_image(&self, volume: &VolumeName) -> error::Result<()> {
        let volume = volume.to_string();
        self.write("forgetting a removed image", move |tx| {
            execute(tx, "DELETE FROM removed_image WHERE volume = ?1", [volume]).map(drop)
        })
        .await
    }
}

fn insert(tx: &Transaction<'_>, new: &NewOs) -> Result<OsId> {
    let NewOs { name, version, iso, qcow2, description, login } = new;
    if exists(tx, "SELECT 1 FROM os WHERE name = ?1 AND version = ?2", [name.as_str(), version.as_str()])? {
        return Err(refusal::os_taken(name, version).into());
    }
    execute(
        tx,
        "INSERT INTO os (name, version, iso, qcow2, description, login, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![name.as_str(), version.as_str(), iso, qcow2, description, login.as_str(), now().timestamp_micros()],
    )?;
    Ok(OsId(tx.last_insert_rowid()))
}

fn enqueue(tx: &Transaction<'_>, id: OsId, title: &str, job: &NewJob) -> Result<JobId> {
    job::insert(tx, job, &Subject::Os(id), title, None)
}

fn by_id(connection: &Connection, id: OsId) -> Result<Option<Os>> {
    first(connection, "SELECT * FROM os WHERE id = ?1", [id.0], os)
}

fn required(connection: &Connection, id: OsId) -> Result<Os> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Os, id).into())
}

fn refuse_while_used(tx: &Transaction<'_>, os: &Os) -> Result<()> {
    let vm: Option<String> =
        first(tx, "SELECT name FROM vm WHERE os = ?1 ORDER BY id LIMIT 1", [os.id.0], |row| row.value("name"))?;
    if let Some(vm) = vm {
        return Err(refusal::os_has_vm(os, vm).into());
    }
    match job::open_on(tx, &Subject::Os(os.id))? {
        Some(job) => Err(refusal::os_needs_import(os, job).into()),
        None => Ok(()),
    }
}

fn os(row: &Row<'_>) -> Result<Os> {
    Ok(Os {
        id: OsId(row.value("id")?),
        name: row.parsed("name")?,
        version: row.parsed("version")?,
        iso: row.value("iso")?,
        qcow2: row.value("qcow2")?,
        description: row.value("description")?,
        login: row.parsed("login")?,
        image: image(row)?,
        problem: None,
        revision: Revision(row.value("revision")?),
        created_at: row.time("created_at")?,
    })
}

fn image(row: &Row<'_>) -> Result<Option<Image>> {
    let Some(volume) = row.parsed_opt("image_volume")? else { return Ok(None) };
    let (sha256, virtual_size) = (row.value("image_sha256")?, row.size("image_virtual_size")?);
    Ok(Some(Image { volume, sha256, virtual_size, stamp: row.value("image_stamp")? }))
}
