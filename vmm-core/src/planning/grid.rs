//! The cells of one sheet, and what they are as CSV.

use std::collections::BTreeMap;

use super::csv_writer;
use super::header;
use super::table::MAX_CELLS;

/// The longest text that a sheet may have as CSV, in bytes: that of a request.
const MOST_TEXT: usize = 1 << 20;

/// The cells that are not blank, by row and column from 0.
#[derive(Default)]
pub(super) struct Grid {
    cells: BTreeMap<(u32, usize), String>,
    bytes: usize,
}

impl Grid {
    /// Takes a cell in, unless it is blank. Blanks count for the length too: they are as long to copy.
    pub(super) fn put(&mut self, row: u32, column: usize, text: String) -> Result<(), String> {
        self.bytes += text.len();
        if self.bytes > MOST_TEXT {
            return Err(too_long());
        }
        if text.trim().is_empty() {
            return Ok(());
        }
        if column >= MAX_CELLS {
            let (letters, row) = (header::letters(column), row.saturating_add(1));
            return Err(format!("has a value in cell {letters}{row}; a request has at most {MAX_CELLS} columns"));
        }
        self.cells.insert((row, column), text);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The sheet as CSV, with a line for each row down to the last, so that rows keep their numbers.
    pub(super) fn csv(&self) -> Result<String, String> {
        let (mut csv, mut next) = (String::new(), 0);
        let mut cells = self.cells.iter().peekable();
        while let Some(&(&(row, _), _)) = cells.peek() {
            let blank_rows = (row - next) as usize;
            if csv.len() + blank_rows > MOST_TEXT {
                return Err(too_long());
            }
            csv.extend(std::iter::repeat_n('\n', blank_rows));
            let mut line = Vec::new();
            while let Some(((_, column), text)) = cells.next_if(|((other, _), _)| *other == row) {
                line.resize(*column, "");
                line.push(text);
            }
            csv.push_str(&csv_writer::verbatim(&line));
            next = row + 1;
        }
        if csv.len() > MOST_TEXT { Err(too_long()) } else { Ok(csv) }
    }
}

fn too_long() -> String {
    format!("has more than {} KiB as CSV, with its blank rows; split the request", MOST_TEXT >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(cells: &[(u32, usize, &str)]) -> Result<Grid, String> {
        let mut grid = Grid::default();
        for (row, column, text) in cells {
            grid.put(*row, *column, (*text).to_owned())?;
        }
        Ok(grid)
    }

    #[test]
    fn rows_and_columns_keep_their_places() {
        let cells = [(1, 0, "name"), (1, 2, "os"), (4, 2, "a,\"b\""), (4, 0, "=1"), (5, 0, " "), (6, 0, "x\ny")];
        let csv = grid(&cells).and_then(|grid| grid.csv());
        assert_eq!(csv.as_deref(), Ok("\nname,,os\n\n\n=1,,\"a,\"\"b\"\"\"\n\n\"x\ny\"\n"));
    }

    #[test]
    fn a_sheet_is_bounded_in_columns_in_text_and_in_rows() {
        let wide = grid(&[(2, MAX_CELLS, "x")]).err();
        assert_eq!(wide.as_deref(), Some("has a value in cell BM3; a request has at most 64 columns"));
        assert!(grid(&[(0, 0, &"x".repeat(MOST_TEXT + 1))]).is_err());
        assert!(grid(&[(1 << 20, 0, "x")]).is_ok_and(|grid| grid.csv().is_err()));
    }
}
