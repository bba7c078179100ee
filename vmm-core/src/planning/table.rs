//! Tables as people's spreadsheets write them: separated by commas, semicolons, tabs or bars, with or without quotes.

use std::borrow::Cow;

/// The most cells of a row that are kept. A wider row is told by its first cell beyond.
pub(super) const MAX_CELLS: usize = 64;

/// The characters that may separate cells; the first wins where nothing tells them apart.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];
/// The number of rows, and of bytes of each row, that are examined to find the separator of the cells.
const LOOKED_AT: (usize, usize) = (20, 4096);

/// Reads a table row by row.
///
/// A row is what a spreadsheet numbers as one: blank rows count, and a quoted cell with line breaks is part of one row.
pub(super) struct Table<'a> {
    text: &'a str,
    at: usize,
    separator: char,
    row: u32,
    line: u32,
}

/// One row of a table.
pub(super) struct Record<'a> {
    /// The row as a spreadsheet numbers it, from 1.
    pub(super) row: u32,
    /// The cells without blanks at their ends: at most [`MAX_CELLS`].
    pub(super) cells: Vec<Cow<'a, str>>,
    /// The number of the last cell that is not blank, counted from 1.
    pub(super) width: usize,
    /// The first cell behind the kept ones that is not blank.
    pub(super) beyond: Option<Cow<'a, str>>,
    /// The fault in the quotes of the row.
    pub(super) fault: Option<QuoteFault>,
}

/// A quote that is not closed where a cell ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QuoteFault {
    /// The cell, counted from 0.
    pub(super) cell: usize,
    /// The line of the text in which the quote was opened.
    pub(super) opened: u32,
    /// The line in which another quote closes it in the midst of text; `None` if nothing closes it.
    pub(super) closed: Option<u32>,
    /// The last line that was read as part of the cell.
    pub(super) last: u32,
}

impl Record<'_> {
    /// Returns whether nothing stands in the row.
    pub(super) fn is_blank(&self) -> bool {
        self.width == 0 && self.fault.is_none()
    }

    fn push<'a>(cells: &mut Record<'a>, index: usize, cell: Cow<'a, str>) {
        if !cell.is_empty() {
            cells.width = index + 1;
        }
        if index < MAX_CELLS {
            cells.cells.push(cell);
        } else if cells.beyond.is_none() && !cell.is_empty() {
            cells.beyond = Some(cell);
        }
    }
}

impl<'a> Table<'a> {
    /// Begins to read. `is_title` says whether a text is the title of a column, which tells what separates the cells.
    pub(super) fn new(text: &'a str, is_title: impl Fn(&str) -> bool) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut table = Self { text, at: 0, separator: ',', row: 0, line: 1 };
        match declared(text) {
            Some((separator, length)) => {
                table.separator = separator;
                table.at = length;
                table.line += u32::from(length > 0);
            }
            None => table.separator = separator(text, is_title),
        }
        table
    }

    /// The character that separates the cells.
    pub(super) fn separator(&self) -> char {
        self.separator
    }

    /// Reads the next row; `None` behind the last one.
    pub(super) fn next(&mut self) -> Option<Record<'a>> {
        if self.at >= self.text.len() {
            return None;
        }
        self.row += 1;
        let mut record = Record { row: self.row, cells: Vec::new(), width: 0, beyond: None, fault: None };
        for index in 0.. {
            let cell = self.cell(index, &mut record.fault);
            Record::push(&mut record, index, cell);
            if !self.rest().starts_with(self.separator) {
                break;
            }
            self.at += self.separator.len_utf8();
        }
        self.end_of_line();
        Some(record)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn end_of_line(&mut self) {
        let length = match self.rest() {
            rest if rest.starts_with("\r\n") => 2,
            rest if rest.starts_with(['\r', '\n']) => 1,
            _ => return,
        };
        self.at += length;
        self.line += 1;
    }

    /// Reads one cell, up to the separator or the end of the row.
    fn cell(&mut self, index: usize, fault: &mut Option<QuoteFault>) -> Cow<'a, str> {
        let (rest, separator) = (self.rest(), self.separator);
        let inner = rest.trim_start_matches(|c: char| c != separator && !is_end(c) && is_blank(c));
        if inner.starts_with('"') {
            self.at += rest.len() - inner.len() + 1;
            return self.quoted(index, fault);
        }
        let plain = self.plain();
        Cow::Borrowed(plain.trim_matches(is_blank))
    }

    fn plain(&mut self) -> &'a str {
        let (rest, separator) = (self.rest(), self.separator);
        let length = rest.find(|c| c == separator || is_end(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Reads a quoted cell behind its opening quote.
    fn quoted(&mut self, index: usize, fault: &mut Option<QuoteFault>) -> Cow<'a, str> {
        let opened = self.line;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let Some(length) = rest.find('"') else {
                // The end of the text is not the end of a quoted cell.
                self.at = self.text.len();
                self.line += lines(rest.trim_end_matches(is_end));
                fault.get_or_insert(QuoteFault { cell: index, opened, closed: None, last: self.line });
                return Cow::Borrowed("");
            };
            self.line += lines(&rest[..length]);
            self.at += length + 1;
            let more = self.rest().starts_with('"');
            let part = &rest[..length + usize::from(more)];
            if text.is_empty() && !more {
                text = Cow::Borrowed(part);
            } else {
                text.to_mut().push_str(part);
            }
            if !more {
                break;
            }
            self.at += 1;
        }
        let behind = self.plain().trim_matches(is_blank);
        if !behind.is_empty() {
            fault.get_or_insert(QuoteFault { cell: index, opened, closed: Some(self.line), last: self.line });
        }
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_blank)),
            Cow::Owned(text) => Cow::Owned(text.trim_matches(is_blank).to_owned()),
        }
    }
}

