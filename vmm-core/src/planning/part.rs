//! Checks a part of a workbook: it is well-formed XML without document types, and within the bounds of its reader.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::header;

/// The most cells and texts of all sheets together, with the cells that are empty.
const MOST_CELLS: u64 = 100_000;
/// The most elements of all parts that are neither a cell nor inside one: formats, names, relations.
const MOST_OTHERS: u64 = 30_000;
/// The most bytes that the repeated cells of an OpenDocument have one by one.
const MOST_REPEATED: u64 = 4 << 20;

/// Refuses what is not well-formed, what could grow, and more cells than a request has.
pub(super) fn check(xml: &[u8], counted: &mut Counted) -> Result<(), String> {
    let (mut reader, mut buffer) = (Reader::from_reader(xml), Vec::new());
    let (mut depth, mut extent, mut open) = (0_u32, Extent::default(), None::<OpenCell>);
    loop {
        let event = reader.read_event_into(&mut buffer).map_err(|error| format!("is not XML: {error}"))?;
        match &event {
            Event::DocType(_) => return Err("declares a document type, which no spreadsheet does".to_owned()),
            // A reader that waits for an end that never comes would wait for ever.
            Event::Eof if depth > 0 => return Err("ends too early; save the workbook anew".to_owned()),
            Event::Eof => {
                counted.cells = counted.cells.saturating_add(extent.cells());
                return Ok(());
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                extent.end(element.local_name().as_ref());
                if element.local_name().as_ref() == "c" {
                    open.take().map_or(Ok(()), |cell| cell.end())?;
                }
            }
            Event::Text(text) => {
                extent.text(text.len());
                if let Some(cell) = &mut open {
                    cell.has_result |= cell.in_result && !text.trim().is_empty();
                }
            }
            Event::CData(text) => extent.text(text.len()),
            Event::GeneralRef(reference) => extent.text(reference.len()),
            Event::Start(element) => {
                depth += 1;
                counted.element(element, &mut extent)?;
                OpenCell::begin(&mut open, element);
            }
            Event::Empty(element) => {
                counted.element(element, &mut extent)?;
                if let Some(cell) = &mut open {
                    cell.has_formula |= element.local_name().as_ref() == "f";
                }
            }
            _ => {}
        }
        counted.check(&extent)?;
        buffer.clear();
    }
}

/// The counts, over all parts, of everything that costs a reader memory.
#[derive(Default)]
pub(super) struct Counted {
    cells: u64,
    others: u64,
}

impl Counted {
    /// Refuses more than the bounds.
    fn check(&self, extent: &Extent) -> Result<(), String> {
        let reason = if self.cells.saturating_add(extent.cells()) > MOST_CELLS {
            format!("has more than {MOST_CELLS} cells, empty ones included")
        } else if extent.bytes > MOST_REPEATED {
            "repeats a long text too often".to_owned()
        } else if self.others > MOST_OTHERS {
            format!("has more than {MOST_OTHERS} formats and names")
        } else {
            return Ok(());
        };
        Err(format!("{reason}; copy the table into a new file"))
    }

    fn element(&mut self, element: &BytesStart<'_>, extent: &mut Extent) -> Result<(), String> {
        match element.local_name().as_ref() {
            "c" | "si" => self.cells += 1,
            "table" => self.cells = self.cells.saturating_add(extent.next_table()),
            "table-row" => extent.row(element),
            "table-cell" | "covered-table-cell" => extent.cell(element)?,
            "table-source" | "dde-source" => {
                return Err("takes values from another file or program; paste the values instead".to_owned());
            }
            // They are read as part of a cell, and not kept.
            "row" | "v" | "f" | "is" | "t" | "r" | "rPr" | "p" | "s" | "span" => {}
            _ => self.others += 1,
        }
        Ok(())
    }
}

