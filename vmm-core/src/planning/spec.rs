//! The table of a request: every problem with row and column, all at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::cell;
use super::header::{self, Column, Header};
use super::table::{MAX_CELLS, Record, Table, is_blank};
use super::units::{Unit, number};
use crate::error::{Problem, Problems, Result};
use crate::model::{GroupName, Hostname, OsName, OsVersion, VmName};
use crate::text::quoted;

/// The most machines that one request can ask for.
pub(super) const MAX_MACHINES: usize = 1000;
/// The most bytes that the descriptions of all machines of a request have together.
const MAX_DESCRIPTIONS: usize = 256 << 10;
/// How many rows are looked at for the titles, if the first one has none.
const TITLES_WITHIN: usize = 20;
/// How many things are told that were understood as something else than their letters say.
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

/// What cells are held against beyond their own text, so that a row's problems are all found in one reading.
/// Each method but the last says what stands in the way.
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

/// What was found of one row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowVerdict {
    /// The row as a spreadsheet numbers it.
    pub row: u32,
    /// What stands under `name`, cut to 64 characters.
    pub name: String,
    /// How many machines it asks for; 0 if it is wrong.
    pub machines: u32,
    /// Whether it has a problem.
    pub wrong: bool,
}

/// What a table was read as.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The machines of the rows without a problem.
    pub(super) machines: Vec<SpecRow>,
    /// What is wrong.
    pub(super) problems: Problems,
    /// What was found of each row, up to the one with the last problem that is kept.
    pub(super) rows: Vec<RowVerdict>,
    /// How many rows are not blank, without the titles.
    pub(super) rows_total: usize,
    /// What was understood as something else than its letters say, for people.
    pub(super) understood: Vec<String>,
}

impl Reading {
    /// Counts a row behind as many rows as a request can have machines as one problem, whatever its cells hold.
    fn leave_out(&mut self, header: &Header, record: &Record<'_>, taken: &mut Taken) {
        if std::mem::replace(&mut taken.machines, usize::MAX) > MAX_MACHINES {
            return self.problems.count(1);
        }
        if !self.problems.is_full() {
            let name = shown_name(header, record);
            self.rows.push(RowVerdict { row: record.row, name, machines: 0, wrong: true });
        }
        self.problems.push(Problem::at(record.row, Column::Count.name(), too_many()));
    }

    fn understand(&mut self, note: String) {
        match self.understood.len() {
            length if length < MOST_NOTES => self.understood.push(note),
            MOST_NOTES => self.understood.push("and more of that kind".to_owned()),
            _ => {}
        }
    }
}

/// Reads a table in any dialect that spreadsheets write, with columns in any order.
pub(super) fn read(text: &str, surroundings: &dyn Surroundings) -> Reading {
    let mut reading = Reading::default();
    let mut table = Table::new(text, |title| header::title(title).is_some());
    let Some(header) = titles(&mut table, text, &mut reading.problems) else { return reading };
    header.understood.iter().for_each(|note| reading.understand(note.clone()));
    let mut taken = Taken::default();
    while let Some(record) = table.next() {
        if record.is_blank() {
            continue;
        }
        reading.rows_total += 1;
        if reading.rows_total > MAX_MACHINES {
            reading.leave_out(&header, &record, &mut taken);
            continue;
        }
        let before = reading.problems.total();
        let told = !reading.problems.is_full();
        let separator = table.separator();
        let mut row =
            Row { header: &header, record: &record, separator, reading: &mut reading, taken: &mut taken, surroundings };
        let machines = row.machines();
        let name = shown_name(&header, &record);
        let wrong = reading.problems.total() > before;
        if told {
            let count = if wrong { 0 } else { u32::try_from(machines.len()).unwrap_or(u32::MAX) };
            reading.rows.push(RowVerdict { row: record.row, name, machines: count, wrong });
        }
        reading.machines.extend(machines);
    }
    if reading.rows_total == 0 && reading.problems.is_empty() {
        reading.problems.push(Problem::new("spec", "holds no machine; write a header row and a row for each machine"));
    }
    reading
}

