//! From the table of a request to the plan that is approved.

mod archive;
pub(crate) mod catalog;
mod cell;
pub(crate) mod csv_writer;
mod fit;
mod grid;
mod header;
mod part;
mod planner;
mod reading;
mod request_table;
mod row;
mod spreadsheet;
mod table;
mod template;
mod totals;
mod units;
mod volume_name;
mod workbook;

pub(crate) use planner::{Outlook, Planner};
pub use reading::RowVerdict;
pub use spreadsheet::Spreadsheet;
pub(crate) use template::template;
pub(crate) use volume_name::{disk_volume, seed_volume};
