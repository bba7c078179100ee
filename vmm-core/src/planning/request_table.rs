//! The table of a request: every problem with row and column, all at once.

use super::header::{self, Column, Header};
use super::reading::{Reading, RowVerdict, Surroundings};
use super::row::{MAX_MACHINES, Row, Taken, quote_reason, too_many};
use super::table::{Record, Table};
use crate::error::{Problem, Problems};
use crate::text::quoted;

/// The number of rows that are looked at for the titles, if the first one has none.
const TITLES_WITHIN: usize = 20;

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
            leave_out(&mut reading, &header, &record, &mut taken);
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

/// Counts a row behind as many rows as a request can have machines as one problem, whatever its cells hold.
fn leave_out(reading: &mut Reading, header: &Header, record: &Record<'_>, taken: &mut Taken) {
    if std::mem::replace(&mut taken.machines, usize::MAX) > MAX_MACHINES {
        return reading.problems.count(1);
    }
    if !reading.problems.is_full() {
        let name = shown_name(header, record);
        reading.rows.push(RowVerdict { row: record.row, name, machines: 0, wrong: true });
    }
    reading.problems.push(Problem::at(record.row, Column::Count.name(), too_many()));
}

/// Returns what people see of a row's name.
fn shown_name(header: &Header, record: &Record<'_>) -> String {
    let name = header.place(Column::Name).and_then(|place| record.cells.get(place));
    name.map(|name| name.chars().take(64).filter(|c| !c.is_control()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::reading::SpecRow;
    use super::*;
    use crate::error::{Error, Result};
    use crate::model::{OsName, OsVersion, VmName};

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
