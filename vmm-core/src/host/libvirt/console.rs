//! The console log: a file in the pool's directory, so that it can be read where the pool can.

use uuid::Uuid;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;

use roxmltree::Document;

use super::connection::Session;
use super::content;
use super::error::{Failure, Result};
use super::storage::{self, volume_xml};
use super::xml::text_at;

const PREFIX: &str = "console-";
const SUFFIX: &str = ".log";

/// The number of older logs that virtlogd keeps beside the present one by default.
const BACKUPS: u32 = 3;

/// The log's name. It comes from the id alone, so that undefining a missing domain still finds it.
pub(super) fn name(uuid: Uuid) -> String {
    format!("{PREFIX}{uuid}{SUFFIX}")
}

/// Returns whether a volume is a console log, present or older.
pub(super) fn is_log(volume: &str) -> bool {
    let Some(rest) = volume.strip_prefix(PREFIX) else { return false };
    rest.get(..36).is_some_and(|id| Uuid::parse_str(id).is_ok()) && rest[36..].starts_with(SUFFIX)
}

/// Where a log of this name is, on the host.
pub(super) fn path(pool: &StoragePool, name: &str) -> Result<String> {
    let xml = pool.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    let directory = text_at(document.root_element(), &["target", "path"])
        .ok_or_else(|| Failure::Answer("a storage pool without a directory".to_owned()))?;
    Ok(format!("{}/{name}", directory.trim_end_matches('/')))
}

/// Makes the empty file, so that the pool knows it without reading its directory again.
pub(super) fn create(pool: &StoragePool, name: &str) -> Result<()> {
    if storage::lookup(pool, name)?.is_none() {
        StorageVol::create_xml(pool, &volume_xml(name, 0, "raw").render(), 0)?;
    }
    Ok(())
}

pub(super) fn tail(session: &Session, pool: &StoragePool, name: &str, limit: usize) -> Result<Vec<u8>> {
    let volume = match storage::lookup(pool, name)? {
        Some(volume) => Some(volume),
        None => {
            storage::refresh(pool)?;
            storage::lookup(pool, name)?
        }
    };
    volume.map_or_else(|| Ok(Vec::new()), |volume| content::tail(session, &volume, limit))
}

/// Removes the log and the older ones that were turned over.
pub(super) fn delete(pool: &StoragePool, name: &str) -> Result<()> {
    // The pool has not heard of files that it did not make; a busy one is asked with what it knows.
    let _ = pool.refresh(0);
    storage::delete(pool, name)?;
    (0..BACKUPS).try_for_each(|index| storage::delete(pool, &format!("{name}.{index}")))
}
