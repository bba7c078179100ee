//! From the table of a request to the plan that is approved.

mod cell;
mod fit;
mod header;
mod planner;
pub(crate) mod sheet;
mod spec;
mod table;
mod template;
mod units;

pub(crate) use planner::{Outlook, Planner, disk_volume, seed_volume};
pub use spec::RowVerdict;
pub(crate) use template::template;
