//! One row of the table of a request: its cells, its machines and its problems.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::cell;
use super::header::{self, Column, Header};
use super::reading::{Reading, SpecRow, Surroundings};
use super::table::{MAX_CELLS, Record, is_blank};
use super::units::{Unit, number};
use crate::error::{Problem, Result};
use crate::model::{GroupName, Hostname, OsName, OsVersion, VmName};
use crate::text::quoted;

/// The most machines that one request can ask for.
pub(super) const MAX_MACHINES: usize = 1000;
/// The most bytes that the descriptions of all machines of a request have together.
const MAX_DESCRIPTIONS: usize = 256 << 10;

/// The row that each name and address of this table was first in, and how much was asked for so far.
#[derive(Default)]
pub(super) struct Taken {
    names: HashMap<VmName, u32>,
    addresses: HashMap<Ipv4Addr, u32>,
    pub(super) machines: usize,
    descriptions: usize,
}

/// Says that these are too many machines.
pub(super) fn too_many() -> String {
    format!("from this row on these are more than {MAX_MACHINES} machines; split the request")
}

/// One row, and where its problems go.
pub(super) struct Row<'a> {
    pub(super) header: &'a Header,
    pub(super) record: &'a Record<'a>,
    pub(super) separator: char,
    pub(super) reading: &'a mut Reading,
    pub(super) taken: &'a mut Taken,
    pub(super) surroundings: &'a dyn Surroundings,
}

