//! The machines that a call is for: names and `@groups`.

use vmm_core::model::ScriptTarget;

use super::text::TextOf;

/// Reads the names of machines and groups.
pub(crate) fn targets(names: Vec<TextOf<ScriptTarget>>) -> vmm_core::Result<Vec<ScriptTarget>> {
    names.iter().map(TextOf::parse).collect()
}
