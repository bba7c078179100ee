//! Workbooks, and ones that are made to hurt who reads them.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const SHEET: &str = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>";
const SHEET_END: &str = "</sheetData></worksheet>";

/// A workbook that no reader should take in.
pub struct Hostile {
    /// Names the harm that it would do.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// A part of the reason that it is refused for.
    pub reason: &'static str,
}

/// An archive of these parts.
///
/// # Panics
/// If memory is full.
#[must_use]
pub fn archive<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name, SimpleFileOptions::default()).expect("a new part");
        archive.write_all(content).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

/// The parts of an archive, by name.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn parts(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).expect("a part");
        let mut content = Vec::new();
        part.read_to_end(&mut content).expect("a part that unpacks");
        parts.push((part.name().expect("a name").into_owned(), content));
    }
    parts
}

/// An XLSX of one sheet with these rows, as XML.
#[must_use]
pub fn xlsx(rows: &str) -> Vec<u8> {
    archive(xlsx_parts(&sheet(rows)).iter().map(|(name, content)| (*name, content.as_bytes())))
}

fn sheet(rows: &str) -> String {
    format!("{SHEET}{rows}{SHEET_END}")
}

fn xlsx_parts(sheet: &str) -> Vec<(&'static str, String)> {
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    vec![
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".into(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{relations}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"{relations}\">\
                 <sheets><sheet name=\"Machines\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{relations}/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet.to_owned()),
    ]
}

/// An ODS of one sheet with these rows, as XML.
#[must_use]
pub fn ods(rows: &str) -> Vec<u8> {
    ods_of(&format!(
        "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet>\
         <table:table table:name=\"Machines\">{rows}</table:table></office:spreadsheet></office:body>\
         </office:document-content>"
    ))
}

fn ods_of(content: &str) -> Vec<u8> {
    let manifest = "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
    archive([
        ("mimetype", &b"application/vnd.oasis.opendocument.spreadsheet"[..]),
        ("META-INF/manifest.xml", manifest.as_bytes()),
        ("content.xml", content.as_bytes()),
    ])
}

/// Workbooks that are small as files and large, endless or reaching out once they are read.
#[must_use]
pub fn hostile() -> Vec<Hostile> {
    let hostile = |name, bytes, reason| Hostile { name, bytes, reason };
    let with = |name: &str, content: &str| {
        let parts = xlsx_parts(&sheet(""));
        let parts = parts.iter().map(|(name, content)| (*name, content.as_bytes()));
        archive(parts.chain([(name, content.as_bytes())]))
    };
    let text = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=";
    let entities = "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    let many: Vec<(String, String)> = (0..600).map(|at| (format!("xl/media/{at}.xml"), "<a/>".to_owned())).collect();
    let parts = xlsx_parts(&sheet(""));
    let parts = parts.iter().map(|(name, content)| (*name, content.as_bytes()));
    let many = archive(parts.chain(many.iter().map(|(name, content)| (name.as_str(), content.as_bytes()))));
    vec![
        hostile("a sheet of 32 MiB of blanks", xlsx(&" ".repeat(32 << 20)), "when it is unpacked"),
        hostile("many parts", many, "at most 500"),
        hostile("a million empty cells", xlsx(&format!("<row>{}</row>", "<c/>".repeat(1_000_000))), "100000 cells"),
        hostile("a million texts", with("xl/sharedStrings.xml", &list("sst", "<si/>", 800_000)), "100000 cells"),
        hostile("a million formats", with("xl/styles.xml", &list("styleSheet", "<xf/>", 800_000)), "formats and names"),
        hostile("values of other files", with("xl/externalLinks/externalLink1.xml", "<a/>"), "paste the values"),
        hostile("entities", archive_with_sheet(&format!("{entities}{SHEET}{SHEET_END}")), "document type"),
        hostile("a sheet that does not end", archive_with_sheet(SHEET), "ends too early"),
        hostile(
            "one long text in every cell",
            {
                let cells = "<c t=\"s\"><v>0</v></c>".repeat(90_000);
                let texts = list("sst", &format!("<si><t xml:space=\"preserve\">{}</t></si>", " ".repeat(1 << 20)), 1);
                let mut parts = xlsx_parts(&sheet(&format!("<row>{cells}</row>")));
                parts[3].1 = parts[3].1.replace("</Relationships>", &format!("{SHARED_STRINGS}</Relationships>"));
                parts.push(("xl/sharedStrings.xml", texts));
                archive(parts.iter().map(|(name, content)| (*name, content.as_bytes())))
            },
            "KiB as CSV",
        ),
        hostile(
            "repeated rows",
            ods(&format!(
                "<table:table-row table:number-rows-repeated=\"1000000\">{text}\"60\"><text:p>a</text:p>\
                 </table:table-cell></table:table-row>"
            )),
            "100000 cells",
        ),
        hostile(
            "a repeated long text",
            ods(&format!(
                "<table:table-row>{text}\"9000\"><text:p>{}</text:p></table:table-cell></table:table-row>",
                "a".repeat(100_000)
            )),
            "repeats a long text",
        ),
        hostile(
            "a table that does not end",
            ods_of("<office:body><table:table table:name=\"a\"><table:table-row>"),
            "ends too early",
        ),
    ]
}

const SHARED_STRINGS: &str = "<Relationship Id=\"rId2\" \
     Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings\" \
     Target=\"sharedStrings.xml\"/>";

fn list(root: &str, item: &str, count: usize) -> String {
    format!("<{root}>{}</{root}>", item.repeat(count))
}

fn archive_with_sheet(sheet: &str) -> Vec<u8> {
    archive(xlsx_parts(sheet).iter().map(|(name, content)| (*name, content.as_bytes())))
}
