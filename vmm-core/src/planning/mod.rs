//! From the table of a request to the plan that is approved.

mod archive;
mod cell;
mod fit;
mod grid;
mod header;
mod part;
mod planner;
pub(crate) mod sheet;
mod spec;
mod spreadsheet;
mod table;
mod template;
mod units;
mod workbook;

pub(crate) use planner::{Outlook, Planner, disk_volume, seed_volume};
pub use spec::RowVerdict;
pub use spreadsheet::Spreadsheet;
pub(crate) use template::template;
