//! Tables in fixed width.

use super::escape;
use crate::talk::reply::Reply;

/// The longest table that stands in a message, in characters: with what else is said it stays below what Telegram
/// takes.
const LONGEST: usize = 2000;

/// Rows under each other, every column as wide as its widest cell.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A table for the message itself, or, if it is long, a word about it there and the table in a file.
pub(crate) fn shown(rows: &[Vec<String>], file: &str) -> (String, Option<Reply>) {
    let table = table(rows);
    if table.chars().count() <= LONGEST {
        return (format!("<pre>{}</pre>", escape(table.trim_end())), None);
    }
    ("The rows are in the file.\n".to_owned(), Some(Reply::default().document(file, table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [row(&["name", "vcpu"]), row(&["übersee-1", "2"]), row(&["a"])];
        assert_eq!(table(&rows), "name       vcpu\nübersee-1  2\na\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn a_long_table_is_a_file() {
        let short = shown(&[row(&["<b>", "1"])], "plan.txt");
        assert_eq!(short, ("<pre>&lt;b&gt;  1</pre>".to_owned(), None));
        let long = vec![row(&["a machine with a name"]); 200];
        let (text, file) = shown(&long, "plan.txt");
        assert!(text.len() < 100 && file.is_some());
    }
}
