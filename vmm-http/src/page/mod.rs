//! The pages for people with a browser.

pub(crate) mod docs;
pub(crate) mod front;
pub(crate) mod token;
