//! The machines that a call is for: names and `@groups`.

use vmm_core::model::ScriptTarget;

/// Reads the names of machines and groups.
pub(crate) fn targets(names: Vec<String>) -> vmm_core::Result<Vec<ScriptTarget>> {
    names.iter().map(|name| name.parse()).collect()
}
