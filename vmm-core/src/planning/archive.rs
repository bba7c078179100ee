//! The archive that a workbook is, unpacked within bounds.
//!
//! The size that a file claims is not believed. The readers of workbooks get an archive of the parts that were
//! checked, byte by byte, and nothing else of the file.

use std::borrow::Cow;
use std::io::{Cursor, Read, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::part::{Counted, check};
use crate::text::quoted;

/// The most bytes that all parts of a workbook have unpacked.
const MOST_UNPACKED: usize = 4 << 20;
/// The most parts of a workbook.
const MOST_PARTS: usize = 500;

/// The format of a workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Office Open XML (ECMA-376).
    Xlsx,
    /// OpenDocument.
    Ods,
}

/// A workbook whose parts are within bounds, and well-formed XML without document types.
pub(super) struct Checked {
    pub(super) format: Format,
    /// An archive of the checked parts.
    pub(super) bytes: Vec<u8>,
}

/// Unpacks a workbook. Pictures, and whatever else is no XML by its name, are left out.
pub(super) fn checked(bytes: &[u8]) -> Result<Checked, String> {
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("the file is not a workbook: {error}"))?;
    if archive.len() > MOST_PARTS {
        return Err(format!("the workbook has {} parts; at most {MOST_PARTS} are read", archive.len()));
    }
    let names: Result<Vec<String>, _> = archive.file_names().map(|name| name.map(Cow::into_owned)).collect();
    let names = names.map_err(|error| unreadable(&error))?;
    let format = format(&names)?;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let (mut good, mut left) = (ZipWriter::new(Cursor::new(Vec::new())), MOST_UNPACKED);
    let mut counted = Counted::default();
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| unreadable(&error))?;
        let name = part.name().map_err(|error| unreadable(&error))?.into_owned();
        if !is_read(&name, format) {
            continue;
        }
        let content = unpacked(part, left).map_err(|reason| format!("the workbook {reason}"))?;
        left -= content.len();
        if name != MIMETYPE {
            check(&content, &mut counted)
                .map_err(|reason| format!("the workbook's part {} {reason}", quoted(&name)))?;
        }
        let written = good.start_file(name.as_str(), options).and_then(|()| Ok(good.write_all(&content)?));
        written.map_err(|error| unreadable(&error))?;
    }
    let bytes = good.finish().map_err(|error| unreadable(&error))?.into_inner();
    Ok(Checked { format, bytes })
}

fn unreadable(error: &ZipError) -> String {
    format!("the workbook cannot be unpacked: {error}")
}

/// The part that names the format of an OpenDocument.
const MIMETYPE: &str = "mimetype";

fn format(names: &[String]) -> Result<Format, String> {
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    if names.iter().any(|name| name.to_ascii_lowercase().starts_with("xl/externallinks/")) {
        return Err("the workbook takes values from other files; paste the values instead".to_owned());
    }
    match (has("xl/workbook.xml"), has("content.xml") && has(MIMETYPE)) {
        (true, _) => Ok(Format::Xlsx),
        (false, true) => Ok(Format::Ods),
        (false, false) => Err("the file is an archive and not a workbook; send .xlsx, .ods or CSV".to_owned()),
    }
}

/// Returns whether a part has anything for the reader of its format.
fn is_read(name: &str, format: Format) -> bool {
    let is_xml = [".xml", ".rels"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    match format {
        Format::Xlsx => is_xml,
        Format::Ods => ["content.xml", "META-INF/manifest.xml", MIMETYPE].contains(&name),
    }
}

fn unpacked(part: impl Read, left: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let read = part.take(left as u64 + 1).read_to_end(&mut content);
    read.map_err(|error| format!("cannot be unpacked: {error}"))?;
    if content.len() > left {
        let most = MOST_UNPACKED >> 20;
        return Err(format!("has more than {most} MiB when it is unpacked; copy the table into a new file"));
    }
    Ok(content)
}
