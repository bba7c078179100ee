//! From the CSV of a request to the plan that is approved.

mod planner;
pub(crate) mod sheet;
mod spec;
mod template;
mod units;

pub(crate) use planner::{Planner, seed_volume};
pub(crate) use template::template;
