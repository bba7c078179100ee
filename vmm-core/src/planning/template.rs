//! A CSV to begin a request with.

use std::collections::HashSet;

use super::planner::DEFAULT_DISK;
use super::totals::gib;
use super::{csv_writer, header};
use crate::model::Os;

/// Every column, and a row that plans well where the catalog has an image: the newest one, and a name that is free.
pub(crate) fn template(oses: &[Os], taken: &HashSet<String>) -> String {
    let newest = oses.iter().filter(|os| os.image.is_some()).max_by_key(|os| os.id);
    let os = newest.map_or_else(|| "debian:12".to_owned(), |os| format!("{}:{}", os.name, os.version));
    let least = newest.and_then(|os| os.image.as_ref()).map_or(0, |image| gib(image.virtual_size));
    let name = (1..).map(|number| format!("web-{number}")).find(|name| !taken.contains(name)).unwrap_or_default();
    let cell = |title| match title {
        "name" | "hostname" => name.clone(),
        "group_name" => "web".to_owned(),
        "vcpu" => "1".to_owned(),
        "memory" => "1GiB".to_owned(),
        "os" => os.clone(),
        "disk" => least.max(DEFAULT_DISK).to_string(),
        "description" => "an example; write your own rows".to_owned(),
        _ => String::new(),
    };
    let titles = header::titles();
    csv_writer::write([titles.map(str::to_owned), titles.map(cell)])
}
