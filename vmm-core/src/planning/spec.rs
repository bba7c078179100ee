//! The CSV of a request: every problem with row and column, all at once.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::{sheet, units};
use crate::error::{Error, Problem, Result};
use crate::model::{GroupName, Hostname, MAX_DISK_SIZE, MAX_DISKS, OsName, OsVersion, VmName, shortened};

/// The most machines that one request can ask for.
pub(super) const MAX_MACHINES: usize = 10_000;

/// The longest description of a machine, in bytes.
const MAX_DESCRIPTION: usize = 1024;
/// The most virtual processors of a machine; QEMU's limit for q35 is higher on no supported version.
const MAX_VCPU: u32 = 288;
/// The least memory that any supported guest starts with, in MiB.
const MIN_MEMORY: u32 = 64;
/// The most memory of a machine in MiB: 4 TiB.
const MAX_MEMORY: u32 = 4 << 20;

/// A machine as a row of the CSV asks for it; a row with `count` gives several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpecRow {
    /// The row, counted from 1 below the header.
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

/// The columns, in the order that people are shown them.
pub(super) fn titles() -> [&'static str; 10] {
    Column::ALL.map(|(_, name)| name)
}

/// A column of the CSV.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    Name,
    Hostname,
    GroupName,
    Vcpu,
    Memory,
    Os,
    Disk,
    Ip,
    Count,
    Description,
}

impl Column {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Name, "name"),
        (Self::Hostname, "hostname"),
        (Self::GroupName, "group_name"),
        (Self::Vcpu, "vcpu"),
        (Self::Memory, "memory"),
        (Self::Os, "os"),
        (Self::Disk, "disk"),
        (Self::Ip, "ip"),
        (Self::Count, "count"),
        (Self::Description, "description"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(column, _)| *column == self).map_or("", |(_, name)| name)
    }
}

/// What cells are held against beyond their own text, so that a row's problems are all found in one reading.
/// Each method says what stands in the way.
pub(super) trait Surroundings {
    fn name(&self, name: &VmName) -> Result<(), String>;
    fn os(&self, name: &OsName, version: Option<&OsVersion>) -> Result<(), String>;
    fn disks(&self, disks: &[u32], os: &OsName, version: Option<&OsVersion>) -> Result<(), String>;
    fn vcpu(&self, vcpu: u32) -> Result<(), String>;
    fn memory(&self, memory: u32) -> Result<(), String>;
    fn ip(&self, ip: Ipv4Addr) -> Result<(), String>;
}

/// Reads a CSV: UTF-8 with or without BOM, LF or CRLF, comma or semicolon, columns in any order.
///
/// # Errors
/// [`Error::Invalid`] with every problem, in order of rows.
pub(super) fn parse(text: &str, surroundings: &dyn Surroundings) -> Result<Vec<SpecRow>> {
    let mut reader = sheet::reader(text);
    let mut problems = Vec::new();
    let header = reader.headers().map_err(|error| Error::invalid("spec", format!("not a CSV: {error}")))?;
    let columns = header_columns(header, &mut problems);
    let mut rows = Vec::new();
    let mut taken = Taken::default();
    for (index, record) in reader.records().enumerate() {
        let row = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(Problem::at(row, "spec", format!("not a CSV row: {error}")));
                break;
            }
        };
        if record.iter().all(str::is_empty) {
            continue;
        }
        let mut cells =
            Cells { row, columns: &columns, record: &record, problems: &mut problems, taken: &mut taken, surroundings };
        rows.extend(cells.machines());
        if rows.len() > MAX_MACHINES {
            problems.push(Problem::at(row, "count", format!("more than {MAX_MACHINES} machines; split the request")));
            break;
        }
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push(Problem::new("spec", "holds no machine; write a header row and a row for each machine"));
    }
    if problems.is_empty() { Ok(rows) } else { Err(Error::Invalid(problems)) }
}

fn header_columns(header: &csv::StringRecord, problems: &mut Vec<Problem>) -> Vec<Option<Column>> {
    let mut columns = Vec::new();
    for title in header {
        let lower = title.to_ascii_lowercase();
        let column = Column::ALL.iter().find(|(_, name)| *name == lower).map(|(column, _)| *column);
        match column {
            None => {
                let known = titles().join(", ");
                problems.push(Problem::new(shortened(title), format!("no such column; known are {known}")));
            }
            Some(column) if columns.contains(&Some(column)) => {
                problems.push(Problem::new(column.name(), "this column is there twice"));
            }
            Some(_) => {}
        }
        columns.push(column);
    }
    for required in [Column::Name, Column::Os] {
        if !columns.contains(&Some(required)) {
            problems.push(Problem::new(required.name(), "this column is missing in the header row"));
        }
    }
    columns
}