impl Row<'_> {
    /// The machines of this row; none if it has a problem, which is then recorded. Every cell is looked at first.
    pub(super) fn machines(&mut self) -> Vec<SpecRow> {
        let before = self.reading.problems.total();
        // What quotes and separators did to a row is its one problem: its cells are not what anybody wrote.
        if self.quotes() || self.width() {
            return Vec::new();
        }
        let around = self.surroundings;
        let count = self.read(Column::Count, |text| number(text, MAX_MACHINES as u32));
        let name = self.required(Column::Name, cell::name);
        let names = self.names(name, count);
        let hostname = self.read(Column::Hostname, cell::hostname);
        let group_name = self.read(Column::GroupName, cell::group_name);
        let vcpu = self.read(Column::Vcpu, |text| checked(number(text, cell::MAX_VCPU)?, |vcpu| around.vcpu(*vcpu)));
        let bare = self.header.unit(Column::Memory, Unit::Mib);
        let memory =
            self.read(Column::Memory, |text| checked(cell::memory(text, bare)?, |memory| around.memory(*memory)));
        let os = self.os();
        let bare = self.header.unit(Column::Disk, Unit::Gib);
        let disks = self.read(Column::Disk, |text| {
            checked(cell::disks(text, bare)?, |disks| match &os {
                Some((name, version)) => around.disks(disks, name, version.as_ref()),
                None => Ok(()),
            })
        });
        let ip = self.ip(count.flatten());
        let description = self.description(count.flatten());
        if self.reading.problems.total() > before {
            return Vec::new();
        }
        let Some((os, os_version)) = os else { return Vec::new() };
        let template = Template {
            row: self.record.row,
            hostname: hostname.flatten(),
            group_name: group_name.flatten(),
            vcpu: vcpu.flatten().unwrap_or(1),
            memory: memory.flatten().unwrap_or(1024),
            os,
            os_version,
            disks: disks.flatten().unwrap_or_default(),
            ip,
            description: description.flatten().unwrap_or_default(),
        };
        let numbered = count.flatten().is_some();
        let machines =
            names.into_iter().zip(1..).map(|(name, number)| template.machine(name, numbered.then_some(number)));
        match machines.collect::<Result<Vec<_>, _>>() {
            Ok(machines) => machines,
            Err(reason) => {
                self.problem(Column::Hostname, &reason);
                Vec::new()
            }
        }
    }

    /// The names that this row takes: `name`, or with a count `name-1` … `name-n`. They are counted before any is made.
    fn names(&mut self, name: Option<VmName>, count: Option<Option<u32>>) -> Vec<VmName> {
        let Some(count) = count else { return Vec::new() };
        let machines = count.unwrap_or(1) as usize;
        let before = self.taken.machines;
        self.taken.machines = before.saturating_add(machines);
        if self.taken.machines > MAX_MACHINES {
            if before <= MAX_MACHINES {
                self.problem(Column::Count, &too_many());
            } else {
                self.reading.problems.count(1);
            }
            return Vec::new();
        }
        let Some(name) = name else { return Vec::new() };
        let names: Result<Vec<_>> = match count {
            None => Ok(vec![name]),
            Some(count) => (1..=count).map(|number| VmName::new(format!("{name}-{number}"))).collect(),
        };
        let Ok(names) = names else {
            let reason = "has no room for the number that count adds; 63 characters in all";
            self.problem(Column::Name, reason);
            return Vec::new();
        };
        let (mut first, mut others) = (None, 0);
        for name in &names {
            let row = *self.taken.names.entry(name.clone()).or_insert(self.record.row);
            let taken = if row == self.record.row { None } else { Some(format!("{name} is in row {row} already")) };
            match taken.or_else(|| self.surroundings.name(name).err()) {
                Some(reason) if first.is_none() => first = Some(reason),
                Some(_) => others += 1,
                None => {}
            }
        }
        if let Some(reason) = first {
            let others = if others > 0 { format!("; so are {others} more names of this row") } else { String::new() };
            self.problem(Column::Name, &format!("{reason}{others}"));
        }
        names
    }

    /// The entry of the catalog: as it is written there, or the only one that the text can mean.
    fn os(&mut self) -> Option<(OsName, Option<OsVersion>)> {
        let around = self.surroundings;
        let mut like = None;
        let os = self.required(Column::Os, |text| {
            let exact = cell::os(text).and_then(|os| checked(os, |(name, version)| around.os(name, version.as_ref())));
            exact.or_else(|reason| {
                let (name, version) = around.os_like(text).ok_or(reason)?;
                around.os(&name, Some(&version))?;
                like = Some(format!("{} is read as {name}:{version}", quoted(text)));
                Ok((name, Some(version)))
            })
        });
        if let Some(note) = like {
            self.understand(&note);
        }
        os
    }

    fn ip(&mut self, count: Option<u32>) -> Option<Ipv4Addr> {
        let text = self.text(Column::Ip)?.into_owned();
        let around = self.surroundings;
        let taken = &self.taken.addresses;
        let row = self.record.row;
        let earlier = |ip: &Ipv4Addr| match taken.get(ip) {
            Some(other) => Err(format!("{ip} is in row {other} already")),
            None if count.is_some_and(|count| count > 1) => {
                Err("one address cannot serve several machines; leave it empty or write a row for each".to_owned())
            }
            None => around.ip(*ip),
        };
        let ip = cell::address(&text).and_then(|ip| checked(ip, earlier));
        match ip {
            Ok(ip) => {
                self.taken.addresses.insert(ip, row);
                Some(ip)
            }
            Err(reason) => {
                self.problem(Column::Ip, &reason);
                None
            }
        }
    }

    fn description(&mut self, count: Option<u32>) -> Option<Option<String>> {
        let description = self.read(Column::Description, cell::description)?;
        let bytes = description.as_ref().map_or(0, String::len) * count.unwrap_or(1) as usize;
        self.taken.descriptions = self.taken.descriptions.saturating_add(bytes);
        if self.taken.descriptions > MAX_DESCRIPTIONS {
            let reason =
                format!("the descriptions of all machines have more than {} KiB together", MAX_DESCRIPTIONS >> 10);
            self.problem(Column::Description, &reason);
            return None;
        }
        Some(description)
    }

    /// Returns whether the quotes of the row are wrong, or took in other rows; that is recorded then.
    fn quotes(&mut self) -> bool {
        if let Some(fault) = &self.record.fault {
            let problem = Problem::at(self.record.row, self.header.call(fault.cell), quote_reason(fault));
            self.reading.problems.push(problem);
            return true;
        }
        let swallowed = self.record.cells.iter().position(|cell| self.holds_rows(cell));
        if let Some(place) = swallowed {
            let reason = "a quoted cell holds lines that look like rows; close the quote where its text ends, or write these \
                          lines without separators";
            self.reading.problems.push(Problem::at(self.record.row, self.header.call(place), reason));
        }
        swallowed.is_some()
    }

    /// Returns whether a line inside a cell looks like a row of its own: it has as many cells as the header, and what
    /// stands for the name and the os has no blank inside.
    fn holds_rows(&self, cell: &str) -> bool {
        let width = self.header.titles.len();
        let places = [Column::Name, Column::Os].map(|column| self.header.place(column).unwrap_or(0));
        let looks_like_row = |line: &str| {
            let cells: Vec<_> =
                line.split(self.separator).take(MAX_CELLS).map(|cell| cell.trim_matches(is_blank)).collect();
            let word = |place: usize| cells.get(place).is_some_and(|cell| !cell.is_empty() && !cell.contains(is_blank));
            cells.len() >= width && places.into_iter().all(word)
        };
        cell.contains(['\n', '\r']) && cell.split(['\n', '\r']).skip(1).any(looks_like_row)
    }

    /// Returns whether the row has cells under no title; that is recorded then.
    fn width(&mut self) -> bool {
        let columns = self.header.titles.len();
        let beyond =
            self.record.cells.iter().skip(columns).find(|cell| !cell.is_empty()).or(self.record.beyond.as_ref());
        if let Some(extra) = beyond {
            let curly = self.record.cells.iter().any(|cell| cell::begins_with_curly_quote(cell));
            let hint = match (self.separator, self.header.place(Column::Disk)) {
                _ if curly => "; its quotes are curly ones, which quote nothing: write straight ones (\")".to_owned(),
                (';' | ',', Some(_)) => {
                    format!("; write a list of disks as 20+100, or in quotes as \"20{}100\"", self.separator)
                }
                _ => "; quote a cell that holds the separator".to_owned(),
            };
            let reason = format!(
                "{} cells under {columns} columns; the first too many is {}{hint}",
                self.record.width,
                quoted(extra)
            );
            self.reading.problems.push(Problem::at(self.record.row, "spec", reason));
            return true;
        }
        let cells = self.header.untitled.iter().filter_map(|place| Some((*place, self.record.cells.get(*place)?)));
        let Some((place, cell)) = cells.into_iter().find(|(_, cell)| !cell.is_empty()) else { return false };
        let reason = format!("holds {}, and the column has no title in row {}", quoted(cell), self.header.row);
        self.reading.problems.push(Problem::at(self.record.row, header::letters(place), reason));
        true
    }

    /// Returns the text of the column, if there is any: for people as it is, and otherwise without what nobody meant to
    /// write.
    fn text(&mut self, column: Column) -> Option<Cow<'static, str>> {
        let cell = self.record.cells.get(self.header.place(column)?)?;
        let text = if column == Column::Description { Cow::Borrowed(cell.as_ref()) } else { cell::mended(cell) };
        let mended = text.len() != cell.len();
        let text = Some(text.into_owned()).filter(|text| !text.is_empty());
        if let Some(text) = text.as_ref().filter(|_| mended) {
            let note = format!("{} under {} is read as {text}", quoted(cell), column.name());
            self.understand(&note);
        }
        text.map(Cow::Owned)
    }

    fn understand(&mut self, note: &str) {
        self.reading.understand(format!("row {}: {note}", self.record.row));
    }

    /// Reads an optional cell: `None` if it is wrong, `Some(None)` if it is empty.
    fn read<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
        match self.text(column).map(|text| read(&text)) {
            None => Some(None),
            Some(Ok(value)) => Some(Some(value)),
            Some(Err(reason)) => {
                self.problem(column, &reason);
                None
            }
        }
    }

    fn required<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.read(column, read)?;
        if value.is_none() {
            self.problem(column, "is empty and required");
        }
        value
    }

    fn problem(&mut self, column: Column, reason: &str) {
        self.reading.problems.push(Problem::at(self.record.row, column.name(), reason));
    }
}

