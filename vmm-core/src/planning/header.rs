//! The titles of a request's columns: their names, what people write for them, and what they may have meant.

use super::table::{MAX_CELLS, Record};
use super::units::Unit;
use crate::error::{Problem, Problems};
use crate::text::{distance, quoted};

/// A column of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Column {
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
    /// Every column with its name and its synonyms, in the order that people are shown them. A synonym is written in
    /// small letters and digits alone, as [`plain`] makes it.
    const ALL: [(Self, &'static str, &'static [&'static str]); 10] = [
        (Self::Name, "name", &["vm", "vmname", "machine", "machinename", "servername"]),
        (Self::Hostname, "hostname", &["fqdn", "dnsname"]),
        (Self::GroupName, "group_name", &["group"]),
        (Self::Vcpu, "vcpu", &["vcpus", "cpu", "cpus", "cores", "cpucores", "processors"]),
        (Self::Memory, "memory", &["ram", "mem", "memorysize", "ramsize"]),
        (Self::Os, "os", &["operatingsystem", "distribution", "distro"]),
        (Self::Disk, "disk", &["disks", "disksize", "hdd", "ssd", "storage"]),
        (Self::Ip, "ip", &["ipaddress", "ipv4", "ipv4address"]),
        (Self::Count, "count", &["quantity", "qty"]),
        (Self::Description, "description", &["comment", "comments", "note", "notes", "remark", "remarks"]),
    ];

    /// The column's name.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(column, ..)| *column == self).map_or("", |(_, name, _)| name)
    }

    fn has_sizes(self) -> bool {
        matches!(self, Self::Memory | Self::Disk)
    }
}

/// The columns, in the order that people are shown them.
pub(crate) fn titles() -> [&'static str; 10] {
    Column::ALL.map(|(_, name, _)| name)
}

/// A title that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Title {
    pub(super) column: Column,
    /// The unit of a number without one, if the title names it: `Disk (GB)`.
    pub(super) unit: Option<Unit>,
}

/// Where the columns of a table stand.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The row of the titles.
    pub(super) row: u32,
    /// The title of each cell of a row: `None` for one without a title.
    pub(super) titles: Vec<Option<Title>>,
    /// The cells that have no title at all.
    pub(super) untitled: Vec<usize>,
    /// Notes for people on titles that were not read literally.
    pub(super) understood: Vec<String>,
}

impl Header {
    /// Reads the titles; what is wrong with them is recorded.
    pub(super) fn read(record: &Record<'_>, problems: &mut Problems) -> Self {
        let mut header = Self { row: record.row, ..Self::default() };
        if record.width > MAX_CELLS {
            let reason =
                format!("row {} has {} cells; a request has at most {MAX_CELLS} columns", record.row, record.width);
            problems.push(Problem::new("spec", reason));
            return header;
        }
        for cell in record.cells.iter().take(record.width) {
            let title = (!cell.is_empty()).then(|| title(cell)).flatten();
            match title {
                None if cell.is_empty() => header.untitled.push(header.titles.len()),
                None => problems.push(unknown(cell)),
                Some(title) => header.understand(cell, title, problems),
            }
            header.titles.push(title);
        }
        for required in [Column::Name, Column::Os] {
            if header.place(required).is_none() {
                problems.push(Problem::new(required.name(), "this column is missing in the header row"));
            }
        }
        header
    }

    fn understand(&mut self, cell: &str, title: Title, problems: &mut Problems) {
        let name = title.column.name();
        if self.place(title.column).is_some() {
            let also =
                if cell.eq_ignore_ascii_case(name) { String::new() } else { format!(", also as {}", quoted(cell)) };
            problems.push(Problem::new(name, format!("this column is there twice{also}")));
        } else if !cell.eq_ignore_ascii_case(name) {
            let unit =
                title.unit.map(|unit| format!(", in {} where a cell has no unit", unit.name())).unwrap_or_default();
            self.understood.push(format!("column {} is read as {name}{unit}", quoted(cell)));
        }
    }

    /// The cell of a column, counted from 0.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.titles.iter().position(|title| title.is_some_and(|title| title.column == column))
    }

    /// Returns the unit of a number without one, in a column of sizes.
    pub(super) fn unit(&self, column: Column, default: Unit) -> Unit {
        self.place(column).and_then(|place| self.titles[place]).and_then(|title| title.unit).unwrap_or(default)
    }

    /// Returns the name of a cell in a problem.
    pub(super) fn call(&self, cell: usize) -> String {
        match self.titles.get(cell).copied().flatten() {
            Some(title) => title.column.name().to_owned(),
            None => letters(cell),
        }
    }
}

