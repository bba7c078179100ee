//! The result of reading a request's table, and the records that its cells are checked against.

use std::net::Ipv4Addr;

use crate::error::{Problems, Result};
use crate::model::{GroupName, Hostname, OsName, OsVersion, VmName};

/// The number of notes on cells that were not read literally.
const MOST_NOTES: usize = 20;

/// A machine as a row of the table asks for it; a row with `count` gives several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpecRow {
    /// The row as a spreadsheet numbers it.
    pub(super) row: u32,
    /// Its name.
    pub(super) name: VmName,
    /// The name it gives itself; the machine's name if the column is empty.
    pub(super) hostname: Hostname,
    /// Its group.
    pub(super) group_name: Option<GroupName>,
    /// Virtual processors; 1 if the column is empty.
    pub(super) vcpu: u32,
    /// Memory in MiB; 1024 if the column is empty.
    pub(super) memory: u32,
    /// The catalog entry's name.
    pub(super) os: OsName,
    /// The catalog entry's version.
    pub(super) os_version: Option<OsVersion>,
    /// Sizes in GiB, the system disk first; empty for one disk of the image's size.
    pub(super) disks: Vec<u32>,
    /// The address to reserve.
    pub(super) ip: Option<Ipv4Addr>,
    /// For people.
    pub(super) description: String,
}

/// The records that cells are checked against, so that one reading finds all problems of a row. Each method but the
/// last says what stands in the way.
pub(super) trait Surroundings {
    fn name(&self, name: &VmName) -> Result<(), String>;
    fn os(&self, name: &OsName, version: Option<&OsVersion>) -> Result<(), String>;
    fn disks(&self, disks: &[u32], os: &OsName, version: Option<&OsVersion>) -> Result<(), String>;
    fn vcpu(&self, vcpu: u32) -> Result<(), String>;
    fn memory(&self, memory: u32) -> Result<(), String>;
    fn ip(&self, ip: Ipv4Addr) -> Result<(), String>;
    /// The one entry of the catalog that a text like `Debian 12` can mean.
    fn os_like(&self, text: &str) -> Option<(OsName, OsVersion)>;
}

/// The verdict on one row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowVerdict {
    /// The row as a spreadsheet numbers it.
    pub row: u32,
    /// The text under `name`, cut to 64 characters.
    pub name: String,
    /// The number of machines that the row asks for; 0 if it is wrong.
    pub machines: u32,
    /// True if it has a problem.
    pub wrong: bool,
}

/// The result of reading a table.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The machines of the rows without a problem.
    pub(super) machines: Vec<SpecRow>,
    /// The problems.
    pub(super) problems: Problems,
    /// The verdict on each row, up to the row with the last kept problem.
    pub(super) rows: Vec<RowVerdict>,
    /// The number of rows that are not blank, without the titles.
    pub(super) rows_total: usize,
    /// Notes for people on cells that were not read literally.
    pub(super) understood: Vec<String>,
}

impl Reading {
    /// Notes what was understood, until there are too many such notes.
    pub(super) fn understand(&mut self, note: String) {
        match self.understood.len() {
            length if length < MOST_NOTES => self.understood.push(note),
            MOST_NOTES => self.understood.push("and more of that kind".to_owned()),
            _ => {}
        }
    }
}
