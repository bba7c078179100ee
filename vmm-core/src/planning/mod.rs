//! From the CSV of a request to the plan that is approved.

mod planner;
mod spec;
mod units;

pub(crate) use planner::{Planner, seed_volume};