/// Reads the row of the titles: the first one that is not blank.
fn titles(table: &mut Table<'_>, text: &str, problems: &mut Problems) -> Option<Header> {
    let record = loop {
        match table.next() {
            Some(record) if record.is_blank() => {}
            Some(record) => break record,
            None => {
                let missing = |column: Column| Problem::new(column.name(), "this column is missing in the header row");
                [Column::Name, Column::Os].into_iter().for_each(|column| problems.push(missing(column)));
                return None;
            }
        }
    };
    if let Some(fault) = &record.fault {
        problems.push(Problem::at(record.row, "spec", quote_reason(fault)));
        return None;
    }
    if !header::has_title(&record) {
        let row = record.row;
        let mut below = Table::new(text, |title| header::title(title).is_some());
        let mut others = std::iter::from_fn(|| below.next()).take(TITLES_WITHIN + row as usize);
        if let Some(found) = others.find(header::is_header) {
            let reason = format!(
                "row {row} is no header: it holds {}. The titles of the columns are in row {}; remove what is above them",
                quoted(record.cells.iter().find(|cell| !cell.is_empty()).map_or("", |cell| cell)),
                found.row
            );
            problems.push(Problem::new("spec", reason));
            return None;
        }
    }
    let header = Header::read(&record, problems);
    // Rows without a name or an os would each be told wrong for one cause.
    (header.place(Column::Name).is_some() && header.place(Column::Os).is_some()).then_some(header)
}

/// The row that each name and address of this table was first in, and how much was asked for so far.
#[derive(Default)]
struct Taken {
    names: HashMap<VmName, u32>,
    addresses: HashMap<Ipv4Addr, u32>,
    machines: usize,
    descriptions: usize,
}

/// Returns what people see of a row's name.
fn shown_name(header: &Header, record: &Record<'_>) -> String {
    let name = header.place(Column::Name).and_then(|place| record.cells.get(place));
    name.map(|name| name.chars().take(64).filter(|c| !c.is_control()).collect()).unwrap_or_default()
}

fn too_many() -> String {
    format!("from this row on these are more than {MAX_MACHINES} machines; split the request")
}

/// One row, and where its problems go.
struct Row<'a> {
    header: &'a Header,
    record: &'a Record<'a>,
    separator: char,
    reading: &'a mut Reading,
    taken: &'a mut Taken,
    surroundings: &'a dyn Surroundings,
}