/// Returns whether a character ends a row.
fn is_end(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

/// Returns whether a character at the end of a cell cannot be seen: blanks of every width, and marks without any.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// Returns whether a character has no width, so that nobody sees it.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn lines(text: &str) -> u32 {
    let ends = text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count();
    u32::try_from(ends).unwrap_or(u32::MAX)
}

/// The separator that a first line like `sep=;` names, and the length of that line with its end. Spreadsheets do not
/// show that line.
fn declared(text: &str) -> Option<(char, usize)> {
    let (line, rest_of_text) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    let end = if rest_of_text.starts_with("\r\n") { 2 } else { rest_of_text.len().min(1) };
    let plain = line.trim_matches('"');
    let separator = plain.get(..4).filter(|begin| begin.eq_ignore_ascii_case("sep=")).map(|_| &plain[4..])?;
    let mut rest = separator.chars();
    let found = rest.next().filter(|c| SEPARATORS.contains(c))?;
    // What stands behind it are the separators of the other columns.
    rest.all(|c| SEPARATORS.contains(&c)).then_some((found, line.len() + end))
}

/// The separator under which a row has the most titles of columns; if no row has two, the one that the first row which
/// is not blank has most often.
fn separator(text: &str, is_title: impl Fn(&str) -> bool) -> char {
    let (rows, bytes) = LOOKED_AT;
    let lines: Vec<&str> = text
        .split(is_end)
        .map(|line| &line[..line.floor_char_boundary(bytes)])
        .filter(|line| line.chars().any(|c| !is_blank(c) && !SEPARATORS.contains(&c)))
        .take(rows)
        .collect();
    let bare = |cell: &str| is_title(cell.trim_matches(|c| is_blank(c) || c == '"'));
    for line in &lines {
        let titles = |separator: char| line.split(separator).filter(|cell| bare(cell)).count();
        let (most, separator) = best(titles);
        if most >= 2 {
            return separator;
        }
    }
    let Some(first) = lines.iter().find(|line| line.contains(SEPARATORS)) else { return SEPARATORS[0] };
    best(|separator| first.matches(separator).count()).1
}

/// The separator with the highest figure; the first of equal ones.
fn best(figure: impl Fn(char) -> usize) -> (usize, char) {
    SEPARATORS
        .into_iter()
        .rev()
        .map(|separator| (figure(separator), separator))
        .max_by_key(|(most, _)| *most)
        .unwrap_or((0, ','))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, Vec<String>, Option<QuoteFault>)> {
        let mut table = Table::new(text, |title| ["name", "os", "disk"].contains(&title));
        let mut rows = Vec::new();
        while let Some(record) = table.next() {
            let cells = record.cells.iter().map(|cell| cell.to_string()).collect();
            rows.push((record.row, cells, record.fault));
        }
        rows
    }

    fn cells(text: &str) -> Vec<Vec<String>> {
        read(text).into_iter().map(|(_, cells, _)| cells).collect()
    }

    #[test]
    fn every_dialect_gives_the_same_cells() {
        let expected = [["name", "os", "disk"], ["web", "debian", "20"]];
        for text in [
            "name,os,disk\nweb,debian,20\n",
            "name;os;disk\r\nweb;debian;20\r\n",
            "name\tos\tdisk\rweb\tdebian\t20",
            "name|os|disk\nweb|debian|20",
            "sep=;\r\nname;os;disk\r\nweb;debian;20\r\n",
            "\"SEP=,\"\nname,os,disk\nweb,debian,20\n",
            "\u{feff}name; os ;\"disk\"\nweb;\u{a0}debian\u{a0}; \"20\" \n",
        ] {
            assert_eq!(cells(text), expected, "{text:?}");
        }
        assert_eq!(cells("Machines, for Bob\nname;os;disk\n")[1], expected[0]);
    }

    #[test]
    fn rows_are_numbered_as_a_spreadsheet_numbers_them() {
        let rows: Vec<_> = read("\r\nname,os\n\n\"a\nb\",c\r\n,,\nd,e")
            .into_iter()
            .map(|(row, cells, _)| (row, cells.join("/")))
            .collect();
        let expected = [(1, ""), (2, "name/os"), (3, ""), (4, "a\nb/c"), (5, "//"), (6, "d/e")];
        assert_eq!(rows, expected.map(|(row, cells)| (row, cells.to_owned())));
    }

    #[test]
    fn quotes_hold_separators_line_breaks_and_doubled_quotes() {
        assert_eq!(
            cells("name,os\n\"a,\"\"b\"\"\n;c\",\"\"\n\"\"\"\",x"),
            [vec!["name", "os"], vec!["a,\"b\"\n;c", ""], vec!["\"", "x"]]
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told_with_its_lines() {
        let open = read("name,os\n\na,\"b\nc,d\ne,f\n");
        assert_eq!(open[2].2, Some(QuoteFault { cell: 1, opened: 3, closed: None, last: 5 }));
        let closed = read("name,os\na,\"b\nc,\"d\"\ne,f\n");
        assert_eq!(closed[1].2, Some(QuoteFault { cell: 1, opened: 2, closed: Some(3), last: 3 }));
        assert_eq!(closed[2].1, ["e", "f"]);
    }

    #[test]
    fn a_wide_row_is_cut_and_told() {
        let text = format!("{}x,y\n", ",".repeat(100_000));
        let mut table = Table::new(&text, |_| false);
        let record = table.next().expect("a row");
        assert_eq!((record.cells.len(), record.width, record.beyond.as_deref()), (MAX_CELLS, 100_002, Some("x")));
    }
}
