//! docs/BOT.md shows what is said in tests; `UPDATE_BOT=1` writes it anew.

use std::sync::{Mutex, PoisonError};

/// Tests run beside each other, and all write one file.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares the first transcript below a heading with what was said.
pub(crate) fn shows(heading: &str, said: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/BOT.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (before, below) = manual.split_once(&format!("{heading}\n")).unwrap();
    let (head, rest) = below.split_once("```text\n").unwrap();
    let (_, tail) = rest.split_once("```\n").unwrap();
    let right = format!("{before}{heading}\n{head}```text\n{said}```\n{tail}");
    if std::env::var_os("UPDATE_BOT").is_some() {
        std::fs::write(path, &right).unwrap();
        return;
    }
    assert!(manual == right, "UPDATE_BOT=1 writes docs/BOT.md anew");
}