/// The number of cells that the reader of an OpenDocument makes of a table: all rows down to the last one with anything
/// in it, repeated ones one by one, each as wide as the widest.
#[derive(Default)]
struct Extent {
    rows: u64,
    row_repeats: u64,
    columns: u64,
    rows_used: u64,
    columns_used: u64,
    /// The number of times that the text of the cell that is open is repeated; 0 outside of cells.
    copies: u64,
    /// The bytes of all repeated texts, of all tables.
    bytes: u64,
}

impl Extent {
    /// Begins the next table. Returns the cells of the one before.
    fn next_table(&mut self) -> u64 {
        let cells = self.cells();
        *self = Self { bytes: self.bytes, ..Self::default() };
        cells
    }

    fn row(&mut self, element: &BytesStart<'_>) {
        self.rows = self.rows.saturating_add(self.row_repeats);
        self.row_repeats = repeats(element, "table:number-rows-repeated");
        self.columns = 0;
    }

    fn cell(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let repeats = repeats(element, "table:number-columns-repeated");
        self.columns = self.columns.saturating_add(repeats);
        let has = |name: &str| element.attributes().flatten().any(|attribute| attribute.key.as_ref() == name);
        if has("table:formula") && !has("office:value-type") {
            let column = usize::try_from(self.columns.saturating_sub(1)).unwrap_or(usize::MAX);
            return Err(unsaved(&format!("{}{}", header::letters(column), self.rows.saturating_add(1))));
        }
        let holds = |key: &str| ["office:", "calcext:", "table:formula"].iter().any(|begin| key.starts_with(begin));
        if element.attributes().flatten().any(|attribute| holds(attribute.key.as_ref())) {
            self.rows_used = self.rows.saturating_add(self.row_repeats);
            self.columns_used = self.columns_used.max(self.columns);
            self.copies = repeats.saturating_mul(self.row_repeats);
            self.text(element.len());
        }
        Ok(())
    }

    fn text(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(self.copies.saturating_mul(bytes as u64));
    }

    fn end(&mut self, name: &str) {
        if matches!(name, "table-cell" | "covered-table-cell") {
            self.copies = 0;
        }
    }

    fn cells(&self) -> u64 {
        self.rows_used.saturating_mul(self.columns_used)
    }
}

fn repeats(element: &BytesStart<'_>, name: &str) -> u64 {
    let found = element.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
    // A number that nobody can read is as good as the largest.
    found.map_or(1, |attribute| attribute.value.trim().parse().unwrap_or(u64::MAX))
}

/// A cell of a sheet of Office Open XML whose end is to come.
struct OpenCell {
    /// Like `D5`; empty where the file does not say.
    place: String,
    /// True if no text at all is a result, as of a formula that gives an empty text.
    may_be_empty: bool,
    has_formula: bool,
    in_result: bool,
    has_result: bool,
}

impl OpenCell {
    fn begin(open: &mut Option<Self>, element: &BytesStart<'_>) {
        let attribute = |name: &str| {
            let found = element.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
            found.map(|attribute| attribute.value.into_owned()).unwrap_or_default()
        };
        match (element.local_name().as_ref(), open) {
            ("c", open) => {
                let (place, may_be_empty) = (attribute("r"), attribute("t") == "str");
                *open = Some(Self { place, may_be_empty, has_formula: false, in_result: false, has_result: false });
            }
            ("f", Some(cell)) => (cell.has_formula, cell.in_result) = (true, false),
            (_, Some(cell)) => cell.in_result = true,
            (_, None) => {}
        }
    }

    /// A formula whose result was never worked out would be taken for an empty cell.
    fn end(self) -> Result<(), String> {
        let is_known = !self.has_formula || self.has_result || self.may_be_empty;
        if is_known { Ok(()) } else { Err(unsaved(&self.place)) }
    }
}

fn unsaved(place: &str) -> String {
    format!("has a formula without its result in cell {place}; open the workbook in a spreadsheet and save it")
}