/// Returns whether a row has the titles that a request needs.
pub(super) fn is_header(record: &Record<'_>) -> bool {
    let has = |column| record.cells.iter().filter_map(|cell| title(cell)).any(|title| title.column == column);
    has(Column::Name) && has(Column::Os)
}

/// Returns whether a row has any title of a request.
pub(super) fn has_title(record: &Record<'_>) -> bool {
    record.cells.iter().any(|cell| title(cell).is_some())
}

/// Reads a title.
pub(super) fn title(text: &str) -> Option<Title> {
    if text.len() > 64 {
        return None;
    }
    let of = |words: &[String], unit| {
        let plain = words.concat();
        let known = |(_, name, synonyms): &&(Column, &str, &[&str])| {
            plain == *name || plain == name.replace('_', "") || synonyms.contains(&plain.as_str())
        };
        Column::ALL.iter().find(known).map(|(column, ..)| Title { column: *column, unit })
    };
    let words = words(text);
    if let Some(title) = of(&words, None) {
        return Some(title);
    }
    // `Disk (GB)`: the last word is the unit of a column of sizes.
    let (last, before) = words.split_last()?;
    let unit = Unit::read(last)?;
    of(before, Some(unit)).filter(|title| title.column.has_sizes())
}

/// The words of a title in small letters.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn unknown(cell: &str) -> Problem {
    let plain = words(cell).concat();
    let close = |word: &str| distance(&plain, word) <= if word.len() < 4 { 1 } else { 2 };
    let begins =
        |word: &str| word.len() > 2 && plain.len() > 2 && (plain.starts_with(word) || word.starts_with(&plain));
    let meant = |near: &dyn Fn(&str) -> bool| {
        let matches = |(_, name, synonyms): &&(Column, &'static str, &[&str])| {
            near(&name.replace('_', "")) || synonyms.iter().any(|synonym| near(synonym))
        };
        Column::ALL.iter().find(matches).map(|(_, name, _)| *name)
    };
    let reason = match meant(&begins).or_else(|| meant(&close)).filter(|_| plain.len() <= 64) {
        Some(name) => format!("no such column; did you mean {name}? Known are {}", titles().join(", ")),
        None => format!("no such column; known are {}", titles().join(", ")),
    };
    Problem::new(quoted(cell).trim_matches('"'), reason)
}

/// The letters that a spreadsheet gives a column: A … Z, AA …
pub(super) fn letters(cell: usize) -> String {
    let (mut text, mut rest) = (String::new(), cell + 1);
    while rest > 0 {
        text.insert(0, char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_known_by_name_and_by_synonym() {
        for (text, column) in [
            ("name", Column::Name),
            ("Group Name", Column::GroupName),
            ("GROUP", Column::GroupName),
            ("CPU", Column::Vcpu),
            ("vCPUs", Column::Vcpu),
            ("RAM", Column::Memory),
            ("IP-Address", Column::Ip),
            ("Operating system", Column::Os),
        ] {
            assert_eq!(title(text), Some(Title { column, unit: None }), "{text}");
        }
        for text in ["Disk (GB)", "disk_gib", "DISK [G]", "Disk size, GB"] {
            assert_eq!(title(text), Some(Title { column: Column::Disk, unit: Some(Unit::Gib) }), "{text}");
        }
        assert_eq!(title("RAM (MB)"), Some(Title { column: Column::Memory, unit: Some(Unit::Mib) }));
        for text in ["", "host", "address", "size", "number", "CPU (GB)", "nmae", "GB"] {
            assert_eq!(title(text), None, "{text}");
        }
    }

    #[test]
    fn no_synonym_belongs_to_two_columns() {
        let mut seen = std::collections::HashSet::new();
        for (_, name, synonyms) in Column::ALL {
            assert!(seen.insert(name.replace('_', "")), "{name}");
            for synonym in synonyms {
                assert_eq!(words(synonym).concat(), *synonym);
                assert!(seen.insert((*synonym).to_owned()), "{synonym}");
            }
        }
    }

    #[test]
    fn what_a_title_may_have_meant_is_asked() {
        for (text, meant) in [
            ("nmae", "name"),
            ("Hostnam", "hostname"),
            ("memroy", "memory"),
            ("desc", "description"),
            ("host", "hostname"),
        ] {
            let reason = unknown(text).reason;
            assert!(reason.contains(&format!("did you mean {meant}?")), "{text}: {reason}");
        }
        assert!(unknown("colour").reason.starts_with("no such column; known are name, hostname"));
    }

    #[test]
    fn columns_have_the_letters_of_spreadsheets() {
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