impl Row<'_> {
    /// The machines of this row; none if it has a problem, which is then recorded. Every cell is looked at first.
    fn machines(&mut self) -> Vec<SpecRow> {
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

    /// Whether the quotes of the row are wrong, or took in other rows; that is recorded then.
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

    /// Whether a line inside a cell looks like a row of its own: it has as many cells as the header, and what stands for the
    /// name and the os has no blank inside.
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

    /// Whether the row has cells under no title; that is recorded then.
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

    /// What stands in the column, if it does: for people as it is, and otherwise without what nobody meant to write.
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
fn quote_reason(fault: &super::table::QuoteFault) -> String {
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

/// What the machines of one row have in common.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// A host with room for everything and an empty desk whose catalog has every os.
    struct Open;

    impl Surroundings for Open {
        fn name(&self, _: &VmName) -> Result<(), String> {
            Ok(())
        }
        fn os(&self, _: &OsName, _: Option<&OsVersion>) -> Result<(), String> {
            Ok(())
        }
        fn disks(&self, _: &[u32], _: &OsName, _: Option<&OsVersion>) -> Result<(), String> {
            Ok(())
        }
        fn vcpu(&self, _: u32) -> Result<(), String> {
            Ok(())
        }
        fn memory(&self, _: u32) -> Result<(), String> {
            Ok(())
        }
        fn ip(&self, _: Ipv4Addr) -> Result<(), String> {
            Ok(())
        }
        fn os_like(&self, _: &str) -> Option<(OsName, OsVersion)> {
            None
        }
    }

    fn parse(text: &str) -> Result<Vec<SpecRow>> {
        let Reading { machines, problems, .. } = read(text, &Open);
        if problems.is_empty() { Ok(machines) } else { Err(Error::Invalid(problems)) }
    }

    fn problems(text: &str) -> Vec<String> {
        match parse(text) {
            Err(Error::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
            other => panic!("expected problems, got {other:?}"),
        }
    }

    #[test]
    fn columns_come_in_any_order_and_spelling_of_case() {
        let rows = parse("OS,Memory,NAME,disk\ndebian:12,2GiB,web-1,20;100\n").expect("a good CSV");
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(
            (row.row, row.name.as_str(), row.hostname.as_str(), row.vcpu, row.memory),
            (2, "web-1", "web-1", 1, 2048)
        );
        assert_eq!((row.os.as_str(), row.os_version.as_ref().map(OsVersion::as_str)), ("debian", Some("12")));
        assert_eq!(row.disks, [20, 100]);
    }

    #[test]
    fn bom_crlf_semicolons_and_blank_lines_are_fine() {
        let rows = parse("\u{feff}name;os;disk\r\nweb-1;debian;\"20;100\"\r\n;;\r\n\r\nweb-2;debian;\r\n")
            .expect("a good CSV");
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["web-1", "web-2"]);
        assert_eq!(rows[0].disks, [20, 100]);
        assert!(rows[1].disks.is_empty());
    }

    #[test]
    fn count_makes_numbered_machines() {
        let rows = parse("name,os,count,hostname\nlab,debian,3,lab.class\n").expect("a good CSV");
        let names: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.hostname.as_str())).collect();
        assert_eq!(names, [("lab-1", "lab-1.class"), ("lab-2", "lab-2.class"), ("lab-3", "lab-3.class")]);
        assert_eq!(
            problems("name,os,count\nlab,debian,2\nlab-2,debian,\n"),
            ["row 3, column name: lab-2 is in row 2 already"]
        );
    }

    #[test]
    fn a_row_that_no_request_has_room_for_is_one_problem_whatever_its_cells_hold() {
        for (row, kept) in [("?,?,?\n", 100), ("web,debian,1\n", 100)] {
            let text = format!("name,os,vcpu\n{}", row.repeat(MAX_MACHINES + 5000));
            let all = read(&text, &Open).problems;
            let first = read(&format!("name,os,vcpu\n{}", row.repeat(MAX_MACHINES)), &Open).problems;
            assert_eq!((all.len(), all.total()), (kept, first.total() + 5000));
        }
        let good: String = (0..=MAX_MACHINES).map(|number| format!("web-{number},debian\n")).collect();
        let found = problems(&format!("name,os\n{good}web-x,debian\n"));
        assert_eq!(
            found,
            ["row 1002, column count: from this row on these are more than 1000 machines; split the request"]
        );
    }

    #[test]
    fn every_problem_is_named_with_row_and_column() {
        let spec = "name,hostname,group_name,vcpu,memory,os,disk,ip,count,description\n\
                    Web,,,,,debian,,,,\n\
                    web-2,_x,,,,debian,,,,\n\
                    web-3,,a b,,,debian,,,,\n\
                    web-4,,,0,,debian,,,,\n\
                    web-5,,,,2XB,debian,,,,\n\
                    web-6,,,,,,,,,\n\
                    web-7,,,,,debian,0,,,\n\
                    web-8,,,,,debian,,10.0.0,,\n\
                    web-9,,,,,debian,,,none,\n\
                    web-9,,,,,debian,,,,\n\
                    web-9,,,,,debian,,,,a\u{7}b\n";
        let found = problems(spec);
        let places: Vec<_> = found.iter().map(|problem| problem.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(
            places,
            [
                "row 2, column name",
                "row 3, column hostname",
                "row 4, column group_name",
                "row 5, column vcpu",
                "row 6, column memory",
                "row 7, column os",
                "row 8, column disk",
                "row 9, column ip",
                "row 10, column count",
                "row 12, column name",
                "row 12, column description",
            ],
            "{found:#?}"
        );
    }

    #[test]
    fn a_wrong_header_is_one_problem_each_and_not_one_for_every_row() {
        assert_eq!(
            problems("nmae,vcpu,vcpu\nweb-1,1,1\nweb-2,1,1\n")
                .iter()
                .map(|p| p.split(':').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>(),
            ["nmae", "vcpu", "name", "os"]
        );
        assert_eq!(
            problems(""),
            ["name: this column is missing in the header row", "os: this column is missing in the header row"]
        );
        assert!(problems("name,os\n")[0].contains("holds no machine"));
    }

    #[test]
    fn cells_beyond_the_header_are_a_problem() {
        let found = problems("name,os,disk\nweb-1,debian,20,100\n");
        assert!(found[0].starts_with("row 2, column spec: 4 cells under 3 columns"), "{found:?}");
    }
}