/// Says what is wrong with the quotes of a row.
pub(super) fn quote_reason(fault: &super::table::QuoteFault) -> String {
    let super::table::QuoteFault { opened, closed, last, .. } = fault;
    match closed {
        None if opened == last => {
            format!("the quote that is opened in line {opened} is never closed; close it or leave it out")
        }
        None => format!(
            "the quote that is opened in line {opened} is never closed, so that lines {opened} to {last} are one cell; close \
             it or leave it out"
        ),
        Some(closed) if closed == opened => format!(
            "text stands behind a quote that is closed in line {closed}; write the whole cell in quotes, and a quote inside \
             it twice"
        ),
        Some(closed) => format!(
            "the quote that is opened in line {opened} is closed in the midst of line {closed}, so that these lines are one \
             cell; close it in line {opened}, and write a quote inside a cell twice"
        ),
    }
}

/// The values that the machines of one row share.
struct Template {
    row: u32,
    hostname: Option<Hostname>,
    group_name: Option<GroupName>,
    vcpu: u32,
    memory: u32,
    os: OsName,
    os_version: Option<OsVersion>,
    disks: Vec<u32>,
    ip: Option<Ipv4Addr>,
    description: String,
}

impl Template {
    /// One machine; `number` is its place among those that a count makes.
    fn machine(&self, name: VmName, number: Option<u32>) -> Result<SpecRow, String> {
        let hostname = match (&self.hostname, number) {
            (None, _) => Hostname::new(name.as_str()),
            (Some(hostname), None) => Ok(hostname.clone()),
            (Some(hostname), Some(number)) => numbered(hostname, number),
        };
        Ok(SpecRow {
            row: self.row,
            name,
            hostname: hostname.map_err(|_| "has no room for the number that count adds".to_owned())?,
            group_name: self.group_name.clone(),
            vcpu: self.vcpu,
            memory: self.memory,
            os: self.os.clone(),
            os_version: self.os_version.clone(),
            disks: self.disks.clone(),
            ip: self.ip,
            description: self.description.clone(),
        })
    }
}

fn checked<T>(value: T, check: impl FnOnce(&T) -> Result<(), String>) -> Result<T, String> {
    check(&value).map(|()| value)
}

/// Puts the number behind the first label: `db.lab` becomes `db-2.lab`.
fn numbered(hostname: &Hostname, number: u32) -> Result<Hostname> {
    match hostname.as_str().split_once('.') {
        Some((label, rest)) => Hostname::new(format!("{label}-{number}.{rest}")),
        None => Hostname::new(format!("{hostname}-{number}")),
    }
}
