//! The wire forms of values in requests and answers.

pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod content;
pub(crate) mod cursor;
pub(crate) mod events;
pub(crate) mod if_match;
pub(crate) mod json;
pub(crate) mod patch_field;
pub(crate) mod secret;
pub(crate) mod serialized;
pub(crate) mod target;
pub(crate) mod text;
