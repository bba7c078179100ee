//! Files that spreadsheets write, as the CSV text that a request keeps: text in any encoding of theirs, XLSX and ODS.

use super::grid::Grid;
use super::header;
use super::table::Table;
use super::{archive, workbook};
use crate::error::{Error, Result};
use crate::text::quoted;

/// The table that a file of a spreadsheet holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spreadsheet {
    /// It as CSV. Its rows have the numbers that a spreadsheet shows.
    pub spec: String,
    /// The name of the sheet that it was read from; `None` for a file without sheets.
    pub sheet: Option<String>,
}

/// Where the rows of a table lie in a sheet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Nothing says that the sheet has machines.
    Other,
    /// The titles of columns stand below something else.
    Below,
    /// The titles of columns are the first row.
    Whole,
}

impl Spreadsheet {
    /// The largest file, in bytes.
    pub const MAX_FILE: usize = 1 << 20;

    /// Reads a file: of a workbook the first sheet that has the columns of a request, as text anything else.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `file` if it is no table, or larger than the table of a request can be.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let most = Self::MAX_FILE;
        let read = match bytes {
            [] => Err("the file is empty".to_owned()),
            _ if bytes.len() > most => Err(format!("the file has {} bytes; at most {most} are read", bytes.len())),
            [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes).map(Self::text),
            [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes).map(Self::text),
            [b'P', b'K', 3, 4, ..] => sheet_of(bytes),
            [0xd0, 0xcf, 0x11, 0xe0, ..] => {
                Err("the file is a workbook of the format before .xlsx, or one with a password; save it as .xlsx \
                     without a password"
                    .to_owned())
            }
            text => match std::str::from_utf8(text) {
                Ok(text) => Ok(Self::text(text.to_owned())),
                Err(_) => Err("the file is not text in UTF-8; save it as \"CSV UTF-8\", or send the .xlsx or .ods \
                               itself"
                    .to_owned()),
            },
        };
        read.map_err(|reason| Error::invalid("file", reason))
    }

    fn text(spec: String) -> Self {
        Self { spec, sheet: None }
    }
}

fn utf_16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Result<String, String> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    let whole = text.ok().filter(|_| bytes.len().is_multiple_of(2));
    whole.ok_or_else(|| "the file begins like text in UTF-16 but is not; save it as \"CSV UTF-8\"".to_owned())
}

fn sheet_of(bytes: &[u8]) -> Result<Spreadsheet, String> {
    let mut best: Option<(Fit, Spreadsheet)> = None;
    for (name, grid) in workbook::grids(archive::checked(bytes)?)? {
        if grid.is_empty() {
            continue;
        }
        let spec = csv(&name, &grid)?;
        let fit = fit(&spec);
        // The first of those that fit alike.
        if best.as_ref().is_none_or(|(best, _)| fit > *best) {
            best = Some((fit, Spreadsheet { spec, sheet: Some(name) }));
        }
    }
    let (_, found) = best.ok_or_else(|| "the workbook has no cell with anything in it".to_owned())?;
    Ok(found)
}

fn csv(name: &str, grid: &Grid) -> Result<String, String> {
    grid.csv().map_err(|reason| format!("the sheet {} {reason}", quoted(name)))
}

fn fit(csv: &str) -> Fit {
    let mut table = Table::new(csv, |title| header::title(title).is_some());
    let mut filled = std::iter::from_fn(|| table.next()).filter(|record| !record.is_blank());
    match filled.next() {
        Some(record) if header::is_header(&record) => Fit::Whole,
        _ if filled.take(100).any(|record| header::is_header(&record)) => Fit::Below,
        _ => Fit::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_encodings_of_spreadsheets() {
        let text = "name\tos\nwéb\tdebian\n";
        let le: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let be: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        for bytes in [text.as_bytes(), &le, &be] {
            let read = Spreadsheet::read(bytes).expect("a table");
            assert_eq!(read, Spreadsheet { spec: text.to_owned(), sheet: None });
        }
    }

    #[test]
    fn what_is_no_table_is_told_with_what_to_send() {
        for (bytes, words) in [
            (&b"w\xe9b,debian"[..], "save it as \"CSV UTF-8\""),
            (b"\xff\xfea", "but is not"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx"),
            (b"PK\x03\x04 and no more", "the file is not a workbook"),
            (&[b'a'; Spreadsheet::MAX_FILE + 1], "1048577 bytes"),
        ] {
            let error = Spreadsheet::read(bytes).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