/// The row that each name and address of this CSV was first in.
#[derive(Default)]
struct Taken {
    names: HashMap<VmName, u32>,
    addresses: HashMap<Ipv4Addr, u32>,
}

/// The cells of one row, and where its problems go.
struct Cells<'a> {
    row: u32,
    columns: &'a [Option<Column>],
    record: &'a csv::StringRecord,
    problems: &'a mut Vec<Problem>,
    taken: &'a mut Taken,
    surroundings: &'a dyn Surroundings,
}

impl Cells<'_> {
    /// The machines of this row; none if it has a problem, which is then recorded. Every cell is looked at first.
    fn machines(&mut self) -> Vec<SpecRow> {
        self.width();
        let before = self.problems.len();
        let around = self.surroundings;
        let count = self.read(Column::Count, |text| number(text, MAX_MACHINES as u32));
        let name = self.required(Column::Name, |text| VmName::new(text).map_err(reason));
        let names = self.names(name, count);
        let hostname = self.read(Column::Hostname, |text| Hostname::new(text).map_err(reason));
        let group_name = self.read(Column::GroupName, |text| GroupName::new(text).map_err(reason));
        let vcpu = self.read(Column::Vcpu, |text| checked(number(text, MAX_VCPU)?, |vcpu| around.vcpu(*vcpu)));
        let memory = self.read(Column::Memory, |text| checked(memory(text)?, |memory| around.memory(*memory)));
        let os =
            self.required(Column::Os, |text| checked(os(text)?, |(name, version)| around.os(name, version.as_ref())));
        let disks = self.read(Column::Disk, |text| {
            checked(disks(text)?, |disks| match &os {
                Some((name, version)) => around.disks(disks, name, version.as_ref()),
                None => Ok(()),
            })
        });
        let ip = self.ip(count.flatten());
        let description = self.read(Column::Description, description);
        if self.problems.len() > before {
            return Vec::new();
        }
        // Without a problem every cell was read; the header may still lack a column, and then there is no machine.
        let (Some((os, os_version)), Some(Some(count))) = (os, count.map(|count| Some(count.unwrap_or(0)))) else {
            return Vec::new();
        };
        let template = Template {
            row: self.row,
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
        let machines =
            names.into_iter().zip(1..).map(|(name, number)| template.machine(name, (count > 0).then_some(number)));
        match machines.collect::<Result<Vec<_>, _>>() {
            Ok(machines) => machines,
            Err(reason) => {
                self.problem(Column::Hostname, &reason);
                Vec::new()
            }
        }
    }

    /// The names that this row takes: `name`, or with a count `name-1` … `name-n`.
    fn names(&mut self, name: Option<VmName>, count: Option<Option<u32>>) -> Vec<VmName> {
        let (Some(name), Some(count)) = (name, count) else { return Vec::new() };
        let names = match count {
            None => vec![name],
            Some(count) => {
                let names: Result<Vec<_>> = (1..=count).map(|number| VmName::new(format!("{name}-{number}"))).collect();
                names.unwrap_or_else(|_| {
                    self.problem(
                        Column::Name,
                        &format!("{name} has no room for the number that count adds; 63 characters in all"),
                    );
                    Vec::new()
                })
            }
        };
        for name in &names {
            if let Err(reason) = self.surroundings.name(name) {
                self.problem(Column::Name, &reason);
            }
            match self.taken.names.get(name) {
                Some(other) => self.problem(Column::Name, &format!("{name} is in row {other} already")),
                None => {
                    self.taken.names.insert(name.clone(), self.row);
                }
            }
        }
        names
    }

    fn ip(&mut self, count: Option<u32>) -> Option<Ipv4Addr> {
        let around = self.surroundings;
        let ip = self.read(Column::Ip, |text| checked(address(text)?, |ip| around.ip(*ip)))??;
        if count.is_some_and(|count| count > 1) {
            self.problem(
                Column::Ip,
                "one address cannot serve several machines; leave it empty or write a row for each",
            );
        }
        match self.taken.addresses.get(&ip) {
            Some(other) => self.problem(Column::Ip, &format!("{ip} is in row {other} already")),
            None => {
                self.taken.addresses.insert(ip, self.row);
            }
        }
        Some(ip)
    }

    fn width(&mut self) {
        let width = self.columns.len();
        if let Some(extra) = self.record.get(width) {
            let reason = format!(
                "{} cells under {width} columns; the first too many is {:?}; quote a cell that holds the separator",
                self.record.len(),
                shortened(extra)
            );
            self.problems.push(Problem::at(self.row, "spec", reason));
        }
    }

    /// What stands in the column, if it does.
    fn text(&self, column: Column) -> Option<&str> {
        let index = self.columns.iter().position(|other| *other == Some(column))?;
        self.record.get(index).filter(|text| !text.is_empty())
    }

    /// Reads an optional cell: `None` if it is wrong, `Some(None)` if it is empty.
    fn read<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
        match self.text(column).map(read) {
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
        // A missing column is one problem of the header, not one of every row.
        if value.is_none() && self.columns.contains(&Some(column)) {
            self.problem(column, "is empty and required");
        }
        value
    }

    fn problem(&mut self, column: Column, reason: &str) {
        self.problems.push(Problem::at(self.row, column.name(), reason));
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

/// The reason inside the error of a name.
fn reason(error: Error) -> String {
    match error {
        Error::Invalid(problems) => problems.into_iter().map(|problem| problem.reason).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

fn number(text: &str, most: u32) -> Result<u32, String> {
    let wrong = || format!("{:?} is not a whole number from 1 to {most}", shortened(text));
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(wrong)
}

fn memory(text: &str) -> Result<u32, String> {
    let mib = units::memory(text)?;
    if (MIN_MEMORY..=MAX_MEMORY).contains(&mib) {
        Ok(mib)
    } else {
        Err(format!("{mib} MiB is not between {MIN_MEMORY} MiB and {MAX_MEMORY} MiB"))
    }
}

fn disks(text: &str) -> Result<Vec<u32>, String> {
    let disks = units::disks(text)?;
    match disks.iter().find(|size| **size > MAX_DISK_SIZE) {
        _ if disks.is_empty() => Err("holds no size; write GiB, the system disk first, like 20;100".to_owned()),
        _ if disks.len() > MAX_DISKS => Err(format!("{} disks are too many; at most {MAX_DISKS}", disks.len())),
        Some(size) => Err(format!("{size} GiB is too large; at most {MAX_DISK_SIZE} GiB for each disk")),
        None => Ok(disks),
    }
}

/// `debian`, or `debian:12`.
fn os(text: &str) -> Result<(OsName, Option<OsVersion>), String> {
    let (name, version) = match text.split_once(':') {
        Some((name, version)) => (name, Some(OsVersion::new(version).map_err(reason)?)),
        None => (text, None),
    };
    Ok((OsName::new(name).map_err(reason)?, version))
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("{:?} is not an IPv4 address like 192.168.122.50", shortened(text)))
}

fn description(text: &str) -> Result<String, String> {
    if text.len() > MAX_DESCRIPTION {
        Err(format!("is {} bytes long; at most {MAX_DESCRIPTION}", text.len()))
    } else if text.chars().any(char::is_control) {
        Err("holds a control character".to_owned())
    } else {
        Ok(text.to_owned())
    }
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
    }

    fn parse(text: &str) -> Result<Vec<SpecRow>> {
        super::parse(text, &Open)
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
            (1, "web-1", "web-1", 1, 2048)
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
            ["row 2, column name: lab-2 is in row 1 already"]
        );
    }

    #[test]
    fn every_problem_is_named_with_row_and_column() {
        let spec = "name,hostname,group_name,vcpu,memory,os,disk,ip,count,description\n\
                    Web,,,,,debian,,,,\n\
                    web-2,_x,,,,debian,,,,\n\
                    web-3,,a b,,,debian,,,,\n\
                    web-4,,,0,,debian,,,,\n\
                    web-5,,,,2TB,debian,,,,\n\
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
                "row 1, column name",
                "row 2, column hostname",
                "row 3, column group_name",
                "row 4, column vcpu",
                "row 5, column memory",
                "row 6, column os",
                "row 7, column disk",
                "row 8, column ip",
                "row 9, column count",
                "row 11, column name",
                "row 11, column description",
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
        assert!(found[0].starts_with("row 1, column spec: 4 cells under 3 columns"), "{found:?}");
    }
}
