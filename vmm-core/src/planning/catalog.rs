//! Entries of the catalog, found by the name that people use.

use crate::model::Os;

/// The number of entries that an error names.
const NAMED: usize = 10;

/// Returns the newest entry of this name, and of this version if one is given. `oses` are in order of making.
pub(crate) fn find<'a>(oses: &[&'a Os], name: &str, version: Option<&str>) -> Option<&'a Os> {
    let fits = |os: &&&Os| os.name.as_str() == name && version.is_none_or(|version| os.version.as_str() == version);
    oses.iter().rev().find(fits).copied()
}

/// Says that the catalog has no entry of the `wanted` name, and which entries it has, the newest first.
pub(crate) fn missing(oses: &[&Os], wanted: &str) -> String {
    let named: Vec<_> = oses.iter().rev().take(NAMED).map(|os| format!("{}:{}", os.name, os.version)).collect();
    let known = match (named.join(", "), oses.len().saturating_sub(NAMED)) {
        (named, _) if named.is_empty() => "nothing yet".to_owned(),
        (named, 0) => named,
        (named, others) => format!("{named} and {others} more"),
    };
    format!("{wanted} is not in the catalog, which has {known}")
}
