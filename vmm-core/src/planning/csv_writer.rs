//! CSV for spreadsheets.

use csv::{Writer, WriterBuilder};

use super::header;
use super::table::Table;

/// Writes rows as CSV with commas, so that no spreadsheet takes a cell for a formula.
pub(crate) fn write<R>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item: AsRef<str>>,
{
    let mut writer = writer();
    for row in rows {
        let row = row.into_iter().map(|cell| harmless(cell.as_ref()));
        writer.write_record(row).expect("writing to memory does not fail");
    }
    text(writer)
}

/// Writes a row as CSV with commas, cell by cell as it is: for a reader that runs nothing.
pub(super) fn verbatim(row: &[&str]) -> String {
    let mut writer = writer();
    writer.write_record(row).expect("writing to memory does not fail");
    text(writer)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().flexible(true).from_writer(Vec::new())
}

fn text(writer: Writer<Vec<u8>>) -> String {
    String::from_utf8(writer.into_inner().expect("memory is never full")).expect("cells are UTF-8")
}

/// The table of another CSV, written anew with commas. Blank rows stay, so that rows keep their numbers.
pub(crate) fn rewritten(text: &str) -> String {
    let mut table = Table::new(text, |title| header::title(title).is_some());
    let mut csv = String::with_capacity(text.len());
    while let Some(record) = table.next() {
        match &record.cells[..record.width.min(record.cells.len())] {
            [] => csv.push('\n'),
            cells => csv.push_str(&write([cells])),
        }
    }
    csv
}

/// Puts an apostrophe before what begins a formula: at the start of a cell, and also behind whatever a spreadsheet may
/// take for the end of one, since it may split by another character than the comma.
fn harmless(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    let mut begins = true;
    for c in cell.chars() {
        if begins && matches!(c, '=' | '+' | '-' | '@') {
            text.push('\'');
        }
        begins = matches!(c, ',' | ';' | '|' | '"') || c.is_control() || (begins && c.is_whitespace());
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use csv::ReaderBuilder;

    use super::*;

    /// Every cell that a spreadsheet can see which splits by this character, whether it minds quotes or not.
    fn cells(csv: &str, separator: char) -> Vec<String> {
        let mut reader = ReaderBuilder::new()
            .delimiter(separator as u8)
            .flexible(true)
            .has_headers(false)
            .from_reader(csv.as_bytes());
        let quoted: Vec<String> = reader
            .records()
            .flat_map(|row| row.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let plain = csv.split([separator, '\n', '\r', '"']).map(str::to_owned);
        quoted.into_iter().chain(plain).collect()
    }

    #[test]
    fn no_cell_is_a_formula_whatever_separates_the_cells() {
        let hostile = [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1+1",
            "@SUM(A1)",
            " =1",
            "\t=1",
            "\r=1",
            "\n=1",
            "a,=1",
            "a;=1",
            "a\t=1",
            "\"=1",
            "\",=1",
            "a\";\"=1",
            "a\n=1",
            "a, =1",
            "a\u{a0}",
            "\u{a0}=1",
            "|=1",
        ];
        let csv = write([hostile, hostile]);
        for separator in [',', ';', '\t', '|'] {
            for cell in cells(&csv, separator) {
                let first = cell.trim_start().chars().next();
                assert!(!matches!(first, Some('=' | '+' | '-' | '@')), "{cell:?} behind {separator:?}");
            }
        }
    }

    #[test]
    fn other_cells_stay_as_they_are() {
        let cells = ["web-1", "a=b", "two, three", "x \"y\" z", "10:20", "", "ä – b"];
        let csv = write([cells]);
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
        assert_eq!(reader.records().next().expect("a row").expect("a row"), cells[..]);
    }

    #[test]
    fn a_table_written_anew_has_the_same_cells() {
        let csv = rewritten("\u{feff}name;os;disk\r\nweb;debian;\"20;100\"\r\ndb;debian\r\n");
        assert_eq!(csv, "name,os,disk\nweb,debian,20;100\ndb,debian\n");
        assert_eq!(rewritten("name,description\nweb,=1\n"), "name,description\nweb,'=1\n");
    }
}
