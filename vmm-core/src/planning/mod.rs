//! From the CSV of a request to the plan that is approved.

mod fit;
mod planner;
pub(crate) mod sheet;
mod spec;
mod template;
mod units;

pub(crate) use planner::{Planner, disk_volume, seed_volume};
pub(crate) use template::template;
