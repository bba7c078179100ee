//! The sheets of a workbook, cell by cell.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Ods, Reader, Sheet, SheetType, SheetVisible, Xlsx};

use super::archive::{Checked, Format};
use super::grid::Grid;
use crate::text::quoted;

/// The most sheets that are looked at.
const MOST_SHEETS: usize = 20;

/// The sheets that are not hidden, by name and in their order.
pub(super) fn grids(workbook: Checked) -> Result<Vec<(String, Grid)>, String> {
    let Checked { format, bytes } = workbook;
    // The readers are not ours, and a file is anybody's.
    let read = catch_unwind(AssertUnwindSafe(|| match format {
        Format::Xlsx => open_xml(bytes),
        Format::Ods => open_document(bytes),
    }));
    read.unwrap_or_else(|_| Err("the workbook cannot be read; save it anew, or as CSV".to_owned()))
}

fn open_xml(bytes: Vec<u8>) -> Result<Vec<(String, Grid)>, String> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let mut grids = Vec::new();
    for name in visible(workbook.sheets_metadata()) {
        let mut cells = workbook.worksheet_cells_reader(&name).map_err(|error| unreadable(&error))?;
        let mut grid = Grid::default();
        while let Some(cell) = cells.next_cell().map_err(|error| unreadable(&error))? {
            let ((row, column), text) = (cell.get_position(), shown(&Data::from(cell.get_value().clone())));
            grid.put(row, column as usize, text).map_err(|reason| of_sheet(&name, &reason))?;
        }
        grids.push((name, grid));
    }
    Ok(grids)
}

fn open_document(bytes: Vec<u8>) -> Result<Vec<(String, Grid)>, String> {
    let mut workbook = Ods::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let mut grids = Vec::new();
    for name in visible(workbook.sheets_metadata()) {
        let range = workbook.worksheet_range(&name).map_err(|error| unreadable(&error))?;
        let (first_row, first_column) = range.start().unwrap_or_default();
        let mut grid = Grid::default();
        for (row, column, value) in range.used_cells() {
            let row = first_row.saturating_add(u32::try_from(row).unwrap_or(u32::MAX));
            let text = shown(value);
            grid.put(row, first_column as usize + column, text).map_err(|reason| of_sheet(&name, &reason))?;
        }
        grids.push((name, grid));
    }
    Ok(grids)
}

fn visible(sheets: &[Sheet]) -> Vec<String> {
    let has_cells = |sheet: &&Sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible;
    sheets.iter().filter(has_cells).take(MOST_SHEETS).map(|sheet| sheet.name.clone()).collect()
}

fn unreadable(error: &dyn std::fmt::Display) -> String {
    format!("the workbook cannot be read: {error}; save it anew, or as CSV")
}

fn of_sheet(name: &str, reason: &str) -> String {
    format!("the sheet {} {reason}", quoted(name))
}

/// A cell as a person would write it. What a spreadsheet made a date of is told as one, since no column takes one.
fn shown(value: &Data) -> String {
    match value {
        Data::Empty => String::new(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::String(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTimeIso(text) => format!("(the date {text})"),
        Data::DateTime(moment) => match moment.as_datetime() {
            Some(moment) => format!("(the date {moment})"),
            None => "(a date)".to_owned(),
        },
        Data::Error(error) => error.to_string(),
    }
}
